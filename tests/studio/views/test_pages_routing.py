"""Which provider makes the video: chosen on the form, told in the price, named on the receipt."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.money import charge_micros
from billing.prices import price_book
from studio.models import JobStatus, OfferHealth, Outcome, ProviderJob, Render
from studio.pipeline.submit import fall_over
from tests.conftest import Cast
from tests.studio import shop

MODEL = "kling-avatar-2-pro"
RUNWARE = "runware:klingai:avatar@2.0-pro"
FAL = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
# A voice of 10 s is 37.5 steps of 4/15 s: 38, and one more, are 10.4 s.
RUNWARE_CEILING = charge_micros(10_400, 87_000)
FAL_CEILING = charge_micros(10_400, 115_000)


@pytest.fixture
def keys(settings: Any) -> Any:
    settings.RUNWARE_API_KEY, settings.FAL_KEY = "a-key", "an-id:a-secret"
    return settings


@pytest.fixture
def house(cast: Cast, keys: Any) -> Workspace:
    house = shop.open_shop(cast.workspace)
    price_book.seed_prices()
    return house


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, **more: str) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **more})


def wish(house: Workspace, **also: Any) -> dict[str, Any]:
    return {
        "portrait": shop.portrait_of(house).pk,
        "voice": shop.voice_of(house).pk,
        "model": MODEL,
        "output_format": "mp4",
        "output_quality": "95",
        "idempotency_key": "a-key",
        **also,
    }


def text(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def quote(owner: Client, house: Workspace, **also: Any) -> Any:
    return owner.post(url("video_quote", house), wish(house, **also))


def binding(answer: Any) -> int:
    """The amount that the form posts."""
    (found,) = re.findall(r'name="max_amount_micros" value="(\d+)"', answer.content.decode())
    return int(found)


def provider_radio(answer: Any, provider: str) -> str:
    (found,) = re.findall(rf'<input type="radio" id="routing-{provider}"[^>]*>', answer.content.decode())
    return str(found)


def has_a_record(house: Workspace, offer: str, *, seconds: int, done: int = 3, failed: int = 0) -> None:
    """Renders of a 10 s voice that took ``seconds`` each."""
    now = timezone.now()
    for number in range(done + failed):
        render = shop.asked(house, f"{offer} {number}")
        ProviderJob.objects.create(
            render=render,
            attempt=1,
            offer=offer,
            outcome=Outcome.ACCEPTED,
            status=JobStatus.DONE if number < done else JobStatus.FAILED,
            accepted_at=now - timedelta(seconds=seconds),
            finished_at=now,
        )
    cache.clear()


def test_the_cheapest_is_the_default_and_the_ceiling_covers_the_move(owner: Client, house: Workspace) -> None:
    answer = quote(owner, house)
    assert binding(answer) == FAL_CEILING
    words = text(answer)
    assert "At most $1.20" in words
    assert "$0.87 or little more with Runware; at most $1.20 if it has to move." in words
    assert "Balance after $3.80" in words
    assert "Runware: the cheapest provider that is available now." in words
    assert "Runware $0.91 $0.0870 a second, no record yet" in words
    assert "fal $1.20 $0.1150 a second, no record yet" in words
    assert "Takes about no record yet" in words


def test_what_is_missing_counts_the_whole_chain(owner: Client, house: Workspace) -> None:
    for number in range(4):
        shop.asked(house, f"Number {number}", model=MODEL)
    answer = quote(owner, house)
    assert answer.context["panel"].missing_micros == 5 * FAL_CEILING - 5 * shop.DOLLAR
    assert answer.context["panel"].can_be_made is False


def test_without_the_move_only_the_chosen_provider_counts(owner: Client, house: Workspace) -> None:
    answer = quote(owner, house, fallback="no")
    assert binding(answer) == RUNWARE_CEILING
    assert "if it has to move" not in text(answer)
    assert 'id="fallback" name="fallback" value="yes">' in answer.content.decode()


def test_the_box_wins_over_the_hidden_no_before_it(owner: Client, house: Workspace) -> None:
    answer = quote(owner, house, fallback=["no", "yes"])
    assert binding(answer) == FAL_CEILING
    assert 'id="fallback" name="fallback" value="yes" checked>' in answer.content.decode()


def test_a_named_provider_makes_it_alone(owner: Client, house: Workspace) -> None:
    answer = quote(owner, house, routing="fal")
    assert answer.context["panel"].quote.chain == [answer.context["panel"].line]
    assert (answer.context["panel"].line.offer, binding(answer)) == (FAL, FAL_CEILING)
    assert "checked" in provider_radio(answer, "fal")
    assert "fal: you chose this provider." in text(answer)
    assert "May move to another provider" not in text(answer)


def test_the_fastest_is_chosen_by_our_own_records(owner: Client, house: Workspace) -> None:
    has_a_record(house, RUNWARE, seconds=300)
    has_a_record(house, FAL, seconds=100)
    posting.grant(house, 20 * shop.DOLLAR, key="more", reason="More")
    answer = quote(owner, house, routing="fastest")
    assert answer.context["panel"].line.offer == FAL
    words = text(answer)
    assert "fal: the fastest provider by our last renders." in words
    assert "Takes about 1 min 40 s" in words
    assert "Runware $0.91 $0.0870 a second, about 5 min 0 s, 3 of the last 3 came" in words


def test_nobody_is_the_fastest_without_a_record(owner: Client, house: Workspace) -> None:
    answer = quote(owner, house, routing="fastest")
    assert answer.context["panel"].line.offer == RUNWARE
    assert "Runware: nobody has a record yet, so the cheapest." in text(answer)


def test_failures_show_in_the_record(owner: Client, house: Workspace) -> None:
    posting.grant(house, 20 * shop.DOLLAR, key="more", reason="More")
    has_a_record(house, RUNWARE, seconds=60, done=3, failed=1)
    assert "about 1 min 0 s, 3 of the last 4 came" in text(quote(owner, house))


def test_a_provider_without_a_key_is_shown_with_why_and_can_not_be_chosen(
    owner: Client, house: Workspace, keys: Any
) -> None:
    keys.RUNWARE_API_KEY = ""
    answer = quote(owner, house)
    assert provider_radio(answer, "runware").endswith(" disabled>")
    assert "Runware $0.91 Not available. No key for Runware on this server." in text(answer)
    assert "fal: the only provider that is available now." in text(answer)
    assert binding(answer) == FAL_CEILING
    forced = owner.post(url("video_new", house), wish(house, routing="runware", max_amount_micros=FAL_CEILING))
    assert (forced.status_code, Render.objects.count()) == (422, 0)
    assert "This model can't be had now. No key for Runware on this server." in text(forced)


def test_a_paused_provider_says_until_when(owner: Client, house: Workspace) -> None:
    until = timezone.now() + timedelta(minutes=10)
    OfferHealth.objects.create(offer=RUNWARE, failures=5, open_until=until)
    answer = quote(owner, house)
    assert f"Not available. It fails at the moment; it is tried again at {until:%H:%M} UTC." in text(answer)
    assert answer.context["panel"].line.offer == FAL


def test_models_that_nobody_here_sells_are_named_with_why(owner: Client, house: Workspace) -> None:
    answer = owner.get(url("video_new", house), follow=True)
    assert [card.model.slug for card in answer.context["cards"].all] == [
        "draft",
        "kling-avatar-2-standard",
        "kling-avatar-2-pro",
    ]
    words = text(answer)
    assert "2 models not available here now Kling Avatar Pro" in words
    assert "AI/ML API: No key for AI/ML API on this server." in words
    assert 'value="kling-avatar-pro"' not in answer.content.decode()


def test_the_wish_is_asked_for_as_it_was_priced(owner: Client, house: Workspace) -> None:
    priced = quote(owner, house)
    owner.post(url("video_new", house), wish(house, routing="cheapest", max_amount_micros=binding(priced)))
    render = Render.objects.get()
    assert (render.offer, render.routing, render.ceiling_micros) == (RUNWARE, "cheapest", FAL_CEILING)
    assert [each["offer"] for each in render.fallbacks] == [FAL]
    assert posting.balance(house).held_micros == FAL_CEILING


def test_a_video_that_may_not_move_has_nowhere_to_go(owner: Client, house: Workspace) -> None:
    priced = quote(owner, house, fallback="no")
    owner.post(url("video_new", house), wish(house, fallback="no", max_amount_micros=binding(priced)))
    render = Render.objects.get()
    assert (render.offer, render.fallbacks, render.ceiling_micros) == (RUNWARE, [], RUNWARE_CEILING)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"routing": "nobody"}, "There is no provider nobody. Choose how the provider is picked again."),
        ({"fallback": "maybe"}, "Choose again whether the video may move to another provider."),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(
    owner: Client, house: Workspace, sent: dict[str, str], sentence: str
) -> None:
    answer = owner.post(url("video_new", house), wish(house, max_amount_micros=FAL_CEILING, **sent))
    assert (answer.status_code, Render.objects.count()) == (422, 0)
    assert sentence in text(answer)


@pytest.mark.parametrize(("asked", "checked"), [(RUNWARE, "runware"), ("fal", "fal"), ("fastest", "fastest")])
def test_using_a_video_again_brings_its_wish(owner: Client, house: Workspace, asked: str, checked: str) -> None:
    again = shop.asked(house, "The first", model=MODEL, routing=asked)
    answer = owner.get(url("video_new", house), {"again": again.pk})
    assert "checked" in provider_radio(answer, checked)


@pytest.mark.parametrize(("fallback", "box"), [(True, 'value="yes" checked>'), (False, 'value="yes">')])
def test_using_a_video_again_brings_whether_it_may_move(
    owner: Client, house: Workspace, fallback: bool, box: str
) -> None:
    again = shop.asked(house, "The first", model=MODEL, fallback=fallback)
    answer = owner.get(url("video_new", house), {"again": again.pk})
    assert f'id="fallback" name="fallback" {box}' in answer.content.decode()


def test_the_receipt_names_the_provider_why_and_each_move(owner: Client, house: Workspace) -> None:
    render = shop.asked(house, "Moved", model=MODEL)
    assert fall_over(render, reason="the next provider is tried") is True
    render.refresh_from_db()
    (event,) = render.events.exclude(detail={})
    words = text(owner.get(url("video", house, render=shop.made_ready(shop.accepted(render)).pk)))
    assert "Receipt" in words
    assert "$1.1500 10 s × $0.1150 a second" in words
    assert "Why there The cheapest provider that is available now. Runware would not take it." in words
    assert f"Moved From Runware to fal, {event.at:%H:%M:%S} UTC" in words

"""A quote binds us: its offers, their prices a second and its ceiling, whatever the price book says afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatarsite.workspaces.models import Scope, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.models import Hold, Price, Transfer, Usage
from billing.money import charge_micros
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.models import OfferHealth, Render, RenderState, Upload, UploadKind
from studio.pipeline.request import kept_quotes
from studio.pipeline.request.kept_quotes import agreed_of, as_quoted, read_quote, sign_quote
from studio.pipeline.request.quote import Terms, quote_render
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.pipeline.settle import settle_render
from studio.pipeline.states import advance
from studio.pipeline.submit import fall_over
from studio.projects import project_for_new_video
from studio.providers import registry
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db
MODEL = "kling-avatar-2-pro"
RUNWARE = "runware:klingai:avatar@2.0-pro"
FAL = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
CHEAP, DEAR = 87_000, 115_000  # micro-dollars a second


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


@pytest.fixture
def house(cast: Cast, settings: Any) -> Workspace:
    settings.RUNWARE_API_KEY, settings.FAL_KEY = "a-key", "an-id:a-secret"
    shop.open_shop(cast.workspace, dollars=1_000)
    price(RUNWARE, CHEAP)
    price(FAL, DEAR)
    price(registry.TEST_OFFER, 0)
    return cast.workspace


class Program:
    """A program with a token of the workspace."""

    def __init__(self, workspace: Workspace, cast: Cast, **kind: Any) -> None:
        _, self.secret = make_token(workspace, **{"user": cast.alice, "name": "t", "scopes": list(Scope)} | kind)
        self.files = {"portrait": shop.portrait_of(workspace).pk, "voice": shop.voice_of(workspace).pk}

    def post(self, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.secret}"}
        sent = json.dumps(body)
        return Client().post(f"/api/v1/{path}", sent, content_type="application/json", headers=headers)

    def quote(self, **wish: Any) -> dict[str, Any]:
        return dict(self.post("quotes", voice=self.files["voice"], model=MODEL, **wish).json())

    def render(self, quote: str, **wish: Any) -> Any:
        return self.post("renders", **self.files, quote=quote, **wish)


@pytest.fixture
def program(house: Workspace, cast: Cast) -> Program:
    return Program(house, cast)


def price(offer: str, micros: int) -> None:
    price_book.set_price(offer, cost_micros_per_second=micros, price_micros_per_second=micros, source="a test")


def pause(*offers: str) -> None:
    for offer in offers:
        OfferHealth.objects.create(pk=offer, failures=5, open_until=timezone.now() + timedelta(hours=1))


def refused(answer: Any) -> tuple[int, str, str | None]:
    problem = answer.json()
    return answer.status_code, problem["code"], problem["field"]


def settled(render: Render, measured_ms: int) -> Render:
    """End a queued render well, with so many milliseconds of output."""
    shop.accepted(render)
    advance(render, RenderState.INGESTING, reason="the provider has finished")
    settle_render(
        render, measured_ms=measured_ms, video="v.mp4", poster="p.jpg",
        video_bytes=1, video_sha256="0" * 64, width=600, height=900,
    )  # fmt: skip
    render.refresh_from_db()
    return render


def test_a_raised_price_does_not_reach_who_has_a_quote(program: Program, house: Workspace) -> None:
    quoted = program.quote(fallback=False)
    price(RUNWARE, CHEAP * 10)
    made = program.render(quoted["id"])
    assert (made.status_code, made.json()["offer"], made.json()["ceiling"]) == (201, RUNWARE, quoted["ceiling"])
    render = settled(Render.objects.get(pk=made.json()["id"]), 10_133)
    due = charge_micros(10_133, CHEAP)
    usage, line = Usage.objects.get(), Transfer.objects.get(kind="settle")
    assert (render.charge_micros, usage.amount_micros, line.amount_micros, usage.write_off_micros) == (due, due, due, 0)
    assert usage.price.price_micros_per_second == render.price.price_micros_per_second == CHEAP
    assert line.memo == "10.133 s at $0.0870 a second"
    route = {"workspace": house.slug, "render": render.pk}
    owner = Client()
    owner.force_login(house.memberships.get(role="owner").user, backend="django.contrib.auth.backends.ModelBackend")
    receipt = owner.get(reverse("video", kwargs=route)).content.decode()
    assert "10.133 s × $0.0870 a second" in receipt.replace("\xa0", " ")


def test_the_ceiling_binds_beyond_what_was_quoted(program: Program) -> None:
    quoted = program.quote(fallback=False)
    price(RUNWARE, CHEAP * 2)
    render = settled(Render.objects.get(pk=program.render(quoted["id"]).json()["id"]), 60_000)
    usage = Usage.objects.get()
    assert render.charge_micros == usage.amount_micros == quoted["ceiling"]["amount_micros"]
    assert usage.write_off_micros == charge_micros(60_000, CHEAP) - usage.amount_micros


def test_a_price_that_fell_meanwhile_is_the_customers(program: Program) -> None:
    quoted = program.quote(fallback=False)
    price(RUNWARE, CHEAP // 3)
    made = program.render(quoted["id"]).json()
    assert made["ceiling"]["amount_micros"] == charge_micros(10_400, CHEAP // 3) < quoted["ceiling"]["amount_micros"]


def test_the_order_of_the_quote_stays_though_another_is_cheaper_now(program: Program) -> None:
    quoted = program.quote()
    price(RUNWARE, DEAR * 2)
    made = program.render(quoted["id"]).json()
    render = Render.objects.get(pk=made["id"])
    assert (render.offer, [other["offer"] for other in render.fallbacks]) == (RUNWARE, [FAL])
    assert made["ceiling"] == quoted["ceiling"]
    assert made["why"] == "The cheapest provider that is available now."


def test_what_is_paused_leaves_the_next_of_the_quote_at_its_quoted_price(program: Program) -> None:
    quoted = program.quote()
    pause(RUNWARE)
    price(FAL, DEAR * 2)
    made = program.render(quoted["id"]).json()
    assert (made["offer"], made["ceiling"]) == (FAL, quoted["ceiling"])
    assert made["why"] == "The provider that was quoted first can't take it now; the next of the quote does."


def test_an_offer_that_was_not_quoted_is_none_of_the_quote(program: Program) -> None:
    quoted = program.quote(fallback=False)
    pause(RUNWARE)
    answer = program.render(quoted["id"])
    assert refused(answer) == (409, "quote_unavailable", "quote")
    assert answer.json()["detail"].startswith("What was quoted can't be had now. It fails at the moment")
    assert not Hold.objects.exists()


def test_what_may_be_had_again_first_says_when(program: Program) -> None:
    both, one = program.quote(), program.quote(fallback=False)
    pause(RUNWARE, FAL)
    OfferHealth.objects.filter(pk=FAL).update(open_until=timezone.now() + timedelta(minutes=30))
    answers = [
        program.render(both["id"]),
        program.render(one["id"]),
        program.post("renders", **program.files, model=MODEL),
        program.post("renders", **program.files, model=MODEL, routing=RUNWARE, fallback=False),
    ]
    assert [refused(answer)[1] for answer in answers] == ["quote_unavailable"] * 2 + ["no_offer"] * 2
    assert [round(int(answer.headers["Retry-After"]), -2) for answer in answers] == [1800, 3600, 1800, 3600]
    assert "Retry-After" not in program.post("renders", **program.files, model=MODEL, routing="nobody").headers


def test_what_is_no_longer_sold_is_said(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = program.quote(fallback=False)
    monkeypatch.delitem(registry._OFFERS, RUNWARE)
    answer = program.render(quoted["id"])
    assert refused(answer) == (409, "quote_unavailable", "quote")
    assert answer.json()["detail"] == "What was quoted can't be had now. It is no longer sold."


def test_a_quote_of_nothing_says_why_there_was_nothing(program: Program) -> None:
    pause(RUNWARE, FAL)
    quoted = program.quote()
    OfferHealth.objects.all().delete()
    assert refused(program.render(quoted["id"])) == (409, "quote_unavailable", "quote")


def test_to_stay_is_less_than_what_was_quoted_and_to_move_is_more(program: Program) -> None:
    moving, staying = program.quote(), program.quote(fallback=False)
    stayed = program.render(moving["id"], fallback=False).json()
    assert (stayed["offer"], stayed["fallback"]) == (RUNWARE, False)
    assert stayed["ceiling"]["amount_micros"] == charge_micros(10_400, CHEAP)
    assert refused(program.render(staying["id"], fallback=True)) == (422, "quote_differs", "fallback")


def test_a_quote_may_be_used_again_until_it_expires(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    quoted = program.quote()
    price(RUNWARE, CHEAP * 2)
    ceilings = [program.render(quoted["id"]).json()["ceiling"] for _ in range(2)]
    assert ceilings == [quoted["ceiling"]] * 2
    monkeypatch.setattr(kept_quotes, "LIFE", timedelta(seconds=-1))
    assert refused(program.render(program.quote()["id"])) == (422, "quote_expired", "quote")


def test_a_quote_is_its_workspaces_and_of_one_kind_of_token(program: Program, house: Workspace, cast: Cast) -> None:
    price(RUNWARE, CHEAP + 1)
    mine = program.quote()["id"]
    tester, sibling = Program(house, cast, test=True), Program(house, cast)
    free = tester.quote()["id"]
    elsewhere = Program(cast.charlie.workspaces.get(), cast, user=cast.charlie)
    assert refused(elsewhere.render(mine))[1] == "no_such_quote"
    assert refused(program.render(free)) == (422, "quote_differs", "quote")
    assert refused(tester.render(mine)) == (422, "quote_differs", "quote")
    assert (sibling.render(mine).status_code, tester.render(free).json()["ceiling"]["amount_micros"]) == (201, 0)
    for forged in ("quo_", "quo_x:y:z", mine[:-1], mine.replace("quo_", "qub_"), "é" * 20):
        assert refused(program.render(forged)) == (422, "no_such_quote", "quote")


def test_the_customers_own_limit_counts_beside_the_quote(program: Program) -> None:
    quoted = program.quote(fallback=False)
    assert refused(program.render(quoted["id"], max_amount_micros=1)) == (409, "price_changed", "max_amount_micros")


def test_a_batch_is_bound_by_its_quote(program: Program) -> None:
    items = [program.files | wish for wish in ({"model": MODEL}, {"model": MODEL, "fallback": False}, {})]
    quoted = program.post("batches/quotes", items=items).json()
    price(RUNWARE, CHEAP * 3)
    price(shop.OFFER, shop.PRICE_MICROS * 3)
    total = quoted["ceiling"]["amount_micros"]
    without = program.post("batches", items=items, max_amount_micros=total)
    assert refused(without)[:2] == (409, "price_changed")
    made = program.post("batches", items=items, quote=quoted["id"])
    assert (made.status_code, made.json()["ceiling"]) == (201, quoted["ceiling"])
    ceilings = list(Render.objects.order_by("pk").values_list("ceiling_micros", flat=True))
    assert ceilings == [item["ceiling"]["amount_micros"] for item in quoted["items"]]
    for others in (items[:2], items[::-1], [*items[:2], items[2] | {"routing": "fastest"}]):
        assert refused(program.post("batches", items=others, quote=quoted["id"])) == (422, "quote_differs", "items")
    pause(RUNWARE)
    broken = program.post("batches", items=items, quote=quoted["id"])
    assert [(one["index"], one["code"]) for one in broken.json()["items"]] == [(1, "quote_unavailable")]
    assert refused(program.post("batches", items=items, quote=program.quote()["id"]))[1] == "no_such_quote"


def test_a_quote_of_a_thousand_items_is_short_enough_to_send(program: Program) -> None:
    items = [program.files | {"model": MODEL, "fallback": bool(number % 3)} for number in range(1_000)]
    quoted = program.post("batches/quotes", items=items).json()
    assert len(quoted["id"]) < 2_000


def test_the_price_that_a_page_shows_binds(house: Workspace, cast: Cast) -> None:
    owner, address = cast.browser(cast.alice), reverse("video_new", kwargs={"workspace": house.slug})
    sent = {
        "portrait": shop.portrait_of(house).pk, "voice": shop.voice_of(house).pk,
        "model": MODEL, "output_format": "mp4", "output_quality": 95,
    }  # fmt: skip
    page = owner.post(reverse("video_quote", kwargs={"workspace": house.slug}), sent).content.decode()
    shown = dict(re.findall(r'name="(quote|max_amount_micros)" value="([^"]*)"', page))
    for offer in (RUNWARE, FAL):
        price(offer, DEAR * 3)
    assert "The price has gone up" in owner.post(address, sent | shown | {"quote": ""}).content.decode()
    assert "The price has gone up" in owner.post(address, sent | shown | {"quote": "quo_no"}).content.decode()
    assert owner.post(address, sent | shown).status_code == 302
    render = Render.objects.get()
    assert (render.offer, render.price.price_micros_per_second) == (RUNWARE, CHEAP)
    assert render.ceiling_micros == int(shown["max_amount_micros"])
    elsewhere = owner.post(address, sent | shown | {"model": "draft", "takes": "4"})
    assert "The price has gone up" in elsewhere.content.decode()


# --- Lengths, offers and price changes -------------------------------------------------------------------------------

prices = st.integers(0, 400_000)
bounded = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def voice(house: Workspace, ms: int) -> Upload:
    return Upload.objects.create(
        workspace=house, kind=UploadKind.VOICE, name="v.mp3", bytes=1, duration_ms=ms, content_type="audio/mpeg",
        sha256=f"{Upload.objects.count():064}", file=f"w/{Upload.objects.count()}.mp3",
    )  # fmt: skip


@bounded
@given(
    quoted_ms=st.integers(3_500, 60_000),
    shorter_ms=st.integers(0, 1_500),
    measured_ms=st.integers(1, 90_000),
    before=st.tuples(prices, prices),
    changes=st.lists(st.tuples(prices, prices), max_size=3),
    routing=st.sampled_from(["cheapest", "fastest", "runware", "fal", RUNWARE, FAL]),
    fallback=st.booleans(),
    moves=st.booleans(),
    later=st.lists(st.tuples(prices, prices), max_size=1),
)
def test_a_charge_is_by_the_quote_and_never_above_it(  # noqa: PLR0917 -- what may vary
    house: Workspace, quoted_ms: int, shorter_ms: int, measured_ms: int, before: tuple[int, int],
    changes: list[tuple[int, int]], routing: str, fallback: bool, moves: bool, later: list[tuple[int, int]],
) -> None:  # fmt: skip
    def set_prices(both: tuple[int, int]) -> None:
        price(RUNWARE, both[0])
        price(FAL, both[1])

    set_prices(before)
    quote = quote_render(model=MODEL, voice_ms=quoted_ms, routing=routing, fallback=fallback)
    quote_id, _ = sign_quote(house, agreed_of(quote, routing=routing, fallback=fallback, takes=1))
    for both in changes:
        set_prices(both)
    request = RenderRequest(
        house, project_for_new_video(house), shop.portrait_of(house), voice(house, quoted_ms - shorter_ms)
    )
    bound = as_quoted(request, {"quote": quote_id})
    (render,) = take(bound, user=None, idempotency_key=None)
    for both in later:
        set_prices(both)
    moved = moves and fall_over(render, reason="a test")
    assert moved == (moves and fallback)
    done = settled(Render.objects.get(pk=render.pk), measured_ms)
    number = int(done.offer == FAL)
    lowest = min(before[number], [before, *changes][-1][number])
    assert done.price.price_micros_per_second == lowest
    assert done.charge_micros == min(charge_micros(measured_ms, lowest), done.ceiling_micros)
    assert (
        done.charge_micros <= done.ceiling_micros <= quote.ceiling_micros == read_quote(house, quote_id).ceiling_micros
    )
    usage = Usage.objects.get(subject=f"render:{done.pk}")
    assert (usage.amount_micros, usage.price, usage.offer) == (done.charge_micros, done.price, done.offer)


# --- An offer that is named ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [FAL, "fal"])
def test_after_what_is_named_come_the_others_by_price(named: str, program: Program) -> None:
    quoted = program.quote(routing=named)
    assert (quoted["chosen"], quoted["why"]) == (FAL, "You chose this provider.")
    assert quoted["ceiling"]["amount_micros"] == charge_micros(10_400, DEAR)
    made = program.post("renders", **program.files, model=MODEL, routing=named).json()
    render = Render.objects.get(pk=made["id"])
    assert (render.offer, [other["offer"] for other in render.fallbacks]) == (FAL, [RUNWARE])
    assert fall_over(render, reason="a test") is True
    render = settled(Render.objects.get(pk=render.pk), 10_000)
    assert (render.offer, render.charge_micros) == (RUNWARE, charge_micros(10_000, CHEAP))


def test_the_ceiling_of_a_named_offer_covers_those_after_it(program: Program) -> None:
    ceiling = program.quote(routing=RUNWARE)["ceiling"]["amount_micros"]
    assert ceiling == charge_micros(10_400, DEAR)
    allowed = program.post(
        "renders", **program.files, model=MODEL, routing=RUNWARE, max_amount_micros=charge_micros(10_400, CHEAP)
    ).json()
    render = Render.objects.get(pk=allowed["id"])
    assert (render.fallbacks, render.ceiling_micros) == ([], charge_micros(10_400, CHEAP))


def test_what_is_named_and_paused_leaves_the_others_or_nothing(program: Program) -> None:
    pause(RUNWARE)
    moved = program.quote(routing=RUNWARE)
    assert (moved["chosen"], moved["why"]) == (FAL, "What you chose can't take it now; the cheapest other does.")
    stayed = program.post("renders", **program.files, model=MODEL, routing=RUNWARE, fallback=False)
    assert refused(stayed) == (409, "no_offer", "model")
    for unknown in ("runware:typo", "nobody", registry.TEST_OFFER, shop.OFFER):
        answer = program.post("renders", **program.files, model=MODEL, routing=unknown)
        assert refused(answer) == (409, "no_offer", "model"), unknown


def test_on_the_page_what_is_named_stays_alone(house: Workspace, cast: Cast) -> None:
    owner, address = cast.browser(cast.alice), reverse("video_new", kwargs={"workspace": house.slug})
    sent = {
        "portrait": shop.portrait_of(house).pk, "voice": shop.voice_of(house).pk, "model": MODEL, "routing": "runware",
        "fallback": "yes", "output_format": "mp4", "output_quality": 95, "max_amount_micros": 10**9,
    }  # fmt: skip
    assert owner.post(address, sent).status_code == 302
    render = Render.objects.get()
    assert (render.offer, render.fallbacks, render.fallback) == (RUNWARE, [], False)


def test_terms_are_what_the_chain_says(house: Workspace) -> None:
    quote = quote_render(model=MODEL, voice_ms=10_000)
    rows = {row.offer: row.pk for row in Price.objects.all()}
    assert quote.terms == Terms(((RUNWARE, rows[RUNWARE]), (FAL, rows[FAL])), quote.why)
    with pytest.raises(RequestRefused) as refusal:
        read_quote(house, "nothing")
    assert refusal.value.code == "no_such_quote"

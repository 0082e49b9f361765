"""Late videos: what is usual, who is told when it takes longer, and giving one up at a moment for nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.mail.models import MailMessage
from avatarsite.outbox.models import Event
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.verify import verification
from studio.errors import RequestRefused
from studio.models import JobStatus, ProviderJob, Render, RenderState
from studio.pipeline.lateness.late import give_up_now, tell_late, wish_given_up
from studio.pipeline.lateness.usual import LATE_ANYWAY, MIN_LATE, Usual, told_at_acceptance, usual_of
from studio.pipeline.reports import apply_report
from studio.providers.types import JobReport
from studio.providers.types import JobStatus as Said
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.api.conftest import caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(cast: Cast) -> Workspace:
    cache.clear()
    return shop.open_shop(cast.workspace, dollars=50)


def took(house: Workspace, *seconds: float) -> None:
    """Videos of our own history at the draft engine, each of ten seconds."""
    for number, each in enumerate(seconds):
        render = shop.ready(house, f"Earlier {number}")
        now = timezone.now()
        ProviderJob.objects.filter(render=render).update(
            status=JobStatus.DONE, accepted_at=now - timedelta(seconds=each), finished_at=now
        )
    cache.clear()


def hanging(house: Workspace, seconds: float, **also: Any) -> Render:
    """One that its provider has had for so long, and says 99 % of."""
    render = shop.rendering(house, "It hangs", percent=99, **also)
    began = timezone.now() - timedelta(seconds=seconds)
    told = told_at_acceptance(render.offer, shop.VOICE_MS, began)
    Render.objects.filter(pk=render.pk).update(state_since=began, **told)
    render.refresh_from_db()
    return render


# --- What is usual


@pytest.mark.parametrize(
    ("usual", "words"),
    [
        (Usual(3.2, 5.1), "3–6 seconds"),
        (Usual(31, 44), "30–45 seconds"),
        (Usual(61, 200), "1–4 minutes"),
        (Usual(115, 119), "1–2 minutes"),
        (Usual(4_000, 9_000), "1–3 hours"),
        (Usual(5, 5), "about 5 seconds"),
    ],
)
def test_how_it_is_told(usual: Usual, words: str) -> None:
    assert str(usual) == words


def test_it_comes_from_our_own_history_and_goes_by_the_length(house: Workspace) -> None:
    took(house, 100, 120, 140, 160, 180)
    found = usual_of(shop.OFFER, 2 * shop.VOICE_MS)
    assert found is not None
    assert (round(found.half), round(found.most)) == (280, 344)


def test_a_thin_history_promises_nothing(house: Workspace) -> None:
    took(house, 100, 120, 140, 160)
    now = timezone.now()
    assert usual_of(shop.OFFER, shop.VOICE_MS) is None
    assert told_at_acceptance(shop.OFFER, shop.VOICE_MS, now) == {"late_at": now + LATE_ANYWAY}


def test_what_is_over_in_seconds_is_not_late_at_once(house: Workspace) -> None:
    took(house, 4, 4, 4, 4, 5)
    now = timezone.now()
    told = told_at_acceptance(shop.OFFER, shop.VOICE_MS, now)
    assert told == {"usual_half": 4, "usual_most": 5, "late_at": now + MIN_LATE}


# --- Telling


def test_who_waits_is_told_once_by_mail_and_webhook(cast: Cast, house: Workspace) -> None:
    took(house, 100, 120, 140, 160, 180)
    render = hanging(house, 300)
    Render.objects.filter(pk=render.pk).update(requested_by=cast.alice)
    assert [sweep_kind("late") for _ in range(2)] == [1, 0]
    letter = MailMessage.objects.get()
    assert (letter.to, letter.subject) == (cast.alice.email, "Your video takes longer than usual: It hangs")
    assert "It has been in the making for 5 minutes; usually it takes 2–3 minutes here" in letter.text
    assert f"/videos/{render.pk}/" in letter.text
    event = Event.objects.get(kind="render.late")
    assert (event.data["state_detail"], event.data["usual_seconds"]) == ("late", {"p50": 140, "p90": 172})


def test_nothing_is_told_of_what_is_in_time_or_moves_on(house: Workspace) -> None:
    took(house, 100, 120, 140, 160, 180)
    render = hanging(house, 150)
    assert (sweep_kind("late"), render.late) == (0, False)
    late = hanging(house, 300)
    job = late.jobs.get()
    ProviderJob.objects.filter(pk=job.pk).update(next_check_at=timezone.now())
    apply_report(job.pk, JobReport(Said.DONE, result_url="https://example.org/video.mp4"))
    assert tell_late(late) is False
    late.refresh_from_db()
    assert (late.state, late.late_at, late.usual_half) == (RenderState.INGESTING, None, None)


# --- Giving up


def test_it_ends_at_the_moment_and_nothing_is_charged(house: Workspace) -> None:
    render = hanging(house, 7_000)
    before = posting.balance(house)
    assert before.held_micros == shop.CEILING_MICROS
    wish_given_up(render, timezone.now() + timedelta(minutes=15), user=None)
    render.refresh_from_db()
    assert (sweep_kind("give_up"), give_up_now(render)) == (0, False)
    Render.objects.filter(pk=render.pk).update(give_up_at=timezone.now())
    assert sweep_kind("give_up") == 1
    render.refresh_from_db()
    assert (render.state, render.failure_code, render.charge_micros) == (RenderState.FAILED, "given_up", None)
    after = posting.balance(house)
    assert (after.held_micros, after.available_micros) == (0, before.available_micros + shop.CEILING_MICROS)
    assert render.jobs.get().next_check_at is None
    assert not verification.verify()


def test_what_is_ready_by_then_is_delivered_and_charged(house: Workspace) -> None:
    render = hanging(house, 7_000)
    wish_given_up(render, timezone.now() + timedelta(minutes=15), user=None)
    render.refresh_from_db()
    made = shop.made_ready(render)
    assert (made.state, made.give_up_at, sweep_kind("give_up")) == (RenderState.READY, None, 0)


@pytest.mark.parametrize(("seconds", "wait", "code"), [(60, 900, "give_up_early"), (7_000, 5, "give_up_moment")])
def test_a_wish_that_cannot_be(house: Workspace, seconds: float, wait: float, code: str) -> None:
    render = hanging(house, seconds)
    with pytest.raises(RequestRefused) as refused:
        wish_given_up(render, timezone.now() + timedelta(seconds=wait), user=None)
    assert refused.value.code == code


# --- The page


def page(cast: Cast, render: Render) -> str:
    address = reverse("video", kwargs={"workspace": render.workspace.slug, "render": render.pk})
    return " ".join(cast.browser(cast.alice).get(address).content.decode().split())


def test_the_page_says_what_is_usual_then_that_it_is_late(cast: Cast, house: Workspace) -> None:
    took(house, 100, 120, 140, 160, 180)
    assert "Usually 2–3 minutes here." in page(cast, hanging(house, 30))
    shown = page(cast, hanging(house, 300))
    assert "Nine in ten such videos were here by now." in shown
    assert "which says 99 %" in shown


def test_a_page_without_history_says_so(cast: Cast, house: Workspace) -> None:
    assert "Too few such videos were made here lately" in page(cast, hanging(house, 30))


def test_a_moment_is_chosen_and_taken_back(cast: Cast, house: Workspace) -> None:
    render, client = hanging(house, 7_000), cast.browser(cast.alice)
    names = {"workspace": house.slug, "render": render.pk}
    moment = (timezone.now() + timedelta(minutes=20)).replace(microsecond=0)
    for given, kept in ((moment.isoformat(), moment), ("", None), ("soon", None)):
        client.post(reverse("video_give_up", kwargs=names), {"at": given} if given else {})
        render.refresh_from_db()
        assert render.give_up_at == kept


def test_somebody_else_is_mailed_too_who_asks_for_it(cast: Cast, house: Workspace) -> None:
    render = hanging(house, 7_000)
    client: Client = cast.browser(cast.alice)
    address = reverse("video_mail", kwargs={"workspace": house.slug, "render": render.pk})
    client.post(address)
    client.post(address, {"no_more": "1"})
    client.post(address)
    render.refresh_from_db()
    shop.made_ready(render)
    assert [(mail.to, mail.subject) for mail in MailMessage.objects.all()] == [
        (cast.alice.email, "Your video is ready: It hangs")
    ]


# --- The API


def test_the_api_tells_and_does_the_same(cast: Cast, house: Workspace) -> None:
    api = caller(house, cast.alice)
    render = hanging(house, 7_000)
    told = api.get(f"renders/{render.pk}").json()
    assert [told[name] for name in ("state_detail", "usual_seconds", "can_cancel")] == ["late", None, True]
    answer = api.ask("PUT", f"renders/{render.pk}/give-up", {"in_seconds": 600})
    assert answer.status_code == 200, answer.content
    assert answer.json()["give_up_at"] is not None
    assert api.ask("DELETE", f"renders/{render.pk}/give-up").json()["give_up_at"] is None
    early = hanging(house, 60)
    answer = api.ask("PUT", f"renders/{early.pk}/give-up", {"in_seconds": 600})
    assert (answer.status_code, answer.json()["code"]) == (409, "give_up_early")

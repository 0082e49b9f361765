"""An operator asks a provider now, and sends a render to another offer: with the money and the history right."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from avatarsite.queue import jobs as queue
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.prices import price_book
from billing.verify import verification
from studio.models import JobStatus, Outcome, ProviderJob, Render, RenderState
from studio.pipeline import states
from studio.pipeline.cancel import abandon
from studio.pipeline.operator import ask, move
from studio.pipeline.operator.ask import Told
from studio.pipeline.reports import apply_report
from studio.providers import registry
from studio.providers.types import Failure, Fault, JobReport, ProviderError
from studio.providers.types import JobStatus as Said
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db
CHEAP, OTHER = "fal:fal-ai/kling-video/ai-avatar/v2/standard", "runware:klingai:avatar@2.0-standard"


MODEL = "kling-avatar-2-standard"


@pytest.fixture
def house(cast: Cast, settings: Any) -> Workspace:
    settings.FAL_KEY, settings.RUNWARE_API_KEY = "an-id:a-secret", "a-key"
    for offer, price in ((CHEAP, 90_000), (OTHER, 95_000)):
        price_book.set_price(offer, cost_micros_per_second=50_000, price_micros_per_second=price, source="a test")
    return shop.open_shop(cast.workspace, dollars=20)


def at_fal(house: Workspace) -> Render:
    """A render that fal has taken, and that its customer allows Runware to make, too."""
    render = shop.accepted(shop.asked(house, "Hangs", model=MODEL))
    assert render.offer == CHEAP
    now = timezone.now()
    render.jobs.update(next_check_at=now, accepted_at=now, provider_job_id="a-job")
    return render


def fresh(render: Render) -> Render:
    return Render.objects.select_related("hold", "voice", "price", "workspace").get(pk=render.pk)


def said(monkeypatch: pytest.MonkeyPatch, answer: JobReport | Exception) -> None:
    async def check(_self: Any, _handle: Any) -> JobReport:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(type(registry.provider("fal")), "check", check)


# --- Ask the provider now ---------------------------------------------------------------------------------------------


def test_its_words_are_told_and_kept_and_asking_twice_changes_nothing_more(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = at_fal(house)
    said(monkeypatch, JobReport(Said.QUEUED, queue_position=3))
    assert ask.ask_now(fresh(render)) == Told("fal says: queued.", news=True)
    assert ask.ask_now(fresh(render)) == Told("fal says: queued. That is what it said before.")
    job = render.jobs.get()
    assert (job.status, job.queue_position) == (JobStatus.QUEUED, 3)
    assert [event.reason for event in render.events.filter(reason__contains="operator")] == [
        "the provider was asked by an operator"
    ]


def test_an_answer_that_ends_it_moves_it_on(house: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    render = at_fal(house)
    said(monkeypatch, JobReport(Said.FAILED, failure=Failure(Fault.PROVIDER, "broken", "It broke.")))
    assert ask.ask_now(fresh(render)).sentence == "fal says: failed."
    assert fresh(render).state == RenderState.FAILED
    assert posting.balance(house).held_micros == 0


def test_a_provider_that_tells_nothing_is_said_and_nothing_changes(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = at_fal(house)
    said(monkeypatch, ProviderError(Failure(Fault.PROVIDER, "down", "503 from the gateway")))
    assert ask.ask_now(fresh(render)) == Told("fal told nothing: 503 from the gateway")
    assert fresh(render).state == RenderState.RENDERING


def test_what_no_provider_has_is_not_asked_about(house: Workspace) -> None:
    assert ask.ask_now(shop.asked(house, "Waits", model=MODEL)).sentence == (
        "No provider has it to be asked: it is queued."
    )
    assert ask.ask_now(shop.cancelled(house)).sentence == "It has ended; there is nothing to ask."


def test_one_that_is_in_doubt_is_asked_about_at_once_and_never_sent_again(house: Workspace) -> None:
    render = shop.asked(house, "In doubt", model=MODEL)
    later = timezone.now() + states.DEADLINES[RenderState.QUEUED]
    states.advance(render, RenderState.SUBMITTING, reason="sending", tries=1, next_try_at=later)
    job = ProviderJob.objects.create(render=render, attempt=1, offer=render.offer)
    assert ask.ask_now(fresh(render)).news is False  # it is being sent at this moment
    ProviderJob.objects.filter(pk=job.pk).update(sent_at=timezone.now(), outcome=Outcome.UNKNOWN)
    assert ask.ask_now(fresh(render)).news is True
    assert ask.ask_now(fresh(render)).news is False
    due = fresh(render).next_try_at
    assert due is not None
    assert due <= timezone.now()


# --- Send to another offer --------------------------------------------------------------------------------------------


def test_one_that_waits_goes_to_the_other_offer_at_its_price(house: Workspace) -> None:
    render = shop.asked(house, "Waits", model=MODEL)
    assert [line.offer for line in move.other_offers(render)] == [OTHER]
    first, second = fresh(render), fresh(render)
    assert move.send_elsewhere(first, OTHER, reason="fal is slow") is True
    assert move.send_elsewhere(second, OTHER, reason="Me, too") is False
    moved = fresh(render)
    assert (moved.offer, moved.price.offer, moved.fallbacks, moved.state) == (OTHER, OTHER, [], RenderState.QUEUED)
    assert moved.ceiling_micros == render.ceiling_micros
    event = moved.events.get(reason="sent to another offer by an operator")
    assert event.detail == {"from": CHEAP, "to": OTHER, "why": "fal is slow"}


def test_one_that_hangs_leaves_its_provider_which_is_asked_to_stop(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(queue, "enqueue", lambda name, **facts: tasks.append((name, facts)))
    render = at_fal(house)
    job = render.jobs.get()
    first, second = fresh(render), fresh(render)
    assert move.send_elsewhere(first, OTHER, reason="It hangs") is True
    assert move.send_elsewhere(second, OTHER, reason="It hangs, I see") is False
    moved = fresh(render)
    assert (moved.state, moved.offer, moved.hold.state) == (RenderState.QUEUED, OTHER, "open")
    assert [task for task in tasks if task[0] == "studio.abandon"] == [("studio.abandon", {"job_id": job.pk})]
    assert moved.events.filter(reason="sent to another offer by an operator").count() == 1
    # What the old job says later moves nothing.
    assert apply_report(job.pk, JobReport(Said.DONE, result_url="https://fal.example/v.mp4")) is False
    assert fresh(render).state == RenderState.QUEUED


def test_the_job_that_was_left_is_stopped_and_the_new_one_is_not(
    house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("studio.pipeline.cancel._asked_to_stop", lambda job: asked.append(job.pk))
    render = at_fal(house)
    old = render.jobs.get()
    assert abandon(old.pk) is False
    assert asked == []
    move.send_elsewhere(fresh(render), OTHER, reason="It hangs")
    abandon(old.pk)
    assert asked == [old.pk]


def test_the_video_that_the_other_makes_is_charged_at_its_price_below_the_ceiling(house: Workspace) -> None:
    render = at_fal(house)
    move.send_elsewhere(fresh(render), OTHER, reason="It hangs")
    moved = fresh(render)
    states.advance(moved, RenderState.SUBMITTING, reason="sending")
    ProviderJob.objects.create(
        render=moved,
        attempt=2,
        offer=OTHER,
        outcome=Outcome.ACCEPTED,
        status=JobStatus.DONE,
        accepted_at=timezone.now(),
    )
    states.advance(moved, RenderState.RENDERING, reason="accepted")
    done = shop.made_ready(moved)
    assert (done.charge_micros, done.charge_micros <= done.ceiling_micros) == (950_000, True)
    assert verification.verify() == []


def test_what_can_not_be_sent_elsewhere_says_why(house: Workspace) -> None:
    render = shop.asked(house, "Sending", model=MODEL)
    with pytest.raises(move.CannotMove, match="can't make this video within its ceiling"):
        move.send_elsewhere(render, "local:draft", reason="x")
    states.advance(render, RenderState.SUBMITTING, reason="sending")
    with pytest.raises(move.CannotMove, match="not known yet"):
        move.send_elsewhere(render, OTHER, reason="x")
    with pytest.raises(move.CannotMove, match="has ended"):
        move.send_elsewhere(shop.cancelled(house), OTHER, reason="x")
    stopping = at_fal(house)
    Render.objects.filter(pk=stopping.pk).update(cancel_requested_at=timezone.now())
    with pytest.raises(move.CannotMove, match="asked to stop"):
        move.send_elsewhere(fresh(stopping), OTHER, reason="x")


def test_an_offer_above_the_ceiling_is_not_offered(house: Workspace) -> None:
    render = shop.asked(house, "Cheap only", model=MODEL, offer=CHEAP, fallback=False)
    assert move.other_offers(render) == []

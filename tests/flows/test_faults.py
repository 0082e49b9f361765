"""Each fault of each provider at each step, through the real pipeline: where it ends, and who pays."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.models import Alert
from avatarsite.queue.sweeping import sweep
from billing.ledger import posting
from billing.models import Usage
from billing.money import charge_micros, usd
from billing.prices import price_book
from billing.verify import verification
from studio.models import Outcome as Answer
from studio.models import Render, RenderState
from studio.pipeline.cancel import ASKED_TO_STOP, abandon, cancel_at_provider, give_up, request_cancel, stop_overdue
from studio.pipeline.drive import drive
from studio.pipeline.failures import COPY_FAILED, SENTENCES
from studio.pipeline.overdue import STOPS
from studio.pipeline.progress import stages
from studio.providers import remote
from studio.representation import serialize_render
from tests.flows.cast import Studio, ask, make_studio
from tests.flows.fault_cases import CASES, Case
from tests.flows.outcomes import Outcome
from tests.flows.pace import STEPS, drive_for, let_a_deadline_pass, let_deadlines_pass, let_jobs_age, let_time_pass
from tests.simulators.fixture import Control, Simulators

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

BALANCE = 20_000_000
OFFERS = {
    "runware": "runware:klingai:avatar@2.0-pro",
    "fal": "fal:fal-ai/kling-video/ai-avatar/v2/pro",
    "aimlapi": "aimlapi:klingai/avatar-pro",
}
MODELS = {"runware": "kling-avatar-2-pro", "fal": "kling-avatar-2-pro", "aimlapi": "kling-avatar-pro"}
VOICE_SECONDS = 2.1
WAITING_STEPS = 10  # after which a render that waits is believed to wait for good
# What the operator is told of.
ALARMS = {"unknown_status": "unknown_status", "out_of_credit": "offer_paused"}


@pytest.fixture
def still_site(site: Simulators) -> Simulators:
    """Providers whose time stands still until we move it on, and that take our word for the length of the voice."""
    site.reset(speed=0.001, inputs="assume", assumed_voice_seconds=VOICE_SECONDS)
    return site


@pytest.fixture
def studio(still_site: Simulators) -> Studio:
    price_book.seed_prices()
    return make_studio(balance_micros=BALANCE, voice_seconds=VOICE_SECONDS)


def ask_of(studio: Studio, provider: str) -> Render:
    return ask(studio, model=MODELS[provider], offer=OFFERS[provider])


def promises_kept(render: Render, control: Control, studio: Studio) -> None:
    """What must be true of every render at every moment, however it stands."""
    references = [job.reference for job in render.jobs.all()]
    assert [times for times in map(control.times_accepted, references) if times > 1] == []
    assert set(control.accepted()) <= set(references)
    balance, charge = posting.balance(studio.workspace), render.charge_micros
    assert (charge is not None, bool(render.video)) == (render.state == RenderState.READY,) * 2
    assert Usage.objects.count() == (1 if render.state == RenderState.READY else 0)
    assert balance.posted_micros == BALANCE - (charge or 0)
    assert balance.held_micros == (0 if render.ended else render.ceiling_micros)
    holds = {RenderState.READY: "settled", RenderState.FAILED: "released", RenderState.CANCELLED: "released"}
    assert render.hold.state == holds.get(RenderState(render.state), "open")
    if charge is not None:
        assert charge == charge_micros(render.measured_ms or 0, render.price.price_micros_per_second)
        assert 0 < charge <= render.ceiling_micros
    assert verification.verify() == []


def told(case: Case, render: Render, control: Control) -> Outcome:
    return Outcome(
        fault=case.title + (", by upload" if case.uploads else ""),
        provider=case.provider,
        state=f"{case.ends}, then {render.failure_code}" if case.ends.startswith("waits") else case.ends,
        jobs=len(control.jobs()),
        charged=usd(render.charge_micros or 0),
        hold=render.hold.state,
    )


def stand(render: Render) -> str:
    if render.ended:
        return f"{render.state} {render.failure_code}".strip()
    return f"waits in {render.state}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fault_ends_as_promised(
    case: Case, studio: Studio, still_site: Simulators, settings: Any, record_property: Callable[[str, Any], None]
) -> None:
    control: Control = getattr(still_site, case.provider)
    if case.uploads:
        settings.PUBLIC_URL = settings.S3_BUCKET = ""  # by either a provider would fetch them
    control.settings(**dict(case.reading))
    for strike in case.strikes:
        control.fault(strike.name, times=strike.times, **strike.params)
    render = ask_of(studio, case.provider)
    if case.aged_hours:
        drive_for(render, control, steps=2)
        let_jobs_age(case.aged_hours)
    render = drive_for(render, control, steps=WAITING_STEPS if case.ends.startswith("waits") else STEPS)
    assert stand(render) == case.ends, [(event.reason, event.detail) for event in render.events.all()][-4:]
    promises_kept(render, control, studio)
    if render.state == RenderState.FAILED and not case.no_use:
        # Never a video lost while the provider has it.
        assert control.jobs(phase="succeeded") == []
    if render.failure_code:
        assert render.failure_message == SENTENCES.get(render.failure_code, COPY_FAILED)
    kinds = {ALARMS[strike.name] for strike in case.strikes if strike.name in ALARMS}
    assert kinds <= set(Alert.objects.values_list("kind", flat=True))
    if not render.ended:
        let_deadlines_pass()
        render = Render.objects.get(pk=render.pk)
        assert (render.state, render.failure_code) == (RenderState.FAILED, "overdue")
        promises_kept(render, control, studio)
    record_property(*told(case, render, control).property())
    # What comes later, like a letter on its way, changes nothing.
    let_time_pass(control)
    promises_kept(Render.objects.get(pk=render.pk), control, studio)


@pytest.mark.parametrize("provider", OFFERS)
def test_a_video_that_comes_after_the_deadline_costs_nothing(
    provider: str, studio: Studio, still_site: Simulators
) -> None:
    control: Control = getattr(still_site, provider)
    control.fault("stuck")
    render = drive_for(ask_of(studio, provider), control, steps=4)
    assert stand(render) == "waits in rendering"
    let_deadlines_pass()
    [there] = control.jobs()
    assert control.finish(there["id"])["phase"] == "succeeded"
    for _ in range(2):
        let_time_pass(control)
    render = drive_for(render, control)
    assert stand(render) == "failed overdue"
    promises_kept(render, control, studio)
    if provider != "aimlapi":
        assert set(InboundEvent.objects.values_list("signature_status", flat=True)) == {SignatureStatus.VALID}


def test_that_a_request_was_taken_after_all_is_known_and_costs_nothing(studio: Studio, still_site: Simulators) -> None:
    """Its answer was lost, it's on no list, and the letter that names it comes when the render has ended."""
    for name in ("lost_response", "not_in_ledger"):
        still_site.fal.fault(name)
    still_site.fal.fault("webhook_late", seconds=100_000)
    render = drive_for(ask_of(studio, "fal"), still_site.fal)
    assert stand(render) == "waits in submitting"
    let_deadlines_pass()
    still_site.fal.jump(100_000)
    let_time_pass(still_site.fal)
    render = Render.objects.get(pk=render.pk)
    assert stand(render) == "failed overdue"
    promises_kept(render, still_site.fal, studio)
    [there], job = still_site.fal.jobs(), render.jobs.get()
    assert (job.outcome, job.provider_job_id, job.next_check_at) == (Answer.ACCEPTED, there["id"], None)
    assert [letter.signature_status for letter in InboundEvent.objects.all()] == [SignatureStatus.VALID]
    assert Alert.objects.filter(kind="accepted_late", key=job.pk).count() == 1


@pytest.mark.parametrize("provider", OFFERS)
def test_an_answer_that_takes_too_long_makes_no_second_job(
    provider: str, studio: Studio, still_site: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    control: Control = getattr(still_site, provider)
    control.fault("slow_accept", seconds=10.0, times=1)
    render = ask_of(studio, provider)
    with monkeypatch.context() as patch:
        patch.setattr(remote, "CREATE_SECONDS", 2.0)
        drive_for(render, control, steps=1)
    assert render.jobs.get().outcome == Answer.UNKNOWN
    render = drive_for(render, control)
    assert stand(render) == "ready"
    promises_kept(render, control, studio)


@pytest.mark.parametrize("fault", ["drop_connection", "server_error", "rate_limit", "bad_key", "not_json"])
def test_a_wish_to_cancel_that_was_not_heard_is_passed_on_again(
    fault: str, studio: Studio, still_site: Simulators
) -> None:
    still_site.fal.fault("stuck")
    render = drive_for(ask_of(studio, "fal"), still_site.fal, steps=1)
    still_site.fal.fault(fault, times=3, route="cancel")  # a broken connection is tried again at once
    assert request_cancel(render, user=None) is True
    heard = [cancel_at_provider(render.pk) for _ in range(4)]
    assert heard[0] is False
    render = drive_for(render, still_site.fal, steps=3)
    assert stand(render) == "cancelled"
    promises_kept(render, still_site.fal, studio)


# --- What takes too long ---------------------------------------------------------------------------------------------


def stuck_at_fal(studio: Studio, site: Simulators) -> Render:
    site.fal.fault("stuck")
    render = drive_for(ask_of(studio, "fal"), site.fal, steps=2)
    assert stand(render) == "waits in rendering"
    return render


def test_a_job_that_takes_too_long_is_stopped_and_its_money_goes_back(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    let_a_deadline_pass()
    assert stand(Render.objects.get(pk=render.pk)) == "waits in rendering"
    stop_overdue(render.pk)
    render = drive_for(render, still_site.fal, steps=3)
    assert stand(render) == "failed overdue"
    promises_kept(render, still_site.fal, studio)
    [there] = still_site.fal.jobs()
    assert there["phase"] == "cancelled"
    assert stop_overdue(render.pk) is False


def test_who_waits_in_the_foreground_asks_the_provider_to_stop_without_a_worker(
    studio: Studio, still_site: Simulators
) -> None:
    render = stuck_at_fal(studio, still_site)
    Render.objects.filter(pk=render.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    still_site.fal.speed(400)
    until = time.monotonic() + 30
    render = drive(render.pk, on_look=lambda *_: pytest.fail("It waits on.") if time.monotonic() > until else None)
    assert stand(render) == "failed overdue"
    promises_kept(render, still_site.fal, studio)
    [there] = still_site.fal.jobs()
    assert there["phase"] == "cancelled"
    assert [event.reason for event in render.events.filter(reason=ASKED_TO_STOP)] == [ASKED_TO_STOP]


def test_what_is_given_up_by_hand_is_stopped_at_its_provider(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    assert give_up(render, code="stopped", message="It was stopped.", reason="given up by an operator") is True
    assert "studio.tasks.abandon" in {SignedPackage.loads(task.payload)["func"] for task in OrmQ.objects.all()}
    job = render.jobs.get()
    assert job.next_check_at is None
    abandon(job.pk)
    let_time_pass(still_site.fal)  # fal takes the wish, and says no more
    assert "the provider's answer to the cancel: " in render.events.last().reason
    [there] = still_site.fal.jobs()
    assert (there["phase"], stand(Render.objects.get(pk=render.pk))) == ("cancelled", "failed stopped")
    promises_kept(Render.objects.get(pk=render.pk), still_site.fal, studio)


def test_nothing_is_stopped_for_a_render_that_lives(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    assert abandon(render.jobs.get().pk) is False
    assert [there["phase"] for there in still_site.fal.jobs()] != ["cancelled"]


def test_a_video_that_comes_before_it_could_be_stopped_is_fetched(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    let_a_deadline_pass()
    [there] = still_site.fal.jobs()
    still_site.fal.finish(there["id"])
    assert stop_overdue(render.pk) is False
    render = drive_for(render, still_site.fal)
    assert stand(render) == "ready"
    promises_kept(render, still_site.fal, studio)


def test_a_provider_that_does_not_hear_is_asked_again_and_then_given_up(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    still_site.fal.fault("server_error", route="cancel")
    for _ in range(STOPS):
        let_a_deadline_pass()
        assert stop_overdue(render.pk) is False
        assert stand(Render.objects.get(pk=render.pk)) == "waits in rendering"
    let_a_deadline_pass()
    render = Render.objects.get(pk=render.pk)
    assert stand(render) == "failed overdue"
    promises_kept(render, still_site.fal, studio)


def test_a_render_that_nobody_takes_waits_for_a_day_in_all(studio: Studio, still_site: Simulators) -> None:
    still_site.runware.fault("out_of_credit")
    render = drive_for(ask_of(studio, "runware"), still_site.runware, steps=2)
    Render.objects.filter(pk=render.pk).update(created_at=timezone.now() - timedelta(hours=25))
    render = drive_for(render, still_site.runware, steps=1)
    assert render.jobs.count() == 3
    sweep()
    render = Render.objects.select_related("hold").get(pk=render.pk)
    assert stand(render) == "failed overdue"
    promises_kept(render, still_site.runware, studio)


def test_nothing_is_stopped_before_its_time(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    assert stop_overdue(render.pk) is False
    [there] = still_site.fal.jobs()
    assert there["phase"] in {"queued", "running"}


def test_the_page_says_what_is_done_about_an_answer_that_was_lost(studio: Studio, still_site: Simulators) -> None:
    for name in ("lost_response", "not_in_ledger", "webhook_lost"):
        still_site.fal.fault(name)
    render = drive_for(ask_of(studio, "fal"), still_site.fal, steps=3)
    assert stand(render) == "waits in submitting"
    assert serialize_render(render)["state_detail"] == "unconfirmed"
    [note] = [stage.note for stage in stages(render) if stage.note]
    assert note == (
        "fal has not confirmed yet that it took the video. It is asked again, and nothing is sent twice. "
        "Your money stays on hold until it is known, or comes back in 75 minutes."
    )

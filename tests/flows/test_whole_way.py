"""From request to ready, step by step, each step twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.mail.models import MailMessage
from avatarsite.queue import lease
from avatarsite.queue.sweeping import sweep
from billing.holds import holds
from billing.ledger import posting
from billing.models import Hold, Transfer, Usage
from billing.money import charge_micros
from billing.verify import verification
from studio.errors import RequestRefused
from studio.models import ProviderJob, Render, RenderEvent, RenderState
from studio.pipeline import states
from studio.pipeline.cancel import cancel_at_provider, cancel_terms, request_cancel, stop_overdue
from studio.pipeline.drive import drive
from studio.pipeline.failures import fail_render
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.request.quote import ceiling_ms, quote_render
from studio.pipeline.request.take import retry_render
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now, watch
from studio.pipeline.watch.wake import WATCH
from studio.providers import registry
from tests.flows.cast import Studio, ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 10_000
BALANCE = 5_000_000


@pytest.fixture
def studio(settings: Any, tmp_path: Any) -> Studio:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    return make_studio(balance_micros=BALANCE, price_micros=PRICE)


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Any:
    yield
    assert verification.verify() == []


def everything() -> dict[str, list[Any]]:
    """All rows that a second run of a step might have changed or added."""
    return {
        model.__name__: list(model.objects.order_by("pk").values())
        for model in (Render, ProviderJob, RenderEvent, Hold, Transfer, Usage)
    }


def wait_for_job(render: Render) -> ProviderJob:
    """The draft engine renders in a process of its own: ask until it says that it is done."""
    job = render.jobs.get()
    deadline = timezone.now() + timedelta(seconds=60)
    while not check_now(job) or ProviderJob.objects.get(pk=job.pk).status != "done":
        assert timezone.now() < deadline
    return ProviderJob.objects.get(pk=job.pk)


def test_every_step_leads_to_the_next_and_a_second_run_changes_nothing(studio: Studio) -> None:
    render = ask(studio, key="once")
    before = everything()
    assert ask(studio, key="once") == render
    assert everything() == before
    assert posting.balance(studio.workspace).held_micros == render.ceiling_micros

    assert submit_render(render.pk) is True
    before = everything()
    assert submit_render(render.pk) is False
    assert everything() == before

    job = wait_for_job(render)
    before = everything()
    assert check_now(job) is False
    assert everything() == before

    assert ingest_render(render.pk) is True
    before = everything()
    assert ingest_render(render.pk) is False
    assert not MailMessage.objects.exists()  # too quick to be worth a mail
    assert everything() == before

    render.refresh_from_db()
    assert render.state == RenderState.READY
    assert abs(render.measured_ms - studio.voice.duration_ms) <= 40
    assert render.charge_micros == charge_micros(render.measured_ms, PRICE)
    balance = posting.balance(studio.workspace)
    assert (balance.posted_micros, balance.held_micros) == (BALANCE - render.charge_micros, 0)
    assert default_storage.size(render.video.name) == render.video_bytes
    told = [(event.from_state, event.to_state) for event in render.events.all()]
    assert told == [
        ("", "queued"),
        ("queued", "submitting"),
        ("submitting", "rendering"),
        ("rendering", "ingesting"),
        ("ingesting", "ready"),
    ]


def test_the_watch_brings_a_job_home_and_ends_by_itself(studio: Studio) -> None:
    render = ask(studio)
    submit_render(render.pk)
    assert watch(run_seconds=60) is True
    render.refresh_from_db()
    assert render.state == RenderState.INGESTING
    assert OrmQ.objects.count() > 0


def test_two_watchers_do_not_watch_at_once(studio: Studio) -> None:
    assert lease.acquire(WATCH, "somebody") is True
    assert lease.acquire(WATCH, "somebody") is True
    assert watch(run_seconds=1) is False
    lease.release(WATCH, "somebody")
    assert watch(run_seconds=1) is True


def test_the_quote_is_the_ceiling_to_the_micro_dollar(studio: Studio) -> None:
    quote = quote_render(model="draft", voice_ms=studio.voice.duration_ms)
    assert quote.chosen is not None
    render = drive(ask(studio).pk)
    assert render.ceiling_micros == quote.chosen.ceiling_micros
    assert 0 < render.charge_micros <= render.ceiling_micros
    longest = ceiling_ms(studio.voice.duration_ms, registry.provider("local").capabilities.output_step)
    assert render.ceiling_ms == longest


def test_without_credit_nothing_is_written(settings: Any, tmp_path: Any) -> None:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    poor = make_studio(balance_micros=20_000, price_micros=PRICE, slug="poor")
    before = everything()
    with pytest.raises(holds.InsufficientCredit) as refusal:
        ask(poor)
    quoted = quote_render(model="draft", voice_ms=poor.voice.duration_ms).chosen
    assert quoted is not None
    assert refusal.value.missing_micros == quoted.ceiling_micros - 20_000
    assert everything() == before
    assert OrmQ.objects.count() == 0


def test_a_price_above_the_one_that_was_seen_is_not_taken(studio: Studio) -> None:
    with pytest.raises(RequestRefused) as refusal:
        ask(studio, max_amount_micros=1)
    assert (refusal.value.field, refusal.value.code) == ("max_amount_micros", "price_changed")


def test_a_key_can_not_be_used_for_another_video(studio: Studio) -> None:
    ask(studio, key="mine")
    with pytest.raises(RequestRefused) as refusal:
        ask(studio, key="mine", prompt="something else")
    assert refusal.value.code == "idempotency_conflict"
    assert Render.objects.count() == 1


def test_cancel_before_sending_returns_everything_at_once(studio: Studio) -> None:
    render = ask(studio)
    assert cancel_terms(render).possible is True
    assert request_cancel(render, user=None) is True
    assert request_cancel(Render.objects.get(pk=render.pk), user=None) is False
    render.refresh_from_db()
    assert (render.state, render.hold.state) == (RenderState.CANCELLED, "released")
    assert posting.balance(studio.workspace).available_micros == BALANCE
    assert submit_render(render.pk) is False


def test_cancel_while_rendering_stops_the_engine_and_returns_everything(settings: Any, tmp_path: Any) -> None:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    studio = make_studio(voice_seconds=120, slug="long")
    render = ask(studio)
    submit_render(render.pk)
    render.refresh_from_db()
    assert request_cancel(render, user=None) is True
    assert cancel_at_provider(render.pk) is True
    assert cancel_at_provider(render.pk) is False
    render.refresh_from_db()
    assert (render.state, render.hold.state) == (RenderState.CANCELLED, "released")
    assert posting.balance(studio.workspace).held_micros == 0


def test_what_outlives_its_deadline_fails_and_costs_nothing() -> None:
    studio = make_studio(voice_seconds=120, slug="long")  # it is being made all the while
    render = ask(studio)
    submit_render(render.pk)
    Render.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))
    assert sweep()["overdue"] == 0  # who makes it is asked to stop first
    assert stop_overdue(render.pk) is True
    assert sweep()["overdue"] == 0
    render.refresh_from_db()
    assert (render.state, render.failure_code, render.hold.state) == (RenderState.FAILED, "overdue", "released")
    assert posting.balance(studio.workspace).available_micros == BALANCE


def test_the_sweep_finds_what_the_queue_has_dropped(studio: Studio) -> None:
    render = ask(studio)
    OrmQ.objects.all().delete()
    assert sweep()["watch"] == 1
    assert [row.name() for row in OrmQ.objects.all()] == ["studio.watch"]
    submit_render(render.pk)
    OrmQ.objects.all().delete()
    assert sweep()["watch"] == 1


def test_a_failed_render_can_be_asked_for_again(studio: Studio) -> None:
    render = ask(studio)
    fail_render(render, code="stopped", message="Stopped.", reason="test")
    again = drive(retry_render(render, user=None).pk)
    assert (again.state, again.pk != render.pk) == (RenderState.READY, True)


def test_a_move_that_is_not_in_the_table_is_a_bug(studio: Studio) -> None:
    render = ask(studio)
    with pytest.raises(states.IllegalTransition):
        states.advance(render, RenderState.READY, reason="by magic")


def test_of_two_that_move_a_render_one_wins(studio: Studio) -> None:
    render = ask(studio)
    rival = Render.objects.get(pk=render.pk)
    assert states.advance(render, RenderState.CANCELLED, reason="first") is True
    assert states.advance(rival, RenderState.SUBMITTING, reason="second") is False
    holds.release_hold(render.hold, reason="test")


def test_a_portrait_the_engine_can_not_read_fails_with_a_sentence(studio: Studio) -> None:
    render = ask(studio)
    with default_storage.open(studio.portrait.file.name, "wb") as file:
        file.write(b"not a picture any more")
    ended = drive(render.pk)
    assert (ended.state, ended.failure_code) == (RenderState.FAILED, "input")
    assert ended.hold.state == "released"
    assert posting.balance(studio.workspace).available_micros == BALANCE

"""A script in the place of a voice: the render waits until it is spoken, at a price that is then exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatarsite.workspaces.models import ApiToken, Workspace
from billing.ledger.accounts import balance
from billing.models import Hold
from billing.prices import price_book
from billing.verify.verification import verify
from studio.errors import RequestRefused
from studio.models import Render, RenderState, Speech, SpeechState
from studio.pipeline import spoken
from studio.pipeline.cancel import request_cancel
from studio.pipeline.drive import drive
from studio.pipeline.overdue import KINDS as OVERDUE
from studio.pipeline.request import batches
from studio.pipeline.request.kept_quotes import as_quoted_batch, sign_batch_quote
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import spoken_of
from studio.pipeline.request.take import retry_render, take
from studio.projects import project_for_new_video
from studio.speech import finish
from studio.speech.engines import piper
from studio.speech.plan import SpeechWish
from studio.speech.speak import speak_now
from tests.studio.shop import PRICE_MICROS, open_shop, portrait_of

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = "This video was asked for by its words alone. They are spoken first."


@pytest.fixture(autouse=True)
def _shop(workspace: Workspace, settings: Any, tmp_path: Path) -> Any:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    open_shop(workspace, dollars=20)
    price_book.set_price("local:test", cost_micros_per_second=0, price_micros_per_second=0, source="a test")
    yield
    piper.end()


def asked(workspace: Workspace, script: str = SCRIPT, **also: Any) -> RenderRequest:
    known, voice = spoken_of(SpeechWish(workspace, script))
    return RenderRequest(
        workspace=workspace,
        project=project_for_new_video(workspace),
        portrait=portrait_of(workspace),
        voice=voice,
        spoken=known,
        **also,
    )


def test_it_waits_for_its_voice_and_is_then_priced_exactly(workspace: Workspace) -> None:
    request = asked(workspace)
    (render,) = take(request, user=None)
    assert (render.state, render.voice, render.title) == (
        RenderState.SPEAKING,
        None,
        "Face, This video was asked for by its words alone. They are…",
    )
    held = render.ceiling_micros
    assert balance(workspace).held_micros == held
    assert render.speech is not None
    assert spoken.speak_and_move_on(render.speech.pk)
    render.refresh_from_db()
    assert render.state == RenderState.QUEUED
    assert render.voice is not None
    assert render.voice.script == SCRIPT
    exact = -(-(render.voice.duration_ms or 0) // 40) * 40 + 40
    assert (render.ceiling_ms, render.ceiling_micros) == (exact, exact * PRICE_MICROS // 1000)
    assert render.ceiling_micros < held
    assert balance(workspace).held_micros == render.ceiling_micros
    assert [event.reason for event in render.events.all()] == ["asked for", "its script was spoken"]
    assert verify() == []


def test_what_was_spoken_before_needs_no_waiting(workspace: Workspace) -> None:
    upload = speak_now(SpeechWish(workspace, SCRIPT)).upload
    (render,) = take(asked(workspace), user=None)
    assert (render.state, render.voice) == (RenderState.QUEUED, upload)


def test_takes_and_batches_share_one_speech_and_a_key_repeats_it(workspace: Workspace) -> None:
    takes = take(asked(workspace, options={"takes": 2}), user=None, idempotency_key="two")
    requests = [asked(workspace), asked(workspace, "Other words are another voice.")]
    quotes = [one.quote for one in batches.price_batch(requests)]
    quote, _ = sign_batch_quote(workspace, requests, quotes)
    held, most = as_quoted_batch(workspace, requests, quote, None)
    group = batches.request_batch(workspace, held, user=None, max_amount_micros=most)
    assert Speech.objects.count() == 2
    assert batches.status_of(group).states["speaking"] == 2
    assert not batches.status_of(group).ended
    for speech in Speech.objects.all():
        assert spoken.speak_and_move_on(speech.pk)
    assert set(Render.objects.values_list("state", flat=True)) == {RenderState.QUEUED}
    again = take(asked(workspace, options={"takes": 2}), user=None, idempotency_key="two")
    assert [one.pk for one in again] == [one.pk for one in takes]
    with pytest.raises(RequestRefused) as refused:
        take(asked(workspace, "Not the same.", options={"takes": 2}), user=None, idempotency_key="two")
    assert refused.value.code == "idempotency_conflict"
    assert verify() == []


def test_a_speech_that_fails_ends_its_renders_and_nothing_is_paid(workspace: Workspace) -> None:
    (render,) = take(asked(workspace), user=None)
    assert render.speech is not None
    assert finish.fail_speech(render.speech, code="speech_provider", message=finish.BROKEN)
    (kind,) = spoken.KINDS
    assert [row.pk for row in kind.due()] == [render.pk]
    spoken.move_on(render.speech.pk)
    render.refresh_from_db()
    assert (render.state, render.failure_code, render.failure_message) == (
        RenderState.FAILED,
        "speech_provider",
        finish.BROKEN,
    )
    assert balance(workspace).held_micros == 0
    again = retry_render(render, user=None)
    assert (again.state, again.speech == render.speech) == (RenderState.SPEAKING, False)
    assert verify() == []


def test_a_voice_longer_than_was_held_for_makes_no_dearer_video(workspace: Workspace) -> None:
    request = asked(workspace)
    request = replace(request, voice=request.voice)
    request.voice.duration_ms = 2_500
    (render,) = take(request, user=None)
    assert spoken.speak_and_move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, render.failure_code, render.failure_message) == (
        RenderState.FAILED,
        "voice_longer",
        spoken.LONGER,
    )
    assert balance(workspace).held_micros == 0
    assert Speech.objects.get().state == SpeechState.READY


def test_one_that_waits_for_its_voice_can_be_cancelled(workspace: Workspace) -> None:
    (render,) = take(asked(workspace), user=None)
    assert request_cancel(render, user=None)
    assert spoken.speak_and_move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, balance(workspace).held_micros) == (RenderState.CANCELLED, 0)


def test_the_sweep_ends_one_that_is_overdue(workspace: Workspace) -> None:
    (render,) = take(asked(workspace), user=None)
    Render.objects.update(deadline_at=render.created_at)
    (kind,) = [kind for kind in OVERDUE if kind.name == "overdue"]
    for late in kind.due():
        assert kind.act
        kind.act(late)
    render.refresh_from_db()
    assert (render.state, render.failure_code) == (RenderState.FAILED, "overdue")


def test_a_test_token_speaks_for_nothing(workspace: Workspace) -> None:
    token = ApiToken.objects.create(workspace=workspace, test=True, name="Test", prefix="x", token_hash="y")
    known, voice = spoken_of(SpeechWish(workspace, SCRIPT, token=token))
    (render,) = take(
        RenderRequest(
            workspace=workspace,
            project=project_for_new_video(workspace),
            portrait=portrait_of(workspace),
            voice=voice,
            spoken=known,
            token=token,
        ),
        user=None,
    )
    assert (render.state, render.ceiling_micros, Hold.objects.get().amount_micros) == (RenderState.SPEAKING, 0, 0)
    with pytest.raises(RequestRefused) as refused:
        spoken_of(SpeechWish(workspace, SCRIPT, "fal:reader_en_m-v1", token=token))
    assert refused.value.code == "voice_costs"


def test_a_worker_less_drive_speaks_and_then_waits_as_ever(workspace: Workspace) -> None:
    (render,) = take(asked(workspace), user=None)
    seen: list[str] = []

    def look(one: Render, _job: object) -> None:
        seen.append(one.state)
        if one.state == RenderState.QUEUED:
            request_cancel(one, user=None)

    assert drive(render.pk, on_look=look).state == RenderState.CANCELLED
    assert seen[0] == RenderState.SPEAKING

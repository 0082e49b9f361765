"""A script in the place of a voice: the render waits until it is spoken, at a price that is then exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django_q.models import OrmQ

from avatarsite.workspaces.models import ApiToken, Member, Role, Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger.accounts import balance
from billing.models import Hold
from billing.prices import price_book
from billing.verify.verification import verify
from studio.errors import RequestRefused
from studio.models import Listening, Render, RenderState, Speech, SpeechState
from studio.pipeline import health, spoken
from studio.pipeline.cancel import request_cancel
from studio.pipeline.drive import drive
from studio.pipeline.long import plan, sound
from studio.pipeline.overdue import KINDS as OVERDUE
from studio.pipeline.request import batches
from studio.pipeline.request.kept_quotes import as_quoted_batch, sign_batch_quote
from studio.pipeline.request.render_request import RenderRequest, validate
from studio.pipeline.request.spoken import spoken_of
from studio.pipeline.request.take import price_request, retry_render, take
from studio.projects import project_for_new_video
from studio.speech import finish
from studio.speech.engines import piper
from studio.speech.plan import SpeechWish
from studio.speech.speak import speak_now
from studio.uploads import listening
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


LONG = " ".join(f"This is sentence number {number} of a script that takes a while." for number in range(8))


def spoken_through(render: Render) -> Render:
    """Spoken, listened to, and moved on by what the listening has woken."""
    for _ in range(5):
        spoken.speak_and_move_on(str(render.speech_id))
    assert Render.objects.get(pk=render.pk).state == RenderState.SPEAKING
    OrmQ.objects.all().delete()
    assert sound.listen_to(Listening.objects.get().pk)
    assert [task.func() for task in OrmQ.objects.all()] == ["studio.tasks.spoken"]
    spoken.move_on(str(render.speech_id))
    return Render.objects.get(pk=render.pk)


@pytest.fixture
def parts_of_six_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MAX_AT_ONCE_MS", 8_000)
    for place in (plan, sound):
        monkeypatch.setattr(place, "MAX_PART_MS", 6_000)
    monkeypatch.setattr(sound, "MIN_PART_MS", 2_000)


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_long_script_is_held_for_at_most_and_becomes_a_video_of_parts_within_that(workspace: Workspace) -> None:
    request = asked(workspace, LONG)
    quote = price_request(request, validate(request))
    (render,) = take(request, user=None, idempotency_key="long")
    assert (render.state, render.is_whole, render.ceiling_micros) == (
        RenderState.SPEAKING,
        False,
        quote.ceiling_micros,
    )
    assert balance(workspace).held_micros == quote.ceiling_micros
    render = spoken_through(render)
    assert [event.reason for event in render.events.all()] == ["asked for", "its script was spoken"]
    parts = [part.render for part in render.parts.select_related("render")]
    assert (render.state, render.is_whole, render.parts_total) == (RenderState.QUEUED, True, len(parts))
    assert render.voice is not None
    assert render.voice.script == LONG
    assert len(parts) > 3
    assert sum(part.ceiling_micros for part in parts) == render.ceiling_micros <= quote.ceiling_micros
    assert balance(workspace).held_micros == render.ceiling_micros
    assert Speech.objects.count() == 1
    assert [one.pk for one in take(asked(workspace, LONG), user=None, idempotency_key="long")] == [render.pk]
    (ready,) = take(asked(workspace, LONG), user=None, idempotency_key="again")
    assert (ready.is_whole, ready.speech_id, Speech.objects.count()) == (True, render.speech_id, 1)
    assert [one.pk for one in take(asked(workspace, LONG), user=None, idempotency_key="again")] == [ready.pk]
    assert verify() == []


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_parts_that_come_to_more_than_was_held_for_are_not_begun(workspace: Workspace) -> None:
    group = batches.request_batch(workspace, [asked(workspace, LONG)], user=None)
    render = group.renders.get()
    with connection.cursor() as cursor:
        cursor.execute("update studio_render set ceiling_micros = 1000 where id = %s", [render.pk])
    render = spoken_through(render)
    assert (render.state, render.failure_code, render.is_whole) == (RenderState.FAILED, "voice_longer", False)
    assert balance(workspace).held_micros == 0


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_script_that_was_spoken_between_price_and_request_is_split_all_the_same(workspace: Workspace) -> None:
    request = asked(workspace, LONG)
    speak_now(request.spoken.wish)  # type: ignore[union-attr]
    (render,) = take(request, user=None)
    assert (render.state, render.voice) == (RenderState.SPEAKING, None)
    spoken.move_on(str(render.speech_id))
    assert sound.listen_to(Listening.objects.get().pk)
    spoken.move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, render.is_whole) == (RenderState.QUEUED, True)


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_voice_that_can_not_be_listened_to_fails_it_for_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (render,) = take(asked(workspace, LONG), user=None)
    speak_now(SpeechWish(workspace, LONG))
    row = Listening.objects.get()
    row.write(tries=sound.MAX_TRIES)
    assert sound.listen_to(row.pk)
    spoken.move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, render.failure_code, balance(workspace).held_micros) == ("failed", "voice_over_limits", 0)


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_program_that_asks_for_a_spoken_script_again_has_it_listened_to_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.create_user("ada@example.org", "correct horse battery")
    Member.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    _, secret = make_token(workspace, user=user, name="t", scopes=list(Scope))
    monkeypatch.setattr(sound, "_is_behind", lambda *_: True)
    monkeypatch.setattr(sound, "FRESH_SECONDS", 0)
    voice = speak_now(SpeechWish(workspace, LONG)).upload
    assert voice is not None
    assert sound.listen_to(voice.pk)
    item = {"portrait": portrait_of(workspace).pk, "voice": {"script": LONG}}
    for path, body in (("quotes", item), ("renders", item), ("batches", {"items": [item]})):
        answer = Client().post(
            f"/api/v1/{path}", body, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        assert (answer.status_code, answer.json()["code"]) == (409, "voice_being_heard")
        row = Listening.objects.get()
        assert row.next_try_at is not None, path
        assert sound.listen_to(row.pk)


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_one_held_as_parts_that_comes_out_short_is_made_at_once(workspace: Workspace) -> None:
    request = asked(workspace)
    request.voice.duration_ms = 9_000
    (render,) = take(request, user=None)
    held = render.ceiling_micros
    assert spoken.speak_and_move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, render.is_whole, Listening.objects.exists()) == (RenderState.QUEUED, False, False)
    assert balance(workspace).held_micros == render.ceiling_micros < held


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_long_script_waits_while_nobody_can_make_it_and_can_be_cancelled(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (render,) = take(asked(workspace, LONG), user=None)
    speak_now(SpeechWish(workspace, LONG))
    assert sound.listen_to(Listening.objects.get().pk)
    monkeypatch.setattr(health, "pauses", lambda: {"local:draft": "Paused."})
    spoken.move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, render.is_whole) == (RenderState.SPEAKING, False)
    assert request_cancel(render, user=None)
    monkeypatch.undo()
    spoken.move_on(str(render.speech_id))
    render.refresh_from_db()
    assert (render.state, balance(workspace).held_micros, Render.objects.count()) == ("cancelled", 0, 1)


@pytest.mark.usefixtures("parts_of_six_seconds")
def test_a_worker_less_drive_listens_to_a_long_script_s_voice(workspace: Workspace) -> None:
    (render,) = take(asked(workspace, LONG), user=None)

    def look(one: Render, _job: object) -> None:
        if one.state == RenderState.QUEUED:
            request_cancel(one, user=None)

    ended = drive(render.pk, on_look=look)
    assert (ended.state, ended.is_whole, balance(workspace).held_micros) == ("cancelled", True, 0)


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

"""Long voices that nobody has listened to: asked for at the door, heard once by a task, and the price follows."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.queue import jobs
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.workspaces.models import Workspace
from studio.batches.check import check_table
from studio.batches.make import ask_for, make_table, try_failed_again
from studio.batches.take_in import take_in
from studio.media.errors import Refusal, UploadRefused
from studio.media.voices.split import Split
from studio.media.voices.split import Stretch as Found
from studio.models import BatchTable, Listening, Part, Render, TableState, Upload
from studio.pipeline.long import sound
from studio.pipeline.long.plan import Plan, quote_video
from studio.pipeline.long.sound import hear, listen_to, prepare, sound_of
from studio.projects import project_for_new_video
from studio.uploads.listening import TASK, BeingListenedTo, ask_to_listen, listen_ahead
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.batches.tables import as_csv
from tests.studio.pipeline.long import house as at
from tests.studio.pipeline.long.test_doors import Program

pytestmark = pytest.mark.django_db
HOUR_MS = 3_600_000
SENTENCE = "The voice is being listened to, which takes about 40 seconds. The price follows."


class Ear:
    """In the place of the decoder: counts how often it was asked, and may fail."""

    def __init__(self) -> None:
        self.heard = 0
        self.fault: Exception | None = None

    def __call__(self, *_args: Any, **_also: Any) -> Split:
        self.heard += 1
        if self.fault:
            raise self.fault
        return Split(10_000, tuple(Found(n * 100_000, (n + 1) * 100_000, f"{n:064}") for n in range(36)))


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch, media: Any) -> Ear:
    found = Ear()
    monkeypatch.setattr(sound.judge, "split", found)
    return found


@pytest.fixture
def program(house: Workspace, cast: Cast) -> Program:
    return Program(house, cast.alice)


@pytest.fixture
def voice(house: Workspace, ear: Ear) -> Upload:
    return unheard(house)


def unheard(house: Workspace, ms: int = HOUR_MS, name: str = "lecture.wav") -> Upload:
    """A voice from before, with its file and without its stretches."""
    upload = at.long_voice(house, [("all of it", ms)], name)
    del upload.details["stretches"]
    upload.save()
    default_storage.save(upload.file.name or "", ContentFile(b"sound"))
    return upload


def queued() -> list[str]:
    return [task.task["kwargs"]["voice_id"] for task in OrmQ.objects.all() if task.task["func"] == jobs.path_of(TASK)]


def due(voice: Upload) -> None:
    Listening.objects.filter(pk=voice.pk).update(next_try_at=timezone.now())


def test_every_door_answers_within_a_second(program: Program, cast: Cast, voice: Upload, ear: Ear) -> None:
    house = voice.workspace
    made_of = {"portrait": shop.portrait_of(house).pk, "voice": voice.pk}
    answers = {
        "/quotes": made_of,
        "/renders": made_of,
        "/batches": {"items": [made_of]},
        "/batches/quotes": {"items": [made_of]},
    }
    program.get("/models")  # by which everything is imported
    for path, body in answers.items():
        begun = time.thread_time()  # of this request's own work, however busy the machine is
        answer = Client().post(f"/api/v1{path}", body, content_type="application/json", headers=program.headers)
        assert time.thread_time() - begun < 1
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["field"]) == (409, "voice_being_heard", "voice")
        assert (problem["detail"], problem["remedy"]) == (SENTENCE, "Ask again then.")
        assert 0 < int(answer["Retry-After"]) == problem["retry_after_seconds"] <= 40
    assert (ear.heard, queued(), Render.objects.count()) == (0, [voice.pk], 0)
    assert listen_to(voice.pk)
    quote = program.post("/quotes", made_of)
    assert len(quote["parts"]) == 36
    assert program.post("/renders", {**made_of, "quote": quote["id"]})["state"] == "queued"
    assert ear.heard == 1


def test_an_agent_reads_the_same_sentence(program: Program, voice: Upload) -> None:
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "quote", "arguments": {"voice": voice.pk}},
    }
    headers = {**program.headers, "Accept": "application/json, text/event-stream"}
    answer = Client().post("/mcp", call, content_type="application/json", headers=headers)
    assert SENTENCE in answer.content.decode()
    assert "voice_being_heard" in answer.content.decode()


def test_the_maker_says_so_and_then_shows_the_plan(house: Workspace, cast: Cast, voice: Upload, ear: Ear) -> None:
    browser, route = cast.browser(cast.alice), {"workspace": house.slug}
    portrait = shop.portrait_of(house)
    asked = {"portrait": portrait.pk, "voice": voice.pk, "model": "draft", "routing": "cheapest", "takes": "1"}
    page = browser.get(reverse("video_new", kwargs=route), {"portrait": portrait.pk, "voice": voice.pk, "draft": "1"})
    begun = time.thread_time()
    panel = browser.post(reverse("video_quote", kwargs=route), asked)
    assert time.thread_time() - begun < 1
    for answer in (page, panel):
        told = " ".join(answer.content.decode().split())
        assert (SENTENCE in told, 'id="price-waits"' in told, "data-make disabled" in told) == (True, True, True)
    waits = {"HX-Trigger": "price-waits"}
    assert browser.post(reverse("video_quote", kwargs=route), asked, headers=waits).status_code == 204
    made = browser.post(
        reverse("video_new", kwargs=route), {**asked, "max_amount_micros": "1", "idempotency_key": "ask_1"}
    )
    assert (made.status_code, SENTENCE in made.content.decode()) == (422, True)
    assert (Render.objects.count(), ear.heard, queued()) == (0, 0, [voice.pk])
    listen_to(voice.pk)
    panel = browser.post(reverse("video_quote", kwargs=route), asked, headers=waits)
    assert (panel.status_code, len(panel.context["panel"].parts)) == (200, 36)
    assert "price-waits" not in panel.content.decode()


def test_a_voice_that_can_not_be_split_says_so_on_the_page(
    house: Workspace, cast: Cast, voice: Upload, ear: Ear
) -> None:
    ear.fault = UploadRefused(Refusal.VOICE_OVER_LIMITS, "It takes too long to read.", "Save it as MP3.")
    ask_to_listen(voice)
    assert listen_to(voice.pk)
    asked = {"portrait": shop.portrait_of(house).pk, "voice": voice.pk, "model": "draft"}
    panel = cast.browser(cast.alice).post(reverse("video_quote", kwargs={"workspace": house.slug}), asked)
    told = " ".join(panel.content.decode().split())
    assert ("It takes too long to read. Save it as MP3." in told, "price-waits" in told) == (True, False)
    with pytest.raises(UploadRefused):
        sound_of(voice)
    assert (ear.heard, len(queued())) == (1, 1)
    Listening.objects.update(asked_at=timezone.now() - sound.REFUSED_FOR)
    ear.fault = None
    with pytest.raises(BeingListenedTo):
        sound_of(voice)
    assert listen_to(voice.pk)
    assert len(sound_of(voice).stretches) == 36


def test_a_new_long_voice_is_listened_to_before_anybody_asks(house: Workspace, ear: Ear) -> None:
    short, long_one = unheard(house, 300_000), unheard(house, 300_001, "long.wav")
    listen_ahead(short)
    listen_ahead(long_one)
    assert (queued(), list(Listening.objects.values_list("pk", flat=True))) == ([long_one.pk], [long_one.pk])
    assert quote_video(voice=short, model="draft").voice_ms == 300_000
    assert ear.heard == 0


def test_two_at_once_listen_once(voice: Upload, ear: Ear) -> None:
    ask_to_listen(voice)
    ask_to_listen(voice)
    assert queued() == [voice.pk]
    first = Listening.objects.get(pk=voice.pk)
    second = Listening.objects.get(pk=voice.pk)
    assert (first.claim(sound.LEASE), second.claim(sound.LEASE)) == (True, False)
    assert (listen_to(voice.pk), ear.heard) == (False, 0)
    due(voice)
    assert (listen_to(voice.pk), listen_to(voice.pk), ear.heard) == (True, False, 1)


def test_what_a_killed_worker_had_comes_back_and_not_for_ever(voice: Upload, ear: Ear) -> None:
    ask_to_listen(voice)
    ear.fault = KeyboardInterrupt()  # as nothing that is caught
    for tries in range(1, sound.MAX_TRIES + 1):
        with pytest.raises(KeyboardInterrupt):
            listen_to(voice.pk)
        row = Listening.objects.get(pk=voice.pk)
        assert row.next_try_at is not None
        assert (row.tries, row.next_try_at > timezone.now()) == (tries, True)
        OrmQ.objects.all().delete()
        assert (sweep_kind("listening"), queued()) == (0, [])
        due(voice)
        assert (sweep_kind("listening"), queued()) == (1, [voice.pk])
    assert listen_to(voice.pk)
    with pytest.raises(UploadRefused, match="could not be listened to"):
        sound_of(voice)


def test_a_store_that_is_away_is_asked_again(voice: Upload, ear: Ear) -> None:
    ask_to_listen(voice)
    ear.fault = OSError("away")
    assert not listen_to(voice.pk)
    due(voice)
    ear.fault = None
    assert listen_to(voice.pk)
    assert Listening.objects.get(pk=voice.pk).next_try_at is None


def test_a_price_stands_for_a_while_and_is_then_looked_at_again(house: Workspace, voice: Upload, ear: Ear) -> None:
    hear(voice, "draft")
    at.ask(house, at.lecture(house))  # there is more that it may have in common with others
    assert Part.objects.exists()
    assert len(sound_of(voice).stretches) == 36
    voice.details["stretches"]["at"] -= sound.FRESH_SECONDS
    voice.save()
    with pytest.raises(BeingListenedTo):
        prepare((voice, "draft"))
    assert listen_to(voice.pk)
    assert (len(sound_of(voice).stretches), ear.heard) == (36, 2)
    voice.sentences = [[0, 1_000, "Hello."]]
    voice.save()
    with pytest.raises(BeingListenedTo):
        sound_of(voice)


def test_a_table_waits_for_a_voice_and_prices_what_it_knows(house: Workspace, voice: Upload, ear: Ear) -> None:
    portrait, short = shop.portrait_of(house), shop.voice_of(house)
    lines = [{"portrait": portrait.pk, "voice": one.pk, "title": one.name} for one in (voice, short)]
    table = take_in(house, project_for_new_video(house), as_csv(lines), name="t.csv", user=None)
    assert (table.state, table.why) == (TableState.CHECKING, SENTENCE)
    assert [row.state for row in table.rows.order_by("number")] == ["new", "good"]
    assert (ear.heard, queued()) == (0, [voice.pk])
    assert not check_table(table.pk)
    listen_to(voice.pk)
    BatchTable.objects.update(next_try_at=timezone.now())
    assert check_table(table.pk)
    table.refresh_from_db()
    assert (table.state, table.why) == (TableState.CHECKED, "")
    ceiling = sum(table.rows.values_list("ceiling_micros", flat=True))
    at.ask(house, at.lecture(house))
    stale(voice)
    ask_for(table, ceiling_micros=ceiling, rights=True)
    assert not make_table(table.pk)
    table.refresh_from_db()
    assert (table.why, table.rows.filter(render=None).count()) == (SENTENCE, 2)
    listen_to(voice.pk)
    BatchTable.objects.update(next_try_at=timezone.now())
    assert make_table(table.pk)
    assert Render.objects.filter(group__isnull=False, whole=None).count() == 2
    assert try_failed_again(table) == 0


def stale(voice: Upload) -> None:
    voice.refresh_from_db()
    voice.details["stretches"]["at"] = int((timezone.now() - timedelta(days=1)).timestamp())
    voice.save()


def test_whoever_may_wait_listens_at_once(house: Workspace, voice: Upload, ear: Ear) -> None:
    hear(voice, "draft")
    assert (ear.heard, Listening.objects.count()) == (1, 0)
    assert isinstance(quote_video(voice=voice, model="draft"), Plan)

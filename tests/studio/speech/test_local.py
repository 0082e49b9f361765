"""The voice of this server, spoken for real: by Piper, in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avatarsite.workspaces.models import Workspace
from billing.models import Hold
from studio.errors import RequestRefused
from studio.models import Pronunciation, Speech, SpeechPart, SpeechState, Upload
from studio.speech import rounds, speakers
from studio.speech.engines import piper
from studio.speech.engines.local import WHEEL_VOICE, LocalSpeech, models
from studio.speech.estimate import estimate
from studio.speech.plan import SpeechWish, plan_speech
from studio.speech.script import read_script
from studio.speech.speak import speak, speak_now

pytestmark = pytest.mark.django_db(transaction=True)

SCRIPT = (
    "Welcome to Avatar Studio. [pause 1s] Dr. Smith has made this video from one portrait and one voice, "
    "and it took less than a minute! Is that not wonderful?"
)
SENTENCES = [
    "Welcome to Avatar Studio.",
    "Dr. Smith has made this video from one portrait and one voice, and it took less than a minute!",
    "Is that not wonderful?",
]


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    yield
    piper.end()


@pytest.fixture
def other_workspace(cast: Any) -> Workspace:
    return Workspace.objects.create(name="Another", slug="another")


def sound_of(upload: Upload) -> tuple[np.ndarray[Any, Any], int]:
    with upload.file.open("rb") as file, av.open(file) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        return np.concatenate(frames).astype(np.float64), int(container.streams.audio[0].rate or 0)


def level(sound: np.ndarray[Any, Any], rate: int, start_ms: float, end_ms: float) -> float:
    part = sound[int(start_ms * rate / 1000) : int(end_ms * rate / 1000)]
    return float(np.sqrt((part**2).mean()))


def test_a_script_becomes_a_voice_that_knows_its_words_and_times(workspace: Workspace) -> None:
    speech = speak_now(SpeechWish(workspace, SCRIPT))
    upload = speech.upload
    assert (speech.state, speech.failure_message) == (SpeechState.READY, "")
    assert upload is not None
    assert (upload.script, [one[2] for one in upload.sentences]) == (SCRIPT, SENTENCES)
    assert (upload.kind, upload.name, speech.charge_micros, speech.hold) == (
        "voice",
        "Welcome to Avatar Studio. Dr. Smith has made this video.flac",
        0,
        None,
    )
    sound, rate = sound_of(upload)
    assert abs(len(sound) * 1000 / rate - (upload.duration_ms or 0)) <= 1
    for start, end, _ in upload.sentences:  # sound begins and ends within 0.15 s of what is said
        assert level(sound, rate, start, start + 150) > 300
        assert level(sound, rate, end - 150, end) > 100
    for (_, end, _), (start, _, _) in zip(upload.sentences, upload.sentences[1:], strict=False):
        assert level(sound, rate, end + 30, start - 30) < 300
    assert upload.sentences[1][0] - upload.sentences[0][1] >= 1_000
    guess = estimate(read_script(SCRIPT), speakers.speaker_of(speech.speaker).rate)
    assert upload.duration_ms is not None
    assert abs(guess.ms - upload.duration_ms) < 0.25 * upload.duration_ms
    assert upload.duration_ms <= guess.most_ms


def test_the_same_words_again_are_the_same_voice_and_others_are_not(workspace: Workspace) -> None:
    first = speak_now(SpeechWish(workspace, "The same words, once more."))
    assert speak(SpeechWish(workspace, "The  same words,\nonce more. ")) == first
    other_pace = speak(SpeechWish(workspace, "The same words, once more.", pace=2.0))
    assert other_pace != first
    Pronunciation.objects.create(workspace=workspace, word="nothing", said="zilch")
    assert speak(SpeechWish(workspace, "The same words, once more.")) == first
    Pronunciation.objects.create(workspace=workspace, word="WORDS", said="vords")
    again = speak(SpeechWish(workspace, "The same words, once more."))
    assert again != first
    assert [part.said for part in again.parts.all()] == [["The same vords, once more."]]
    assert [part.sentences for part in again.parts.all()] == [["The same words, once more."]]
    assert not Hold.objects.exists()


def test_pace_is_heard(workspace: Workspace) -> None:
    words = "This is a sentence of some length, to be said at several paces, one after the other."
    lengths = [speak_now(SpeechWish(workspace, words, pace=pace)).upload.duration_ms for pace in (0.5, 1.0, 2.0)]  # type: ignore[union-attr]
    assert lengths[0] > 1.5 * lengths[1] > 1.5 * 1.5 * lengths[2]


def test_a_short_word_is_a_voice_too(workspace: Workspace) -> None:
    upload = speak_now(SpeechWish(workspace, "Hi.")).upload
    assert upload is not None
    assert upload.duration_ms == 2_000


def test_a_round_is_a_part_and_workspaces_take_turns(workspace: Workspace, other_workspace: Workspace) -> None:
    long = " ".join(f"This is sentence number {number} of a long script, which takes a while." for number in range(16))
    first = speak(SpeechWish(workspace, long))
    second = speak(SpeechWish(other_workspace, "And a short one of somebody else."))
    assert first.parts.count() == 3
    order: list[str] = []
    served: dict[str, float] = {}
    while (following := rounds._next(served)) is not None:
        served[following[0]] = len(order) + 1.0
        order.append(following[1])
        rounds.speak_on(following[1])
    assert order == [first.pk, second.pk, first.pk, first.pk]
    assert set(Speech.objects.values_list("state", flat=True)) == {SpeechState.READY}


def test_a_process_that_is_killed_between_sentences_is_started_again_unnoticed(workspace: Workspace) -> None:
    speak_now(SpeechWish(workspace, "This makes it warm."))
    assert piper._warm.piper is not None
    os.killpg(piper._warm.piper.pid, signal.SIGKILL)
    speech = speak_now(SpeechWish(workspace, "This meets a process that is dead."))
    part = SpeechPart.objects.get(speech=speech)
    assert (speech.state, part.attempt, part.failure_code) == (SpeechState.READY, 1, "")


def test_what_outgrows_the_memory_of_a_process_is_said_by_another_or_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = "Sentences of this length are said at once."
    script = (short, "This one is longer than its process has memory for, and " * 4 + "has to be parted.", short)
    model = next(iter(models().values()))
    monkeypatch.setattr(piper, "LONGEST", 300)
    usual = piper.say_all(script, model=model, scale=1.0, folder=tmp_path)
    piper.end()
    started = []

    class Counted(piper.Piper):
        def __init__(self, *how: Any) -> None:
            super().__init__(*how)
            started.append(self.pid)

    monkeypatch.setattr(piper, "Piper", Counted)
    monkeypatch.setattr(piper, "MEMORY_MB", 450)
    scarce = piper.say_all(script, model=model, scale=1.0, folder=tmp_path)
    assert len(started) > 2
    for one, other in zip(usual, scarce, strict=True):
        assert 0.75 < other.ms / one.ms < 1.4
    assert list(tmp_path.glob(".piper-*")) == [tmp_path / Path(piper._warm.piper._folder).name]  # type: ignore[union-attr]


def test_a_sentence_is_parted_where_it_pauses_and_loses_nothing() -> None:
    assert piper.halves("One, two three four, five six seven") == ("One, two three four,", "five six seven")
    assert piper.halves("one two three") == ("one", "two three")
    assert piper.halves("x" * 9) == ("x" * 4, "x" * 5)


def test_a_sentence_of_many_words_is_said_in_halves_and_stays_one(workspace: Workspace) -> None:
    """At once it would take more memory than a worker has for it."""
    clause = "and then somebody else came along and told us that it goes on for a while"
    sentence = f"It began here, {', '.join([clause] * 5)}, {' '.join(['on and on'] * 9)}."
    assert 450 < len(sentence) <= LocalSpeech.max_characters
    speech = speak_now(SpeechWish(workspace, sentence))
    part, upload = SpeechPart.objects.get(speech=speech), speech.upload
    assert upload is not None
    assert (speech.state, part.attempt, [one[2] for one in upload.sentences]) == (SpeechState.READY, 1, [sentence])
    start, end, _ = upload.sentences[0]
    assert end - start > 20_000
    longest = estimate(read_script(sentence), LocalSpeech().speakers()[WHEEL_VOICE].rate).most_ms
    assert end <= (upload.duration_ms or 0) <= longest


def test_an_engine_that_has_grown_gives_way_to_a_new_one(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pids: list[int] = []
    say = piper.Piper.say

    def said(one: piper.Piper, sentence: str) -> piper.Samples:
        pids.append(one.pid)
        return say(one, sentence)

    monkeypatch.setattr(piper.Piper, "say", said)
    monkeypatch.setattr(piper, "MAX_RESIDENT", 1)
    speech = speak_now(SpeechWish(workspace, "One. Two. Three."))
    assert (speech.state, speech.parts.get().attempt, len(set(pids)), len(pids)) == (SpeechState.READY, 1, 3, 3)


def test_whoever_lets_go_of_its_turn_keeps_no_engine(workspace: Workspace) -> None:
    speak(SpeechWish(workspace, "There is memory for one engine, whichever process speaks."))
    assert rounds.speak_here()
    assert (Speech.objects.get().state, piper._warm.piper) == (SpeechState.READY, None)


def test_a_hanging_engine_is_ended_as_a_group_and_the_speech_fails(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piper, "START_SECONDS", 0.02)
    monkeypatch.setattr(piper, "SENTENCE_SECONDS", 0.0)
    monkeypatch.setattr(rounds, "MAX_ATTEMPTS", 1)
    speech = speak_now(SpeechWish(workspace, "Nobody hears this."))
    assert (speech.state, speech.failure_code) == (SpeechState.FAILED, "speech_provider")
    assert speech.failure_message == "The voice broke while it was spoken. Nothing was charged; try again."
    assert piper._warm.piper is None


def test_without_the_extra_no_voice_is_offered(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.speech.engines.local.find_spec", lambda _name: None)
    assert [one for one in speakers.speakers() if one.engine == "local"] == []
    with pytest.raises(RequestRefused) as refused:
        plan_speech(SpeechWish(workspace, "Hello.", voice="local:en_US-joe-medium"))
    assert (refused.value.field, refused.value.code) == ("voice", "voice_unavailable")


def test_a_folder_brings_voices(settings: Any, tmp_path: Path) -> None:
    model = next(iter(LocalSpeech().speakers()))
    settings.VOICES_DIR = str(tmp_path)
    (tmp_path / "de_DE-thorsten-low.onnx").write_bytes(b"")
    (tmp_path / "de_DE-thorsten-low.onnx.json").write_text('{"language": {"code": "de_DE"}}')
    (tmp_path / "no_card.onnx").write_bytes(b"")
    found = {speaker.id: (speaker.name, speaker.language) for speaker in LocalSpeech().speakers().values()}
    assert found == {f"local:{model}": ("Joe", "en-US"), "local:de_DE-thorsten-low": ("Thorsten", "de-DE")}

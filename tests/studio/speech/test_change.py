"""A changed sentence, spoken for real: the rest of the voice stays the same sample for sample."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.media.voices.samples import Values, samples_of_file
from studio.models import Render, Speech, Upload, UploadKind
from studio.speech import rounds
from studio.speech.change import Change, change_of, with_sound
from studio.speech.engines import piper
from studio.speech.plan import SpeechWish
from studio.speech.speak import speak_now
from studio.uploads.add import add_upload
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db(transaction=True)
SCRIPT = "Here is the first sentence. The second one is wrong. A third one follows it. And this is the last."
SENTENCES = [f"{said}." for said in SCRIPT.removesuffix(".").split(". ")]
CHANGED = SCRIPT.replace("The second one is wrong.", "The second one is quite right now.")


@pytest.fixture(autouse=True)
def _folder(settings: Any, tmp_path: Path) -> Iterator[None]:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    yield
    piper.end()


def heard(upload: Upload, folder: Path) -> Values:
    path = folder / "heard"
    with upload.file.open("rb") as file:
        path.write_bytes(file.read())
    with samples_of_file(path) as samples:
        return np.array(samples.values)


def shared(one: Values, other: Values) -> tuple[int, int]:
    """How many samples both begin with, and how many they end with."""
    size = min(len(one), len(other))
    ahead = int(np.argmin(np.append((one[:size] == other[:size]).all(axis=1), False)))
    behind = int(np.argmin(np.append((one[::-1][:size] == other[::-1][:size]).all(axis=1), False)))
    return ahead, behind


def spoken(workspace: Workspace) -> Upload:
    voice = speak_now(SpeechWish(workspace, SCRIPT)).upload
    assert voice is not None
    assert [one[2] for one in voice.sentences] == SENTENCES
    return voice


def finished(house: Workspace, voice: Upload) -> Render:
    video = shop.ready(house)
    Render.objects.filter(pk=video.pk).update(voice=voice)
    return video


def test_one_changed_sentence_is_spoken_and_the_rest_is_kept(cast: Cast, tmp_path: Path) -> None:
    """From the page of a finished video to the form with the new voice."""
    house = shop.open_shop(cast.workspace)
    voice = spoken(house)
    video = finished(house, voice)
    page = reverse("video_change", kwargs={"workspace": house.slug, "render": video.pk})
    owner = cast.browser(cast.alice)
    assert "Change the script" in owner.get(page).content.decode()
    waits = owner.post(page, {"script": CHANGED})["Location"]
    assert "Speaking the change" in owner.post(waits).content.decode()
    speech = Speech.objects.latest("pk")
    assert speech.script == "The second one is quite right now."
    while not speech.ended:
        rounds.speak_on(speech.pk)
        speech = Speech.objects.get(pk=speech.pk)
    done = owner.post(waits)["Location"]
    asked = parse_qs(urlparse(done).query)
    made = Upload.objects.get(pk=asked["voice"][0])
    assert asked["again"] == [video.pk]
    assert (made.script, [one[2] for one in made.sentences]) == (CHANGED, [SENTENCES[0], speech.script, *SENTENCES[2:]])
    old, new = heard(voice, tmp_path), heard(made, tmp_path)
    rate = made.details["sample_rate"]
    ahead, behind = shared(old, new)
    assert ahead / rate * 1000 >= voice.sentences[0][1]
    assert behind / rate * 1000 >= voice.duration_ms - voice.sentences[2][0]
    again = change_of(made, made.script.replace("quite right now", "right"))
    assert again == Change(1, 2, "The second one is right.")
    for (_, end, _), (start, _, _) in zip(made.sentences, made.sentences[1:], strict=False):
        assert end <= start


def test_a_sentence_taken_out_needs_no_speaking(cast: Cast, tmp_path: Path) -> None:
    house = shop.open_shop(cast.workspace)
    voice = spoken(house)
    video = finished(house, voice)
    page = reverse("video_change", kwargs={"workspace": house.slug, "render": video.pk})
    answer = cast.browser(cast.alice).post(page, {"script": SCRIPT.replace(" A third one follows it.", "")})
    made = Upload.objects.get(pk=parse_qs(urlparse(answer["Location"]).query)["voice"][0])
    assert [one[2] for one in made.sentences] == [*SENTENCES[:2], SENTENCES[3]]
    assert Speech.objects.count() == 1
    old, new = heard(voice, tmp_path), heard(made, tmp_path)
    ahead, behind = shared(old, new)
    assert ahead + behind >= len(new)


def test_what_is_no_change_is_refused_with_a_remedy(workspace: Workspace) -> None:
    voice = spoken(workspace)
    for script, code in ((SCRIPT, "script_unchanged"), ("", "script_says_nothing")):
        with pytest.raises(RequestRefused) as refusal:
            change_of(voice, script)
        assert refusal.value.code == code


def recording(seed: int, seconds: float) -> ContentFile[bytes]:
    chance, out = np.random.default_rng(seed), io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(chance.integers(-9_000, 9_000, round(seconds * 16_000)).astype(np.int16).tobytes())
    return ContentFile(out.getvalue(), f"{seed}.wav")


def test_a_stretch_of_a_recording_is_replaced(cast: Cast, tmp_path: Path) -> None:
    house = shop.open_shop(cast.workspace)
    voice = add_upload(house, kind=UploadKind.VOICE, file=recording(1, 10), name="talk.wav")
    video = finished(house, voice)
    page = reverse("video_change", kwargs={"workspace": house.slug, "render": video.pk})
    owner = cast.browser(cast.alice)
    assert "Change the script" not in owner.get(page).content.decode()
    answer = owner.post(page, {"begin": "0:04", "end": "5.5", "sound": recording(2, 1)})
    made = Upload.objects.get(pk=parse_qs(urlparse(answer["Location"]).query)["voice"][0])
    assert (made.name, made.duration_ms) == ("talk, changed.flac", 9_500)
    assert shared(heard(voice, tmp_path), heard(made, tmp_path)) == (4 * 16_000, 72_000)
    bad = owner.post(page, {"begin": "0:04", "end": "0:70", "sound": recording(2, 1)})
    assert (bad.status_code, "has to lie within the voice" in bad.content.decode()) == (422, True)
    nothing = owner.post(page, {"begin": "four", "end": "5", "sound": ContentFile(b"no sound", "x.wav")})
    assert "like 1:05" in nothing.content.decode()
    broken = owner.post(page, {"begin": "4", "end": "5", "sound": ContentFile(b"no sound", "x.wav")})
    assert (broken.status_code, "can’t be cut" in broken.content.decode()) == (422, True)
    with pytest.raises(RequestRefused):
        with_sound(voice, recording(2, 1), 5_000, 4_000, None)

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import wave
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from studio.media.draft.engine import DraftFacts, DraftInputError, render_draft
from studio.media.draft.eyes import EyeTable, blink_track
from studio.media.draft.face import Face, find_face
from studio.media.draft.lips import measure_lips
from studio.media.draft.mouth import MouthTable
from studio.media.draft.picture import read_portrait, video_size
from studio.media.draft.sound import RATE, listen
from tests.support.paths import ROOT

# One worker renders what they share.
pytestmark = pytest.mark.xdist_group("draft")

PORTRAIT, VOICE = ROOT / "samples/portrait.jpg", ROOT / "samples/voice-welcome.mp3"
Gray = NDArray[np.float32]


@dataclass(frozen=True)
class Film:
    path: Path
    facts: DraftFacts
    frames: list[NDArray[np.uint8]]  # brightness, one per frame
    progress: list[tuple[int, int]]

    def changes(self, box: tuple[int, int, int, int]) -> Gray:
        """How much the box (left, top, right, bottom) changes from each frame to the next, in mean grey levels."""
        left, top, right, bottom = box
        seen = np.stack([frame[top:bottom, left:right] for frame in self.frames]).astype(np.float32)
        return np.asarray(np.abs(np.diff(seen, axis=0)).mean(axis=(1, 2)), np.float32)


def film(portrait: Path, voice: Path, path: Path, **options: Any) -> Film:
    progress: list[tuple[int, int]] = []
    facts = render_draft(
        portrait, voice, path, output_format=path.suffix[1:], progress=lambda *step: progress.append(step), **options
    )
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return Film(path, facts, frames, progress)


def streams(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        found: dict[str, Any] = {
            "codecs": (video.codec_context.name, audio.codec_context.name),
            "rate": video.average_rate,
            "size": (video.width, video.height),
            "pixels": video.pix_fmt,
        }
        found["video_ms"] = sum(1 for _ in container.decode(video)) * 40
    with av.open(str(path)) as container:
        found["audio_ms"] = sum(1000 * frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    return found


def write_voice(path: Path, samples: Gray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


@cache
def spoken() -> Gray:
    """The sample voice at the rate that the engine hears with."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(VOICE)) as container:
        parts = [
            part.to_ndarray().reshape(-1) for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)


def loud_and_silent(seconds: int) -> Gray:
    """A second of speech, a second of silence, and so on."""
    said = np.resize(spoken()[int(0.9 * RATE) : int(4.9 * RATE)], seconds * RATE)
    return said * (np.arange(len(said)) // RATE % 2 == 0)


def loud_frames(frames: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which steps between frames are in speech and which in silence, a while after each has begun."""
    since = np.arange(frames - 1) % 50
    return (since > 5) & (since < 24), (since > 32) & (since < 49)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film(PORTRAIT, VOICE, tmp_path_factory.mktemp("draft") / "talk.mp4")


@pytest.fixture(scope="module")
def still_life(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture without a face: a vase on a table, more or less."""
    y, x = np.mgrid[0:301, 0:401].astype(np.float32)
    picture = np.stack([40 + 0.3 * y, 90 + 0.2 * x, 160 - 0.2 * y], axis=2)
    picture[(np.abs(x - 200) < 30 + 20 * np.sin(y / 40)) & (y > 80) & (y < 240)] = (30, 20, 40)
    path = tmp_path_factory.mktemp("still") / "vase.png"
    Image.fromarray(picture.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def small_portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The head of the sample, with sides that no encoder takes as they are."""
    path = tmp_path_factory.mktemp("small") / "head.png"
    with Image.open(PORTRAIT) as picture:
        picture.crop((100, 0, 400, 290)).resize((271, 261)).save(path)
    return path


def mouth_box(portrait: Path) -> tuple[int, int, int, int]:
    face, lips = found(portrait)
    xs, ys = face.to_picture(
        np.array([lips.u - 0.5, lips.u + 0.5], np.float32), np.array([lips.corner_v - 0.1, 1.5], np.float32)
    )
    return int(xs[0]), int(ys[0]), int(xs[1]), int(ys[1])


@cache
def found(portrait: Path) -> tuple[Face, Any]:
    picture = read_portrait(portrait)
    face = find_face(picture)
    assert face is not None
    return face, measure_lips(picture, face)


# --- The file --------------------------------------------------------------------------------------------------------


def test_an_mp4_is_h264_and_aac_at_25_frames_in_the_portraits_size(talk: Film) -> None:
    made = streams(talk.path)
    assert made["codecs"] == ("h264", "aac")
    assert made["rate"] == 25
    assert made["size"] == (512, 512)
    assert made["pixels"] == "yuv420p"
    assert talk.facts == DraftFacts(frames=210, fps=25, width=512, height=512, duration_ms=8400)


def test_picture_and_sound_last_as_long_as_the_voice(talk: Film) -> None:
    made = streams(talk.path)
    assert made["video_ms"] == 8400  # 8.417 s to the nearest frame
    assert 8417 <= made["audio_ms"] < 8417 + 40


def test_an_mp4_can_start_before_it_is_whole(talk: Film) -> None:
    content = talk.path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_progress_rises_frame_by_frame_to_the_end(talk: Film) -> None:
    assert talk.progress == [(done, 210) for done in range(211)]


@pytest.mark.parametrize(("suffix", "codecs"), [("webm", ("vp9", "opus")), ("mov", ("h264", "aac"))])
def test_other_formats_bring_their_own_codecs(
    tmp_path: Path, small_portrait: Path, suffix: str, codecs: tuple[str, str]
) -> None:
    voice = write_voice(tmp_path / "voice.wav", spoken()[: 2 * RATE])
    made = streams(film(small_portrait, voice, tmp_path / f"talk.{suffix}").path)
    assert made["codecs"] == codecs
    assert made["rate"] == 25
    assert made["video_ms"] == 2000
    assert 2000 <= made["audio_ms"] <= 2025


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_the_same_inputs_give_the_same_bytes_in_another_process(
    tmp_path: Path, small_portrait: Path, suffix: str
) -> None:
    voice = write_voice(tmp_path / "voice.wav", spoken()[: 2 * RATE])
    here = film(small_portrait, voice, tmp_path / f"here.{suffix}")
    there = tmp_path / f"there.{suffix}"
    run_engine(small_portrait, voice, there)
    assert sha256(here.path) == sha256(there)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_what_the_memory_held_before_makes_no_difference(tmp_path: Path, small_portrait: Path, suffix: str) -> None:
    """The library that allocates fills it with something else each time."""
    voice = write_voice(tmp_path / "voice.wav", spoken()[:RATE])
    made = {}
    for filling in ("0", "1", "2"):
        output = tmp_path / f"{filling}.{suffix}"
        run_engine(small_portrait, voice, output, MALLOC_PERTURB_=filling)
        made[filling] = sha256(output)
    assert len(set(made.values())) == 1, made


def test_another_prompt_moves_the_head_otherwise(tmp_path: Path, small_portrait: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", spoken()[:RATE])
    plain = film(small_portrait, voice, tmp_path / "plain.mp4")
    calm = film(small_portrait, voice, tmp_path / "calm.mp4", prompt="Calm.")
    assert sha256(plain.path) != sha256(calm.path)


def test_more_quality_makes_a_larger_file(tmp_path: Path, small_portrait: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", spoken()[:RATE])
    rough, fine = (film(small_portrait, voice, tmp_path / f"{q}.mp4", output_quality=q) for q in (20, 99))
    assert fine.path.stat().st_size > 1.5 * rough.path.stat().st_size


# --- The performance -------------------------------------------------------------------------------------------------


def test_the_mouth_moves_while_the_voice_is_loud_and_rests_while_it_is_silent(tmp_path: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", loud_and_silent(6))
    changes = film(PORTRAIT, voice, tmp_path / "talk.mp4").changes(mouth_box(PORTRAIT))
    loud, silent = loud_frames(150)
    assert changes[loud].mean() > 8 * changes[silent].mean()


def test_what_is_seen_in_the_mouth_follows_what_is_heard(talk: Film) -> None:
    left, top, right, bottom = mouth_box(PORTRAIT)
    # An open mouth is dark inside: count the pixels that no skin is as dark as.
    dark = [(frame[top:bottom, left:right] < 60).mean() for frame in talk.frames]
    heard = listen(VOICE).opening
    by_lag = {lag: np.corrcoef(dark[5 + lag : 205 + lag], heard[5:205])[0, 1] for lag in range(-5, 6)}
    assert by_lag[0] > 0.75
    assert max(by_lag, key=lambda lag: by_lag[lag]) == 0


def test_the_mouth_opens_within_two_frames_and_closes_within_four(tmp_path: Path) -> None:
    heard = listen(write_voice(tmp_path / "voice.wav", loud_and_silent(4)))
    assert heard.opening[24] > 0.1  # still speaking
    assert heard.opening[29:49].max() < 0.05
    assert heard.opening[50:53].max() > 0.2


def test_a_voice_of_silence_keeps_the_mouth_shut(tmp_path: Path) -> None:
    heard = listen(write_voice(tmp_path / "voice.wav", np.zeros(2 * RATE, np.float32)))
    assert heard.frames == 50
    assert not heard.opening.any()
    assert not heard.level.any()


def test_bright_vowels_spread_the_lips_and_dark_ones_round_them(tmp_path: Path) -> None:
    ee, oo = vowel(270, 2300), vowel(300, 870)
    heard = listen(write_voice(tmp_path / "voice.wav", np.concatenate([ee, oo, ee, oo])))
    for start, sign in ((0, 1), (25, -1), (50, 1), (75, -1)):
        assert (sign * heard.width[start + 8 : start + 22] > 0.4).all()


def vowel(first: float, second: float) -> Gray:
    """A second of a voice at 120 Hz with two formants."""
    t = np.arange(RATE) / RATE
    tones = [
        np.sin(2 * np.pi * 120 * n * t) / sum(1 + ((120 * n - formant) / 90) ** 2 for formant in (first, first))
        + 0.6 * np.sin(2 * np.pi * 120 * n * t) / (1 + ((120 * n - second) / 120) ** 2)
        for n in range(1, 40)
    ]
    voice = np.sum(tones, axis=0)
    return np.asarray(0.5 * voice / np.abs(voice).max(), np.float32)


def test_a_wide_mouth_is_wider_than_a_round_one() -> None:
    picture = read_portrait(PORTRAIT)
    face, lips = found(PORTRAIT)
    table = MouthTable(picture, face, lips)
    across = []
    for width in (1.0, -1.0):
        shut, opened = (table.draw(opening, width).astype(int) for opening in (0.0, 0.6))
        across.append(np.ptp(np.flatnonzero((shut - opened > 60).all(axis=2).any(axis=0))))
    assert across[0] > 1.25 * across[1]


def test_the_edges_of_what_is_drawn_are_the_portraits_own_pixels() -> None:
    picture = read_portrait(PORTRAIT)
    face, lips = found(PORTRAIT)
    table = MouthTable(picture, face, lips)
    box = table.box
    own = picture[box.top : box.bottom, box.left : box.right].astype(int)
    for shape in ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0), (0.5, -1.0)):
        off = np.abs(table.draw(*shape) - own)
        assert max(side.max() for side in (off[0], off[-1], off[:, 0], off[:, -1])) <= 1


def test_eyes_blink_every_few_seconds_and_only_the_eyes() -> None:
    track = blink_track(60 * 25, 25, seed=1)
    begins = np.flatnonzero((track[1:] > 0) & (track[:-1] == 0))
    assert 10 <= len(begins) <= 30
    assert np.diff(begins).max() <= 6 * 25 + 4
    picture = read_portrait(PORTRAIT)
    eyes = EyeTable(picture, found(PORTRAIT)[0])
    for opened, closed in zip(eyes.shapes(0.0), eyes.shapes(1.0), strict=True):
        changed = np.abs(opened.y.astype(int) - closed.y)
        assert changed.max() > 40
        assert changed[0].max() == changed[-1].max() == 0


def test_the_head_sways_and_the_room_stands_still(talk: Film) -> None:
    head, room = talk.changes((200, 20, 260, 60)), talk.changes((420, 20, 500, 200))
    assert head.mean() > 10 * room.mean()


def test_every_frame_says_draft(talk: Film) -> None:
    portrait = np.asarray(Image.open(PORTRAIT).convert("L"), np.float32)
    marked = [np.abs(frame[17:39, 17:80] - portrait[17:39, 17:80]).mean() for frame in talk.frames]
    assert min(marked) > 10


# --- Other portraits -------------------------------------------------------------------------------------------------


def test_without_a_face_a_meter_shows_the_voice(tmp_path: Path, still_life: Path) -> None:
    assert find_face(read_portrait(still_life)) is None
    voice = write_voice(tmp_path / "voice.wav", loud_and_silent(4))
    made = film(still_life, voice, tmp_path / "vase.mp4")
    assert streams(made.path)["size"] == (400, 300)
    changes = made.changes((140, 250, 260, 280))
    loud, silent = loud_frames(100)
    # The bars run outwards for half a second after the last word.
    silent &= np.arange(99) % 50 > 40
    assert changes[loud].mean() > 8 * changes[silent].mean()


def test_without_a_face_the_picture_draws_nearer(tmp_path: Path, still_life: Path) -> None:
    voice = write_voice(tmp_path / "voice.wav", np.resize(spoken(), 4 * RATE))
    made = film(still_life, voice, tmp_path / "vase.mp4")
    vase = [int((frame[150] < 60).argmax()) for frame in (made.frames[0], made.frames[-1])]
    assert vase[1] < vase[0]


@pytest.mark.parametrize(
    ("portrait", "video"),
    [
        ((512, 512), (512, 512)),
        ((4000, 3000), (960, 720)),
        ((1080, 1920), (720, 1280)),
        ((301, 333), (300, 332)),
        ((31, 17), (438, 240)),
        ((1000, 400), (1000, 400)),
        ((9000, 900), (1920, 192)),
    ],
)
def test_the_video_has_the_portraits_ratio_even_sides_and_at_most_720p(
    portrait: tuple[int, int], video: tuple[int, int]
) -> None:
    assert video_size(*portrait) == video


def test_a_black_and_white_portrait_stays_without_colour() -> None:
    grey = np.repeat(read_portrait(PORTRAIT).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    face = find_face(grey)
    assert face is not None
    drawn = MouthTable(grey, face, measure_lips(grey, face)).draw(1.0, 0.0)
    assert np.ptp(drawn, axis=2).max() <= 1


def test_a_tiny_portrait_becomes_a_video(tmp_path: Path) -> None:
    Image.new("L", (17, 31), 128).save(tmp_path / "tiny.png")
    voice = write_voice(tmp_path / "voice.wav", spoken()[: RATE // 2])
    made = film(tmp_path / "tiny.png", voice, tmp_path / "tiny.mp4")
    assert streams(made.path)["size"] == (240, 438)
    assert made.facts.frames == 12  # 12.5 frames: the even one


def test_a_cut_out_portrait_stands_before_a_light_backdrop(tmp_path: Path) -> None:
    Image.new("RGBA", (300, 300), (200, 30, 30, 0)).save(tmp_path / "clear.png")
    assert (read_portrait(tmp_path / "clear.png")[0, 0] == (240, 237, 236)).all()


def test_a_voice_shorter_than_a_frame_still_has_one(tmp_path: Path, small_portrait: Path) -> None:
    made = film(small_portrait, write_voice(tmp_path / "voice.wav", spoken()[:100]), tmp_path / "blip.mp4")
    assert made.facts.frames == len(made.frames) == 1


# --- What goes wrong -------------------------------------------------------------------------------------------------


def test_a_portrait_that_is_no_picture_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DraftInputError, match="portrait cannot be read as a picture; save it again as JPEG or PNG"):
        render_draft(VOICE, VOICE, tmp_path / "x.mp4")


@pytest.mark.parametrize("content", [b"", b"not a sound at all" * 100, b"#EXTM3U\n#EXTINF:9,\nvoice-welcome.mp3\n"])
def test_a_voice_that_is_no_sound_is_refused_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "voice.mp3").write_bytes(content)
    with pytest.raises(DraftInputError, match="voice cannot be read as sound; save it again as MP3 or WAV"):
        render_draft(PORTRAIT, tmp_path / "voice.mp3", tmp_path / "x.mp4")
    assert not (tmp_path / "x.mp4").exists()


@pytest.mark.parametrize("options", [{"output_format": "avi"}, {"output_quality": 19}, {"output_quality": 100}])
def test_an_option_that_does_not_exist_is_an_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        render_draft(PORTRAIT, VOICE, tmp_path / "x.mp4", **options)


def test_a_render_that_is_stopped_leaves_no_file_and_no_thread(tmp_path: Path, small_portrait: Path) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    before = threading.enumerate()
    with pytest.raises(KeyboardInterrupt):
        render_draft(small_portrait, VOICE, tmp_path / "x.mp4", progress=stop)
    assert not (tmp_path / "x.mp4").exists()
    assert [
        thread for thread in threading.enumerate() if thread not in before and thread.name.startswith("draft")
    ] == []


def test_a_scratch_in_the_voice_is_a_click_and_not_the_end(tmp_path: Path) -> None:
    scratched = bytearray(VOICE.read_bytes())
    scratched[30_000:30_600] = bytes(600)
    (tmp_path / "voice.mp3").write_bytes(scratched)
    assert 8200 <= listen(tmp_path / "voice.mp3").duration_ms <= 8417


def test_an_m4a_ends_where_it_says_and_not_where_its_last_frame_does(talk: Film) -> None:
    assert listen(talk.path).duration_ms == 8417


# --- The process -----------------------------------------------------------------------------------------------------

PEAK = "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"


def run_engine(portrait: Path, voice: Path, output: Path, **environment: str) -> int:
    """Render in a new process and return its peak memory in kilobytes."""
    with start_engine(portrait, voice, output, **environment) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return int(said)


def start_engine(portrait: Path, voice: Path, output: Path, **environment: str) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from studio.media.draft.engine import render_draft; "
        "portrait, voice, output = map(Path, sys.argv[1:]); "
        f"render_draft(portrait, voice, output, output_format=output.suffix[1:]); {PEAK}"
    )
    command = [sys.executable, "-c", code, str(portrait), str(voice), str(output)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


def test_memory_does_not_grow_with_the_length_of_the_voice(tmp_path: Path, small_portrait: Path) -> None:
    # Both are long enough for every mouth shape of this voice to have been drawn.
    short, long = (write_voice(tmp_path / f"{s}.wav", np.resize(spoken(), s * RATE)) for s in (10, 60))
    peaks = [run_engine(small_portrait, voice, tmp_path / f"{voice.stem}.mp4") for voice in (short, long)]
    assert peaks[1] < peaks[0] + 12_000


def test_the_engine_needs_no_django() -> None:
    code = "import sys, studio.media.draft.engine; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

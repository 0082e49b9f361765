"""Hostile files through the door that all files take: each ends in time, with a sentence or as a sound file."""

from __future__ import annotations

import ast
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import pytest

from studio import media
from studio.media import judge
from studio.media.errors import UploadRefused
from studio.media.signatures import Content
from studio.media.video.videos import UnreadableVideo
from studio.media.voices.sound import Sound
from tests.corpus import hostile
from tests.corpus.hostile import HOSTILE, Hostile
from tests.support.paths import SAMPLES

SECONDS, QUICK_SECONDS = 60.0, 20.0
CHEAP = {hostile.VOICE_LIMITS, hostile.PORTRAIT_LIMITS, "video_too_slow"}
NO_MEMORY = av.error.MemoryError(12, "Cannot allocate memory")


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    judge.voice(SAMPLES / "voice-welcome.mp3", owner="one")


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.name)
def test_a_hostile_file_ends_within_its_limits(file: Hostile, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(file.make())
    code, sentences, began = "", ".", time.monotonic()
    try:
        getattr(judge, file.kind)(path, owner="one")
    except UploadRefused as refused:
        code, sentences = refused.code, f"{refused.message} {refused.remedy}"
    except UnreadableVideo as refused:
        code, sentences = refused.code, refused.sentence
    took = time.monotonic() - began
    assert took < SECONDS
    assert sentences.endswith(".")
    if file.code:
        assert code == file.code
    if file.code in CHEAP:
        assert took < QUICK_SECONDS  # told by its header


def test_there_are_enough_of_each_kind() -> None:
    kinds = [file.kind for file in HOSTILE]
    assert min(kinds.count("portrait"), kinds.count("voice")) >= 30
    assert len({file.name + file.kind for file in HOSTILE}) == len(HOSTILE)


def test_a_track_elsewhere_is_never_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        path.write_bytes(hostile.reference(b"http://127.0.0.1:%d/x" % door.getsockname()[1]))
        assert judge.voice(path, owner="one").extension == "m4a"
        with pytest.raises(BlockingIOError):
            door.accept()


def broken(packets: list[Any]) -> Sound:
    def demux(_stream: object) -> Iterator[Any]:
        yield from packets
        raise NO_MEMORY

    streams = SimpleNamespace(audio=[None], video=[])
    return Sound(cast("Any", SimpleNamespace(streams=streams, demux=demux)), Content.WAV, None)


class NoMemory:
    size = 1

    def __bytes__(self) -> bytes:
        return b"a"

    def decode(self) -> None:
        raise NO_MEMORY


@pytest.mark.parametrize("packets", [[], [NoMemory()]], ids=["demuxer", "decoder"])
def test_too_little_memory_is_no_damage(packets: list[Any]) -> None:
    with pytest.raises(MemoryError):
        list(broken(packets).frames())


def test_nothing_takes_too_little_memory_for_damage() -> None:
    """FFmpeg's own MemoryError is an FFmpegError as well: whoever catches those lets it through first."""
    found = []
    for path in sorted(Path(*media.__path__).rglob("*.py")):
        if path.parent.name == "sandbox" or path.name in {"job.py", "engine.py"}:
            continue  # which say what became of a whole job
        for tried in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Try)):
            caught = [ast.unparse(one.type) if one.type else "BaseException" for one in tried.handlers]
            wide = [at for at, name in enumerate(caught) if "FFmpegError" in name or name.endswith("Exception")]
            if wide and not any("MemoryError" in name for name in caught[: wide[0]]):
                found.append(f"{path.name}:{tried.lineno}")
    assert found == []

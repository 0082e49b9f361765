"""Changes of a voice: other words for some of its sentences, or other sound for a stretch of it.

What was not changed stays the same sample for sample, so that the parts of a long video made of it are kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.base import File

from avatarsite.temporary_files import temporary_folder
from avatarsite.workspaces.models import User
from studio.errors import RequestRefused
from studio.media import judge
from studio.media.voices.splice import Spliced
from studio.models import Speech, SpeechState, Upload, UploadKind
from studio.speech.plan import SpeechWish
from studio.speech.script import Line, read_script
from studio.uploads.add import add_upload

PAUSE_MS = 350  # behind the last new word; what is spoken alone may be padded
Timed = list[Any]  # start in ms, end in ms, sentence


@dataclass(frozen=True, slots=True)
class Change:
    """Sentences ``first`` to before ``last`` of a voice give way to ``text``; to nothing, if that is empty."""

    first: int
    last: int
    text: str


def speech_of(voice: Upload) -> Speech | None:
    """How a voice was spoken, if it was: new words of it are said the same way."""
    spoken = Speech.objects.filter(workspace=voice.workspace_id, upload=voice, state=SpeechState.READY)
    return spoken.order_by("pk").last() or _of_origin(voice)


def _of_origin(voice: Upload) -> Speech | None:
    origin = voice.details.get("speech")
    return Speech.objects.filter(workspace=voice.workspace_id, pk=origin).first() if origin else None


def change_of(voice: Upload, script: str) -> Change:
    """From the first sentence that differs to the last. Raises RequestRefused for a script without a change."""
    old, new = read_script(voice.script), read_script(script)
    if len([line for line in old if line.sentence]) != len(voice.sentences):
        raise RequestRefused(
            "script", "script_untimed", "The times of its sentences are not known.", "Replace a stretch by its times."
        )
    if old == new:
        raise RequestRefused("script", "script_unchanged", "The script is the same as before.", "Change a sentence.")
    ahead = _alike(old, new)
    behind = _alike(old[ahead:][::-1], new[ahead:][::-1])
    changed = new[ahead : len(new) - behind]
    counted = sum(bool(line.sentence) for line in old[:ahead])
    gone = sum(bool(line.sentence) for line in old[ahead : len(old) - behind])
    if changed and not any(line.sentence for line in changed):
        raise RequestRefused(
            "script", "pause_changed", "Only a pause was changed.", "Change the sentence before it, too."
        )
    return Change(counted, counted + gone, " ".join(_written(line) for line in changed))


def wish_of(voice: Upload, change: Change, user: User | None) -> SpeechWish:
    """What has to be spoken. Raises RequestRefused for a voice that was recorded."""
    speech = speech_of(voice)
    if speech is None:
        raise RequestRefused(
            "script", "voice_recorded", "This voice was not spoken here.", "Record the stretch and replace it."
        )
    return SpeechWish(voice.workspace, change.text, speech.speaker, speech.pace, user)


def with_words(voice: Upload, change: Change, spoken: Upload | None, user: User | None) -> Upload:
    """The voice with the change in it, its script and times with it. Raises UploadRefused, StorageFull."""
    before, after = voice.sentences[: change.first], voice.sentences[change.last :]
    gone = voice.sentences[change.first : change.last]
    length = voice.duration_ms or 0
    begin = _between(before[-1][1] if before else 0, (gone or after or [[length]])[0][0])
    end = _between(gone[-1][1] if gone else begin, after[0][0] if after else length)
    if not before:
        begin = 0
    if not after:
        end = length
    if not gone:
        end = begin
    return _spliced(voice, spoken, (begin, end), user, (before, after))


def with_sound(voice: Upload, file: File[Any], begin_ms: int, end_ms: int, user: User | None) -> Upload:
    """The voice with a stretch of it replaced by the sound of a file. Raises RequestRefused, UploadRefused."""
    length = voice.duration_ms or 0
    if not 0 <= begin_ms <= end_ms <= length:
        found = f"The stretch has to lie within the voice, from 0 to {length / 1000:g} s, and end behind its beginning."
        raise RequestRefused("stretch", "bad_stretch", found, "Correct the times.")
    before = [one for one in voice.sentences if one[1] <= begin_ms]
    after = [one for one in voice.sentences if one[0] >= end_ms]
    return _spliced(voice, file, (begin_ms, end_ms), user, (before, after))


def _spliced(
    voice: Upload,
    new: Upload | File[Any] | None,
    stretch: tuple[int, int],
    user: User | None,
    kept: tuple[Sequence[Timed], Sequence[Timed]],
) -> Upload:
    with temporary_folder("splice-") as folder:
        (folder / "out").mkdir()
        old, target = folder / "old", folder / "out" / "voice.flac"
        _copied(voice.file, old)
        clip = folder / "new" if new else None
        if clip and new:
            _copied(new.file if isinstance(new, Upload) else new, clip)
        words = new.sentences[-1][1] + PAUSE_MS if isinstance(new, Upload) and new.sentences else None
        done = judge.splice(old, clip, stretch, words, target, owner=voice.workspace_id)
        with target.open("rb") as file:
            name = f"{Path(voice.name).stem[:150]}, changed.flac"
            made = add_upload(
                voice.workspace, kind=UploadKind.VOICE, file=File(file, target.name), name=name, user=user
            )
    _tell(made, voice, new if isinstance(new, Upload) else None, done, kept)
    return made


def _tell(
    made: Upload, voice: Upload, words: Upload | None, done: Spliced, kept: tuple[Sequence[Timed], Sequence[Timed]]
) -> None:
    """Its sentences where they are now; the script is what is said in it."""
    speech = speech_of(voice)
    if speech:
        made.details["speech"] = speech.pk
    before, after = kept
    behind = done.begin_ms + done.new_ms - done.end_ms
    inside = [
        [start + done.begin_ms, end + done.begin_ms, said] for start, end, said in (words.sentences if words else [])
    ]
    moved = [[start + behind, end + behind, said] for start, end, said in after]
    if voice.script and (words or not done.new_ms):
        made.sentences = [*before, *inside, *moved]
        made.script = " ".join(said for _, _, said in made.sentences)
    made.save(update_fields=["details", "script", "sentences"])


def _copied(source: Any, target: Path) -> None:
    with _opened(source) as stored, target.open("wb") as copy:
        shutil.copyfileobj(stored, copy, 1 << 20)


@contextmanager
def _opened(source: Any) -> Iterator[Any]:
    source.open("rb")
    try:
        yield source
    finally:
        source.close()


def _between(end: int, start: int) -> int:
    return (int(end) + int(start)) // 2


def _alike(one: Sequence[Line], other: Sequence[Line]) -> int:
    return next(
        (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _written(line: Line) -> str:
    return f"{line.sentence} [pause {line.pause_ms / 1000:g}s]".strip() if line.pause_ms else line.sentence

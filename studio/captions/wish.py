"""Wish for captions: where their words and times come from, and whether that can be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from avatarsite.temporary_files import temporary_folder
from studio.media import judge
from studio.media.captions import files, typefaces
from studio.media.captions.cues import Cue
from studio.media.captions.errors import CaptionsRefused
from studio.media.captions.painter import LOOKS
from studio.models import Captions, CaptionSource, Upload
from studio.uploads import data_uris

MAX_TEXT = 60_000
BESIDE = "beside"
SHOWN_LETTERS = 12
NO_SCRIPT = "Nobody has told what this voice says."
SEND_WORDS = "Send its words as text, or an SRT or WebVTT file."


@dataclass(frozen=True, slots=True)
class Wish:
    """``text`` is what was pasted, ``cues`` what came with its times; ``burn`` is a look, or "" for none."""

    source: CaptionSource
    text: str = ""
    cues: tuple[Cue, ...] = ()
    burn: str = ""

    @property
    def columns(self) -> dict[str, Any]:
        """Of the row that keeps it."""
        return {"source": self.source, "text": self.text, "cues": [list(cue) for cue in self.cues], "burn": self.burn}


def wish_of(asked: Mapping[str, Any], voice: Upload, *, length_ms: int) -> Wish:
    """What a body or a form asks for, for a video of about ``length_ms``. Raises CaptionsRefused."""
    source, burn = CaptionSource(asked["from"]), asked.get("burn") or ""
    _check_one(asked, source)
    if source == CaptionSource.SCRIPT:
        _check_script(voice)
        wish = Wish(source, burn=burn)
    elif source == CaptionSource.TEXT:
        wish = Wish(source, text=_text_of(asked["text"]), burn=burn)
    elif source == CaptionSource.FILE:
        cues = from_file(_bytes_of(asked["file"]), length_ms, owner=voice.workspace_id)
        wish = Wish(source, cues=tuple(cues), burn=burn)
    else:
        rows = [Cue(cue["start_ms"], cue["end_ms"], files.laid(cue["text"])) for cue in asked["cues"]]
        wish = written(rows, length_ms, burn=burn)
    if burn:
        _check_letters(wish, voice)
    return wish


def has_words(voice: Upload) -> bool:
    """Whether it is known what the voice says."""
    return bool(voice.sentences or voice.script.strip())


def usual_wish(voice: Upload, choice: str) -> Wish | None:
    """What a new video gets by a word: BESIDE where the words are known, a look in the picture, or nothing.

    Raises CaptionsRefused, for ``captions``.
    """
    if choice not in {BESIDE, *LOOKS} or (choice == BESIDE and not has_words(voice)):
        return None
    try:
        burn = "" if choice == BESIDE else choice
        return wish_of({"from": CaptionSource.SCRIPT, "burn": burn}, voice, length_ms=voice.duration_ms or 0)
    except CaptionsRefused as refusal:
        refusal.field = "captions"
        raise


def written(cues: Iterable[Cue], length_ms: int, *, burn: str) -> Wish:
    """Cues as somebody wrote them; those without a text are left out. Raises CaptionsRefused."""
    kept = files.checked([cue for cue in cues if cue.text], length_ms, field="cues")
    return Wish(CaptionSource.CUES, cues=tuple(kept), burn=burn)


def edited(captions: Captions, texts: Mapping[int, str], *, length_ms: int) -> Wish:
    """These captions with other texts, by the cues’ numbers; one without a text goes. Raises CaptionsRefused."""
    cues = [Cue(*cue) for cue in captions.cues]
    changed = [cue._replace(text=files.laid(texts.get(number, cue.text))) for number, cue in enumerate(cues)]
    return written(changed, length_ms, burn=captions.burn)


def again(captions: Captions) -> Wish:
    """What these captions were asked for as."""
    cues = tuple(Cue(*cue) for cue in captions.cues) if captions.source in TIMED else ()
    return Wish(CaptionSource(captions.source), captions.text, cues, captions.burn)


TIMED = frozenset({CaptionSource.FILE, CaptionSource.CUES})


def from_file(data: bytes, length_ms: int, *, owner: str) -> list[Cue]:
    """Read in the sandbox. Raises CaptionsRefused."""
    if len(data) > files.MAX_BYTES:
        raise CaptionsRefused(
            "captions_too_large",
            f"The file is {len(data):,} bytes; the limit is {files.MAX_BYTES:,}.",
            files.SMALLER,
            field="file",
        )
    with temporary_folder("captions-") as folder:
        path = folder / "captions"
        path.write_bytes(data)
        return judge.caption_file(path, length_ms, owner=owner)


def _check_one(asked: Mapping[str, Any], source: CaptionSource) -> None:
    """That what it needs is there, and nothing else."""
    given = [name for name in ("text", "file", "cues") if name in asked]
    needed = [] if source == CaptionSource.SCRIPT else [source.value]
    if given != needed:
        told = f"Captions from {source.value} take {needed[0] if needed else 'nothing more'}."
        raise CaptionsRefused("captions_source", told, "Send what “from” names, and nothing else.", field="from")


def _check_script(voice: Upload) -> None:
    if not voice.sentences and not voice.script.strip():
        raise CaptionsRefused("captions_without_words", NO_SCRIPT, SEND_WORDS, field="from")


def _text_of(text: str) -> str:
    if len(text) > MAX_TEXT:
        found = f"The text has {len(text):,} characters; the limit is {MAX_TEXT:,}."
        raise CaptionsRefused("captions_too_large", found, "Shorten it.", field="text")
    if not text.strip():
        raise CaptionsRefused("captions_empty", "The text is empty.", SEND_WORDS, field="text")
    return text


def _bytes_of(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    if not data_uris.is_data_uri(text):
        return text.encode()
    try:
        return data_uris.read(text)
    except data_uris.Unreadable as error:
        raise CaptionsRefused("captions_unreadable", f"The file {error}", "", field="file") from error


def _check_letters(wish: Wish, voice: Upload) -> None:
    """Before anything is made: what no typeface has would be boxes in the picture."""
    words = voice.script or " ".join(str(sentence[2]) for sentence in voice.sentences)
    text = "".join(cue.text for cue in wish.cues) or wish.text or words
    if missing := typefaces.missing_letters(text):
        shown = " ".join(missing[:SHOWN_LETTERS]) + (" …" if len(missing) > SHOWN_LETTERS else "")
        raise CaptionsRefused(
            "captions_letters",
            f"There is no typeface here for: {shown}",
            "Have the captions beside the video alone, or leave these out.",
            field="burn",
        )

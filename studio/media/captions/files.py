"""Caption files, SRT and WebVTT: read whoever wrote them, and written so that every player takes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pysubs2

from studio.media.captions.cues import Cue
from studio.media.captions.errors import CaptionsRefused
from studio.media.captions.lines import MAX_COLUMNS, clean, columns, wrapped

MAX_BYTES = 1_000_000
SMALLER = "Send a file with captions alone."
MAX_CUES = 5_000
MAX_CUE_LETTERS = 1_000
MAX_SLIP_MS = 100  # that a cue may run into the next one: it ends earlier then
MAX_LATE_MS = 1_000  # that the last cue may run beyond the video
BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
ARROW = re.compile(r"\d[\d:.,\s]*-->|-->\s*[-−]?\d")
VTT_TIME_TAG = re.compile(r"<[\d:.]+>")
STAMP = r"(?:\d{1,4}:)?\d{1,2}:\d{1,2}[.,]\d{1,3}"
TIMES = re.compile(rf"\s*{STAMP}\s*-->\s*{STAMP}(?:\s.*)?$")
NEGATIVE = re.compile(rf"(?:^|[\s>])[-−]\s*{STAMP}")
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
# A backslash before these is a break to the library that writes; something invisible between them is none.
BREAKS = re.compile(r"\\(?=[Nnh])")
ENTITIES = {"&nbsp;": " ", "&lrm;": "", "&rlm;": "", "&lt;": "<", "&gt;": ">", "&amp;": "&"}


def read_file(path: Path, length_ms: int) -> list[Cue]:
    """The cues of a stranger's file for a video of ``length_ms``: their times as they are, without markup.

    Raises CaptionsRefused.
    """
    if path.stat().st_size > MAX_BYTES:
        size = path.stat().st_size
        raise _refused("captions_too_large", f"The file is {size:,} bytes; the limit is {MAX_BYTES:,}.", SMALLER)
    return read_text(decoded(path.read_bytes()), length_ms)


def read_text(text: str, length_ms: int) -> list[Cue]:
    """The same of what has been decoded."""
    is_vtt = text.lstrip().startswith("WEBVTT")
    _check_times(text)
    body = "\n\n".join(_vtt_cues(text)) if is_vtt else text
    form = "vtt" if is_vtt else "srt"
    found = pysubs2.SSAFile.from_string(f"WEBVTT\n\n{body}" if is_vtt else body, format_=form)
    cues = [Cue(int(event.start), int(event.end), _plain(event.text, is_vtt=is_vtt)) for event in found]
    return checked([cue for cue in cues if cue.text], length_ms)


def checked(cues: Sequence[Cue], length_ms: int, *, field: str = "file") -> list[Cue]:
    """Cues in order, each within the video and none over another. Raises CaptionsRefused, with ``field``."""
    try:
        return _checked(sorted(cues), length_ms)
    except CaptionsRefused as refusal:
        refusal.field = field
        raise


def _checked(ordered: list[Cue], length_ms: int) -> list[Cue]:
    if not ordered:
        raise _refused("captions_empty", "There is no caption in it.", "Send an SRT or WebVTT file with its texts.")
    if len(ordered) > MAX_CUES:
        raise _refused("captions_too_large", f"It has {len(ordered):,} captions; the limit is {MAX_CUES:,}.")
    for number, cue in enumerate(ordered, 1):
        if cue.start < 0:
            raise _refused("captions_times", f"Caption {number} begins before the video.")
        if cue.end <= cue.start:
            raise _refused("captions_times", f"Caption {number} ends {spelt(cue.end)}, not after its beginning.")
        if cue.start >= length_ms or cue.end > length_ms + MAX_LATE_MS:
            told = f"Caption {number} lasts until {spelt(cue.end)}; the video is {spelt(length_ms)} long."
            raise _refused("captions_times", told, "Is it the file of this video? Correct its times.")
        if (letters := len(cue.text.replace("\n", ""))) > MAX_CUE_LETTERS:
            told = f"Caption {number} has {letters:,} characters; the limit is {MAX_CUE_LETTERS:,}."
            raise _refused("captions_too_large", told, "Break it into several.")
    for number, (cue, later) in enumerate(pairwise(ordered), 1):
        if cue.end - later.start > MAX_SLIP_MS or later.start <= cue.start:
            told = f"Captions {number} and {number + 1} overlap: until {spelt(cue.end)}, and from {spelt(later.start)}."
            raise _refused("captions_times", told, "Let one end before the next begins.")
    ends = [*(cue.start for cue in ordered[1:]), length_ms]
    return [cue._replace(end=min(cue.end, end)) for cue, end in zip(ordered, ends, strict=True)]


def srt_of(cues: Sequence[Cue]) -> str:
    return _written([cue._replace(text=_unbroken(cue.text)) for cue in cues], "srt")


def vtt_of(cues: Sequence[Cue]) -> str:
    return _written([cue._replace(text=_unbroken(cue.text.translate(ESCAPED))) for cue in cues], "vtt")


def decoded(data: bytes) -> str:
    """By its mark, or as UTF-8, or as Windows wrote texts before. Raises CaptionsRefused for what is no text."""
    encoding = next((name for mark, name in BOMS.items() if data.startswith(mark)), "") or _utf16(data) or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise _no_text() from None
        text = data.decode("cp1252", errors="replace")
    if "\0" in text or sum(not letter.isprintable() and not letter.isspace() for letter in text[:4_000]) > 40:
        raise _no_text()
    return text.replace("\r\n", "\n").replace("\r", "\n")


def laid(text: str) -> str:
    """A text as somebody wrote it, its own lines kept where they can be read."""
    lines = [line for part in text.splitlines() if (line := clean(part))]
    return "\n".join(lines if all(columns(line) <= MAX_COLUMNS for line in lines) else wrapped(" ".join(lines)))


def spelt(ms: int) -> str:
    """``1:02.500``, for sentences."""
    seconds, rest = divmod(max(ms, 0), 1000)
    return f"{seconds // 60}:{seconds % 60:02d}.{rest:03d}"


def _utf16(data: bytes) -> str:
    """Without a mark every other byte of it is nothing."""
    head = data[:1_000]
    if len(head) < 4 or head.count(0) < len(head) // 4:
        return ""
    return "utf-16-be" if head[0] == 0 else "utf-16-le"


def _check_times(text: str) -> None:
    """What the reader would take for other times, or for none."""
    for number, line in enumerate(text.split("\n"), 1):
        if not ARROW.search(line):
            continue
        if NEGATIVE.search(line):
            raise _refused("captions_times", f"Line {number} has a time before the video’s beginning.")
        if not TIMES.match(line):
            told = f"The times in line {number} can’t be read: “{line.strip()[:60]}”."
            raise _refused("captions_unreadable", told, "Write them as 00:00:01,000 --> 00:00:02,500.")


def _vtt_cues(text: str) -> Iterator[str]:
    """Its blocks that have times, without their names: notes and styles are no captions."""
    for block in re.split(r"\n[ \t]*\n+", text):
        lines = block.strip("\n").split("\n")
        at = next((at for at, line in enumerate(lines[:3]) if TIMES.match(line)), None)
        if at is not None:
            yield "\n".join([_padded(lines[at]), *lines[at + 1 :]])


def _padded(times: str) -> str:
    """Without the settings behind them."""
    found = re.findall(STAMP, times)
    return " --> ".join(found[:2])


def _plain(text: str, *, is_vtt: bool) -> str:
    text = text.replace("\\N", "\n")
    if is_vtt:
        text = VTT_TIME_TAG.sub("", text)
        for entity, letter in ENTITIES.items():
            text = text.replace(entity, letter)
    return laid(text)


def _unbroken(text: str) -> str:
    return BREAKS.sub("\\\\\u2060", text)


def _written(cues: Sequence[Cue], form: str) -> str:
    events = [pysubs2.SSAEvent(start=cue.start, end=cue.end) for cue in cues]
    for event, cue in zip(events, cues, strict=True):
        event.plaintext = cue.text
    file = pysubs2.SSAFile()
    file.events = events
    return file.to_string(form, keep_ssa_tags=True)


def _no_text() -> CaptionsRefused:
    return _refused("captions_unreadable", "The file is no text.", "Send an SRT or WebVTT file in UTF-8.")


def _refused(code: str, message: str, remedy: str = "Correct the file and send it again.") -> CaptionsRefused:
    return CaptionsRefused(code, message, remedy, field="file")

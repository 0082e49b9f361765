"""Caption files: read as strangers write them, refused in words, and written so that they are read back the same."""

from __future__ import annotations

import base64
from pathlib import Path

import pysubs2
import pytest

from studio.media import judge
from studio.media.captions.cues import Cue
from studio.media.captions.errors import CaptionsRefused
from studio.media.captions.files import decoded, read_text, srt_of, vtt_of
from tests.studio.conftest import PlaceFile

CUES = [Cue(0, 1_500, "One & two,\nC:\\New {x}"), Cue(1_500, 61_250, "tʰree → “four” <5>"), Cue(62_000, 63_000, "שלום")]
SRT = "1\n00:00:01,000 --> 00:00:02,500\nFirst\n\n2\n00:00:02,500 --> 00:00:04,000\nSecond\n"


def test_webvtt_is_read_back_as_it_was_written() -> None:
    assert read_text(vtt_of(CUES), 70_000) == CUES


def test_both_forms_are_read_by_the_library() -> None:
    for text, form in ((srt_of(CUES), "srt"), (vtt_of(CUES), "vtt")):
        found = pysubs2.SSAFile.from_string(text)
        assert (found.format, [(event.start, event.end) for event in found]) == (form, [cue[:2] for cue in CUES])


def test_markup_notes_and_names_are_no_text() -> None:
    text = (
        "WEBVTT - of a broadcaster\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nintro\n"
        "00:01.000 --> 00:02.000 align:start position:10%\n<v.loud Ann>Hi <i>there</i> <00:01.500>{\\an8}&amp; you\n\n"
        "NOTE between\nthem\n\n2\n00:00:02.000 --> 00:00:03.000\n- Bye\n- Bye\n"
    )
    assert read_text(text, 5_000) == [Cue(1_000, 2_000, "Hi there & you"), Cue(2_000, 3_000, "- Bye\n- Bye")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_encodings_are_told_apart(encoding: str) -> None:
    text = SRT.replace("First", "Größe für 10 ©")
    assert read_text(decoded(text.encode(encoding)), 4_000)[0].text == "Größe für 10 ©"


def test_a_slip_is_mended_and_the_last_one_ends_with_the_video() -> None:
    assert read_text(SRT.replace("02,500\nF", "02,590\nF"), 3_500) == [
        Cue(1_000, 2_500, "First"),
        Cue(2_500, 3_500, "Second"),
    ]


REFUSED = {
    "": ("captions_empty", "There is no caption in it."),
    "just words": ("captions_empty", "There is no caption in it."),
    SRT.replace("00:00:01,000", "-00:00:01,000"): (
        "captions_times",
        "Line 2 has a time before the video’s beginning.",
    ),
    SRT.replace("00:00:01,000", "one"): (
        "captions_unreadable",
        "The times in line 2 can’t be read: “one --> 00:00:02,500”.",
    ),
    SRT.replace("00:00:02,500 --> 00:00:04", "00:00:02,000 --> 00:00:04"): (
        "captions_times",
        "Captions 1 and 2 overlap: until 0:02.500, and from 0:02.000.",
    ),
    SRT.replace("04,000", "14,000"): (
        "captions_times",
        "Caption 2 lasts until 0:14.000; the video is 0:04.000 long.",
    ),
    SRT.replace("00:00:02,500\nF", "00:00:00,500\nF"): (
        "captions_times",
        "Caption 1 ends 0:00.500, not after its beginning.",
    ),
    SRT.replace("First", "x" * 1_001): ("captions_too_large", "Caption 1 has 1,001 characters; the limit is 1,000."),
    "".join(f"{n}\n00:00:00,{n:03d} --> 00:00:00,{n + 1:03d}\nx\n\n" for n in range(998)) * 6: (
        "captions_too_large",
        "It has 5,988 captions; the limit is 5,000.",
    ),
}


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_what_can_not_be_shown_is_refused_in_words(text: str) -> None:
    with pytest.raises(CaptionsRefused) as refusal:
        read_text(text, 4_000)
    assert (refusal.value.code, refusal.value.message) == REFUSED[text]


def test_a_picture_and_a_heap_are_no_captions(place: PlaceFile) -> None:
    png = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
    )
    for data, code in ((png, "captions_unreadable"), (b"x" * 1_000_001, "captions_too_large")):
        with pytest.raises(CaptionsRefused) as refusal:
            judge.caption_file(place(data), 4_000, owner="test")
        assert refusal.value.code == code


def test_a_file_that_would_take_for_ever_ends_in_the_sandbox(place: PlaceFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "CAPTIONS", judge.Limits(cpu_seconds=1))
    tags = SRT.replace("First", "<a" * 450_000)
    with pytest.raises(CaptionsRefused) as refusal:
        judge.caption_file(place(tags.encode()), 4_000, owner="test")
    assert refusal.value.message == "The file takes more than 1 s of computing to read."


def test_a_whole_file_comes_home_from_the_sandbox(place: PlaceFile) -> None:
    path: Path = place(SRT.encode())
    assert judge.caption_file(path, 4_000, owner="test") == [Cue(1_000, 2_500, "First"), Cue(2_500, 4_000, "Second")]

"""Cues of sentences: in the time of what they say, in lines that can be read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.media.captions.cues import MAX_CUE_MS, Cue, cues_of
from studio.media.captions.lines import MAX_COLUMNS, MAX_LINES, columns, wrapped

LONG = (
    "Avatar Studio brings one portrait and one voice together, shows a price that binds, and makes a talking video; "
    "the money goes back if it fails."
)


def test_a_sentence_is_one_cue_at_its_own_time() -> None:
    assert cues_of([[200, 2_400, " Hello,  there. "]], 5_000) == [Cue(200, 2_400, "Hello, there.")]


def test_a_long_sentence_is_parted_and_broken_at_the_ends_of_clauses() -> None:
    texts = [cue.text for cue in cues_of([[0, 9_000, LONG]], 9_000)]
    assert texts == [
        "Avatar Studio brings one portrait and one\nvoice together, shows a price that binds,",
        "and makes a talking video;\nthe money goes back if it fails.",
    ]


def test_what_is_too_short_to_be_read_is_shown_with_its_neighbour_or_into_the_pause() -> None:
    said = [[0, 400, "Yes."], [500, 2_000, "That is all."], [4_000, 4_300, "Bye."]]
    assert cues_of(said, 10_000) == [Cue(0, 2_000, "Yes. That is all."), Cue(4_000, 5_000, "Bye.")]


def test_a_cue_ends_with_the_video() -> None:
    assert cues_of([[4_500, 9_000, "To the end."], [9_500, 9_900, "Beyond it."]], 5_000) == [
        Cue(4_500, 5_000, "To the end.")
    ]


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        (
            "今日は世界中の皆さんに、私たちの新しいサービスをご紹介します。",
            ["今日は世界中の皆さんに、", "私たちの新しいサービスをご紹介します。"],
        ),
        (
            "مرحبا بكم في الاستوديو، هذا اختبار طويل بما يكفي لسطرين",
            ["مرحبا بكم في الاستوديو،", "هذا اختبار طويل بما يكفي لسطرين"],
        ),
    ],
)
def test_scripts_without_spaces_or_from_the_right_are_broken_too(sentence: str, lines: list[str]) -> None:
    assert wrapped(sentence) == lines


def test_no_line_begins_with_a_sign_that_ends_one() -> None:
    assert [line[0] for line in wrapped("これは" * 7 + "、" + "それは" * 6)][1] != "、"


WORDS = st.text("abc  ,.-–\n。、今日はเพื่مر\u0301\u202e😀{\\}", min_size=1, max_size=120)
TIMES = st.lists(st.tuples(st.integers(0, 8_000), st.integers(0, 900), WORDS), max_size=12)


@settings(deadline=None)
@given(TIMES)
def test_whatever_is_said_cues_are_in_order_and_can_be_read(said: list[tuple[int, int, str]]) -> None:
    at, sentences = 0, []
    for lasting, pause, text in said:
        sentences.append([at, at + lasting, text])
        at += lasting + pause
    cues = cues_of(sentences, at)
    for cue, later in pairwise(cues):
        assert cue.end <= later.start
    for cue in cues:
        assert 0 <= cue.start < cue.end <= max(at, cue.start + 1)
        lines = cue.text.split("\n")
        assert len(lines) <= MAX_LINES
        assert all(columns(line) <= MAX_COLUMNS for line in lines)
        assert cue.lasting <= MAX_CUE_MS + 2_000 or len(cue.text) < 3

from __future__ import annotations

import pytest

from studio.errors import RequestRefused
from studio.providers.speech import Rate
from studio.speech import script
from studio.speech.estimate import GAP_MS, estimate
from studio.speech.script import Line, pronounced, read_script

SCRIPTS = {
    "en": (
        "Dr. Smith paid $3.50 to Mr. J. R. Jones, e.g. for tea. It was 5.30 p.m. on Jan. 5th! Was it? Yes.",
        ["Dr. Smith paid $3.50 to Mr. J. R. Jones, e.g. for tea.", "It was 5.30 p.m. on Jan. 5th!", "Was it?", "Yes."],
    ),
    "de": ("Am 3. Mai kam z. B. Dr. Huber. Das war gut.", ["Am 3. Mai kam z. B. Dr. Huber.", "Das war gut."]),
    "zh": ("你好。今天天气很好！你呢？", ["你好。", "今天天气很好！", "你呢？"]),
    "hi": ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
    "ar": ("مرحبا. كيف حالك؟ بخير", ["مرحبا.", "كيف حالك؟", "بخير"]),
}


@pytest.mark.parametrize("language", SCRIPTS)
def test_sentences_of_several_scripts(language: str) -> None:
    text, sentences = SCRIPTS[language]
    assert [line.sentence for line in read_script(text, language=language)] == sentences


def test_pauses_stand_behind_what_they_follow() -> None:
    found = read_script("[pause 1s] One. [pause 0.5s][PAUSE 2] Two [ pause 0.25 s ] and three.\n\n…\n\nFour!")
    assert found == [
        Line("", 1000),
        Line("One.", 2500),
        Line("Two", 250),
        Line("and three. …"),
        Line("Four!"),
    ]


@pytest.mark.parametrize(
    ("text", "code", "remedy"),
    [
        ("", "script_says_nothing", "Write what is to be said."),
        (" … [pause 1s] !?", "script_says_nothing", "Write what is to be said."),
        ("One [pause] two", "bad_pause", "Write a pause like [pause 0.5s]."),
        ("One [pause 11s] two", "bad_pause", "Write a pause like [pause 0.5s]."),
        ("One [pause -1s] two", "bad_pause", "Write a pause like [pause 0.5s]."),
        ("a" * (script.MAX_CHARACTERS + 1), "script_too_long", "Make several videos of it."),
    ],
)
def test_what_can_not_be_read_names_its_remedy(text: str, code: str, remedy: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        read_script(text)
    assert (refused.value.field, refused.value.code, refused.value.remedy) == ("script", code, remedy)


def test_the_longest_pronunciation_wins_and_parts_of_words_stay() -> None:
    how = {"Kling": "kling ai", "SQL": "sequel", "SQL Server": "sequel server", "C++": "c plus plus", "北京": "běijīng"}
    said = "sequel server, mysql, sequel; kling ai and c plus plus."
    assert pronounced("SQL Server, mysql, sql; KLING and C++.", how) == said


def test_an_estimate_stretches_words_and_keeps_pauses() -> None:
    lines = [Line("0123456789", 500), Line("01234"), Line("0123456789", 300)]
    rate = Rate(character_ms=100, sentence_ms=200, spread=0.1)
    assert estimate(lines, rate).ms == 25 * 100 + 3 * 200 + 500 + GAP_MS + 300
    assert estimate(lines, rate, pace=2.0).ms == (25 * 100 + 3 * 200) // 2 + 500 + GAP_MS + 300


def test_a_share_of_the_words_is_of_no_pace() -> None:
    rate = Rate(character_ms=100, sentence_ms=0, spread=0.1, steady=0.5)
    assert [estimate([Line("0123456789")], rate, pace=pace).ms for pace in (0.5, 1.0, 2.0)] == [1500, 1000, 750]

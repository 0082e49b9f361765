"""Plan of a speech: what is said by whom, in which parts, for how much. Reads rows and writes none."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from avatarsite.workspaces.models import ApiToken, User, Workspace
from billing.models import Price
from billing.prices import price_book
from studio.errors import RequestRefused
from studio.media.voices import voices
from studio.models import Pronunciation
from studio.providers.speech import Engine, Speaker
from studio.speech.estimate import GAP_MS, Estimate, estimate
from studio.speech.script import Line, check_pace, pronounced, read_script
from studio.speech.speakers import engine, speaker_of


@dataclass(frozen=True, slots=True)
class SpeechWish:
    """A script that somebody wants to hear. ``voice`` is a speaker's id, or empty for the usual one."""

    workspace: Workspace
    script: str
    voice: str = ""
    pace: float = 1.0
    user: User | None = None
    token: ApiToken | None = None

    @property
    def test(self) -> bool:
        return self.token is not None and self.token.test


@dataclass(frozen=True, slots=True)
class SaidLine:
    """A line as it is written and as it is said."""

    line: Line
    said: str


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What a speech would be. ``ceiling_micros`` is what it costs, to the micro-dollar, and what is held.

    ``parts`` are generations; one whose first line has no words is a silence, and asked of nobody.
    """

    speaker: Speaker
    pace: float
    parts: tuple[tuple[SaidLine, ...], ...]
    estimate: Estimate
    price: Price | None
    digest: str

    @property
    def generations(self) -> int:
        return sum(bool(part[0].said) for part in self.parts)

    @property
    def ceiling_micros(self) -> int:
        return self.generations * self.price.price_micros_per_second if self.price else 0


def plan_speech(wish: SpeechWish) -> SpeechPlan:
    """What would be done and held for the wish. Raises RequestRefused."""
    speaker = speaker_of(wish.voice, test=wish.test)
    mouth = engine(speaker.engine)
    check_pace(wish.pace)
    _check_paces(mouth, wish.pace)
    lines = read_script(wish.script, language=speaker.language.partition("-")[0])
    guess = estimate(lines, speaker.rate, pace=wish.pace)
    _check_length(guess, speaker)
    how = dict(Pronunciation.objects.for_workspace(wish.workspace).values_list("word", "said"))
    said = [SaidLine(line, pronounced(line.sentence, how)) for line in lines]
    return SpeechPlan(
        speaker,
        wish.pace,
        tuple(_parts(said, mouth.max_characters)),
        guess,
        None if mouth.on_this_server else _price(mouth),
        _digest(said, speaker, wish.pace),
    )


def _check_paces(mouth: Engine, pace: float) -> None:
    least, most = mouth.paces
    if not least <= pace <= most:
        found = f"This voice speaks at a pace of {least:g} to {most:g}, not {pace:g}."
        raise RequestRefused("pace", "bad_pace", found, "Choose a pace within, or another voice.")


def _check_length(guess: Estimate, speaker: Speaker) -> None:
    if guess.ms * (1 - speaker.rate.spread) > voices.MAX_MS:
        found = (
            f"Spoken, the script takes about {guess.ms / 60_000:.1f} minutes; "
            f"a voice may take {voices.MAX_MS / 60_000:g}."
        )
        raise RequestRefused("script", "script_too_long", found, "Shorten it, or make several videos of it.")


def _price(mouth: Engine) -> Price:
    price = price_book.current_price(mouth.offer)
    if price is None:
        raise RequestRefused("voice", "voice_unavailable", "No price has been set for this voice.", "Choose another.")
    return price


def _digest(said: Sequence[SaidLine], speaker: Speaker, pace: float) -> str:
    told = [[one.line.sentence, one.said, one.line.pause_ms] for one in said]
    return sha256(json.dumps([speaker.id, pace, told]).encode()).hexdigest()


def _parts(said: Sequence[SaidLine], most: int) -> Iterator[tuple[SaidLine, ...]]:
    """As many sentences as go into one generation; where a pause is asked for, one ends."""
    part: list[SaidLine] = []
    for one in (piece for line in said for piece in _pieces(line, most)):
        if part and (part[-1].line.pause_ms or sum(len(each.said) + 1 for each in part) + len(one.said) > most):
            yield tuple(part)
            part = []
        part.append(one)
    if part:
        yield tuple(part)


def _pieces(one: SaidLine, most: int) -> list[SaidLine]:
    """A sentence that is longer than a generation in pieces of whole words."""
    if len(one.said) <= most:
        return [one]
    pieces = [""]
    for word in (long[at : at + most] for long in one.said.split(" ") for at in range(0, len(long), most)):
        if len(pieces[-1]) + 1 + len(word) > most:
            pieces.append("")
        pieces[-1] = f"{pieces[-1]} {word}".strip()
    quiet = replace(one.line, pause_ms=0)
    found = [SaidLine(replace(quiet, sentence=piece), piece) for piece in pieces]
    return [*found[:-1], replace(found[-1], line=replace(found[-1].line, pause_ms=one.line.pause_ms))]


def pause_behind(part: Sequence[SaidLine], *, last: bool) -> int:
    """The silence between a part and the next, in milliseconds."""
    return part[-1].line.pause_ms or (0 if last else GAP_MS)

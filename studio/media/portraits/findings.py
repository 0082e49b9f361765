"""Findings: what may speak against a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every finding there is. The API shows these; a new one is a change of the contract."""

    NO_FACE = "no_face"
    NOT_UPRIGHT = "not_upright"
    TURNED_AWAY = "turned_away"
    SEVERAL_FACES = "several_faces"
    SMALL_FACE = "small_face"
    CUT_OFF = "cut_off"
    BLURRED = "blurred"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Finding:
    """What speaks against a portrait: a ``code`` for programs, what was found, and what to do."""

    code: Code
    message: str
    remedy: str

"""File names that come from people: shown, stored in a column, offered for a download; never a path of ours."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 150
# What Windows, macOS or a shell can't take in a name.
FORBIDDEN = frozenset('/\\:*?"<>|')


def clean_name(name: str, *, otherwise: str) -> str:
    """The last part of the path without control and direction marks, short enough; ``otherwise`` if nothing is left."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return _limited(_visible(last)) or otherwise


def download_name(name: str, *, otherwise: str = "file") -> str:
    """Like ``clean_name`` for a title that becomes a file's name: a slash in it is a dash, not a folder."""
    dashed = "".join("-" if character in FORBIDDEN else character for character in name)
    return _limited(_visible(dashed)) or otherwise


def _visible(name: str) -> str:
    kept = (" " if character.isspace() else character for character in unicodedata.normalize("NFC", name))
    # Category C: controls, and marks such as right-to-left override, which make "exe.jpg" out of "gpj.exe".
    return " ".join("".join(character for character in kept if unicodedata.category(character)[0] != "C").split())


def _limited(name: str) -> str:
    name = name.strip(". ")
    if len(name) <= MAX_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[:MAX_LENGTH].rstrip()
    return f"{stem[: MAX_LENGTH - len(extension) - 1].rstrip()}.{extension}"

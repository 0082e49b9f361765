"""Answers of a child, which a file may have taken over: values and classes of ours, and nothing that runs when read."""

from __future__ import annotations

import pickle
from dataclasses import is_dataclass
from enum import Enum
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any

MAX_BYTES = 64_000_000
# Where what is answered may come from; other modules aren't even imported.
SOURCES = frozenset({"PIL", "av", "avatarsite", "builtins", "c2pa", "cv2", "pysubs2", "studio"})
PLAIN = frozenset({
    ("avatarsite.errors", "_restored"),  # which makes an error of ours, and sets what it says
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "frozenset"),
    ("builtins", "set"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("fractions", "Fraction"),
    ("pathlib", "PosixPath"),
})  # fmt: skip


class NoAnswer(pickle.UnpicklingError):
    """What came is nothing that a job returns or raises."""


def heard(connection: Connection) -> Any:
    """The next answer. Raises NoAnswer, and as ``Connection.recv`` when the child is gone."""
    try:
        data = connection.recv_bytes(MAX_BYTES)
    except ConnectionError:
        raise
    except OSError as error:
        raise NoAnswer(f"more than {MAX_BYTES} bytes") from error
    return read(data)


def read(data: bytes) -> Any:
    """The answer. Raises NoAnswer."""
    try:
        return _Reader(BytesIO(data)).load()
    except NoAnswer:
        raise
    except Exception as error:
        raise NoAnswer(f"{type(error).__name__}: {error}") from error


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in PLAIN:
            return super().find_class(module, name)
        if module.partition(".")[0] in SOURCES:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and _is_a_value(found):
                return found
        raise NoAnswer(f"{module}.{name}")


def _is_a_value(kind: type) -> bool:
    """A class whose making does nothing else: an error, a choice, a record."""
    is_record = is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    return issubclass(kind, Exception | Enum) or is_record

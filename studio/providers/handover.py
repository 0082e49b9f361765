"""Handover of what this server has made itself to its other hosts: a draft, or the sound of a script.

Any host may fetch what one has made, and that one may be gone by then. So with a bucket the file goes there first,
below ``handover/``: no row names it, and what nobody has fetched goes after two days. Without a bucket there is one
host.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from studio.providers.types import Failure, Fault, ProviderError

CHUNK = 1 << 20
FOLDER = "handover"
KEPT = timedelta(days=2)


def hand_over(path: Path, reference: str) -> None:
    """Once; a repeat does nothing. Raises ProviderError, and then it is worth trying again."""
    handed = path.with_name("handed")
    if not settings.S3_BUCKET or handed.exists():
        return
    with _answering(), path.open("rb") as file:
        default_storage.save(_name(reference), File(file))
    handed.touch()


def is_handed_over(reference: str) -> bool:
    """Raises ProviderError."""
    with _answering():
        return bool(settings.S3_BUCKET) and default_storage.exists(_name(reference))


@contextmanager
def made_here(path: Path | None, reference: str) -> Iterator[Iterator[bytes]]:
    """The chunks of the file, from this host or from the bucket. Raises ProviderError."""
    if path is not None and path.is_file():
        with path.open("rb") as file:
            yield _chunks(file)
        return
    if not is_handed_over(reference):
        raise ProviderError(Failure(Fault.NOT_FOUND, "result_gone", "This server no longer has what it made."))
    with _answering():
        kept = default_storage.open(_name(reference))
    with kept:
        yield _chunks(kept)


def withdraw(reference: str) -> None:
    """What can't be deleted now is cleared later."""
    if settings.S3_BUCKET:
        with suppress(OSError):
            default_storage.delete(_name(reference))


def clear_handed() -> int:
    """Delete what nobody has fetched. Returns how many there were."""
    if not settings.S3_BUCKET:
        return 0
    storage: Any = default_storage
    before = timezone.now() - KEPT
    left = [found.name for found in storage.listed(FOLDER) if found.written_at < before]
    for name in left:
        default_storage.delete(name)
    return len(left)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ProviderError(Failure(Fault.PROVIDER, "not_handed_over", str(error), retryable=True)) from error


def _name(reference: str) -> str:
    return f"{FOLDER}/{reference}"


def _chunks(file: Any) -> Iterator[bytes]:
    return iter(partial(file.read, CHUNK), b"")

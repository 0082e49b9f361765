"""Archive of a backup: a tar in one stream, sealed by age for a key that this server need not have."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyrage

from avatarsite.errors import DomainError

IN_MEMORY = 8_000_000
CHUNK = 1 << 20


class BackupRefused(DomainError):
    """It can't be made, or not be restored here."""


@contextmanager
def written(path: Path, recipient: str) -> Iterator[tarfile.TarFile]:
    """The archive to be filled; it has its name once it is whole and on the disk."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("xb") as file:
            with _sealing(file, recipient) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def opened(path: Path, identity: str) -> Iterator[tarfile.TarFile]:
    """The archive to be read from its beginning to its end. Raises BackupRefused for what can't be opened."""
    try:
        with (
            path.open("rb") as file,
            _unsealing(file, identity) as stream,
            tarfile.open(fileobj=stream, mode="r|") as archive,
        ):
            yield archive
    except tarfile.ReadError as error:
        remedy = "Give --identity, or the whole file."
        raise BackupRefused("backup_unreadable", f"{path} is no backup, or a sealed one.", remedy=remedy) from error


def add(archive: tarfile.TarFile, name: str, content: IO[bytes]) -> int:
    """Gives its bytes."""
    entry = tarfile.TarInfo(name)
    entry.size = content.seek(0, os.SEEK_END)
    content.seek(0)
    archive.addfile(entry, content)
    return entry.size


def spooled(content: IO[bytes]) -> IO[bytes]:
    """The rest of a stream, as a file that can be read anywhere."""
    kept: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 -- the caller closes it
    shutil.copyfileobj(content, kept, CHUNK)
    kept.seek(0)
    return kept


@contextmanager
def _sealing(file: IO[bytes], recipient: str) -> Iterator[IO[bytes]]:
    if not recipient:
        yield file
        return
    try:
        key = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError as error:
        remedy = "Write what age-keygen calls the public key."
        raise BackupRefused("backup_recipient", "BACKUP_RECIPIENT is no age1… key.", remedy=remedy) from error
    with _beside(lambda source: pyrage.encrypt_io(source, file, [key]), ours="wb") as stream:
        yield stream


@contextmanager
def _unsealing(file: IO[bytes], identity: str) -> Iterator[IO[bytes]]:
    if not identity:
        yield file
        return
    try:
        key = pyrage.x25519.Identity.from_str(identity)
        with _beside(lambda target: pyrage.decrypt_io(file, target, [key]), ours="rb") as stream:
            yield stream
    except (pyrage.IdentityError, pyrage.DecryptError) as error:
        remedy = "Give the AGE-SECRET-KEY-1… whose age1… the backup was sealed for."
        raise BackupRefused("backup_identity", "The backup was not sealed for this key.", remedy=remedy) from error


@contextmanager
def _beside(work: Callable[[Any], None], *, ours: str) -> Iterator[IO[bytes]]:
    """A pipe to or from ``work``, which another thread does."""
    reading, writing = os.pipe()
    here, there = (writing, reading) if ours == "wb" else (reading, writing)

    def run() -> None:
        with os.fdopen(there, "rb" if ours == "wb" else "wb") as end:
            work(end)

    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(run)
        try:
            with os.fdopen(here, ours) as stream:
                yield stream
        except BrokenPipeError:
            done.result()  # what broke there is the reason
            raise
        except tarfile.ReadError:
            if error := done.exception():
                raise error from None
            raise
        done.result()

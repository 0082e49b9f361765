"""Backup and restore of the whole house: database and files agree, because no file goes while a backup is made."""

from __future__ import annotations

import io
import json
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from avatarsite.queue import lease
from studio.backup import archive, tables
from studio.backup.archive import BackupRefused
from studio.models import FileState, StoredFile
from studio.storage.ledger import BACKUP

VERSION = 1
FILES = "files/"
LIFE = timedelta(minutes=5)
RENEW_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself first."""

    version: int
    made_at: str
    engine: str
    migrations: list[str]


@dataclass(frozen=True, slots=True)
class Summary:
    """``missing`` files are named by rows and were not in the store."""

    files: int
    bytes: int
    missing: list[str]


def back_up(path: Path, *, recipient: str, with_files: bool = True) -> Summary:
    """Raises BackupRefused, and then there is no archive."""
    owner = str(uuid.uuid4())
    if not lease.acquire(BACKUP, owner, life=LIFE):
        raise BackupRefused("backup_under_way", "Another backup is being made.", remedy="Wait for its end.")
    try:
        with archive.written(path, recipient) as filled, tempfile.TemporaryFile("w+") as names:
            with tables.snapshot():
                _describe(filled)
                tables.dump(filled)
                kept = StoredFile.objects.filter(state=FileState.KEPT).order_by("pk") if with_files else []
                names.writelines(f"{row.pk}\n" for row in kept)
            names.seek(0)
            return _add_files(filled, (line.rstrip("\n") for line in names), owner)
    finally:
        lease.release(BACKUP, owner)


def restore(path: Path, *, identity: str) -> Summary:
    """Into a house that was migrated and nothing else. Raises BackupRefused, and then the database is as it was."""
    tables.check_empty()
    files = size = 0
    with archive.opened(path, identity) as read, transaction.atomic():
        for number, entry in enumerate(read):
            content = read.extractfile(entry)
            assert content is not None  # noqa: S101 -- we put nothing but files there
            if number == 0:
                _check(entry.name, content)
            elif entry.name == tables.FILE:
                whole = archive.spooled(content)
            elif entry.name.startswith(tables.FOLDER):
                tables.load_table(entry.name.removeprefix(tables.FOLDER), content)
            else:
                with archive.spooled(content) as file:
                    default_storage.save(entry.name.removeprefix(FILES), File(file))
                files, size = files + 1, size + entry.size
        if connection.vendor == "postgresql":
            tables.reset_sequences()
    if connection.vendor == "sqlite":
        with whole:
            tables.load_file(whole)
    return Summary(files, size, [])


def _describe(filled: Any) -> None:
    told = Manifest(VERSION, timezone.now().isoformat(), connection.vendor, tables.migrations())
    archive.add(filled, "manifest.json", io.BytesIO(json.dumps(asdict(told), indent=1).encode()))


def _check(name: str, content: IO[bytes]) -> None:
    told: dict[str, Any] = json.load(content) if name == "manifest.json" else {}
    if told.get("version") != VERSION:
        raise BackupRefused("backup_unreadable", "This is no backup that this release can read.")
    if told["engine"] != connection.vendor:
        remedy = f"Set DATABASE_URL to a {told['engine']} database."
        raise BackupRefused("backup_engine", f"The backup is of {told['engine']}.", remedy=remedy)
    if differ := sorted(set(told["migrations"]) ^ set(tables.migrations())):
        remedy = "Restore with the release that made it, then upgrade."
        raise BackupRefused("backup_release", f"Its migrations differ by {', '.join(differ[:5])}.", remedy=remedy)


def _add_files(filled: Any, names: Iterator[str], owner: str) -> Summary:
    files = size = 0
    missing, renewed = [], timezone.now()
    for name in names:
        if timezone.now() - renewed > RENEW_EVERY:
            lease.acquire(BACKUP, owner, life=LIFE)
            renewed = timezone.now()
        try:
            with default_storage.open(name) as content:
                stored: Any = content.file
                size += archive.add(filled, f"{FILES}{name}", stored)
            files += 1
        except FileNotFoundError:
            missing.append(name)
    return Summary(files, size, missing)

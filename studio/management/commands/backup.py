from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatarsite.errors import DomainError
from studio.backup.house import back_up
from studio.storage.ledger import spelt


class Command(BaseCommand):
    help = "Writes database and files, as they are at this moment, into one archive. The house stays open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="a new file")
        parser.add_argument("--without-files", action="store_true", help="where the bucket is backed up by itself")

    def handle(self, **options: Any) -> None:
        path: Path = options["path"]
        if path.exists():
            raise CommandError(f"{path} is there already; give a new name.")
        try:
            done = back_up(path, recipient=settings.BACKUP_RECIPIENT, with_files=not options["without_files"])
        except (DomainError, OSError) as error:
            raise CommandError(f"No backup was made. {error}") from error
        sealed = "sealed" if settings.BACKUP_RECIPIENT else "not sealed: set BACKUP_RECIPIENT"
        self.stdout.write(f"{path}: the database and {done.files} files of {spelt(done.bytes)}, {sealed}.")
        if done.missing:
            raise CommandError(f"{len(done.missing)} files are not in the store, such as {done.missing[0]}.")

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatarsite.errors import DomainError
from studio.backup.house import restore
from studio.storage.ledger import spelt


class Command(BaseCommand):
    help = "Brings a backup into an empty house: after `manage.py migrate`, and before anything is started."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="what `manage.py backup` has written")
        parser.add_argument("--identity", type=Path, help="a file with the AGE-SECRET-KEY-1… of a sealed one")

    def handle(self, **options: Any) -> None:
        try:
            identity = _key_in(options["identity"]) if options["identity"] else ""
            done = restore(options["path"], identity=identity)
        except (DomainError, OSError) as error:
            raise CommandError(f"Nothing was restored. {error}") from error
        self.stdout.write(f"The database and {done.files} files of {spelt(done.bytes)} are back.")
        self.stdout.write("Now: manage.py verify_ledger, manage.py verify_storage --mend, then start web and worker.")


def _key_in(path: Path) -> str:
    """As age-keygen writes it, with lines that begin with #."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.strip() for line in lines if line.strip() and not line.startswith("#")), "")

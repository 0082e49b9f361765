from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from avatarsite.api.problems import CODES

PAGE = settings.BASE_DIR / "docs" / "api.md"
MARK = "<!-- codes: `manage.py api_codes` writes this table -->\n"


class Command(BaseCommand):
    help = "Writes the table of error codes in docs/api.md."

    def handle(self, *_args: Any, **_options: Any) -> None:
        above, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
        PAGE.write_text(above + mark + table(), encoding="utf-8")


def table() -> str:
    """Every declared code; the address of its entry at ``/api/errors`` ends in ``#code``."""
    import_module(settings.ROOT_URLCONF)  # each app declares its codes beside its addresses
    codes = sorted(CODES.values(), key=lambda code: (code.status, code.code))
    lines = [f"| {code.status} | `{code.code}` | {code.title} | {code.remedy} |" for code in codes]
    return "\n".join(["", "| Status | Code | Means | Remedy |", "|---|---|---|---|", *lines, ""])

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from studio.storage_audit import verify_storage


class Command(BaseCommand):
    help = "Hold the count of files against the store. Prints what differs and ends 1, or ends 0 when all agrees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as a JSON list")
        parser.add_argument("--mend", action="store_true", help="bring the count to what the store holds")

    def handle(self, **options: Any) -> None:
        findings = verify_storage(mend=options["mend"])
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        elif findings:
            for finding in findings:
                self.stdout.write(f"{finding.code}: {finding.sentence}")
            self.stdout.write(f"The count is wrong in {len(findings)} {'place' if len(findings) == 1 else 'places'}.")
        else:
            self.stdout.write("The count agrees with the store.")
        if findings:
            sys.exit(1)

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.verify import verification


class Command(BaseCommand):
    help = "Recompute every total of the ledger. Prints what differs and ends 1, or ends 0 when all is well."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as a JSON list")

    def handle(self, **options: Any) -> None:
        findings = verification.verify()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2))
        elif findings:
            for finding in findings:
                self.stdout.write(f"{finding.code}: {finding.sentence}")
            self.stdout.write(f"The ledger is wrong in {len(findings)} {'place' if len(findings) == 1 else 'places'}.")
        else:
            self.stdout.write("The ledger adds up.")
        if findings:
            sys.exit(1)

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.money import usd
from billing.stripe.client import StripeProblem, is_on
from billing.stripe_sync.reconcile import Report, reconcile_stripe
from billing.topups.checkout import CENT_MICROS

BOOKED, DIFFERS = 3, 1


class Command(BaseCommand):
    help = (
        "Walk Stripe's own lists, book what a lost webhook left out, and compare what was paid with what was credited. "
        "Ends 0 when nothing was missing, 3 when something was booked and all is right now, 1 when something still "
        "differs, and 2 when Stripe could not be asked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=3, help="how far back to look (3)")
        parser.add_argument("--since", help="look back to this day instead, as YYYY-MM-DD in UTC")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, **options: Any) -> None:
        if not is_on():
            raise CommandError("There is no STRIPE_SECRET_KEY, so there is nothing to compare.", returncode=2)
        since = _since(options["days"], options["since"])
        try:
            report = reconcile_stripe(since)
        except StripeProblem as error:
            raise CommandError(f"Stripe could not be asked, so nothing was compared. {error}", returncode=2) from error
        self.stdout.write(json.dumps(asdict(report), indent=2, default=str) if options["json"] else _told(report))
        if report.differences:
            sys.exit(DIFFERS)
        if report.booked:
            sys.exit(BOOKED)


def _since(days: int, day: str | None) -> datetime:
    if day:
        try:
            return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as error:
            raise CommandError(f"--since {day!r} is no day; write it as 2026-11-21.", returncode=2) from error
    if days < 1:
        raise CommandError(f"--days {days} looks nowhere; write 1 or more.", returncode=2)
    return timezone.now() - timedelta(days=days)


def _told(report: Report) -> str:
    seen = ", ".join(f"{count} of {name}" for name, count in report.looked_at.items())
    paid, credited = usd(report.paid_at_stripe_cents * CENT_MICROS), usd(report.credited_micros)
    lines = [
        f"Since {report.since:%Y-%m-%d %H:%M} UTC. Looked at: {seen}.",
        f"Paid at Stripe, tax included: {paid}. Credited here: {credited}.",
        *(f"Booked late, so a webhook was lost: {line}" for line in report.booked),
        *(f"Differs: {line}" for line in report.differences),
    ]
    return "\n".join([*lines, "Stripe and the ledger agree." if report.is_clean else ""]).rstrip()

from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatarsite.amounts import AmountRefused, read_amount
from avatarsite.workspaces.models import Workspace
from billing.errors import KeyConflict
from billing.ledger import posting
from billing.models import LotCategory
from billing.money import micros_of, usd, usd_balance


class Command(BaseCommand):
    help = "Give a workspace credit, as a grant in the ledger."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--amount", required=True, help="in dollars, such as 10 or 2.50")
        parser.add_argument("--reason", required=True, help="shown on the workspace's statement")
        parser.add_argument("--category", choices=LotCategory.values, default=LotCategory.BONUS.value)
        parser.add_argument("--key", help="the same key grants once, however often the command is run")

    def handle(self, **options: Any) -> None:
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        if workspace is None:
            raise CommandError(f"There is no workspace {options['workspace']!r}; give --workspace its slug.")
        try:
            amount = read_amount(options["amount"])
        except AmountRefused as error:
            raise CommandError(
                f"--amount is {options['amount']!r}; write dollars such as 10 or 2.50. {error}"
            ) from error
        try:
            lot = posting.grant(
                workspace,
                micros_of(amount),
                key=f"grant:command:{options['key'] or uuid.uuid4()}",
                reason=options["reason"],
                category=options["category"],
            )
        except (ValueError, KeyConflict) as error:
            raise CommandError(str(error)) from error
        available = usd_balance(posting.balance(workspace).available_micros)
        self.stdout.write(f"Granted {usd(lot.granted)} to {workspace.slug}; {available} is available.")

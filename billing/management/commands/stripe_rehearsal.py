from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatarsite.workspaces.models import Member, Role, Workspace
from billing.stripe.client import is_on
from billing.stripe_sync.rehearsal import Rehearsal


class Command(BaseCommand):
    help = (
        "Buy, refund and be disputed with a Stripe test account, and say of each step whether Stripe took it. Refuses "
        "a live key. Use a workspace made for it: its wallet ends frozen by the dispute. Ends 1 when a step went wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG", help="a workspace made for this")

    def handle(self, **options: Any) -> None:
        if not is_on():
            raise CommandError("There is no STRIPE_SECRET_KEY. Set a test key, sk_test_… or rk_test_….")
        workspace = Workspace.objects.filter(slug=options["workspace"]).first()
        owner = Member.objects.filter(workspace=workspace, role=Role.OWNER).select_related("user").first()
        if workspace is None or owner is None:
            raise CommandError(f"There is no workspace {options['workspace']} with an owner.")
        try:
            rehearsal = Rehearsal(workspace, owner.user)
        except ValueError as error:
            raise CommandError(str(error)) from error
        wrong = 0
        for step in rehearsal.steps():
            wrong += not step.went_well
            self.stdout.write(f"{'ok   ' if step.went_well else 'WRONG'} {step.name}: {step.outcome}")
        if wrong:
            sys.exit(1)

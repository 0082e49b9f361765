"""Template context of all pages about top-ups, and the addresses at which Stripe finds them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.urls import reverse

from avatarsite.workspaces.decorators import WorkspaceRequest
from avatarsite.workspaces.models import Workspace
from billing.debts import freezes, receivables
from billing.ledger import posting
from billing.models.stripe import BACK_LENGTH
from billing.stripe import client, customers
from billing.topups import auto_topup

UNPROCESSABLE = 422


def topup_context(workspace: Workspace) -> dict[str, Any]:
    return {
        "balance": posting.balance(workspace),
        "frozen_because": freezes.told_reason(workspace),
        "owed_micros": receivables.owed_micros(workspace),
        "customer": customers.known_customer(workspace),
        "topups_on": client.is_on(),
        "test_mode": client.is_on() and not client.livemode(),
        "tax": settings.STRIPE_TAX,
        "automatic_off": auto_topup.why_off(),
    }


def place_in(workspace: Workspace, address: str) -> str:
    """The address, if it is a page of the workspace; else nothing."""
    home = reverse("balance", kwargs={"workspace": workspace.slug}).removesuffix("balance/")
    ours = address.isprintable() and "\\" not in address and len(address) <= BACK_LENGTH
    inside = ours and address.startswith(home) and ".." not in unquote(address.partition("?")[0])
    return address if inside else ""


def address_of(request: WorkspaceRequest, name: str, **names: str) -> str:
    """Where Stripe sends people back; ``{…}`` stands for a row that is not made yet and stays as it is.

    Of PUBLIC_URL when that is set, because a Host header is only what a client says.
    """
    marks = {key: f"00{index}" if value.startswith("{") else value for index, (key, value) in enumerate(names.items())}
    path = reverse(name, kwargs={"workspace": request.workspace.slug, **marks})
    for key, value in names.items():
        path = path.replace(f"/{marks[key]}/", f"/{value}/")
    return f"{settings.PUBLIC_URL or request.build_absolute_uri('/')[:-1]}{path}"

"""What all pages of buying credit know, and the addresses at which Stripe finds them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.urls import reverse

from avatarsite.workspaces.door import WorkspaceRequest
from avatarsite.workspaces.models import Workspace
from billing import auto_topup, customers, freezing, ledger, receivables, stripe_gateway
from billing.models.stripe import BACK_LENGTH

UNPROCESSABLE = 422


def known_of(workspace: Workspace) -> dict[str, Any]:
    return {
        "balance": ledger.balance(workspace),
        "frozen_because": freezing.told_reason(workspace),
        "owed_micros": receivables.owed_micros(workspace),
        "customer": customers.known_customer(workspace),
        "topups_on": stripe_gateway.is_on(),
        "test_mode": stripe_gateway.is_on() and not stripe_gateway.livemode(),
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

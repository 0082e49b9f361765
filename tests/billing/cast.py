"""Who appears in the ledger's tests."""

from __future__ import annotations

from datetime import datetime

from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, Hold, Price
from billing.prices import price_book

DOLLAR = 1_000_000
OFFER = "acme:face"


def make_workspace(slug: str = "acme") -> Workspace:
    return Workspace.objects.create(slug=slug, name=slug.title())


def make_rich(dollars: int = 10, slug: str = "acme") -> Workspace:
    """A workspace with bonus credit that never ends."""
    workspace = make_workspace(slug)
    posting.grant(workspace, dollars * DOLLAR, key=f"{slug}:welcome", reason="Welcome")
    return workspace


def give(
    workspace: Workspace, micros: int, key: str, *, category: str = "bonus", expires_at: datetime | None = None
) -> CreditLot:
    also = {"category": category, "expires_at": expires_at}
    return posting.grant(workspace, micros, key=key, reason=f"Because of {key}", **also)


def hold(workspace: Workspace, micros: int, name: str) -> Hold:
    return holds.place_hold(workspace, micros, key=f"{name}:hold", subject=f"render:{name}")


def make_price(*, cost: int = 60_000, price: int = 100_000, offer: str = OFFER) -> Price:
    return price_book.set_price(offer, cost_micros_per_second=cost, price_micros_per_second=price, source="a test")

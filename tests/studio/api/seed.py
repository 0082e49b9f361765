"""Who lives on a live site before the API is called, made through the domain in a process of that site."""

from __future__ import annotations

from typing import Any

from avatarsite.workspaces.models import Scope, User
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.prices import price_book
from studio.uploads.samples import add_samples

CREDIT_MICROS = 5_000_000
PASSWORD = "correct horse battery"


def seed(name: str = "Alice", *, credit_micros: int = CREDIT_MICROS) -> dict[str, Any]:
    """A person with credit, a portrait, a voice, and a token of each kind: what a program of theirs would know."""
    price_book.seed_prices()
    user = User.objects.create_user(f"{name.lower()}@example.org", PASSWORD, name=f"{name} Example")
    workspace = user.workspaces.get()
    posting.grant(workspace, credit_micros, key=f"api:{name}", reason="A welcome gift")
    portrait, voice = add_samples(workspace)
    _, token = make_token(workspace, user=user, name="Live", scopes=list(Scope))
    _, test = make_token(workspace, user=user, name="Test", scopes=list(Scope), test=True)
    return {
        "workspace": workspace.pk,
        "slug": workspace.slug,
        "portrait": portrait.pk,
        "voice": voice.pk,
        "token": token,
        "test_token": test,
    }

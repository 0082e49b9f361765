from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client

from avatarsite.workspaces.models import ApiToken, Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.prices import price_book
from studio.models import Upload
from studio.uploads.samples import add_samples
from tests.conftest import Cast
from tests.support.servers import s3 as s3  # noqa: PLC0414

PRICE = 10_000  # micro-dollars a second of draft
CREDIT = 5_000_000


@dataclass(frozen=True)
class Caller:
    """A program with a token. One client for all it asks: each new one would look through the static files again."""

    token: ApiToken
    secret: str
    client: Client = field(default_factory=Client, repr=False, compare=False)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        names = {"Authorization": f"Bearer {self.secret}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return self.client.generic(method, f"/api/v1/{path}", headers=names, **sent)

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, body, **headers)


def caller(workspace: Workspace, user: User, *scopes: str, test: bool = False) -> Caller:
    return Caller(*make_token(workspace, user=user, name="test", scopes=scopes or list(Scope), test=test))


@pytest.fixture
def priced(db: None) -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=PRICE, source="test")
    price_book.set_price("local:test", cost_micros_per_second=0, price_micros_per_second=0, source="test")


@pytest.fixture
def api(cast: Cast, priced: None) -> Caller:
    """Alice's token with every scope, and five dollars."""
    posting.grant(cast.workspace, CREDIT, key="api", reason="test")
    return caller(cast.workspace, cast.alice)


@pytest.fixture
def inputs(cast: Cast) -> dict[str, str]:
    portrait, voice = uploads(cast.workspace)
    return {"portrait": portrait.pk, "voice": voice.pk}


def uploads(workspace: Workspace) -> tuple[Upload, Upload]:
    return add_samples(workspace)

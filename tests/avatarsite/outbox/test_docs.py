"""docs/webhooks.md: its receiver takes what we send, once, and nothing that is forged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from avatarsite.outbox.endpoints import secret_of
from avatarsite.workspaces.models import Workspace
from tests.avatarsite.outbox.cast import happen, listen, send
from tests.avatarsite.outbox.receiver import Receiver

pytestmark = pytest.mark.django_db

PAGE = Path(settings.BASE_DIR) / "docs" / "webhooks.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_receiver_in_the_document_takes_what_we_send(house: Workspace, there: Receiver) -> None:
    secret = secret_of(listen(house, there.url))
    events = happen(house, 2)
    send()
    kept: list[dict[str, Any]] = []
    (program,) = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"keep": kept.append, "seen_before": lambda pk: pk in [event["id"] for event in kept]}
    exec(program.replace("whsec_…", secret), names)
    for got in [*there.got, *there.got]:
        assert names["receive"](got.body, got.headers) == 204
    assert [event["id"] for event in kept] == [event.id for event in events]
    assert names["receive"](there.got[0].body + b" ", there.got[0].headers) == 400

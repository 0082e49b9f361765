"""What happens in the studio and at the till is recorded in the transaction in which it happens."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatarsite.outbox.event_types import KINDS
from avatarsite.outbox.models import Event
from avatarsite.outbox.retries import WAITS
from avatarsite.workspaces.models import Workspace
from billing.ledger import posting
from billing.topups.low_balance import check_low_balance
from studio.pipeline.cancel import request_cancel
from studio.pipeline.drive import drive
from studio.representation import serialize_render
from tests.flows.cast import ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)


def told() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("row").values_list("kind", "subject"))


def test_a_render_is_told_from_the_queue_to_the_end() -> None:
    render = ask(make_studio(balance_micros=5_000_000, price_micros=10_000))
    first = Event.objects.get()
    assert first.data == serialize_render(render)
    render = drive(render.pk)
    subject = f"render:{render.pk}"
    assert told() == [("render.queued", subject), ("render.rendering", subject), ("render.ready", subject)]
    ready = Event.objects.get(kind="render.ready").data
    assert (ready["state"], ready["charge"]["amount_micros"]) == ("ready", render.charge_micros)
    assert [output["kind"] for output in ready["outputs"]] == ["video", "poster"]


def test_a_cancelled_render_is_told() -> None:
    render = ask(make_studio(balance_micros=5_000_000, price_micros=10_000))
    assert request_cancel(render, user=None)
    assert [kind for kind, _ in told()] == ["render.queued", "render.cancelled"]


def test_a_low_balance_is_told_once_in_the_apis_words() -> None:
    house = Workspace.objects.create(slug="poor", name="Poor")
    posting.grant(house, 1_500_000, key="poor", reason="test")
    assert [check_low_balance(house), check_low_balance(house)] == [True, False]
    event = Event.objects.get()
    assert (event.kind, event.data["available"]) == (
        "balance.low",
        {"amount_micros": 1_500_000, "currency": "USD", "display": "$1.50"},
    )


def test_the_document_has_every_kind_and_the_table_of_tries(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / Path("docs/webhooks.md")).read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []
    (line,) = [line for line in page.splitlines() if line.startswith("| wait before it |")]
    units = {"s": 1, "min": 60, "h": 3600}
    cells = [cell.split() for cell in line.strip("| ").split(" | ")[2:]]
    assert [int(number) * units[unit] for number, unit in cells] == [wait.total_seconds() for wait in WAITS]

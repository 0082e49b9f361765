"""What a token may not spend by itself: it waits for a person, holds nothing, and is made once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.tokens import revoke_token, rotate_token, set_ask_above
from billing.budgets import budgets
from billing.errors import BudgetReached, InsufficientCredit
from billing.ledger import posting
from billing.prices import price_book
from studio.approvals import approvals
from studio.approvals.approvals import ApprovalRefused, approve, decline
from studio.models import Approval, Captions, Render
from studio.pipeline.request.consent import ApprovalNeeded
from studio.pipeline.request.take import take
from tests.conftest import Cast
from tests.studio.api.conftest import CREDIT, PRICE, Caller, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def asking(cast: Cast, api: Caller) -> Caller:
    """A token that spends nothing by itself."""
    asks = caller(cast.workspace, cast.alice, "render")
    set_ask_above(asks.token, 0, user=cast.alice)
    return asks


def ask(asking: Caller, body: dict[str, Any], path: str = "renders") -> tuple[dict[str, Any], Approval]:
    answer = asking.post(path, body)
    assert answer.status_code == 202, answer.content
    said = answer.json()
    assert answer.headers["Location"] == f"/api/v1/approvals/{said['id']}"
    return said, Approval.objects.get(pk=said["id"])


def held(cast: Cast) -> int:
    return posting.balance(cast.workspace).held_micros


def test_it_waits_holds_nothing_and_tells_the_maker(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    quoted = asking.post("quotes", inputs).json()
    said, _ = ask(asking, {**inputs, "title": "Autumn", "quote": quoted["id"]})
    assert (said["state"], said["title"], said["videos"], said["render"]) == ("awaiting_approval", "Autumn", 1, None)
    assert said["ceiling"] == quoted["ceiling"]
    assert (held(cast), Render.objects.count()) == (0, 0)
    mail = MailMessage.objects.get(kind="approval")
    assert (mail.to, mail.subject) == (
        cast.alice.email,
        f"A yes is waited for: “Autumn”, up to {said['ceiling']['display']}",
    )
    assert said["page"] in mail.text
    page = cast.browser(cast.bob).get(f"/w/{cast.workspace.slug}/approvals/").content.decode()
    assert "Autumn" in page
    assert "Make it" not in page


def test_a_yes_makes_it_as_it_was_asked_for(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    wish = {**inputs, "title": "Autumn", "reference": "r-1", "metadata": {"a": "1"}, "tags": ["sale"], "prompt": "calm"}
    wish |= {"captions": {"from": "cues", "cues": [{"start_ms": 0, "end_ms": 900, "text": "Hello."}]}}
    said, _ = ask(asking, wish)
    answer = cast.browser(cast.emil).post(f"/w/{cast.workspace.slug}/approvals/{said['id']}/", {"say": "yes"})
    assert answer.status_code == 302
    now = asking.get(f"approvals/{said['id']}").json()
    made = asking.get(f"renders/{now['render']}").json()
    assert (now["state"], made["state"], made["ceiling"]) == ("approved", "queued", said["ceiling"])
    assert {name: made[name] for name in ("title", "reference", "metadata", "tags", "prompt")} == {
        name: wish[name] for name in ("title", "reference", "metadata", "tags", "prompt")
    }
    assert Captions.objects.get().cues == [[0, 900, "Hello."]]
    row = Render.objects.get()
    assert (row.token, row.requested_by, row.hold.token) == (asking.token, cast.alice, asking.token.lineage)
    assert held(cast) == said["ceiling"]["amount_micros"]
    entry = AuditEntry.objects.get(event="approval.approved")
    assert (entry.actor, entry.target) == (cast.emil.email, said["id"])


def test_takes_and_batches_wait_as_one(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    _, takes = ask(asking, {**inputs, "takes": 3})
    _, batch = ask(asking, {"items": [inputs, {**inputs, "title": "Two"}]}, "batches")
    assert (takes.count, batch.count) == (3, 2)
    for row, count in ((takes, 3), (batch, 2)):
        made = approve(row, by=cast.emil)
        assert made.group is not None
        assert made.group.renders.count() == count
    assert held(cast) == takes.ceiling_micros + batch.ceiling_micros


def test_twice_is_once_and_no_after_yes_is_refused(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    _, row = ask(asking, inputs)
    first, again = approve(row, by=cast.emil), approve(Approval.objects.get(pk=row.pk), by=cast.dora)
    assert (first.render, again.decided_by, Render.objects.count()) == (again.render, cast.emil, 1)
    with pytest.raises(ApprovalRefused, match="It was approved"):
        decline(row, by=cast.emil)


def test_a_no_makes_nothing(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    said, row = ask(asking, inputs)
    assert decline(decline(row, by=cast.emil), by=cast.dora).decided_by == cast.emil
    assert asking.get(f"approvals/{said['id']}").json()["state"] == "declined"
    with pytest.raises(ApprovalRefused, match="It was declined"):
        approve(row, by=cast.emil)
    assert Render.objects.count() == 0


def test_without_an_answer_it_expires(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    said, row = ask(asking, inputs)
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert asking.get(f"approvals/{said['id']}?wait=5").json()["state"] == "expired"
    assert [one["id"] for one in asking.get("approvals?state=expired").json()["data"]] == [said["id"]]
    assert asking.get("approvals?state=awaiting_approval").json()["data"] == []
    for decide in (approve, decline):
        with pytest.raises(ApprovalRefused, match="It has expired"):
            decide(row, by=cast.emil)
    other, _ = ask(asking, inputs)
    assert other["id"] != said["id"]


def test_the_same_again_while_it_waits_is_the_same(asking: Caller, inputs: dict[str, str]) -> None:
    assert ask(asking, inputs)[0] == ask(asking, inputs)[0]
    ask(asking, {**inputs, "title": "Another"})
    assert (Approval.objects.count(), MailMessage.objects.filter(kind="approval").count()) == (2, 2)


def test_not_too_many_wait(asking: Caller, inputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approvals, "MAX_WAITING", 1)
    ask(asking, inputs)
    answer = asking.post("renders", {**inputs, "title": "Another"})
    assert (answer.status_code, answer.json()["code"]) == (429, "approvals_waiting")


def test_up_to_the_amount_it_asks_nobody(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    ceiling = asking.post("quotes", inputs).json()["ceiling"]["amount_micros"]
    set_ask_above(asking.token, ceiling, user=cast.alice)
    assert asking.post("renders", inputs).status_code == 201
    assert asking.post("renders", {**inputs, "takes": 2}).status_code == 202
    set_ask_above(asking.token, None, user=cast.alice)
    assert asking.post("renders", {**inputs, "takes": 2}).status_code == 201


def test_a_retry_asks_too_and_a_repeat_with_its_key_is_answered_the_same(
    cast: Cast, api: Caller, asking: Caller, inputs: dict[str, str]
) -> None:
    made = api.post("renders", inputs).json()
    api.post(f"renders/{made['id']}/cancel")
    retried = asking.post(f"renders/{made['id']}/retry")
    assert (retried.status_code, retried.json()["title"]) == (202, made["title"])
    first, again = (asking.post("renders", {**inputs, "title": "Once"}, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.json()) == (202, first.json())


def test_the_price_that_was_read_is_the_most(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    _, row = ask(asking, inputs)
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=PRICE * 2, source="test")
    answer = cast.browser(cast.emil).post(f"/w/{cast.workspace.slug}/approvals/{row.pk}/", {"say": "yes"}, follow=True)
    assert "The price has gone up since you saw it." in answer.content.decode()
    row.refresh_from_db()
    assert (row.stands, Render.objects.count()) == ("awaiting_approval", 0)


def test_a_price_that_was_quoted_binds_after_a_yes(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    quoted = asking.post("quotes", inputs).json()
    _, row = ask(asking, {**inputs, "quote": quoted["id"]})
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=PRICE * 2, source="test")
    approve(row, by=cast.emil)
    assert Render.objects.get().ceiling_micros == quoted["ceiling"]["amount_micros"]


def test_what_money_refuses_waits_on(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    _, row = ask(asking, inputs)
    budgets.set_budget(cast.workspace, "workspace", 1, user=None)
    with pytest.raises(BudgetReached):
        approve(row, by=cast.emil)
    budgets.set_budget(cast.workspace, "workspace", None, user=None)
    _, dear = ask(asking, {"items": [inputs] * (CREDIT // row.ceiling_micros + 1)}, "batches")
    with pytest.raises(InsufficientCredit):
        approve(dear, by=cast.emil)
    assert (Render.objects.count(), held(cast)) == (0, 0)
    assert approve(row, by=cast.emil).render is not None


def test_a_token_that_is_revoked_gets_no_yes_and_one_that_is_rotated_asks_on(
    cast: Cast, asking: Caller, inputs: dict[str, str]
) -> None:
    _, row = ask(asking, inputs)
    new, secret = rotate_token(asking.token, user=cast.alice, overlap=timedelta())
    assert Caller(new, secret).post("renders", inputs).status_code == 202
    revoke_token(asking.token, user=cast.alice)
    with pytest.raises(ApprovalRefused, match="does not work any more"):
        approve(Approval.objects.get(pk=row.pk), by=cast.emil)


def test_what_has_gone_is_said(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    _, row = ask(asking, inputs)
    assert row.voice is not None
    row.voice.delete()
    answer = cast.browser(cast.emil).post(f"/w/{cast.workspace.slug}/approvals/{row.pk}/", {"say": "yes"}, follow=True)
    assert "The voice is not there any more. Decline it." in answer.content.decode()


def test_no_other_way_leads_past_it(cast: Cast, asking: Caller, inputs: dict[str, str]) -> None:
    """As the gateway asks: who can't wait for a person is refused."""
    _, row = ask(asking, inputs)
    request = approvals.read(row, row.requests[0])
    with pytest.raises(ApprovalNeeded, match="only with a person’s yes"):
        take(replace(request, approved=False, max_amount_micros=None), user=None)

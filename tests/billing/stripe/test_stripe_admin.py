"""What staff see of Stripe, and the two forms with which they move money: refund, and a wallet's freeze and debt."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import User
from billing.debts import freezes
from billing.holds import holds
from billing.ledger import accounts
from billing.models import AutoTopUp, Dispute, LedgerAccount, Refund, StripeCustomer, TopUp
from tests.billing.cast import DOLLAR
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db
REASON = "Asked for by mail"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff@example.com", "correct horse"))
    return client


def page(model: type, name: str, *arguments: object) -> str:
    return reverse(f"admin:billing_{model.__name__.lower()}_{name}", args=arguments)


def send(client: Client, url: str, times: int = 1, **fields: Any) -> str:
    """Open the form, fill it in and send it; the page that comes of it the first time."""
    token = client.get(url).context["form"]["token"].value()
    answers = [client.post(url, {"token": token, "reason": REASON, **fields}, follow=True) for _ in range(times)]
    return str(answers[0].content.decode())


def test_everything_of_stripe_can_be_read_and_nothing_written(shop: Shop, staff: Client) -> None:
    top_up = shop.buy(20)
    shop.stripe.refund(shop.charge_of(top_up), 500)
    shop.stripe.dispute(shop.charge_of(top_up))
    shop.tell()
    AutoTopUp.objects.create(workspace=shop.workspace)
    for model in (TopUp, Refund, Dispute, AutoTopUp, StripeCustomer):
        row: Any = model.objects.latest("pk")
        assert staff.get(page(model, "changelist"), {"q": shop.workspace.slug}).status_code == 200
        shown = staff.get(page(model, "change", row.pk))
        assert (shown.status_code, b'name="_save"' in shown.content) == (200, False)
        assert staff.get(page(model, "history", row.pk)).status_code == 200
        assert [staff.post(page(model, name, *ids), {}).status_code for name, ids in (
            ("add", ()), ("change", (row.pk,)), ("delete", (row.pk,)),
        )] == [403, 403, 403]  # fmt: skip
    shown_top_up = staff.get(page(TopUp, "change", top_up.pk)).content.decode()
    assert "Refunded in Stripe" in shown_top_up
    assert (">$20.00<" in shown_top_up, ">2000<" in shown_top_up) == (True, False)
    assert Dispute.objects.get().stripe_id in shown_top_up


def test_a_double_click_refunds_once_and_is_logged_once(shop: Shop, staff: Client) -> None:
    top_up = shop.buy(20)
    url = page(TopUp, "refund", top_up.pk)
    assert f'href="{url}"' in staff.get(page(TopUp, "change", top_up.pk)).content.decode()
    assert "$5.00 is on its way back." in send(staff, url, times=2, amount="5")
    work()
    refund = Refund.objects.get()
    assert (shop.posted, refund.state, refund.user) == (15, "succeeded", User.objects.get(email="staff@example.com"))
    told = LogEntry.objects.get().get_change_message()
    assert told == f"Refund {refund} of $5.00: {REASON} ({refund.token})"


def test_a_refund_that_can_not_be_says_why(shop: Shop, staff: Client) -> None:
    top_up = shop.buy(20)
    hold = holds.place_hold(shop.workspace, 12 * DOLLAR, key="a:hold", subject="render:a")
    holds.settle_hold(hold, 12 * DOLLAR)
    url = page(TopUp, "refund", top_up.pk)
    assert "$8.00 of $20.00 is unspent and not held" in staff.get(url).content.decode()
    assert "Up to $20.00 if what was spent is given up" in send(staff, url, amount="9")
    assert "This field is required" in send(staff, url, amount="5", reason="")
    assert not Refund.objects.exists()
    assert "$20.00 is on its way back" in send(staff, url, amount="20", forgive_spent="on")
    work()
    assert (shop.posted, shop.owed) == (0, 0)


def test_looking_is_not_refunding(shop: Shop, client: Client) -> None:
    top_up = shop.buy(20)
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_topup", "view_ledgeraccount"]))
    client.force_login(clerk)
    assert ">Refund<" not in client.get(page(TopUp, "change", top_up.pk)).content.decode()
    assert client.post(page(TopUp, "refund", top_up.pk), {}).status_code == 403
    wallet = accounts.wallet(shop.workspace)
    assert client.get(page(LedgerAccount, "freeze", wallet.pk)).status_code == 403
    assert "Freeze and debts" not in client.get(page(LedgerAccount, "change", wallet.pk)).content.decode()


def test_staff_ask_stripe_again(shop: Shop, staff: Client) -> None:
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "")
    sent = {"action": "ask_stripe", "_selected_action": [top_up.pk]}
    answer = staff.post(page(TopUp, "changelist"), sent, follow=True)
    assert [str(told) for told in answer.context["messages"]] == [f"{top_up}: Paid"]
    assert shop.posted == 20


def test_a_debt_is_given_up_and_a_lost_dispute_let_go_on(shop: Shop, staff: Client) -> None:
    top_up = shop.buy(20)
    hold = holds.place_hold(shop.workspace, 12 * DOLLAR, key="a:hold", subject="render:a")
    holds.settle_hold(hold, 12 * DOLLAR)
    dispute = shop.stripe.dispute(shop.charge_of(top_up))
    shop.stripe.close_dispute(dispute["id"], "lost")
    shop.tell()
    url = page(LedgerAccount, "freeze", accounts.wallet(shop.workspace).pk)
    shown = staff.get(url).content.decode()
    assert (f"Frozen: {freezes.LOST}." in shown, "$12.00 is owed." in shown) == (True, True)

    assert "$12.00 given up" in send(staff, url, times=2, act="forgive")
    assert (shop.owed, shop.frozen, shop.platform("write_off")) == (0, True, -12)
    assert "1 lost disputes cleared" in send(staff, url, act="let_go_on")
    assert (shop.frozen, LogEntry.objects.count()) == (False, 2)


def test_an_operators_own_freeze_begins_and_ends(shop: Shop, staff: Client) -> None:
    url = page(LedgerAccount, "freeze", accounts.wallet(shop.workspace).pk)
    assert "or one that the rules give" in send(staff, url, act="freeze", reason=freezes.OWED)
    assert "frozen." in send(staff, url, act="freeze")
    assert (shop.frozen, accounts.wallet(shop.workspace).frozen_reason) == (True, REASON)
    assert "Select a valid choice" in send(staff, url, act="freeze")
    assert "our freeze ended" in send(staff, url, act="unfreeze")
    assert (shop.frozen, LogEntry.objects.count()) == (False, 2)


def test_an_open_dispute_is_not_for_staff_to_lift(shop: Shop, staff: Client) -> None:
    shop.stripe.dispute(shop.charge_of(shop.buy(20)))
    shop.tell()
    url = page(LedgerAccount, "freeze", accounts.wallet(shop.workspace).pk)
    assert "There is nothing to do here that you may do" in staff.get(url).content.decode()
    send(staff, url, act="unfreeze")
    assert shop.frozen


def test_a_charge_of_stripe_leads_to_the_top_up_that_it_paid(shop: Shop, staff: Client) -> None:
    top_up = shop.buy(20)
    found = staff.get(reverse("admin:search"), {"q": shop.charge_of(top_up)})
    assert found["Location"] == page(TopUp, "change", top_up.pk)

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from avatarsite.workspaces.models import User
from billing.holds import holds
from billing.ledger import posting
from billing.models import CreditLot, Hold, LedgerAccount, Price, Transfer, Usage
from billing.usage import metering
from billing.verify import verification
from tests.billing.cast import DOLLAR, OFFER, hold, make_price, make_rich

pytestmark = pytest.mark.django_db

MODELS = (LedgerAccount, CreditLot, Hold, Transfer, Price, Usage)


@pytest.fixture
def wallet() -> LedgerAccount:
    workspace, price = make_rich(10), make_price()
    placed = hold(workspace, DOLLAR, "one")
    metering.record_usage(
        workspace=workspace, subject="render:one", offer=OFFER, price=price, measured_ms=20_000, hold=placed
    )
    holds.release_hold(hold(workspace, DOLLAR, "two"), reason="cancelled")
    return posting.wallet(workspace)


def page(model: type, name: str, *arguments: object) -> str:
    return reverse(f"admin:billing_{model.__name__.lower()}_{name}", args=arguments)


@pytest.mark.parametrize("model", MODELS)
def test_money_can_be_read_and_searched_and_not_written(browser: Client, wallet: LedgerAccount, model: type) -> None:
    row = model.objects.latest("pk")
    assert browser.get(page(model, "changelist"), {"q": "render"}).status_code == 200
    assert browser.get(page(model, "change", row.pk)).status_code == 200
    assert browser.get(page(model, "history", row.pk)).status_code == 200
    for url in (page(model, "add"), page(model, "delete", row.pk)):
        assert browser.get(url).status_code == 403
        assert browser.post(url, {"post": "yes"}).status_code == 403
    assert browser.post(page(model, "change", row.pk), {"memo": "edited"}).status_code == 403
    delete_all = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    browser.post(page(model, "changelist"), delete_all)
    assert model.objects.filter(pk=row.pk).exists()
    assert verification.verify() == []


def test_the_page_of_a_row_shows_every_amount_as_money(browser: Client, wallet: LedgerAccount) -> None:
    LedgerAccount.objects.filter(pk=wallet.pk).update(floor=2_500_000, low_mark=3_750_000)
    Usage.objects.update(reported_cost_micros=1_234_500)
    for row, shown, raw in ((wallet, "$2.50 $3.75", "2500000 3750000"), (Usage.objects.get(), "$1.2345", "1234500")):
        words = strip_tags(browser.get(page(type(row), "change", row.pk)).content.decode()).replace(",", "").split()
        assert [amount for amount in shown.split() if amount not in words] == []
        assert [amount for amount in raw.split() if amount in words] == []


def test_a_double_click_grants_once_and_is_logged_once(browser: Client, wallet: LedgerAccount, staff: User) -> None:
    url = page(LedgerAccount, "grant", wallet.pk)
    assert f'href="{url}"' in browser.get(page(LedgerAccount, "change", wallet.pk)).content.decode()
    form = browser.get(url).context["form"]
    sent = {"token": form["token"].value(), "amount": "2.50", "reason": "For the slow day", "ends_on": "2099-12-31"}
    for _ in range(2):
        answer = browser.post(url, sent, follow=True)
        assert answer.redirect_chain == [(page(LedgerAccount, "change", wallet.pk), 302)]
        assert "Granted $2.50 to Acme; $11.50 is available." in answer.content.decode()
    lot = CreditLot.objects.latest("pk")
    assert (lot.granted, lot.category, lot.memo) == (2_500_000, "bonus", "For the slow day")
    assert lot.expires_at == datetime(2099, 12, 31, 23, 59, 59, 999999, UTC)
    assert Transfer.objects.latest("pk").actor == staff
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == (str(wallet.pk), staff)
    assert entry.get_change_message() == f"Granted $2.50: For the slow day (grant:admin:{sent['token']})"
    assert verification.verify() == []


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": ""}, "This field is required"),
        ({"amount": "0"}, "credit is more than $0"),
        ({"amount": "-5"}, "greater than or equal to 0"),
        ({"amount": "NaN"}, "Enter a number"),
        ({"reason": ""}, "This field is required"),
        ({"reason": "x" * 301}, "at most 300 characters"),
        ({"ends_on": "2020-01-01"}, "has passed; choose a later one"),
        ({"token": ""}, "without its token; open it again"),
    ],
)
def test_a_grant_that_can_not_be_says_why(
    browser: Client, wallet: LedgerAccount, wrong: dict[str, str], sentence: str
) -> None:
    url = page(LedgerAccount, "grant", wallet.pk)
    sent = {"token": browser.get(url).context["form"]["token"].value(), "amount": "5", "reason": "Sorry"}
    answer = browser.post(url, sent | wrong)
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert CreditLot.objects.count() == 1
    assert LogEntry.objects.count() == 0


def test_a_form_that_was_sent_is_not_sent_again_with_other_values(browser: Client, wallet: LedgerAccount) -> None:
    url = page(LedgerAccount, "grant", wallet.pk)
    sent = {"token": browser.get(url).context["form"]["token"].value(), "amount": "5", "reason": "Sorry"}
    browser.post(url, sent)
    answer = browser.post(url, sent | {"amount": "50"})
    assert "This form was sent before with other values" in answer.content.decode()
    assert posting.balance(wallet.workspace).posted_micros == 14 * DOLLAR


def test_credit_is_granted_to_wallets_only(browser: Client, wallet: LedgerAccount) -> None:
    revenue = posting.platform("revenue")
    assert browser.get(page(LedgerAccount, "grant", revenue.pk)).status_code == 404
    assert "Grant credit" not in browser.get(page(LedgerAccount, "change", revenue.pk)).content.decode()


def test_looking_at_money_is_not_granting_it(client: Client, wallet: LedgerAccount) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_ledgeraccount"))
    client.force_login(clerk)
    shown = client.get(page(LedgerAccount, "change", wallet.pk))
    assert (shown.status_code, "Grant credit" in shown.content.decode()) == (200, False)
    assert client.post(page(LedgerAccount, "grant", wallet.pk), {}).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="grant_credit"))
    assert client.get(page(LedgerAccount, "grant", wallet.pk)).status_code == 200

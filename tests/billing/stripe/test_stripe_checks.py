"""What ``manage.py check`` says of Stripe's variables, and what ``verify_ledger`` says of Stripe's rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db.models import F

from billing.ledger import accounts, posting
from billing.models import Dispute, LedgerAccount, Refund, TopUp
from billing.refunds import refunds
from billing.verify import verification
from tests.billing.cast import DOLLAR
from tests.billing.stripe_shop import Shop, use
from tests.support.without_triggers import lawless

pytestmark = pytest.mark.django_db

LIVE = {"STRIPE_SECRET_KEY": "rk_live_x", "STRIPE_WEBHOOK_SECRET": ["whsec_x"], "PUBLIC_URL": "https://a.example.org"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"DEBUG": True}, ["billing.E002"]),
        ({"STAND_INS": True}, ["billing.E003"]),
        ({"STRIPE_API_BASE": "http://127.0.0.1:1"}, ["billing.E004"]),
        ({"STRIPE_WEBHOOK_SECRET": ["whsec_x", "sk_live_x"]}, ["billing.E005"]),
        ({"STRIPE_WEBHOOK_SECRET": []}, ["billing.W001"]),
        ({"STRIPE_SECRET_KEY": ""}, ["billing.W002"]),
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, ["billing.W003"]),
        ({"STRIPE_TAX_CODE": "txcd_1"}, ["billing.W004"]),
        ({"PUBLIC_URL": "http://a.example.org"}, ["billing.W005"]),
        ({"PRICE_MARKUP_PERCENT": 0}, ["billing.W006"]),
        ({"STRIPE_SECRET_KEY": "rk_test_x", "DEBUG": True, "PUBLIC_URL": ""}, []),
        ({"STRIPE_SECRET_KEY": "", "STRIPE_WEBHOOK_SECRET": []}, []),
    ],
)
def test_half_set_and_dangerous_keys_are_named(settings: Any, changes: dict[str, Any], expected: list[str]) -> None:
    settings.DEBUG, settings.STAND_INS = False, False
    for name, value in (LIVE | {"PRICE_MARKUP_PERCENT": 30} | changes).items():
        setattr(settings, name, value)
    found = [one for one in run_checks(include_deployment_checks=True) if str(one.id).startswith("billing.")]
    assert [str(one.id) for one in found] == expected
    assert all(one.hint for one in found)


# --- verify_ledger


def _lift() -> None:
    LedgerAccount.objects.filter(kind="wallet").update(frozen_at=None)


def _forget() -> None:
    TopUp.objects.filter(state="paid").update(state="failed", lot=None, paid_at=None)


def _overpay() -> None:
    posting.post(
        kind="clawback",
        debit=accounts.platform("adjustments"),
        credit=LedgerAccount.objects.get(code__startswith="receivable:"),
        amount_micros=50 * DOLLAR,
        key="x",
    )


CORRUPTIONS: dict[str, tuple[Callable[[], object], set[str]]] = {
    "a top-up of another amount": (
        lambda: TopUp.objects.filter(amount_cents=3000).update(amount_cents=3100),
        {"topup_not_credited"},
    ),
    "a paid top-up that is forgotten": (_forget, {"topup_not_credited", "credit_without_topup"}),
    "a refund that says it succeeded": (
        lambda: Refund.objects.filter(state="pending").update(state="succeeded"),
        {"refund_differs"},
    ),
    "a refund of more credit": (
        lambda: Refund.objects.update(credit_micros=F("credit_micros") + 1),
        {"refund_differs"},
    ),
    "a dispute that says it was won": (
        lambda: Dispute.objects.filter(state="open").update(state="won"),
        {"dispute_differs"},
    ),
    "a refund beyond its top-up": (
        lambda: Refund.objects.update(credit_micros=90 * DOLLAR),
        {"refund_differs", "given_back_beyond_topup"},
    ),
    "a debt that was paid twice": (_overpay, {"owes_less_than_nothing"}),
    "a wallet that somebody let go on": (_lift, {"disputed_and_not_frozen"}),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_planted_corruption_of_stripes_rows_is_found(
    cast: Any, settings: Any, stripe_stand_in: Any, name: str
) -> None:
    use(settings, stripe_stand_in)
    shop = Shop(cast.workspace, cast.alice, stripe_stand_in)
    stripe_stand_in.settings(refunds="pending")
    refunded, disputed = shop.buy(30), shop.buy(20)
    refund = refunds.request_refund(refunded, 10 * DOLLAR, reason="x", user=shop.user, token=uuid.uuid4())
    refunds.send_refund(refund)
    stripe_stand_in.dispute(shop.charge_of(disputed))
    shop.tell("charge.dispute.created")
    accounts.platform(f"receivable:{shop.workspace.pk}")
    assert verification.verify() == []

    plant, codes = CORRUPTIONS[name]
    with lawless():
        plant()
    assert {finding.code for finding in verification.verify()} == codes

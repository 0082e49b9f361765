"""Money that goes back, asked for here or in Stripe's dashboard: in full, in parts, after spending, and failing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from billing.debts import freezes, write_offs
from billing.holds import holds
from billing.models import Refund, RefundState, TopUp, Transfer
from billing.refunds import refunds
from tests.billing.cast import DOLLAR, give
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db


def ask(shop: Shop, top_up: TopUp, dollars: float, **more: Any) -> Refund:
    token = more.pop("token", None) or uuid.uuid4()
    micros = round(dollars * DOLLAR)
    return refunds.request_refund(top_up, micros, reason="Bought by mistake", user=shop.user, token=token, **more)


def spend(shop: Shop, dollars: int, name: str = "a") -> None:
    hold = holds.place_hold(shop.workspace, dollars * DOLLAR, key=f"{name}:hold", subject=f"render:{name}")
    holds.settle_hold(hold, dollars * DOLLAR)


def state_of(refund: Refund) -> str:
    refund.refresh_from_db()
    return refund.state


def id_at_stripe(refund: Refund) -> str:
    refund.refresh_from_db()
    return refund.stripe_id or ""


# --- Ours


def test_a_refund_takes_the_credit_before_stripe_is_asked(shop: Shop) -> None:
    top_up = shop.buy(20)
    refund = ask(shop, top_up, 20)
    assert (state_of(refund), shop.posted, shop.stripe.objects("refund")) == (RefundState.REQUESTED, 0, [])

    refunds.send_refund(refund)
    (made,) = shop.stripe.objects("refund")
    assert (state_of(refund), made["amount"], made["metadata"]["refund"]) == (RefundState.SUCCEEDED, 2000, refund.pk)
    assert (shop.platform("refunds"), shop.platform("stripe_clearing"), shop.frozen) == (0, 0, False)
    shop.tell()
    assert (shop.posted, Refund.objects.count()) == (0, 1)
    assert set(Transfer.objects.filter(kind="refund").values_list("subject", flat=True)) == {f"refund:{refund.pk}"}


def test_the_same_form_sent_twice_is_one_refund(shop: Shop) -> None:
    top_up, token = shop.buy(20), uuid.uuid4()
    first, second = ask(shop, top_up, 5, token=token), ask(shop, top_up, 5, token=token)
    refunds.send_refund(first)
    refunds.send_refund(second)
    assert (first.pk, shop.posted, len(shop.stripe.objects("refund"))) == (second.pk, 15, 1)


def test_parts_make_the_whole_with_its_tax(shop: Shop, settings: Any) -> None:
    settings.STRIPE_TAX = True
    top_up = shop.buy(10)
    assert top_up.total_cents == 1200
    for dollars in (3.33, 3.33, 3.34):
        refunds.send_refund(ask(shop, top_up, dollars))
    assert [row["amount"] for row in shop.stripe.objects("refund")] == [399, 399, 402]
    assert (shop.posted, shop.platform("stripe_clearing")) == (0, 0)
    assert refunds.refundable_micros(top_up) == 0


def test_what_is_held_or_spent_is_not_refunded_unless_it_is_given_up(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 12)
    holds.place_hold(shop.workspace, 3 * DOLLAR, key="b:hold", subject="render:b")
    assert refunds.refundable_micros(top_up) == 5 * DOLLAR
    with pytest.raises(ValueError, match=r"\$5.00 of it is unspent and not held. Up to \$20.00 if what was spent"):
        ask(shop, top_up, 6)

    refunds.send_refund(ask(shop, top_up, 20, forgive_spent=True))
    assert (shop.posted, shop.owed, shop.frozen, shop.platform("write_off")) == (3, 0, False, -15)
    assert Refund.objects.get().forgiven_micros == 15 * DOLLAR


def test_a_refund_leaves_bonus_credit_alone(shop: Shop) -> None:
    top_up = shop.buy(20)
    give(shop.workspace, 5 * DOLLAR, "welcome")
    refunds.send_refund(ask(shop, top_up, 20))
    assert shop.posted == 5


@pytest.mark.parametrize(
    ("dollars", "more", "sentence"),
    [
        (0, {}, r"\$0.00 can't be refunded; write dollars and cents"),
        (0.001, {}, "write dollars and cents"),
        (20.01, {}, r"\$20.01 can't be refunded: \$20.00 of it is unspent and not held"),
        (20.01, {"forgive_spent": True}, r"\$20.00 of it was not refunded yet"),
    ],
)
def test_an_amount_that_can_not_be_refunded_is_told(
    shop: Shop, dollars: float, more: dict[str, bool], sentence: str
) -> None:
    top_up = shop.buy(20)
    with pytest.raises(ValueError, match=sentence):
        ask(shop, top_up, dollars, **more)
    assert (shop.posted, Refund.objects.count()) == (20, 0)


def test_what_is_not_paid_or_has_no_reason_is_not_refunded(shop: Shop) -> None:
    with pytest.raises(ValueError, match=r"is not paid \(waiting for the payment\)"):
        ask(shop, shop.start(20), 5)
    with pytest.raises(ValueError, match="The reason is empty"):
        refunds.request_refund(shop.buy(20), DOLLAR, reason=" ", user=shop.user, token=uuid.uuid4())


def test_a_refund_that_stripe_refuses_gives_the_credit_back(shop: Shop) -> None:
    top_up = shop.buy(20)
    refund = ask(shop, top_up, 20)
    shop.stripe.refund(shop.charge_of(top_up), 100)
    refunds.send_refund(refund)
    assert (state_of(refund), "greater than unrefunded" in refund.problem) == (RefundState.FAILED, True)
    assert len(shop.alerts("stripe_refund")) == 1
    # Then the dashboard's own is told of, which was for one dollar.
    shop.tell()
    assert (shop.posted, shop.owed) == (19, 0)


def test_a_refund_that_is_on_its_way_is_taken_and_fails_later(shop: Shop) -> None:
    shop.stripe.settings(refunds="pending")
    top_up = shop.buy(20)
    refund = ask(shop, top_up, 20)
    refunds.send_refund(refund)
    assert (state_of(refund), shop.posted, shop.platform("refunds")) == (RefundState.PENDING, 0, 20)
    shop.stripe.settle_refund(id_at_stripe(refund), "failed")
    shop.tell("refund.failed")
    assert (state_of(refund), shop.posted, shop.platform("refunds")) == (RefundState.FAILED, 20, 0)


@pytest.mark.parametrize("failed_refund", ["stays", "subtracts"])
def test_a_refund_that_fails_after_it_succeeded_gives_the_credit_back(shop: Shop, failed_refund: str) -> None:
    """Whatever Stripe then says of the charge, which has two ways: the refund itself is what counts."""
    shop.stripe.settings(failed_refund=failed_refund)
    top_up = shop.buy(20)
    refund = ask(shop, top_up, 15)
    refunds.send_refund(refund)
    assert shop.posted == 5
    shop.stripe.settle_refund(id_at_stripe(refund), "failed")
    for _ in range(2):
        shop.tell()
        assert (state_of(refund), shop.posted, shop.platform("stripe_clearing")) == (RefundState.FAILED, 20, -20)
    assert len(shop.alerts("stripe_refund")) == 1
    assert refunds.refundable_micros(top_up) == 20 * DOLLAR


# --- Stripe's own dashboard


@pytest.mark.parametrize(
    "told", ["refund.created", "charge.refunded", "refund.created charge.refunded", "charge.refunded refund.created"]
)
def test_a_refund_of_the_dashboard_takes_its_credit_once(shop: Shop, told: str) -> None:
    top_up = shop.buy(20)
    shop.stripe.refund(shop.charge_of(top_up), 800)
    shop.tell(*told.split(), copies=2)
    refund = Refund.objects.get()
    assert (shop.posted, refund.credit_micros, refund.reason) == (12, 8 * DOLLAR, "Refunded in Stripe")
    shop.stripe.refund(shop.charge_of(top_up))
    shop.tell(*told.split())
    assert (shop.posted, Refund.objects.count(), shop.frozen) == (0, 2, False)


def test_a_dashboards_refund_of_spent_credit_is_owed_and_freezes_until_it_is_paid(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 12)
    shop.stripe.refund(shop.charge_of(top_up))
    shop.tell()
    assert (shop.posted, shop.owed, shop.frozen) == (0, 12, True)
    assert freezes.told_reason(shop.workspace) == freezes.OWED

    shop.buy(25)
    assert (shop.posted, shop.owed, shop.frozen) == (13, 0, False)


def test_a_debt_that_was_paid_comes_back_when_the_refund_fails(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 12)
    made = shop.stripe.refund(shop.charge_of(top_up))
    shop.tell()
    shop.buy(25)
    assert shop.posted == 13
    shop.stripe.settle_refund(made["id"], "failed")
    shop.tell("refund.failed")
    assert (shop.posted, shop.owed, shop.frozen) == (33, 0, False)


def test_a_debt_that_was_given_up_stays_so_when_the_refund_fails(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 12)
    made = shop.stripe.refund(shop.charge_of(top_up))
    shop.tell()
    token = uuid.uuid4().hex
    forgiven = [write_offs.write_off(shop.workspace, reason="Goodwill", token=token) for _ in range(2)]
    assert (forgiven, shop.owed, shop.frozen, shop.platform("write_off")) == ([12 * DOLLAR, 0], 0, False, -12)

    shop.stripe.settle_refund(made["id"], "failed")
    shop.tell("refund.failed")
    assert (shop.posted, shop.owed, shop.platform("write_off")) == (8, 0, 0)


def test_half_a_debt_paid_and_half_given_up_both_come_back(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 20)
    made = shop.stripe.refund(shop.charge_of(top_up))
    shop.tell()
    shop.buy(5)
    write_offs.write_off(shop.workspace, reason="Goodwill", token="one")
    assert (shop.posted, shop.owed, shop.platform("write_off")) == (0, 0, -15)
    shop.stripe.settle_refund(made["id"], "canceled")
    shop.tell("refund.updated")
    assert (shop.posted, shop.owed, shop.platform("write_off")) == (5, 0, 0)


def test_a_dashboards_refund_that_failed_before_it_was_told_moves_nothing(shop: Shop) -> None:
    top_up = shop.buy(20)
    made = shop.stripe.refund(shop.charge_of(top_up))
    shop.stripe.settle_refund(made["id"], "failed")
    shop.tell()
    assert (shop.posted, Refund.objects.get().credit_micros) == (20, 0)
    assert Transfer.objects.filter(kind="refund").count() == 0


def test_a_refund_told_before_its_payment_ends_the_same(shop: Shop) -> None:
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "")
    top_up.payment_intent_id = shop.stripe.objects("payment_intent")[0]["id"]
    shop.stripe.refund(shop.charge_of(top_up), 500)
    shop.tell("charge.refunded", "checkout.session.completed", "payment_intent.succeeded")
    assert (shop.posted, shop.platform("stripe_clearing")) == (15, -15)


def test_a_refund_in_another_currency_takes_nothing_and_raises_an_alarm(shop: Shop) -> None:
    top_up = shop.buy(20)
    made = shop.stripe.refund(shop.charge_of(top_up), 500)
    shop.stripe.change(made["id"], currency="eur")
    shop.tell("refund.created")
    assert (shop.posted, len(shop.alerts("stripe_mismatch"))) == (20, 1)


def test_a_refund_of_another_size_than_we_asked_for_raises_an_alarm(shop: Shop) -> None:
    refund = ask(shop, shop.buy(20), 5)
    refunds.send_refund(refund)
    shop.stripe.change(id_at_stripe(refund), amount=700)
    shop.tell("refund.created")
    assert shop.alerts("stripe_mismatch") == [f"Refund {refund.stripe_id} is of 700 cents, and {refund} asked for 500."]
    assert shop.posted == 15

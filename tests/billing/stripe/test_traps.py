"""Traps that others fell into with money, each by the number that our notes on other products gave it."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from avatarsite.inbox.models import InboundEvent
from billing.errors import HoldAlreadyClosed
from billing.holds import holds
from billing.ledger import posting
from billing.models import Origin, Refund, TopUp, Transfer
from billing.refunds import refunds
from billing.topups import auto_topup
from billing.topups.auto_topup import Rules
from billing.verify import verification
from tests.billing.cast import DOLLAR
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db


def ask(shop: Shop, top_up: TopUp, dollars: int) -> Refund:
    return refunds.request_refund(top_up, dollars * DOLLAR, reason="Mistake", user=shop.user, token=uuid.uuid4())


@pytest.mark.parametrize("remembered", [False, True])
def test_trap_2_a_refund_whose_answer_was_lost_is_not_made_again(shop: Shop, remembered: bool) -> None:
    refund = ask(shop, shop.buy(20), 5)
    shop.stripe.fault("server_error_after_work", times=1, remembered=remembered)
    for _ in range(3):
        Refund.objects.filter(state="requested").update(next_try_at=timezone.now())
        refund.refresh_from_db()
        refunds.send_refund(refund)
    refund.refresh_from_db()
    assert (refund.state, len(shop.stripe.objects("refund")), shop.posted) == ("succeeded", 1, 15)


def test_trap_3_what_was_settled_is_never_released_whatever_went_wrong_between(shop: Shop) -> None:
    shop.buy(20)
    hold = holds.place_hold(shop.workspace, 5 * DOLLAR, key="a:hold", subject="render:a")
    holds.settle_hold(hold, 5 * DOLLAR)
    hold.state = "open"  # as a process remembers it whose answer was lost
    with pytest.raises(HoldAlreadyClosed):
        holds.release_hold(hold, reason="it seemed to fail")
    assert (shop.posted, posting.balance(shop.workspace).held_micros) == (15, 0)


@pytest.mark.parametrize("ours", [True, False])
def test_trap_4_a_refund_whose_row_was_deleted_is_not_booked_under_a_new_key(shop: Shop, ours: bool) -> None:
    top_up = shop.buy(20)
    if ours:
        refunds.send_refund(ask(shop, top_up, 5))
    else:
        shop.stripe.refund(shop.charge_of(top_up), 500)
        shop.tell("refund.created")
    before = Transfer.objects.count()
    Refund.objects.all().delete()
    (made,) = shop.stripe.objects("refund")
    shop.tell_events([shop.stripe.announce("refund.updated", made["id"])["id"]])
    refund = Refund.objects.get()
    assert (refund.stripe_id, refund.state, refund.credit_micros) == (made["id"], "succeeded", 5 * DOLLAR)
    assert (shop.posted, shop.owed, Transfer.objects.count()) == (15, 0, before)
    if not ours:
        # Its transfers name the row that is gone, so the books say where to look.
        assert {finding.code for finding in verification.verify()} == {"refund_differs"}
        Refund.objects.filter(pk=refund.pk).delete()


def test_trap_10_what_is_not_paid_yet_has_its_place_under_the_ceiling(shop: Shop) -> None:
    automatic_with(shop, "pm_card_authenticationRequired", ceiling=30)
    assert auto_topup.committed_cents(shop.workspace, TopUp.objects.latest("created_at").created_at) == 2000
    assert [row.state for row in TopUp.objects.filter(origin=Origin.AUTOMATIC)] == ["needs_action"]


def test_trap_11_a_top_up_that_is_under_way_is_not_followed_by_another(shop: Shop) -> None:
    automatic_with(shop, "pm_card_authenticationRequired", ceiling=1000)
    for _ in range(5):
        auto_topup.consider(shop.workspace)
        work()
    assert TopUp.objects.filter(origin=Origin.AUTOMATIC).count() == 1


def test_trap_14_an_event_has_its_row_before_it_changes_anything(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "")
    (event,) = shop.stripe.events("checkout.session.completed")
    body, headers = shop.stripe.letter(event["id"])
    for _ in range(5):
        assert shop.post(body, headers) == 200
    letter = InboundEvent.objects.get()
    assert (letter.event_id, letter.deliveries, shop.posted) == (event["id"], 5, 0)
    shop.handle()
    shop.handle()
    assert (shop.posted, Transfer.objects.count()) == (20, 1)


def automatic_with(shop: Shop, card: str, *, ceiling: int) -> None:
    top_up = shop.buy(5)
    made = shop.stripe.client().v1.payment_methods.attach(card, {"customer": top_up.customer.stripe_id or ""})
    type(top_up.customer).objects.update(card_id=made.id)
    wanted = Rules(enabled=True, threshold_micros=6 * DOLLAR, amount_cents=2000, ceiling_cents=ceiling * 100)
    auto_topup.set_rules(shop.workspace, wanted, user=shop.user)
    work()

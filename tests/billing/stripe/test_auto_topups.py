"""Credit that buys itself: when it does, when it must not, and what happens when the bank says no or wants somebody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.queue import sweeping
from billing.holds import holds
from billing.models import AutoTopUp, Origin, StripeCustomer, TopUp, TopUpState
from billing.topups import auto_topup, checkout, low_balance, sweep
from billing.topups.auto_topup import Rules
from tests.billing.cast import DOLLAR, give
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop
from tests.support.mails import posted

pytestmark = pytest.mark.django_db
ASKS, DECLINES = "4000002760003184", "4000000000000341"


@pytest.fixture
def rules(shop: Shop) -> Callable[..., None]:
    """Save a card by buying $5 with it, and switch automatic top-up on."""

    def switch_on(*, threshold: int = 6, amount: int = 20, ceiling: int = 100, card: str = "") -> None:
        top_up = shop.start(5, save_card=True)
        shop.stripe.pay(top_up.session_id or "")
        checkout.check_top_up(top_up)
        if card:
            use_card(shop, card)
        wanted = Rules(
            enabled=True, threshold_micros=threshold * DOLLAR, amount_cents=amount * 100, ceiling_cents=ceiling * 100
        )
        auto_topup.set_rules(shop.workspace, wanted, user=shop.user)
        work()
        posted().clear()

    return switch_on


def use_card(shop: Shop, number: str) -> None:
    """Another card of the same customer."""
    client = shop.stripe.client().v1.payment_methods
    name = {ASKS: "pm_card_authenticationRequired", DECLINES: "pm_card_chargeCustomerFail"}[number]
    customer = StripeCustomer.objects.get()
    card = client.attach(name, {"customer": customer.stripe_id or ""})
    StripeCustomer.objects.update(card_id=card.id, card_last4=number[-4:])


def spend(shop: Shop, dollars: float, name: str = "a") -> None:
    micros = round(dollars * DOLLAR)
    holds.settle_hold(holds.place_hold(shop.workspace, micros, key=f"{name}:hold", subject=f"render:{name}"), micros)


def automatic() -> list[tuple[str, int]]:
    rows = TopUp.objects.filter(origin=Origin.AUTOMATIC).order_by("pk")
    return list(rows.values_list("state", "amount_cents"))


def charges_of(shop: Shop, cents: int) -> int:
    return len([one for one in shop.stripe.objects("charge") if one["amount"] == cents])


def later(monkeypatch: pytest.MonkeyPatch, **delta: float) -> None:
    now = timezone.now() + timedelta(**delta)
    monkeypatch.setattr(timezone, "now", lambda: now)


def test_it_buys_once_as_soon_as_it_is_switched_on_below_the_threshold(shop: Shop, rules: Callable[..., None]) -> None:
    rules()
    assert (automatic(), shop.posted) == ([("paid", 2000)], 25)
    assert auto_topup.consider(shop.workspace) is None
    shop.tell(copies=2)
    assert (len(automatic()), shop.posted) == (1, 25)
    assert shop.stripe.writes()["POST /v1/payment_intents"] == 1


def test_a_hold_that_crosses_the_threshold_makes_it_buy(shop: Shop, rules: Callable[..., None]) -> None:
    rules(threshold=3)
    assert automatic() == []
    holds.place_hold(shop.workspace, 3 * DOLLAR, key="a:hold", subject="render:a")
    assert "billing.check_low_balance" in work()
    assert (automatic(), shop.posted) == ([("paid", 2000)], 25)


def test_a_nudge_that_was_lost_is_found_by_the_sweep(shop: Shop, rules: Callable[..., None]) -> None:

    rules(threshold=3)
    spend(shop, 3)
    OrmQ.objects.all().delete()
    assert sweeping.sweep()["automatic"] == 1
    work()
    assert shop.posted == 22


def test_bonus_credit_counts_as_available(shop: Shop, rules: Callable[..., None]) -> None:
    give(shop.workspace, 10 * DOLLAR, "welcome")
    rules()
    assert automatic() == []


@pytest.mark.parametrize("ceiling", [20, 39])
def test_the_monthly_ceiling_stops_it_and_tells_once(
    shop: Shop, rules: Callable[..., None], ceiling: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(ceiling=ceiling)
    spend(shop, 24)
    for _ in range(3):
        assert auto_topup.consider(shop.workspace) is None
        work()
    assert [letter.subject for letter in posted() if "ceiling" in letter.subject.lower()] != []
    assert (len(automatic()), shop.posted) == (1, 1)
    assert len([letter for letter in posted() if "monthly ceiling of" in str(letter.body)]) == 2  # alice and dora
    later(monkeypatch, days=31)
    auto_topup.consider(shop.workspace)
    assert (len(automatic()), shop.posted) == (2, 21)


def test_what_may_still_be_paid_counts_against_the_ceiling(shop: Shop, rules: Callable[..., None]) -> None:
    rules(card=ASKS, ceiling=30)
    assert automatic() == [("needs_action", 2000)]
    assert auto_topup.this_month_micros(shop.workspace) == 20 * DOLLAR
    TopUp.objects.filter(origin=Origin.AUTOMATIC).update(state=TopUpState.FAILED)
    assert auto_topup.this_month_micros(shop.workspace) == 0


def test_money_that_is_on_its_way_is_waited_for(shop: Shop, rules: Callable[..., None]) -> None:
    """A bank debit of the customer's own, which takes days: as if it were here."""
    rules(threshold=3)
    own = shop.start(10)
    shop.stripe.pay(own.session_id or "", action="later")
    checkout.check_top_up(own)
    spend(shop, 4)
    assert (auto_topup.consider(shop.workspace), automatic()) == (None, [])


def test_a_frozen_wallet_buys_nothing(shop: Shop, rules: Callable[..., None]) -> None:
    rules(threshold=3)
    shop.stripe.dispute(shop.charge_of(TopUp.objects.get()))
    shop.tell()
    assert (shop.posted, auto_topup.consider(shop.workspace), automatic()) == (0, None, [])


def test_the_database_itself_refuses_a_second_attempt(shop: Shop, rules: Callable[..., None]) -> None:
    rules(card=ASKS)
    under_way = TopUp.objects.get(state=TopUpState.NEEDS_ACTION)
    with pytest.raises(IntegrityError), transaction.atomic():
        TopUp.objects.create(
            workspace=shop.workspace,
            customer=under_way.customer,
            origin=Origin.AUTOMATIC,
            amount_cents=500,
            livemode=False,
        )
    assert auto_topup.consider(shop.workspace) is None


# --- The bank wants its cardholder


def test_a_bank_that_asks_is_answered_by_way_of_a_letter(shop: Shop, rules: Callable[..., None], cast: Any) -> None:
    rules(card=ASKS)
    (top_up,) = TopUp.objects.filter(origin=Origin.AUTOMATIC)
    assert (top_up.state, shop.posted) == (TopUpState.NEEDS_ACTION, 5)
    names = {"workspace": shop.workspace.slug, "topup": top_up.pk}
    alice = cast.browser(cast.alice)
    assert b"Confirm at the bank" in alice.get(reverse("topup", kwargs=names)).content

    there = alice.post(reverse("topup_confirm", kwargs=names))["Location"]
    assert there == f"{shop.stripe.base.removesuffix('/_control')}/authenticate/{top_up.payment_intent_id}"
    assert shop.posted == 5
    back = shop.stripe.answer_bank(top_up.payment_intent_id or "")
    cache.clear()  # as after the two seconds for which nobody asks again
    assert b"The credit is in" in alice.get(back).content
    shop.tell(copies=2)
    assert (shop.posted, automatic()) == (25, [("paid", 2000)])


def test_the_letter_goes_to_whoever_manages_billing_once(shop: Shop, rules: Callable[..., None]) -> None:
    rules()
    use_card(shop, ASKS)
    spend(shop, 24)
    auto_topup.consider(shop.workspace)
    work()
    shop.tell()
    work()
    (top_up,) = TopUp.objects.filter(state=TopUpState.NEEDS_ACTION)
    assert sorted(letter.to[0] for letter in posted()) == ["alice@example.org", "dora@example.org"]
    page = reverse("topup", kwargs={"workspace": shop.workspace.slug, "topup": top_up.pk})
    assert all(page in str(letter.body) and "Nothing has been charged yet" in str(letter.body) for letter in posted())


def test_a_cardholder_who_says_no_ends_the_attempt(shop: Shop, rules: Callable[..., None]) -> None:
    rules(card=ASKS)
    (top_up,) = TopUp.objects.filter(origin=Origin.AUTOMATIC)
    auto_topup.start_confirmation(top_up, visit="one", return_url="http://127.0.0.1/back")
    shop.stripe.answer_bank(top_up.payment_intent_id or "", is_me=False)
    shop.tell("payment_intent.payment_failed")
    assert (automatic(), shop.posted, AutoTopUp.objects.get().failures) == ([("failed", 2000)], 5, 1)


def test_a_confirmation_that_nobody_gives_is_cancelled_after_three_days(
    shop: Shop, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(card=ASKS)
    later(monkeypatch, days=2)
    sweeping.sweep()
    work()
    assert automatic() == [("needs_action", 2000)]
    later(monkeypatch, days=1, hours=1)
    sweep.resume(TopUp.objects.get(state=TopUpState.NEEDS_ACTION))
    work()
    assert (automatic(), shop.posted) == ([("cancelled", 2000)], 5)
    assert shop.stripe.objects("payment_intent")[-1]["status"] == "canceled"
    assert AutoTopUp.objects.get().failures == 1
    assert "did not go through" in str(posted()[-1].body)


def test_a_cancellation_whose_answer_was_lost_is_seen_all_the_same(shop: Shop, rules: Callable[..., None]) -> None:
    rules(card=ASKS)
    TopUp.objects.filter(origin=Origin.AUTOMATIC).update(created_at=timezone.now() - timedelta(days=4))
    (top_up,) = TopUp.objects.filter(origin=Origin.AUTOMATIC)
    shop.stripe.fault("server_error_after_work", times=1, remembered=True)
    sweep.resume(top_up)
    assert automatic() == [("cancelled", 2000)]


# --- The bank says no


def test_a_card_that_is_declined_pauses_longer_each_time_and_then_stops(
    shop: Shop, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(card=DECLINES)
    assert (automatic(), shop.posted) == ([("failed", 2000)], 5)
    assert TopUp.objects.get(origin=Origin.AUTOMATIC).problem == "Your card was declined."
    for hours, tries in ((0.9, 1), (0.2, 2), (3.9, 2), (0.2, 3), (1_000, 3)):
        later(monkeypatch, hours=hours)
        auto_topup.consider(shop.workspace)
        work()
        assert len(automatic()) == tries
    rules_now = AutoTopUp.objects.get()
    assert (rules_now.failures, rules_now.paused_reason) == (3, "Your card was declined.")
    assert "It is not tried again until somebody saves the settings" in str(posted()[-1].body)
    assert auto_topup.this_month_micros(shop.workspace) == 0


def test_another_card_and_a_fresh_save_let_it_try_again(shop: Shop, rules: Callable[..., None]) -> None:
    rules(card=DECLINES)
    customer = StripeCustomer.objects.get()
    card = shop.stripe.client().v1.payment_methods.attach("pm_card_visa", {"customer": customer.stripe_id or ""})
    StripeCustomer.objects.update(card_id=card.id)
    assert auto_topup.consider(shop.workspace) is None
    auto_topup.set_rules(shop.workspace, Rules(True, 6 * DOLLAR, 2000, 10_000), user=shop.user)
    work()
    assert (automatic(), shop.posted) == ([("failed", 2000), ("paid", 2000)], 25)


def test_a_card_that_was_removed_in_the_portal_buys_nothing(shop: Shop, rules: Callable[..., None]) -> None:
    rules(threshold=3)
    shop.stripe.client().v1.payment_methods.detach(StripeCustomer.objects.get().card_id)
    shop.tell("payment_method.detached")
    assert StripeCustomer.objects.get().card_last4 == ""
    spend(shop, 4)
    assert auto_topup.consider(shop.workspace) is None


# --- Stripe does not answer


def test_a_charge_whose_error_stripe_remembers_is_found_and_not_made_again(
    shop: Shop, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(threshold=3)
    spend(shop, 4)
    shop.stripe.fault("server_error_after_work", times=1, remembered=True)
    auto_topup.consider(shop.workspace)
    assert automatic() == [("new", 2000)]
    assert auto_topup.consider(shop.workspace) is None
    later(monkeypatch, minutes=5)
    sweeping.sweep()
    work()
    assert (automatic(), shop.posted) == ([("paid", 2000)], 21)
    assert charges_of(shop, 2000) == 1


@pytest.mark.parametrize("fault", ["server_error_after_work", "lost_response"])
def test_a_charge_whose_answer_was_lost_is_told_by_the_repeat(
    shop: Shop, rules: Callable[..., None], fault: str
) -> None:
    rules(threshold=3)
    spend(shop, 4)
    shop.stripe.fault(fault, times=1)
    auto_topup.consider(shop.workspace)
    assert (automatic(), charges_of(shop, 2000)) == ([("paid", 2000)], 1)


def test_a_charge_that_never_arrived_is_made_by_the_next_try(
    shop: Shop, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(threshold=3)
    spend(shop, 4)
    shop.stripe.fault("drop_connection")
    auto_topup.consider(shop.workspace)
    shop.stripe.no_faults()
    later(monkeypatch, minutes=5)
    sweeping.sweep()
    work()
    assert (automatic(), shop.posted) == ([("paid", 2000)], 21)


@pytest.mark.parametrize("fault", ["server_error_after_work", "drop_connection"])
def test_after_a_day_stripes_list_decides(
    shop: Shop, rules: Callable[..., None], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    rules(threshold=3)
    spend(shop, 4)
    shop.stripe.fault(fault, **({"remembered": True} if fault == "server_error_after_work" else {}))
    auto_topup.consider(shop.workspace)
    shop.stripe.no_faults()
    later(monkeypatch, hours=21)
    sweeping.sweep()
    work()
    state, posted = ("failed", 1) if fault == "drop_connection" else ("paid", 21)
    assert (automatic(), shop.posted) == ([(state, 2000)], posted)


def test_a_low_balance_is_told_once_where_nothing_buys_itself(shop: Shop) -> None:
    shop.buy(5)
    spend(shop, 4)
    work()
    assert low_balance.check_low_balance(shop.workspace) is False
    assert [letter.to for letter in posted()] == [["alice@example.org"], ["dora@example.org"]]

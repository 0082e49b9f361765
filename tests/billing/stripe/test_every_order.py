"""Every event of the rules, told in every order, once, twice, five times, late, lost and forged: one right ledger."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.inbox.receive import replay
from avatarsite.queue import sweeping
from billing import tasks
from billing.models import Transfer
from billing.stripe_sync import reconcile
from billing.topups import checkout, sweep
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop
from tests.simulators.stripe.events import FORGERIES

pytestmark = pytest.mark.django_db

Life = Callable[[Shop], None]


def paid(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "")


def paid_by_bank(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "", action="later")
    shop.stripe.settle_payment(intent(shop)["id"])


def bounced(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "", action="later")
    shop.stripe.settle_payment(intent(shop)["id"], succeeded=False)


def expired(shop: Shop) -> None:
    shop.stripe.client().v1.checkout.sessions.expire(shop.start(20).session_id or "")


def refunded(shop: Shop) -> None:
    paid(shop)
    shop.stripe.refund(intent(shop)["latest_charge"], 800)
    shop.stripe.refund(intent(shop)["latest_charge"], 1200)


def refund_failed(shop: Shop) -> None:
    paid(shop)
    made = shop.stripe.refund(intent(shop)["latest_charge"], 800)
    shop.stripe.settle_refund(made["id"], "failed")


def dispute_won(shop: Shop) -> None:
    paid(shop)
    made = shop.stripe.dispute(intent(shop)["latest_charge"])
    shop.stripe.close_dispute(made["id"], "won")


def dispute_lost(shop: Shop) -> None:
    paid(shop)
    made = shop.stripe.dispute(intent(shop)["latest_charge"])
    shop.stripe.close_dispute(made["id"], "lost")


def inquiry_escalated(shop: Shop) -> None:
    paid(shop)
    shop.stripe.escalate(shop.stripe.dispute(intent(shop)["latest_charge"], inquiry=True)["id"])


def refunded_in_part_and_disputed(shop: Shop) -> None:
    paid(shop)
    shop.stripe.refund(intent(shop)["latest_charge"], 500)
    shop.stripe.dispute(intent(shop)["latest_charge"])


# What each leaves: posted and whether the wallet is frozen.
LIVES: dict[Life, tuple[float, bool]] = {
    paid: (20, False),
    paid_by_bank: (20, False),
    bounced: (0, False),
    expired: (0, False),
    refunded: (0, False),
    refund_failed: (20, False),
    dispute_won: (20, False),
    dispute_lost: (0, True),
    inquiry_escalated: (0, True),
    refunded_in_part_and_disputed: (0, True),
}
every_life = pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)


def intent(shop: Shop) -> dict[str, Any]:
    return shop.stripe.objects("payment_intent")[-1]


def is_right(shop: Shop, life: Life) -> bool:
    return (shop.posted, shop.frozen) == LIVES[life] and shop.owed == 0


@every_life
def test_told_backwards(shop: Shop, life: Life) -> None:
    life(shop)
    shop.tell_events([event["id"] for event in reversed(shop.stripe.events())])
    assert is_right(shop, life)


@every_life
def test_told_in_disorder_and_up_to_five_times_and_again_later(shop: Shop, life: Life) -> None:
    life(shop)
    chance = random.Random(life.__name__)
    ids = [event["id"] for event in shop.stripe.events()]
    for event_id in chance.sample(ids, len(ids)):
        shop.tell_events([event_id], copies=chance.choice([1, 2, 5]))
    assert is_right(shop, life)
    before = shop.stands()
    for letter in InboundEvent.objects.all():
        replay(letter)
    work()
    assert (shop.stands(), InboundEvent.objects.filter(signature_status=SignatureStatus.VALID).count()) == (
        before,
        len(ids),
    )


@every_life
def test_told_as_it_happens(shop: Shop, life: Life) -> None:
    """Each event when its object stands as it did then: the life is stopped after each thing that Stripe does."""
    told = 0

    def tell_news() -> None:
        nonlocal told
        events = shop.stripe.events()
        shop.tell_events([event["id"] for event in events[told:]])
        told = len(events)

    with_news(shop, tell_news, life)
    tell_news()
    assert is_right(shop, life)


def with_news(shop: Shop, tell: Callable[[], None], life: Life) -> None:
    names = ("pay", "settle_payment", "refund", "settle_refund", "dispute", "close_dispute", "escalate")
    for name in names:
        act = getattr(type(shop.stripe), name)

        def and_tell(*args: Any, act: Any = act, **more: Any) -> Any:
            made = act(shop.stripe, *args, **more)
            tell()
            return made

        shop.stripe.__dict__[name] = and_tell
    try:
        life(shop)
    finally:
        for name in names:
            del shop.stripe.__dict__[name]


@pytest.mark.parametrize(
    "order", list(permutations(("checkout.session.completed", "charge.refunded", "charge.dispute.created")))
)
def test_a_refund_and_a_dispute_in_each_of_their_orders(shop: Shop, order: tuple[str, ...]) -> None:
    refunded_in_part_and_disputed(shop)
    shop.tell(*order)
    assert (shop.posted, shop.platform("refunds"), shop.platform("disputes")) == (0, 0, 15)
    assert (shop.platform("stripe_clearing"), shop.frozen) == (-20 + 5 + 15, True)


def test_money_that_is_there_before_the_page_is_done(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "", action="later")
    shop.stripe.settle_payment(intent(shop)["id"])
    shop.tell("checkout.session.async_payment_succeeded")
    assert shop.posted == 20
    shop.tell("checkout.session.completed")
    shop.tell("payment_intent.processing")
    assert (shop.posted, Transfer.objects.count()) == (20, 1)


def test_a_bounce_that_is_told_after_the_money_was_there_takes_nothing_silently(shop: Shop) -> None:
    paid_by_bank(shop)
    shop.tell()
    event = shop.stripe.announce(
        "checkout.session.async_payment_failed", shop.stripe.objects("checkout.session")[0]["id"]
    )
    shop.tell_events([event["id"]])
    assert shop.posted == 20


# --- Lost


@every_life
def test_lost_letters_are_made_good_by_a_reconciliation(shop: Shop, life: Life) -> None:
    life(shop)
    assert InboundEvent.objects.count() == 0
    first = reconcile.reconcile_nightly()
    assert is_right(shop, life)
    assert first.differences == []
    moved = shop.posted > 0 or shop.frozen or Transfer.objects.exists()
    assert (bool(first.booked), bool(shop.alerts("stripe_reconcile"))) == (moved, moved)

    second = reconcile.reconcile_nightly()
    assert (second.is_clean, shop.alerts("stripe_reconcile")) == (True, [])
    shop.tell(copies=2)
    assert is_right(shop, life)


def test_a_lost_letter_of_a_page_is_found_by_the_sweep(shop: Shop) -> None:
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "")
    type(top_up).objects.update(next_check_at=top_up.created_at)
    assert sweeping.sweep()["top_up"] == 1
    work()
    assert shop.posted == 20


def test_a_row_of_the_other_mode_is_left_alone(shop: Shop) -> None:
    top_up = shop.start(20)
    type(top_up).objects.update(livemode=True, next_check_at=top_up.created_at)
    assert sweeping.sweep()["top_up"] == 0
    assert reconcile.reconcile_nightly().is_clean


def test_what_stripe_does_not_know_raises_an_alarm_and_is_asked_again_tomorrow(shop: Shop) -> None:
    top_up = shop.start(20)
    type(top_up).objects.update(session_id="cs_test_of_another_account")
    top_up.refresh_from_db()
    told = sweep.resume(top_up)
    assert told in shop.alerts("stripe_mismatch")
    assert "Stripe does not know cs_test_of_another_account" in told
    assert sweeping.sweep()["top_up"] == 0


def test_a_night_in_which_stripe_can_not_be_read_is_no_clean_night(shop: Shop) -> None:
    shop.buy(20)
    shop.stripe.fault("bad_key")
    work()
    tasks.reconcile_stripe()
    assert "nothing was compared" in shop.alerts("stripe_reconcile")[0]
    shop.stripe.no_faults()
    tasks.reconcile_stripe()
    assert shop.alerts("stripe_reconcile") == []


def test_credit_that_stripe_never_took_money_for_is_a_difference(shop: Shop) -> None:
    top_up = shop.buy(20)
    shop.stripe.change(top_up.payment_intent_id or "", status="processing", amount_received=0)
    report = reconcile.reconcile_nightly()
    assert report.differences == [
        f"{top_up} was credited for {top_up.payment_intent_id}, which is processing at Stripe."
    ]


def test_money_of_another_size_at_stripe_is_a_difference(shop: Shop) -> None:
    top_up = shop.buy(20)
    shop.stripe.change(top_up.payment_intent_id or "", amount_received=2100)
    (told,) = reconcile.reconcile_nightly().differences
    assert told == f"{top_up.payment_intent_id} of {top_up} is of 2100 cents at Stripe and 2000 here."


# --- Forged


@pytest.mark.parametrize("way", sorted(FORGERIES))
def test_a_forged_letter_moves_nothing_and_keeps_nobody_out(shop: Shop, way: str) -> None:
    paid(shop)
    (event,) = shop.stripe.events("checkout.session.completed")
    shop.tell_events([event["id"]], way=way, copies=2)
    # What Stripe has signed and can't be read is Stripe's all the same: kept, and an alert.
    status = SignatureStatus.VALID if way == "not_json" else SignatureStatus.INVALID
    assert (shop.posted, set(InboundEvent.objects.values_list("signature_status", flat=True))) == (0, {status})
    shop.tell_events([event["id"]])
    assert shop.posted == 20


def test_a_valid_signature_over_a_lie_changes_nothing_for_the_object_is_asked(shop: Shop) -> None:
    top_up = shop.start(20)
    event = shop.stripe.announce("checkout.session.completed", top_up.session_id or "")
    shop.tell_events([event["id"]], payment_status="paid", status="complete", amount_total=900_000)
    assert (shop.posted, checkout.check_top_up(top_up).state) == (0, "open")


def test_an_event_of_another_api_version_acts_and_raises_an_alarm(shop: Shop) -> None:
    paid(shop)
    (event,) = shop.stripe.events("checkout.session.completed")
    shop.stripe.change(event["id"], api_version="2020-08-27")
    shop.tell_events([event["id"]])
    assert shop.posted == 20
    assert "sends events of API version 2020-08-27; set it to" in shop.alerts("stripe_api_version")[0]


def test_a_live_event_on_a_test_key_moves_nothing_and_raises_an_alarm(shop: Shop) -> None:
    paid(shop)
    (event,) = shop.stripe.events("checkout.session.completed")
    shop.stripe.change(event["id"], livemode=True)
    shop.tell_events([event["id"]])
    assert (shop.posted, len(shop.alerts("stripe_mismatch"))) == (0, 1)


def test_a_letter_that_failed_for_good_raises_an_alarm_and_is_handled_again_by_staff(shop: Shop) -> None:
    paid(shop)
    (event,) = shop.stripe.events("checkout.session.completed")
    body, headers = shop.stripe.letter(event["id"])
    shop.post(body, headers)
    shop.stripe.fault("bad_key")
    InboundEvent.objects.update(tries=7)
    shop.handle()
    assert (shop.posted, len(shop.alerts("webhook"))) == (0, 1)
    shop.stripe.no_faults()
    replay(InboundEvent.objects.get())
    work()
    assert (shop.posted, InboundEvent.objects.get().outcome.endswith("was credited")) == (20, True)

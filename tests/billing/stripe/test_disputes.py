"""What a cardholder's bank takes back, or asks about, and what that does to credit and wallet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from avatarsite.queue.sweeping import sweep
from billing.debts import freezes, write_offs
from billing.errors import WalletFrozen
from billing.holds import holds
from billing.ledger import accounts
from billing.models import Dispute, DisputeState, TopUp, Transfer
from billing.refunds import disputes
from tests.billing.cast import DOLLAR
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db


def spend(shop: Shop, dollars: int, name: str = "a") -> None:
    hold = holds.place_hold(shop.workspace, dollars * DOLLAR, key=f"{name}:hold", subject=f"render:{name}")
    holds.settle_hold(hold, dollars * DOLLAR)


def open_dispute(shop: Shop, top_up: TopUp, amount: int | None = None) -> str:
    made = shop.stripe.dispute(shop.charge_of(top_up), amount=amount)
    shop.tell("charge.dispute.created", "charge.dispute.funds_withdrawn")
    return str(made["id"])


def close(shop: Shop, dispute_id: str, status: str) -> None:
    shop.stripe.close_dispute(dispute_id, status)
    shop.tell("charge.dispute.closed", "charge.dispute.funds_reinstated", copies=2)


def test_a_dispute_freezes_the_wallet_and_takes_the_credit(shop: Shop) -> None:
    top_up = shop.buy(20)
    shop.buy(5)
    open_dispute(shop, top_up)
    assert (shop.posted, shop.owed, shop.frozen, shop.platform("disputes")) == (5, 0, True, 20)
    assert shop.platform("stripe_fees") == -15
    with pytest.raises(WalletFrozen, match=freezes.DISPUTED):
        holds.place_hold(shop.workspace, DOLLAR, key="b:hold", subject="render:b")
    (told,) = shop.alerts("stripe_dispute")
    assert told.startswith(
        f"Top-up {top_up.pk} is disputed (fraudulent), its wallet is frozen. Answer it in Stripe by "
    )


def test_what_is_held_when_the_dispute_comes_is_still_settled(shop: Shop) -> None:
    top_up = shop.buy(20)
    hold = holds.place_hold(shop.workspace, 5 * DOLLAR, key="a:hold", subject="render:a")
    open_dispute(shop, top_up)
    assert (shop.posted, shop.owed) == (5, 5)
    holds.settle_hold(hold, 3 * DOLLAR)
    assert (shop.posted, shop.owed) == (2, 5)


def test_what_is_released_later_pays_what_is_owed(shop: Shop) -> None:
    top_up = shop.buy(20)
    hold = holds.place_hold(shop.workspace, 5 * DOLLAR, key="a:hold", subject="render:a")
    dispute = open_dispute(shop, top_up)
    holds.release_hold(hold, reason="cancelled")
    assert sweep()["debts"] == 1
    assert (shop.posted, shop.owed) == (0, 0)
    close(shop, dispute, "won")
    assert (shop.posted, shop.owed, shop.frozen) == (20, 0, False)


def test_a_dispute_that_is_won_gives_everything_back_but_the_fee(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 8)
    dispute = open_dispute(shop, top_up)
    assert (shop.posted, shop.owed) == (0, 8)
    shop.buy(10)
    assert (shop.posted, shop.owed, shop.frozen) == (2, 0, True)

    close(shop, dispute, "won")
    assert (shop.posted, shop.owed, shop.frozen) == (22, 0, False)
    assert (shop.platform("disputes"), shop.platform("stripe_clearing")) == (0, -30 + 15)
    assert shop.alerts("stripe_dispute") == []


def test_a_fee_that_stripe_gives_back_is_booked(shop: Shop) -> None:
    dispute = open_dispute(shop, shop.buy(20))
    shop.stripe.close_dispute(dispute, "won")
    (row,) = shop.stripe.objects("dispute")
    row["balance_transactions"][1]["fee"] = -1500
    shop.stripe.change(dispute, balance_transactions=row["balance_transactions"])
    shop.tell("charge.dispute.closed", copies=2)
    assert (shop.platform("stripe_fees"), Dispute.objects.get().fee_cents) == (0, 0)


def test_a_dispute_that_is_lost_keeps_the_wallet_frozen_until_somebody_lets_it_go_on(shop: Shop) -> None:
    dispute = open_dispute(shop, shop.buy(20))
    shop.buy(5)
    close(shop, dispute, "lost")
    assert (shop.posted, shop.frozen, freezes.told_reason(shop.workspace)) == (5, True, freezes.LOST)
    assert (shop.platform("disputes"), shop.platform("stripe_clearing")) == (0, -5 + 15)

    assert [disputes.let_go_on(shop.workspace) for _ in range(2)] == [1, 0]
    assert (shop.posted, shop.frozen) == (5, False)


def test_a_lost_dispute_of_spent_credit_is_owed_also_after_it_was_let_go_on(shop: Shop) -> None:
    top_up = shop.buy(20)
    spend(shop, 20)
    close(shop, open_dispute(shop, top_up), "lost")
    disputes.let_go_on(shop.workspace)
    assert (shop.owed, shop.frozen, freezes.told_reason(shop.workspace)) == (20, True, freezes.OWED)
    write_offs.write_off(shop.workspace, reason="Goodwill", token="one")
    assert (shop.posted, shop.owed, shop.frozen, shop.platform("write_off")) == (0, 0, False, -20)


def test_a_lost_dispute_may_still_be_won(shop: Shop) -> None:
    dispute = open_dispute(shop, shop.buy(20))
    close(shop, dispute, "lost")
    shop.stripe.change(dispute, status="won")
    shop.tell_events([shop.stripe.announce("charge.dispute.closed", dispute)["id"]])
    assert (shop.posted, shop.frozen, shop.platform("stripe_clearing")) == (20, False, -20 + 15)


def test_what_was_won_is_never_taken_again(shop: Shop) -> None:
    dispute = open_dispute(shop, shop.buy(20))
    close(shop, dispute, "won")
    shop.stripe.change(dispute, status="lost")
    shop.tell_events([shop.stripe.announce("charge.dispute.closed", dispute)["id"]])
    assert (shop.posted, Dispute.objects.get().state) == (20, DisputeState.WON)
    assert shop.alerts("stripe_mismatch") == [
        f"Dispute {dispute} was won, and now Stripe says that it is lost. Nothing was taken; look at both."
    ]


@pytest.mark.parametrize(("status", "posted", "frozen"), [("won", 20, False), ("lost", 0, True)])
def test_a_dispute_that_was_closed_before_its_opening_was_told(
    shop: Shop, status: str, posted: int, frozen: bool
) -> None:
    made = shop.stripe.dispute(shop.charge_of(shop.buy(20)))
    shop.stripe.close_dispute(made["id"], status)
    shop.tell("charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_withdrawn")
    assert (shop.posted, shop.frozen, Dispute.objects.get().state) == (posted, frozen, status)


def test_an_inquiry_moves_nothing_until_it_becomes_a_dispute(shop: Shop) -> None:
    made = shop.stripe.dispute(shop.charge_of(shop.buy(20)), inquiry=True)
    shop.tell("charge.dispute.created")
    assert (shop.posted, shop.frozen, Dispute.objects.get().state) == (20, False, DisputeState.INQUIRY)
    assert "nothing has moved" in shop.alerts("stripe_dispute")[0]
    shop.stripe.escalate(made["id"])
    shop.tell("charge.dispute.updated")
    assert (shop.posted, shop.frozen) == (0, True)


def test_an_inquiry_that_ends_there_moves_nothing(shop: Shop) -> None:
    made = shop.stripe.dispute(shop.charge_of(shop.buy(20)), inquiry=True)
    shop.tell("charge.dispute.created")
    close(shop, made["id"], "warning_closed")
    assert (shop.posted, shop.frozen, shop.alerts("stripe_dispute")) == (20, False, [])
    assert not Transfer.objects.filter(kind="clawback").exists()


def test_only_what_is_disputed_is_taken(shop: Shop) -> None:
    top_up = shop.buy(20)
    dispute = open_dispute(shop, top_up, 500)
    assert (shop.posted, shop.platform("disputes")) == (15, 5)
    close(shop, dispute, "lost")
    assert (shop.posted, shop.platform("stripe_clearing")) == (15, -15 + 15)


def test_a_dispute_after_a_part_was_refunded_takes_the_rest(shop: Shop) -> None:
    top_up = shop.buy(20)
    shop.stripe.refund(shop.charge_of(top_up), 500)
    shop.tell("refund.created")
    open_dispute(shop, top_up)
    assert (shop.posted, shop.owed, shop.platform("refunds"), shop.platform("disputes")) == (0, 0, 0, 15)


def test_an_operators_own_freeze_outlives_the_dispute(shop: Shop) -> None:
    top_up = shop.buy(20)
    accounts.freeze(shop.workspace, reason="looks like a stolen card")
    close(shop, open_dispute(shop, top_up), "won")
    assert (shop.posted, shop.frozen, freezes.told_reason(shop.workspace)) == (20, True, "")


def test_a_state_that_we_do_not_know_moves_nothing_and_raises_an_alarm(shop: Shop) -> None:
    made = shop.stripe.dispute(shop.charge_of(shop.buy(20)))
    shop.stripe.change(made["id"], status="teleported")
    shop.tell("charge.dispute.created")
    assert (shop.posted, Dispute.objects.count()) == (20, 0)
    assert shop.alerts("stripe_unknown") == [f"Dispute {made['id']} is 'teleported', which we don't know."]


@pytest.mark.parametrize("fields", [{"currency": "eur"}, {"livemode": True}])
def test_a_dispute_that_differs_takes_nothing_and_raises_an_alarm(shop: Shop, fields: dict[str, object]) -> None:
    made = shop.stripe.dispute(shop.charge_of(shop.buy(20)))
    shop.stripe.change(made["id"], **fields)
    shop.tell("charge.dispute.created")
    assert (shop.posted, shop.frozen, len(shop.alerts("stripe_mismatch"))) == (20, False, 1)


def test_a_dispute_of_a_payment_that_was_not_told_of_yet_credits_it_first(shop: Shop) -> None:
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "", "4000000000000259")
    shop.tell("charge.dispute.created", "checkout.session.completed")
    top_up.refresh_from_db()
    assert (top_up.state, shop.posted, shop.owed, shop.frozen) == ("paid", 0, 0, True)


def test_when_the_evidence_is_due_is_kept(shop: Shop) -> None:
    open_dispute(shop, shop.buy(20))
    (made,) = shop.stripe.objects("dispute")
    due = datetime.fromtimestamp(made["evidence_details"]["due_by"], UTC)
    row = Dispute.objects.get()
    assert (row.evidence_due_at, row.reason, row.status) == (due, "fraudulent", "needs_response")

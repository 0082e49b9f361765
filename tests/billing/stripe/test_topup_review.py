"""A top-up that does not look as it should: staff look at Stripe's object, and credit it or close it, and say why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.workspaces.models import User
from billing.models import Origin, StripeCustomer, TopUp, Transfer
from billing.refunds import topup_review
from billing.stripe_sync import reconcile
from billing.topups import auto_topup, checkout
from billing.topups.auto_topup import Rules
from tests.billing.cast import DOLLAR
from tests.billing.stripe.test_auto_topups import ASKS, use_card
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db
WHY = "Seen in Stripe with the customer on the phone"
PRICED = {"amount_subtotal": 1500, "amount_total": 1500}


def doubtful(shop: Shop, kind: str = "checkout.session", **fields: Any) -> TopUp:
    """A top-up that is paid, and of whose session (or payment) some fields are not as we asked for them."""
    top_up = shop.start(20)
    shop.stripe.pay(top_up.session_id or "")
    object_id = top_up.session_id if kind == "checkout.session" else payment_of(shop)["id"]
    shop.stripe.change(object_id or "", **fields)
    checkout.check_top_up(top_up)
    assert (top_up.state, shop.posted, len(shop.alerts("stripe_mismatch"))) == ("review", 0, 1)
    return top_up


def payment_of(shop: Shop) -> dict[str, Any]:
    return shop.stripe.objects("payment_intent")[-1]


def stands(shop: Shop, top_up: TopUp) -> tuple[str, float, int]:
    top_up.refresh_from_db()
    return top_up.state, shop.posted, len(shop.alerts("stripe_mismatch"))


def test_money_that_is_there_is_credited_once_in_spite_of_a_difference(shop: Shop) -> None:
    top_up = doubtful(shop, **PRICED)
    assert "its price is 1500 cents and not 2000" in " ".join(topup_review.review(top_up).sentences)
    assert topup_review.credit_reviewed(top_up, reason=WHY) == "$20.00 was credited"
    assert stands(shop, top_up) == ("paid", 20, 0)
    with pytest.raises(ValueError, match="is not being looked at: it is paid"):
        topup_review.credit_reviewed(top_up, reason=WHY)
    shop.tell(copies=2)
    assert stands(shop, top_up) == ("paid", 20, 0)


def test_what_went_back_meanwhile_is_taken_from_the_credit(shop: Shop) -> None:
    top_up = doubtful(shop, metadata={})
    shop.stripe.refund(payment_of(shop)["latest_charge"], 500)
    assert "5.00 USD of it went back." in topup_review.review(top_up).sentences
    topup_review.credit_reviewed(top_up, reason=WHY)
    assert stands(shop, top_up) == ("paid", 15, 0)


def test_what_is_right_by_now_needs_no_decision(shop: Shop) -> None:
    top_up = doubtful(shop, currency="eur")
    shop.stripe.change(top_up.session_id or "", currency="usd")
    assert topup_review.close_reviewed(top_up, reason=WHY) == "$20.00 was credited"
    assert stands(shop, top_up)[:2] == ("paid", 20)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"currency": "eur"}, "It was paid in EUR"),
        ({"livemode": True}, "in the other mode than that of our key"),
        ({"amount_received": 1999}, r"Only \$19.99 of \$20.00 was received"),
        ({"status": "canceled"}, "Stripe has no money for it"),
    ],
)
def test_what_is_not_there_is_never_credited(shop: Shop, fields: dict[str, Any], sentence: str) -> None:
    top_up = doubtful(shop, "payment_intent", **({"amount_received": 1} | fields))
    with pytest.raises(ValueError, match=sentence):
        topup_review.credit_reviewed(top_up, reason=WHY)
    assert (stands(shop, top_up)[:2], Transfer.objects.count()) == (("review", 0), 0)


def test_the_money_of_others_is_never_credited(shop: Shop) -> None:
    top_up = doubtful(shop, **PRICED)
    stranger = User.objects.create_user("stranger@example.com").workspaces.get()
    theirs = StripeCustomer.objects.create(workspace=stranger, livemode=False, stripe_id="cus_theirs", name="x")
    shop.stripe.change(payment_of(shop)["id"], customer="cus_theirs")
    with pytest.raises(ValueError, match="was paid by"):
        topup_review.credit_reviewed(top_up, reason=WHY)
    other = TopUp.objects.create(workspace=stranger, customer=theirs, amount_cents=2000, livemode=False)
    shop.stripe.change(payment_of(shop)["id"], metadata={"topup": other.pk})
    with pytest.raises(ValueError, match=f"was made for top-up {other}"):
        topup_review.credit_reviewed(top_up, reason=WHY)
    assert stands(shop, top_up)[:2] == ("review", 0)


def test_money_that_we_have_is_given_back_before_it_is_closed(shop: Shop) -> None:
    top_up = doubtful(shop, **PRICED)
    charge = payment_of(shop)["latest_charge"]
    shop.stripe.refund(charge, 500)
    with pytest.raises(ValueError, match=r"while we have 15\.00 USD of it"):
        topup_review.close_reviewed(top_up, reason=WHY)
    shop.stripe.refund(charge)
    with pytest.raises(ValueError, match="All of it went back already"):
        topup_review.credit_reviewed(top_up, reason=WHY)
    assert topup_review.close_reviewed(top_up, reason=WHY) == "closed without credit"
    assert (stands(shop, top_up), top_up.problem) == (("cancelled", 0, 0), f"{WHY}.")


@pytest.mark.parametrize("status", ["requires_payment_method", "requires_action", "processing"])
def test_what_may_still_be_paid_is_not_closed_until_it_is_cancelled(shop: Shop, status: str) -> None:
    top_up = doubtful(shop, **PRICED)
    unpaid = {"amount_received": 0, "latest_charge": None}
    shop.stripe.change(payment_of(shop)["id"], status=status, **unpaid)
    shop.stripe.change(top_up.session_id or "", payment_status="unpaid")
    sentence = "is under way; wait" if status == "processing" else "another try; cancel it in Stripe first"
    with pytest.raises(ValueError, match=sentence):
        topup_review.close_reviewed(top_up, reason=WHY)
    shop.stripe.change(payment_of(shop)["id"], status="canceled")
    assert topup_review.close_reviewed(top_up, reason=WHY) == "closed without credit"


def test_late_letters_and_the_nightly_comparison_leave_it_closed(shop: Shop) -> None:
    top_up = doubtful(shop, **PRICED)
    shop.stripe.refund(payment_of(shop)["latest_charge"])
    topup_review.close_reviewed(top_up, reason=WHY)
    shop.tell(copies=2)
    report = reconcile.reconcile_stripe(timezone.now() - reconcile.NIGHTS)
    assert (stands(shop, top_up), report.booked, report.differences) == (("cancelled", 0, 0), [], [])


def test_other_money_for_a_closed_one_is_news(shop: Shop) -> None:
    top_up = doubtful(shop, **PRICED)
    shop.stripe.refund(payment_of(shop)["latest_charge"])
    topup_review.close_reviewed(top_up, reason=WHY)
    TopUp.objects.filter(pk=top_up.pk).update(payment_intent_id=None)
    top_up.refresh_from_db()
    checkout.check_top_up(top_up)
    assert stands(shop, top_up) == ("review", 0, 1)


def test_an_automatic_one_that_was_closed_lets_the_next_begin(shop: Shop) -> None:
    top_up = doubtful_automatic(shop)
    assert auto_topup.consider(shop.workspace) is None
    shop.stripe.refund(payment_of(shop)["latest_charge"])
    assert topup_review.close_reviewed(top_up, reason=WHY) == "closed without credit"
    following = auto_topup.consider(shop.workspace)
    assert following is not None
    assert (following.state, shop.posted) == ("needs_action", 5)
    shop.tell()
    assert stands(shop, top_up) == ("cancelled", 5, 0)


def doubtful_automatic(shop: Shop) -> TopUp:
    """Paid by a card whose bank asks first, and then told in another currency."""
    first = shop.start(5, save_card=True)
    shop.stripe.pay(first.session_id or "")
    checkout.check_top_up(first)
    use_card(shop, ASKS)
    rules = Rules(enabled=True, threshold_micros=6 * DOLLAR, amount_cents=2000, ceiling_cents=10_000)
    auto_topup.set_rules(shop.workspace, rules, user=shop.user)
    work()
    top_up = TopUp.objects.get(origin=Origin.AUTOMATIC)
    auto_topup.start_confirmation(top_up, visit="one", return_url="http://127.0.0.1/back")
    shop.stripe.answer_bank(top_up.payment_intent_id or "")
    shop.stripe.change(top_up.payment_intent_id or "", currency="eur")
    checkout.check_top_up(top_up)
    assert top_up.state == "review"
    return top_up


# --- The form of the admin site


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("staff@example.com", "correct horse"))
    return client


def page(name: str, top_up: TopUp) -> str:
    return reverse(f"admin:billing_topup_{name}", args=[top_up.pk])


def test_staff_credit_it_once_and_the_reason_is_kept(shop: Shop, staff: Client) -> None:
    top_up = doubtful(shop, **PRICED)
    assert f'href="{page("review", top_up)}"' in staff.get(page("change", top_up)).content.decode()
    form = staff.get(page("review", top_up))
    shown = form.content.decode()
    assert "What differs: its price is 1500 cents and not 2000" in shown
    assert "closed while we have 20.00 USD of it" in shown
    assert [value for value, _ in form.context["form"].fields["act"].choices] == ["credit"]
    sent = {"token": form.context["form"]["token"].value(), "act": "credit", "reason": WHY}
    answers = [staff.post(page("review", top_up), sent, follow=True) for _ in range(2)]
    assert f"Top-up {top_up}: $20.00 was credited." in answers[0].content.decode()
    told = LogEntry.objects.get().get_change_message()
    assert (stands(shop, top_up), told) == (("paid", 20, 0), f"$20.00 was credited: {WHY} ({sent['token']})")
    assert page("review", top_up) not in answers[1].content.decode()


def test_staff_close_it_and_say_why(shop: Shop, staff: Client) -> None:
    top_up = doubtful(shop, "payment_intent", currency="eur")
    shop.stripe.refund(payment_of(shop)["latest_charge"])
    form = staff.get(page("review", top_up))
    assert [value for value, _ in form.context["form"].fields["act"].choices] == ["close"]
    sent = {"token": form.context["form"]["token"].value(), "act": "close", "reason": ""}
    assert "This field is required" in staff.post(page("review", top_up), sent).content.decode()
    assert "Select a valid choice" in staff.post(page("review", top_up), sent | {"act": "credit"}).content.decode()
    staff.post(page("review", top_up), sent | {"reason": WHY})
    assert (stands(shop, top_up), LogEntry.objects.count()) == (("cancelled", 0, 0), 1)


def test_nothing_is_decided_while_stripe_can_not_be_asked(shop: Shop, staff: Client) -> None:
    top_up = doubtful(shop, **PRICED)
    shop.stripe.fault("server_error", times=9)
    form = staff.get(page("review", top_up))
    assert form.context["form"].fields["act"].choices == []
    assert (form.status_code, stands(shop, top_up)[0]) == (200, "review")


def test_looking_at_a_top_up_is_not_deciding_on_it(shop: Shop, client: Client) -> None:
    top_up = doubtful(shop, **PRICED)
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["view_topup", "refund_topup"]))
    client.force_login(clerk)
    assert page("review", top_up) not in client.get(page("change", top_up)).content.decode()
    assert client.post(page("review", top_up), {}).status_code == 403

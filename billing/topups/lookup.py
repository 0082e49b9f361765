"""What the admin site's search knows of purchases, by our ids and by Stripe's."""

from __future__ import annotations

from django.db.models import QuerySet

from avatarsite import desk
from billing.models import Dispute, Refund, StripeCustomer, TopUp
from billing.stripe import client
from billing.stripe.client import StripeProblem


def register_lookups() -> None:
    desk.register_search("billing.TopUp", lambda query: _top_ups(pk=query.lower()), shape=r"top_\w+")
    desk.register_search("billing.TopUp", lambda query: _top_ups(payment_intent_id=query), shape=r"pi_\w+")
    desk.register_search("billing.TopUp", lambda query: _top_ups(session_id=query), shape=r"cs_\w+")
    desk.register_search("billing.TopUp", lambda query: _top_ups(invoice_id=query), shape=r"in_\w+")
    desk.register_search("billing.TopUp", _of_charge, shape=r"(ch|py)_\w+")
    desk.register_search("billing.Refund", lambda query: Refund.objects.filter(stripe_id=query), shape=r"re_\w+")
    desk.register_search("billing.Dispute", lambda query: Dispute.objects.filter(stripe_id=query), shape=r"(dp|du)_\w+")
    desk.register_search(
        "billing.StripeCustomer", lambda query: StripeCustomer.objects.filter(stripe_id=query), shape=r"cus_\w+"
    )


def _top_ups(**which: str) -> QuerySet[TopUp]:
    return TopUp.objects.filter(**which).select_related("workspace")


def _of_charge(query: str) -> QuerySet[TopUp]:
    """Only Stripe knows which payment a charge is of."""
    try:
        return _top_ups(payment_intent_id=client.payment_of_charge(query))
    except StripeProblem:
        return TopUp.objects.none()

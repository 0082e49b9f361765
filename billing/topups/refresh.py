"""Refresh of one top-up for somebody who waits for it: at most one request to Stripe in a few seconds each."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.cache import cache

from billing.models import Origin, TopUp, TopUpState
from billing.stripe import client
from billing.stripe.client import StripeProblem
from billing.topups import auto_topup
from billing.topups.checkout import check_top_up

logger = logging.getLogger(__name__)

PAUSE = timedelta(seconds=2)


def refresh(top_up: TopUp) -> TopUp:
    """How the top-up stands now. Stripe's silence is no reason to show nothing: then it is as we knew it last."""
    if not top_up.is_under_way or not client.is_on() or top_up.livemode != client.livemode():
        return top_up
    # Many tabs and much patience are still one question.
    if not cache.add(f"topup-look:{top_up.pk}", value=True, timeout=PAUSE.total_seconds()):
        return top_up
    try:
        if top_up.origin == Origin.AUTOMATIC and top_up.payment_intent_id:
            auto_topup.take_note(top_up, client.payment(top_up.payment_intent_id))
        else:
            check_top_up(top_up)
    except StripeProblem as error:
        logger.warning("%s: %s", top_up, error)
    top_up.refresh_from_db()
    return top_up


def receipt_url(top_up: TopUp) -> str:
    """Stripe's invoice, or else its receipt; "" when there is none. Raises StripeProblem."""
    if top_up.state != TopUpState.PAID:
        return ""
    facts = client.session(top_up.session_id) if top_up.session_id else None
    if facts and facts.invoice_url:
        return facts.invoice_url
    return client.payment(top_up.payment_intent_id or "").receipt_url

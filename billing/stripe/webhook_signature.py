"""Stripe's signature on a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from stripe import SignatureVerificationError, WebhookSignature

from avatarsite.inbox.sources import EventRejected

HEADER = "stripe-signature"
# Both ways: Stripe's SDK would take one from the future.
TOLERANCE_SECONDS = 300


def verify_signature(body: bytes, headers: Mapping[str, str], came_at: datetime) -> None:
    """Raises EventRejected for a webhook that isn't Stripe's, or was signed long before or after it came."""
    signed_at = _signed_at(body, headers.get(HEADER, ""))
    if abs(signed_at - came_at.timestamp()) > TOLERANCE_SECONDS:
        raise EventRejected("it was signed more than five minutes from when it came")


def _signed_at(body: bytes, header: str) -> int:
    """When it was signed, in seconds since 1970."""
    refusals = []
    # Two secrets, divided by a comma, while one takes over from the other.
    for secret in settings.STRIPE_WEBHOOK_SECRET:
        try:
            WebhookSignature.verify_header(body, header, secret)
        except (SignatureVerificationError, UnicodeDecodeError) as error:
            refusals.append(str(error))
        else:
            return int(next(part.split("=", 1)[1] for part in header.split(",") if part.startswith("t=")))
    if not refusals:
        raise EventRejected("STRIPE_WEBHOOK_SECRET is not set, so nothing can be believed")
    raise EventRejected(refusals[-1])

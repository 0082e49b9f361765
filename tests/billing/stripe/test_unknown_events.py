"""A webhook with Stripe's signature is Stripe's, whatever is in it: it is kept, and told to the operator."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client
from stripe import WebhookSignature

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.inbox.receive import handle_event
from avatarsite.models import Alert

pytestmark = pytest.mark.django_db

SECRET = "whsec_of_the_tests"
THIN = {
    "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
    "object": "v2.core.event",
    "type": "v1.billing.meter.error_report_triggered",
    "livemode": False,
    "created": "2026-11-28T10:00:00.000Z",
    "related_object": {"id": "mtr_123", "type": "billing.meter", "url": "/v1/billing/meters/mtr_123"},
}


@pytest.fixture(autouse=True)
def _signed(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_SECRET_KEY = [SECRET], "sk_test_x"


def deliver(body: bytes) -> InboundEvent:
    header = WebhookSignature.generate_signature_header(
        body.decode("utf-8", "surrogateescape"), SECRET, int(time.time())
    )
    answer = Client().post(
        "/hooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": header}
    )
    assert answer.status_code == 200, answer.content
    stored = InboundEvent.objects.get()
    handle_event(stored.pk)
    stored.refresh_from_db()
    return stored


def test_a_thin_event_is_kept_as_an_unknown_kind() -> None:
    stored = deliver(json.dumps(THIN).encode())
    assert (stored.signature_status, stored.event_id, stored.next_try_at) == (SignatureStatus.VALID, THIN["id"], None)
    alert = Alert.objects.get()
    assert (alert.kind, alert.key, stored.outcome) == ("stripe_unknown_event", "v2.core.event", alert.message)
    assert "It is a thin event. Set the payload style of Stripe's event destination to Snapshot." in alert.message


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000, b'{"a":' * 40_000, b"[" * 900 + b"]" * 900, b"[]", b'"evt"', b"null", b"{}", b"{", b"NaN",
        b'{"object": "v2.core.event_destination", "id": "ed_1"}',
        b'{"object": ["event"], "id": {"id": "x"}}',
    ],
    ids=lambda body: repr(body[:16]),
)  # fmt: skip
def test_whatever_else_is_signed_is_kept_and_told(body: bytes) -> None:
    stored = deliver(body)
    assert (stored.signature_status, stored.next_try_at, Alert.objects.get().kind) == (
        SignatureStatus.VALID,
        None,
        "stripe_unknown_event",
    )


def test_without_a_signature_it_is_refused_and_nobody_is_told() -> None:
    assert Client().post("/hooks/stripe/", THIN, content_type="application/json").status_code == 200
    handle_event(InboundEvent.objects.get().pk)
    assert (InboundEvent.objects.get().signature_status, Alert.objects.count()) == (SignatureStatus.INVALID, 0)

"""Letters as ``stripe.Webhook`` believes them, everything that it does not believe, and how they are brought."""

from __future__ import annotations

import json
import time
from functools import partial

import pytest
import stripe
from stripe import SignatureVerificationError, Webhook, WebhookSignature

from tests.simulators.fixture import Inbox, eventually, open_inbox
from tests.simulators.stripe.events import FORGERIES, signature
from tests.simulators.stripe.fixture import StripeStandIn

pytest_plugins = ["tests.simulators.stripe.fixture", "tests.simulators.fixture"]


def customer_event(stand_in: StripeStandIn, email: str = "alice@example.org") -> str:
    stand_in.client().v1.customers.create({"email": email})
    return str(stand_in.events()[-1]["id"])


def test_the_sdk_believes_a_letter(stripe_stand_in: StripeStandIn) -> None:
    event_id = customer_event(stripe_stand_in)
    body, headers = stripe_stand_in.letter(event_id)
    event = Webhook.construct_event(body, headers["Stripe-Signature"], stripe_stand_in.webhook_secret)
    assert (event.id, event.type, event.api_version) == (event_id, "customer.created", stripe.api_version)
    assert event.data.object["email"] == "alice@example.org"
    assert event.request is not None
    assert str(event.request.id).startswith("req_")


def test_the_seal_is_the_one_that_the_sdk_makes() -> None:
    moment = int(time.time())
    sealed = WebhookSignature.generate_signature_header("{}", "whsec_x", moment)
    assert sealed == f"t={moment},v1={signature('{}', 'whsec_x', moment)}"


@pytest.mark.parametrize("way", sorted(set(FORGERIES) - {"not_json"}))
def test_the_sdk_believes_no_forgery(stripe_stand_in: StripeStandIn, way: str) -> None:
    body, headers = stripe_stand_in.letter(customer_event(stripe_stand_in), way)
    with pytest.raises(SignatureVerificationError):
        Webhook.construct_event(body, headers.get("Stripe-Signature"), stripe_stand_in.webhook_secret)


def test_a_sealed_letter_may_still_be_no_json(stripe_stand_in: StripeStandIn) -> None:
    body, headers = stripe_stand_in.letter(customer_event(stripe_stand_in), "not_json")
    with pytest.raises(json.JSONDecodeError):
        Webhook.construct_event(body, headers["Stripe-Signature"], stripe_stand_in.webhook_secret)


def test_while_a_secret_is_rolled_both_fit(stripe_stand_in: StripeStandIn) -> None:
    stripe_stand_in.settings(old_webhook_secret="whsec_old")
    body, headers = stripe_stand_in.letter(customer_event(stripe_stand_in))
    for secret in ("whsec_old", stripe_stand_in.webhook_secret):
        assert Webhook.construct_event(body, headers["Stripe-Signature"], secret).type == "customer.created"


def test_a_letter_can_say_something_else_under_a_good_seal(stripe_stand_in: StripeStandIn) -> None:
    body, headers = stripe_stand_in.letter(customer_event(stripe_stand_in), email="mallory@example.org")
    event = Webhook.construct_event(body, headers["Stripe-Signature"], stripe_stand_in.webhook_secret)
    assert event.data.object["email"] == "mallory@example.org"
    assert stripe_stand_in.objects("customer")[0]["email"] == "alice@example.org"


def test_an_update_tells_what_was_before(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1.customers
    customer = client.create({"email": "alice@example.org"})
    client.update(customer.id, {"email": "alice@example.com"})
    (event,) = stripe_stand_in.events("customer.updated")
    assert event["data"]["previous_attributes"] == {"email": "alice@example.org"}


# --- How they are brought


def took(stand_in: StripeStandIn, answers: list[int]) -> bool:
    """Whether the sender has noted these answers: only then does its clock know of the next try."""
    (sent,) = stand_in.webhooks()
    return [one.get("status") for one in sent["tries"]] == answers


def emails(inbox: Inbox) -> list[str]:
    return [letter.json["data"]["object"]["email"] for letter in inbox.letters]


def test_an_event_is_sent_as_it_happens(stripe_stand_in: StripeStandIn, inbox: Inbox) -> None:
    stripe_stand_in.settings(webhook_url=inbox.url)
    event_id = customer_event(stripe_stand_in)
    (sent,) = stripe_stand_in.webhooks(settled=True)
    assert (sent["job"], sent["state"], [one["status"] for one in sent["tries"]]) == (event_id, "delivered", [200])
    (letter,) = inbox.letters
    Webhook.construct_event(letter.body, letter.headers["stripe-signature"], stripe_stand_in.webhook_secret)
    assert stripe_stand_in.client().v1.events.retrieve(event_id).pending_webhooks == 0


def test_a_letter_that_nobody_took_comes_again(stripe_stand_in: StripeStandIn, inbox: Inbox) -> None:
    stripe_stand_in.settings(webhook_url=inbox.url)
    inbox.answers.extend([500, 503])
    customer_event(stripe_stand_in)
    for answers in ([500], [500, 503]):
        eventually(partial(took, stripe_stand_in, answers), f"the sender's notes of {answers}")
        stripe_stand_in.jump(1_800)
    eventually(partial(took, stripe_stand_in, [500, 503, 200]), "the third try")


def test_held_letters_come_in_the_order_that_is_asked_for(stripe_stand_in: StripeStandIn, inbox: Inbox) -> None:
    stripe_stand_in.settings(webhook_url=inbox.url, delivery="held")
    first, second = (customer_event(stripe_stand_in, f"{name}@example.org") for name in ("a", "b"))
    assert inbox.letters == []
    stripe_stand_in.deliver(second, first, copies=2)
    assert emails(inbox) == ["b@example.org"] * 2 + ["a@example.org"] * 2
    stripe_stand_in.deliver(first, copies=5, at_once=True)
    assert emails(inbox)[4:] == ["a@example.org"] * 5


def test_letters_get_lost_late_doubled_and_forged(stripe_stand_in: StripeStandIn) -> None:
    with open_inbox() as inbox:
        stripe_stand_in.settings(webhook_url=inbox.url)
        for name, params in (("webhook_lost", {}), ("webhook_duplicate", {"copies": 3}), ("webhook_forged", {})):
            stripe_stand_in.fault(name, times=1, **params)
            customer_event(stripe_stand_in, f"{name}@example.org")
        stripe_stand_in.webhooks(settled=True)
        assert sorted(emails(inbox)) == ["webhook_duplicate@example.org"] * 3 + ["webhook_forged@example.org"]
        forged = next(one for one in inbox.letters if one.json["data"]["object"]["email"].startswith("webhook_forged"))
        with pytest.raises(SignatureVerificationError):
            Webhook.construct_event(forged.body, forged.headers["stripe-signature"], stripe_stand_in.webhook_secret)
        stripe_stand_in.fault("webhook_late", times=1, seconds=60)
        customer_event(stripe_stand_in, "late@example.org")
        assert "late@example.org" not in emails(inbox)
        stripe_stand_in.jump(61)
        inbox.wait(5)
        assert emails(inbox)[-1] == "late@example.org"


def test_only_the_events_that_were_asked_for_are_sent(stripe_stand_in: StripeStandIn, inbox: Inbox) -> None:
    stripe_stand_in.settings(webhook_url=inbox.url, enabled_events=["customer.deleted"])
    client = stripe_stand_in.client().v1.customers
    client.delete(client.create({"email": "alice@example.org"}).id)
    stripe_stand_in.webhooks(settled=True)
    assert [letter.json["type"] for letter in inbox.letters] == ["customer.deleted"]

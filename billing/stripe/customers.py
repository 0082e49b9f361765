"""The one customer at Stripe of each workspace, and the card that it has saved."""

from __future__ import annotations

import logging

from django.db.models import F
from django.utils import timezone

from avatarsite.workspaces.models import User, Workspace
from billing.models import CardSetup, StripeCustomer
from billing.stripe import client
from billing.stripe.client import StripeRefused
from billing.stripe.objects import CardFacts

logger = logging.getLogger(__name__)


def known_customer(workspace: Workspace) -> StripeCustomer | None:
    """The workspace's customer under the key that is in use, or None when nothing was ever bought with it."""
    if not client.is_on():
        return None
    return StripeCustomer.objects.filter(workspace=workspace, livemode=client.livemode()).first()


def customer_of(workspace: Workspace, user: User) -> StripeCustomer:
    """The workspace's customer, made at Stripe when it's first needed. Raises StripeProblem."""
    if not client.is_on():
        raise client.StripeOff
    customer, is_new = StripeCustomer.objects.get_or_create(
        workspace=workspace,
        livemode=client.livemode(),
        defaults={"email": user.email, "name": workspace.name},
    )
    if not customer.stripe_id:
        # An answer that was lost leaves a customer that we don't know of, and Stripe may remember the error instead.
        found = "" if is_new else client.find_customer(customer)
        made = found or client.create_customer(customer)
        StripeCustomer.objects.filter(pk=customer.pk, stripe_id=None).update(stripe_id=made)
        customer.refresh_from_db()
    return customer


def renew(customer: StripeCustomer) -> None:
    """Stripe has no such customer any more: the next payment makes another, and the saved card is gone with it."""
    StripeCustomer.objects.filter(pk=customer.pk, stripe_id=customer.stripe_id).update(
        stripe_id=None, generation=F("generation") + 1, card_id="", card_brand="", card_last4="", card_expires=""
    )
    logger.warning("Stripe has lost customer %s of %s", customer.stripe_id, customer.workspace_id)


def keep_card(customer: StripeCustomer, card: CardFacts) -> bool:
    """Remember a card that Stripe says is this customer's."""
    if not card.id or card.customer_id != customer.stripe_id:
        return False
    StripeCustomer.objects.filter(pk=customer.pk).update(
        card_id=card.id, card_brand=card.brand[:40], card_last4=card.last4[:4], card_expires=card.expires[:7]
    )
    return True


def refresh_card(card_id: str) -> str:
    """Look at a saved card again: it may have been renewed by its bank, or removed in the portal."""
    customer = StripeCustomer.objects.filter(card_id=card_id).first()
    if customer is None:
        return "no card of ours"
    try:
        card = client.card(card_id)
    except StripeRefused as error:
        if not error.missing:
            raise
        card = None
    if card and keep_card(customer, card):
        return f"the card of {customer} is {card.brand} {card.last4}"
    forget_card(customer)
    return f"{customer} has no saved card any more"


def forget_card(customer: StripeCustomer) -> None:
    StripeCustomer.objects.filter(pk=customer.pk, card_id=customer.card_id).update(
        card_id="", card_brand="", card_last4="", card_expires=""
    )


def start_card_setup(workspace: Workspace, user: User, *, return_url: str) -> str:
    """The address of Stripe's page where a card is saved; ``return_url`` has ``{setup}`` for our row's id."""
    setup = CardSetup.objects.create(workspace=workspace, customer=customer_of(workspace, user))
    facts = client.card_setup_session(setup, return_url=return_url.format(setup=setup.pk))
    CardSetup.objects.filter(pk=setup.pk).update(session_id=facts.id)
    return facts.url


def check_card_setup(setup: CardSetup) -> bool:
    """Ask Stripe whether the card was saved, and remember it. Safe to repeat."""
    if setup.saved_at or not setup.session_id:
        return bool(setup.saved_at)
    facts = client.session(setup.session_id)
    ours = (facts.reference, facts.customer_id) == (setup.pk, setup.customer.stripe_id)
    if facts.status != "complete" or not ours or not facts.card or not keep_card(setup.customer, facts.card):
        return False
    CardSetup.objects.filter(pk=setup.pk, saved_at=None).update(saved_at=timezone.now())
    return True

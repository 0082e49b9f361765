"""Sale of an offer: taken off and put back on by hand, with a reason, and what that means for renders that wait."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from studio.models import OfferHealth, Render, RenderState
from studio.providers import registry


def all_offers() -> None:
    """Make sure that each offer has its row, so that it can be shown and taken off sale before it ever failed."""
    rows = [OfferHealth(pk=offer.id) for offer in registry.for_sale()]
    OfferHealth.objects.bulk_create(rows, ignore_conflicts=True)


def take_off(offer: str, *, reason: str) -> bool:
    """Sell it no more. What waits for it goes to another offer where the customer allows one. False if it was off.

    What the provider has accepted goes on: it is paid for. What has no other offer waits for this one until its
    deadline, and then costs nothing.
    """
    on_sale = OfferHealth.objects.filter(pk=offer, off_sale_at=None)
    all_offers()
    with transaction.atomic():
        if not on_sale.update(off_sale_at=timezone.now(), off_sale_reason=reason):
            return False
        _look_now(offer)
    return True


def put_on(offer: str) -> bool:
    """Sell it again, and send at once what has waited. False if it was on sale."""
    off_sale = OfferHealth.objects.filter(pk=offer, off_sale_at__isnull=False)
    with transaction.atomic():
        if not off_sale.update(off_sale_at=None, off_sale_reason=""):
            return False
        _look_now(offer)
    return True


def what_waits(offer: str) -> str:
    """A sentence for whoever is about to take it off sale."""
    waiting = Render.objects.single().filter(offer=offer, state=RenderState.QUEUED)
    count = waiting.count()
    movable = waiting.exclude(fallbacks=[]).count()
    sent = (RenderState.SUBMITTING, RenderState.RENDERING)
    running = Render.objects.single().filter(offer=offer, state__in=sent).count()
    return (
        f"{running} at the provider go on. Of {count} that wait to be sent, {movable} go to their next offer; "
        f"{count - movable} wait for this one until their deadline, and cost nothing if it passes."
    )


def _look_now(offer: str) -> None:
    waiting = Render.objects.filter(offer=offer, state=RenderState.QUEUED, next_try_at__gt=timezone.now())
    waiting.update(next_try_at=timezone.now())

"""A lost part asked for again: a new render with a hold of its own, within what the first one could have cost."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from billing.errors import BudgetReached, InsufficientCredit, WalletFrozen
from billing.models import Price
from studio.metrics import count_request
from studio.models import Part, Render, RenderState
from studio.models.renders import render_id
from studio.pipeline.request.write import save_with_hold
from studio.pipeline.states import DEADLINES, note
from studio.pipeline.watch.wake import notify_watcher
from studio.providers.types import Fault

MAX_ATTEMPTS = 3
# What is the same whoever makes it, or whenever.
LASTING = frozenset({Fault.INPUT, Fault.MODERATION, "stopped"})


def ask_again(part: Part) -> bool:
    """True if it is being made again: by the offers that were quoted, those that have not lost it first."""
    lost = part.render
    if part.attempts >= MAX_ATTEMPTS or lost.failure_code in LASTING or lost.sound.cut_from_id is None:
        return False
    try:
        with transaction.atomic():
            return _written(part, lost)
    except (InsufficientCredit, BudgetReached, WalletFrozen):
        return False  # what came back was spent meanwhile


def _written(part: Part, lost: Render) -> bool:
    again, now = _copy(lost), timezone.now()
    again.state_since, again.deadline_at, again.next_try_at = now, now + DEADLINES[RenderState.QUEUED], now
    save_with_hold(again, again.ceiling_micros)
    mine = Part.objects.filter(pk=part.pk, render=lost, attempts=part.attempts)
    if not mine.update(render=again, attempts=part.attempts + 1):
        transaction.set_rollback(True)
        return False
    count_request(again)
    note(part.whole, f"part {part.number} was lost and is made again", detail={"lost": lost.pk, "offer": lost.offer})
    notify_watcher()
    return True


def _copy(lost: Render) -> Render:
    """As it was asked for. The offer that lost it comes last."""
    chain = [*lost.fallbacks, {"offer": lost.offer, "price": lost.price_id}]
    names = (
        *("workspace", "project", "requested_by", "token", "notify", "test", "title", "whole", "portrait", "voice"),
        *("model", "prompt", "options", "routing", "fallback", "ceiling_ms", "ceiling_micros"),
    )
    return Render(
        id=render_id(),
        offer=chain[0]["offer"],
        price=Price.objects.get(pk=chain[0]["price"]),
        fallbacks=chain[1:] if lost.fallback else [],
        why=lost.why if len(chain) == 1 else "Another provider lost it.",
        **{name: getattr(lost, name) for name in names},
    )

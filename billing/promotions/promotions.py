"""Bonus credit by a word, and the credit that greets a new person."""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.signals import post_save
from django.utils import timezone

from avatarsite.workspaces.models import Role, User, Workspace
from billing.errors import KeyConflict
from billing.ledger import lots
from billing.models import CreditLot, PromotionCode, PromotionUse
from billing.models.promotions import CODE_LENGTH
from billing.money import micros_of, usd

logger = logging.getLogger(__name__)

# Codes are words; this keeps anybody from trying a dictionary.
WRONG_TRIES, WRONG_SECONDS = 10, 3600
WELCOME = "Welcome"


class CodeRefused(ValueError):
    """The code gives nothing here; the message says why."""


# What a code is made of when nobody chooses one: letters and digits that are not taken for each other.
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def new_word() -> str:
    """Twelve characters in three groups, from a source that can't be guessed: about 59 bits."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def stop(code: PromotionCode) -> bool:
    """Let nobody redeem the code from now on; what was given stays. False if it was stopped before."""
    return bool(PromotionCode.objects.filter(pk=code.pk, stopped_at=None).update(stopped_at=timezone.now()))


def state_of(code: PromotionCode, now: datetime) -> str:
    """One word or two: whether it can be redeemed now, and if not, why."""
    if code.stopped_at:
        return "stopped"
    if code.ends_at and code.ends_at <= now:
        return "ended"
    if code.most is not None and code.redeemed >= code.most:
        return "used up"
    return "not begun" if code.starts_at > now else "open"


def redeem(workspace: Workspace, text: str, *, user: User) -> CreditLot:
    """Turn a code into bonus credit, once for each workspace and each person. Raises CodeRefused.

    The code's own count rises by a conditional UPDATE in the same transaction, so that no crowd gets more than it has.
    """
    word = text.strip().upper()
    code = _found(word, user)
    now = timezone.now()
    try:
        with transaction.atomic():
            open_now = Q(starts_at__lte=now, stopped_at=None) & (Q(ends_at=None) | Q(ends_at__gt=now))
            room = Q(most=None) | Q(redeemed__lt=F("most"))
            taken = PromotionCode.objects.filter(open_now, room, pk=code.pk).update(redeemed=F("redeemed") + 1)
            if not taken:
                used = PromotionUse.objects.filter(code=code, workspace=workspace).exists()
                raise CodeRefused(_why_again(code, workspace) if used else _why_closed(code, now))
            lot = lots.grant(
                workspace,
                code.amount_micros,
                key=f"promotion:{code.pk}:{workspace.pk}",
                reason=code.reason,
                actor=user,
                expires_at=now + timedelta(days=code.credit_days) if code.credit_days else None,
            )
            PromotionUse.objects.create(code=code, workspace=workspace, user=user, lot=lot)
    except (IntegrityError, KeyConflict):
        raise CodeRefused(_why_again(code, workspace)) from None
    logger.info("%s redeemed %s for %s", workspace, code, usd(code.amount_micros))
    return lot


def _found(word: str, user: User) -> PromotionCode:
    key = f"billing:promotion:{user.pk}"
    wrong = cache.get(key, 0)
    if wrong >= WRONG_TRIES:
        raise CodeRefused("Too many codes were wrong. Wait an hour, then try again.")
    code = PromotionCode.objects.filter(code=word).first() if 0 < len(word) <= CODE_LENGTH else None
    if code is None:
        cache.set(key, wrong + 1, WRONG_SECONDS)
        raise CodeRefused("There is no such code. Check it letter by letter." if word else "Type the code first.")
    return code


def _why_closed(code: PromotionCode, now: datetime) -> str:
    code.refresh_from_db()
    if code.starts_at > now:
        return f"{code} can be redeemed from {code.starts_at:%-d %B %Y} on."
    if code.stopped_at:
        return f"{code} can no longer be redeemed: it was stopped on {code.stopped_at:%-d %B %Y}."
    if code.ends_at and code.ends_at <= now:
        return f"{code} can no longer be redeemed: it ended on {code.ends_at:%-d %B %Y}."
    return f"{code} has been redeemed as often as it can be."


def _why_again(code: PromotionCode, workspace: Workspace) -> str:
    here = PromotionUse.objects.filter(code=code, workspace=workspace).first()
    if here:
        return f"{code} was redeemed in this workspace on {here.created_at:%-d %B %Y}; it works once."
    return f"You have redeemed {code} in another workspace; it works once for each person."


# --- Welcome ----------------------------------------------------------------------------------------------------------


def welcome(user: User) -> CreditLot | None:
    """Give the welcome credit to the first workspace that a person owns, once for each person.

    None where the setting WELCOME_CREDIT is 0, or for somebody who owns no workspace.
    """
    amount = micros_of(settings.WELCOME_CREDIT)
    owned = Workspace.objects.filter(memberships__user=user, memberships__role=Role.OWNER).order_by("created_at", "pk")
    workspace = owned.first()
    key = f"welcome:{user.pk}"
    if not amount or workspace is None or CreditLot.objects.filter(source_key=key).exists():
        return None
    days = settings.WELCOME_CREDIT_DAYS
    ends = timezone.now() + timedelta(days=days) if days else None
    try:
        return lots.grant(workspace, amount, key=key, reason=WELCOME, expires_at=ends)
    except KeyConflict:
        # Confirmed twice at once: the other one's date differs by a moment.
        return None


def watch_for_confirmed_people() -> None:
    """Credit waits for the e-mail address to be confirmed, so that nobody gets it by inventing addresses."""
    post_save.connect(_confirmed, sender=EmailAddress, dispatch_uid="billing.welcome")


def _confirmed(instance: EmailAddress, *, raw: bool = False, **_: object) -> None:
    if instance.verified and not raw:
        welcome(instance.user)

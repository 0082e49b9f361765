"""Filing a webhook, and acting on it later: file first, check the seal, then act; each letter as often as it takes.

The inbox knows no sender. ``SOURCES`` names, for each, a function that reads a letter's event id without believing it
and a function that checks the seal and acts.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.inbox.models import Letter, Seal
from avatarsite.queue import jobs

logger = logging.getLogger(__name__)

BODY_LIMIT = 256 * 1024
MAX_TRIES = 8
LEASE = timedelta(seconds=90)
# What one address may have lying here unproven within a window: forgeries, and letters that nobody has looked at yet.
# A sender that is told to wait sends again, and polling brings everything home anyway.
FLOOD_WINDOW = timedelta(minutes=10)
FORGERIES_AT_MOST = 500
UNCHECKED_AT_MOST = 5_000
KEPT = {Seal.GOOD: timedelta(days=90), Seal.BROKEN: timedelta(days=7), Seal.UNCHECKED: timedelta(days=90)}
FORGOTTEN_AT_ONCE = 5_000
# Headers that are worth keeping; cookies and the like are not ours to store.
KEEP_HEADERS = ("content-type", "user-agent", "stripe-signature", "x-fal-")


class LetterRefused(Exception):
    """The letter was not sent by whom it says, or not like this."""


@dataclass(frozen=True, slots=True)
class Source:
    """Dotted paths: ``event_id(headers, query, body) -> str`` and ``act(letter) -> str`` (what was done)."""

    event_id: str
    act: str


SOURCES: dict[str, Source] = {
    "runware": Source("studio.webhooks.event_id", "studio.webhooks.act"),
    "fal": Source("studio.webhooks.event_id", "studio.webhooks.act"),
    "stripe": Source("billing.stripe_sync.webhooks.event_id", "billing.stripe_sync.webhooks.act"),
}


def floods(address: str | None) -> bool:
    """Whether this address has sent more that is forged, or not looked at yet, than anybody should have to keep."""
    unproven = Letter.objects.filter(address=address, received_at__gt=timezone.now() - FLOOD_WINDOW).exclude(
        seal=Seal.GOOD
    )
    seals = Counter(unproven.values_list("seal", flat=True)[: UNCHECKED_AT_MOST + FORGERIES_AT_MOST])
    return seals[Seal.BROKEN] >= FORGERIES_AT_MOST or seals[Seal.UNCHECKED] >= UNCHECKED_AT_MOST


def forget_old_letters() -> int:
    """Delete letters that have been dealt with and are past their time; returns how many."""
    gone = 0
    for seal, life in KEPT.items():
        old = Letter.objects.filter(seal=seal, received_at__lt=timezone.now() - life, next_try_at=None)
        gone += Letter.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])).delete()[0]
    return gone


def file_letter(
    source: str, *, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, address: str | None = None
) -> Letter:
    """Store the letter and queue its handling in one transaction. A repeat is counted on the first one's row."""
    event_id = _event_id(source, headers, query, body)
    try:
        with transaction.atomic():
            letter = Letter.objects.create(
                source=source,
                event_id=event_id,
                headers=_kept(headers),
                # PostgreSQL takes no NUL, and no sender of ours writes one.
                query={name.replace("\0", ""): value.replace("\0", "") for name, value in query.items()},
                body=body,
                address=address,
                next_try_at=timezone.now(),
            )
            jobs.enqueue("avatarsite.handle_letter", letter_id=letter.pk)
    except IntegrityError:
        Letter.objects.filter(source=source, event_id=event_id).update(deliveries=F("deliveries") + 1)
        return Letter.objects.get(source=source, event_id=event_id)
    return letter


def handle_letter(letter_id: int) -> bool:
    """Check the seal and act, once. False when it isn't due, or somebody else is at it."""
    letter = Letter.objects.get(pk=letter_id)
    if not _claim(letter):
        return False
    try:
        outcome = _load(SOURCES[letter.source].act)(letter)
    except LetterRefused as error:
        logger.warning("%s: %s", letter, error)
        _close(letter, Seal.BROKEN, f"Refused: {error}")
        return False
    except Exception as error:
        logger.exception("%s could not be handled", letter)
        _put_off(letter, f"{type(error).__name__}: {error}")
        return False
    _close(letter, Seal.GOOD, outcome)
    return True


def replay(letter: Letter) -> None:
    """Handle the letter again, as if it had just come."""
    with transaction.atomic():
        Letter.objects.filter(pk=letter.pk).update(next_try_at=timezone.now(), tries=0, handled_at=None)
        jobs.enqueue("avatarsite.handle_letter", letter_id=letter.pk)


def due_letters() -> list[int]:
    """Ids of letters whose handling was dropped; asked by the sweep."""
    due = Letter.objects.filter(next_try_at__lt=timezone.now()).order_by("next_try_at")
    return list(due.values_list("pk", flat=True)[:200])


def _claim(letter: Letter) -> bool:
    now = timezone.now()
    if letter.next_try_at is None or letter.next_try_at > now:
        return False
    won = Letter.objects.filter(pk=letter.pk, tries=letter.tries, next_try_at=letter.next_try_at).update(
        tries=letter.tries + 1, next_try_at=now + LEASE
    )
    letter.tries += 1
    return bool(won)


def _put_off(letter: Letter, why: str) -> None:
    again = None if letter.tries >= MAX_TRIES else timezone.now() + timedelta(seconds=5 * 2**letter.tries)
    if again is None:
        told = f"{letter} failed {letter.tries} times and is not tried again: {why} Handle it again in the admin site."
        raise_alert("letter", letter.source, told, letter=letter.pk)
    Letter.objects.filter(pk=letter.pk).update(next_try_at=again, outcome=why)


def _close(letter: Letter, seal: Seal, outcome: str) -> None:
    Letter.objects.filter(pk=letter.pk).update(seal=seal, outcome=outcome, handled_at=timezone.now(), next_try_at=None)


def _event_id(source: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
    """The sender's id of the event; what can't be read is filed under a digest, and refused or handled later."""
    found = _load(SOURCES[source].event_id)(source, headers, query, body)
    return found.replace("\0", "") or "sha256:" + hashlib.sha256(body).hexdigest()


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith(KEEP_HEADERS)}


def _load(path: str) -> Callable[..., Any]:
    module, name = path.rsplit(".", 1)
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

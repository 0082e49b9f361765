"""Webhooks in each protocol's own words: a row each, tried until the address takes it or it is time to give up."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.http.public_addresses import BROKEN
from avatarsite.queue import jobs
from avatarsite.queue.sweeping import each
from studio.gateway import signing
from studio.gateway.fal import webhook as fal
from studio.gateway.models import AskedState, GatewayLetter, GatewayRequest, LetterState, Protocol
from studio.gateway.runware import webhook as runware
from studio.gateway.status import renders_of
from studio.models import Render
from studio.models.renders import ENDED
from studio.pipeline.request.options import trusted_endpoints
from studio.pipeline.states import backoff
from studio.pipeline.watch.lease import wake_watch
from studio.providers import http
from studio.providers.http.addresses import AddressRefused
from studio.providers.http.asking import unanswered
from studio.providers.http.public import ask_public
from studio.providers.types import ProviderError

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
SECONDS = 15.0
MAX_TRIES = 11  # the first and ten more, over two hours
FIRST_WAIT, LONGEST_WAIT = 7, 3_600
BATCH = 200
SOON = timedelta(seconds=60)


def write_letters(row: GatewayRequest) -> int:
    """Write a letter for whatever of the request has ended, and queue its delivery. Safe to repeat."""
    if not row.webhook_url or not row.to_be_told:
        return 0
    subjects, is_all = _ended(row)
    written = sum(_write(row, render) for render in subjects)
    if is_all:
        GatewayRequest.objects.filter(pk=row.pk).update(to_be_told=False)
    return written


def tell_of(render_id: str) -> int:
    """Write the letters of the request that an ended render belongs to, if a client of ours asked for it."""
    named = Q(render_id=render_id) | Q(render__group__renders=render_id)
    return _write_each(GatewayRequest.objects.filter(named, to_be_told=True).distinct())


def deliver_letter(letter_id: int) -> bool:
    """Try once, if it is due. True if the address took it now."""
    letter = GatewayLetter.objects.select_related("request__workspace", "request__token", "render").get(pk=letter_id)
    if not _claim(letter):
        return False
    if letter.tries > MAX_TRIES:  # whatever ended the earlier tries, they were no answers
        return _end(letter, LetterState.GIVEN_UP, "Our own work on it broke down each time.")
    said = _said(letter)
    if said is None:
        return _end(letter, LetterState.GIVEN_UP, "The video that it was about has been deleted.")
    try:
        status = http.run(_post, letter.request.webhook_url, *said)
    except AddressRefused as refusal:
        return _end(letter, LetterState.GIVEN_UP, refusal.failure.message)
    except ProviderError as error:
        return _again(letter, f"No answer: {error.failure.message}")
    if 200 <= status < 300:
        return _end(letter, LetterState.DELIVERED, f"It answered {status}.")
    return _again(letter, f"It answered {status}.")


def send_again(letter: GatewayLetter) -> bool:
    """Try a letter that has ended anew, as often as a first time. False while it is on its way."""
    with transaction.atomic():
        ended = GatewayLetter.objects.filter(pk=letter.pk).exclude(state=LetterState.WAITING)
        fresh = {"state": LetterState.WAITING, "tries": 0, "next_try_at": timezone.now(), "ended_at": None}
        if not ended.update(**fresh):
            return False
        jobs.enqueue("studio.gateway_letter", letter_id=letter.pk)
    return True


def due_letters() -> list[int]:
    """Ids of letters that are due; asked by the sweep."""
    due = GatewayLetter.objects.filter(state=LetterState.WAITING, next_try_at__lte=timezone.now())
    return list(due.order_by("next_try_at").values_list("pk", flat=True)[:BATCH])


def nudge_between(since: datetime, now: datetime) -> int:
    """Queue what has fallen due between two looks of the watch; the sweep finds what fell due while none was made."""
    waiting = GatewayLetter.objects.filter(state=LetterState.WAITING, next_try_at__gt=since, next_try_at__lte=now)
    ids = list(waiting.values_list("pk", flat=True)[:BATCH])
    for letter_id in ids:
        jobs.enqueue("studio.gateway_letter", letter_id=letter_id)
    return len(ids)


def is_due_soon() -> bool:
    """Whether a letter is due before the next sweep but one."""
    now = timezone.now()
    return GatewayLetter.objects.filter(
        state=LetterState.WAITING, next_try_at__gt=now, next_try_at__lte=now + SOON
    ).exists()


def write_forgotten() -> int:
    """Letters of requests whose end was not heard of; asked by the sweep."""
    ended = Q(state__in=(AskedState.REFUSED, AskedState.CANCELLED)) | Q(render__state__in=ENDED)
    return _write_each(GatewayRequest.objects.filter(ended, to_be_told=True))


def _write_each(rows: QuerySet[GatewayRequest]) -> int:
    found = rows.select_related("render__group")[:BATCH]
    return sum(each(found, write_letters, "Writing the webhook of a gateway request"))


def _ended(row: GatewayRequest) -> tuple[list[Render | None], bool]:
    """What there is to tell of, and whether that is all that will be."""
    if row.state in (AskedState.REFUSED, AskedState.CANCELLED):
        return [None], True
    if row.state == AskedState.FETCHING:
        return [], False
    renders = renders_of(row)
    ended: list[Render | None] = [render for render in renders if render.ended]
    return ended, len(ended) == len(renders)


def _write(row: GatewayRequest, render: Render | None) -> int:
    try:
        with transaction.atomic():
            letter = GatewayLetter.objects.create(
                key=f"{row.pk}:{render.pk if render else ''}", request=row, render=render, next_try_at=timezone.now()
            )
            jobs.enqueue("studio.gateway_letter", letter_id=letter.pk)
    except IntegrityError:
        return 0  # it was written before
    return 1


def _said(letter: GatewayLetter) -> tuple[bytes, dict[str, str]] | None:
    """Body and headers; None when there is nothing left to tell of."""
    row = letter.request
    if letter.render is None and row.state == AskedState.ASKED:
        return None
    say = {Protocol.RUNWARE: runware.body_of, Protocol.FAL: fal.body_of}[Protocol(row.protocol)]
    body = json.dumps(say(row, letter.render)).encode()
    headers = {"Content-Type": "application/json"}
    if row.protocol == Protocol.FAL:
        headers |= signing.headers(row.reference, row.workspace_id, body)
    return body, headers


async def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    try:
        async with (
            asyncio.timeout(SECONDS),
            ask_public("POST", url, trusted_endpoints(), headers=headers, content=body, plain=True) as response,
        ):
            return int(response.status_code)
    except (*BROKEN, TimeoutError) as error:
        raise unanswered(error) from error


def _claim(letter: GatewayLetter) -> bool:
    now = timezone.now()
    if letter.next_try_at is None or letter.next_try_at > now:
        return False
    return _move(letter, tries=letter.tries + 1, next_try_at=now + LEASE)


def _again(letter: GatewayLetter, answer: str) -> bool:
    if letter.tries >= MAX_TRIES:
        return _end(letter, LetterState.GIVEN_UP, f"{answer} It was tried {letter.tries} times.")
    wait = backoff(letter.tries, first=FIRST_WAIT, most=LONGEST_WAIT)
    with transaction.atomic():
        _move(letter, next_try_at=timezone.now() + wait, last_answer=answer[:300])
        wake_watch()
    return False


def _end(letter: GatewayLetter, state: LetterState, answer: str) -> bool:
    ended = _move(letter, state=state, next_try_at=None, ended_at=timezone.now(), last_answer=answer[:300])
    if ended and state == LetterState.GIVEN_UP:
        logger.warning("%s was given up: %s", letter.key, answer)
    return ended and state == LetterState.DELIVERED


def _move(letter: GatewayLetter, **fields: Any) -> bool:
    won = GatewayLetter.objects.filter(
        pk=letter.pk, state=LetterState.WAITING, tries=letter.tries, next_try_at=letter.next_try_at
    ).update(**fields)
    if won:
        for name, value in fields.items():
            setattr(letter, name, value)
    return bool(won)

"""Webhooks to clients in their protocol's words: a row each, tried until it is taken or given up."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.http.client import run
from avatarsite.http.pinning import NO_ANSWER
from avatarsite.http.post import new_post_client, post_public
from avatarsite.http.public_addresses import AddressRefused
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import backoff
from avatarsite.queue.sweeping import each
from studio.gateway.fal import signing
from studio.gateway.fal import webhook as fal
from studio.gateway.models import GatewayRequest, GatewayWebhook, Protocol, RequestState, WebhookState
from studio.gateway.runware import webhook as runware
from studio.gateway.status import renders_of
from studio.models import Render
from studio.models.renders import ENDED
from studio.pipeline.request.options import trusted_endpoints
from studio.pipeline.watch.wake import notify_watcher
from studio.providers.http.asking import unanswered

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MAX_TRIES = 11  # the first and ten more, over two hours
INITIAL_WAIT, MAX_WAIT = 7, 3_600
BATCH = 200


def create_webhooks(row: GatewayRequest) -> int:
    """Write a webhook for whatever of the request has ended, and queue its delivery. Safe to repeat."""
    if not row.webhook_url or not row.webhook_pending:
        return 0
    subjects, is_all = _ended(row)
    written = sum(_create(row, render) for render in subjects)
    if is_all:
        GatewayRequest.objects.filter(pk=row.pk).update(webhook_pending=False)
    return written


def notify_client(render_id: str) -> int:
    """Write the webhooks of the request that an ended render belongs to, if a client of ours asked for it."""
    return _create_each(_pending_of(Q(render__group__renders=render_id) | Q(render_id=render_id)).distinct())


def note_end(render: Render, **_: object) -> None:
    """Queue that, if there is anybody to tell; in the transaction that ends the render."""
    whole_group = Q(render__group_id=render.group_id) if render.group_id else Q()
    if _pending_of(Q(render_id=render.pk) | whole_group).exists():
        jobs.enqueue("studio.tell", render_id=render.pk)


def _pending_of(named: Q) -> QuerySet[GatewayRequest]:
    return GatewayRequest.objects.filter(named, webhook_pending=True)


def deliver_webhook(webhook_id: int) -> bool:
    """Try once, if it is due. True if the address took it now."""
    webhook = GatewayWebhook.objects.select_related("request__workspace", "request__token", "render").get(pk=webhook_id)
    if not webhook.claim(LEASE):
        return False
    if webhook.tries > MAX_TRIES:  # whatever ended the earlier tries, they were no answers
        return _end(webhook, WebhookState.GIVEN_UP, "Our own work on it broke down each time.")
    content = _content(webhook)
    if content is None:
        return _end(webhook, WebhookState.GIVEN_UP, "The video that it was about has been deleted.")
    try:
        status = run(_post, webhook.request.webhook_url, *content)
    except AddressRefused as refusal:
        return _end(webhook, WebhookState.GIVEN_UP, refusal.of_link)
    except NO_ANSWER as error:
        return _again(webhook, f"No answer: {unanswered(error).failure.message}")
    if 200 <= status < 300:
        return _end(webhook, WebhookState.DELIVERED, f"It answered {status}.")
    return _again(webhook, f"It answered {status}.")


def send_again(webhook: GatewayWebhook) -> bool:
    """Try a webhook that has ended anew, as often as a first time. False while it is on its way."""
    with transaction.atomic():
        ended = GatewayWebhook.objects.filter(pk=webhook.pk).exclude(state=WebhookState.WAITING)
        fresh = {"state": WebhookState.WAITING, "tries": 0, "next_try_at": timezone.now(), "ended_at": None}
        if not ended.update(**fresh):
            return False
        jobs.enqueue("studio.gateway_webhook", webhook_id=webhook.pk)
    return True


def waiting() -> QuerySet[GatewayWebhook]:
    return GatewayWebhook.objects.filter(state=WebhookState.WAITING)


def create_missing() -> int:
    """Webhooks of requests whose end was not heard of; asked by the sweep."""
    ended = Q(state__in=(RequestState.REFUSED, RequestState.CANCELLED)) | Q(render__state__in=ENDED)
    return _create_each(GatewayRequest.objects.filter(ended, webhook_pending=True))


def _create_each(rows: QuerySet[GatewayRequest]) -> int:
    found = rows.select_related("render__group")[:BATCH]
    return sum(each(found, create_webhooks, "Writing the webhook of a gateway request"))


def _ended(row: GatewayRequest) -> tuple[list[Render | None], bool]:
    """What there is to tell of, and whether that is all that will be."""
    if row.state in (RequestState.REFUSED, RequestState.CANCELLED):
        return [None], True
    if row.state == RequestState.FETCHING:
        return [], False
    renders = renders_of(row)
    ended: list[Render | None] = [render for render in renders if render.ended]
    return ended, len(ended) == len(renders)


def _create(row: GatewayRequest, render: Render | None) -> int:
    try:
        with transaction.atomic():
            webhook = GatewayWebhook.objects.create(
                key=f"{row.pk}:{render.pk if render else ''}", request=row, render=render, next_try_at=timezone.now()
            )
            jobs.enqueue("studio.gateway_webhook", webhook_id=webhook.pk)
    except IntegrityError:
        return 0  # it was written before
    return 1


def _content(webhook: GatewayWebhook) -> tuple[bytes, dict[str, str]] | None:
    """Body and headers; None when there is nothing left to tell of."""
    row = webhook.request
    if webhook.render is None and row.state == RequestState.SUBMITTED:
        return None
    body_of = {Protocol.RUNWARE: runware.body_of, Protocol.FAL: fal.body_of}[Protocol(row.protocol)]
    body = json.dumps(body_of(row, webhook.render)).encode()
    headers = {"Content-Type": "application/json"}
    if row.protocol == Protocol.FAL:
        headers |= signing.headers(row.reference, row.workspace_id, body)
    return body, headers


async def _post(url: str, body: bytes, headers: dict[str, str]) -> int:
    trusted = trusted_endpoints().may_get_key(url)
    async with (
        new_post_client() as client,
        post_public(client, url, body, headers, trusted=trusted, plain=True) as response,
    ):
        return response.status_code


def _again(webhook: GatewayWebhook, answer: str) -> bool:
    if webhook.tries >= MAX_TRIES:
        return _end(webhook, WebhookState.GIVEN_UP, f"{answer} It was tried {webhook.tries} times.")
    with transaction.atomic():
        webhook.put_off(backoff(webhook.tries, first=INITIAL_WAIT, most=MAX_WAIT), last_answer=answer[:300])
        notify_watcher()
    return False


def _end(webhook: GatewayWebhook, state: WebhookState, answer: str) -> bool:
    ended = webhook.finish(state=state, ended_at=timezone.now(), last_answer=answer[:300])
    if ended and state == WebhookState.GIVEN_UP:
        logger.warning("%s was given up", webhook.key)
    return ended and state == WebhookState.DELIVERED

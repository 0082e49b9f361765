"""Endpoints: making, changing and waking them, their secrets, and sending again what they have missed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.desk import Waiting, age_of
from avatarsite.http.public_addresses import (
    AddressRefused,
    UnknownHost,
    is_public_by_name,
    public_addresses_of,
    trimmed,
    web_address,
)
from avatarsite.outbox import signing
from avatarsite.outbox.deliveries import request_signing, signing_of, suspend_endpoint
from avatarsite.outbox.due import wake_sender
from avatarsite.outbox.event_types import EVERY, KINDS, TEST
from avatarsite.outbox.events import create_deliveries, fan_out
from avatarsite.outbox.models import (
    URL_LENGTH,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointState,
    Event,
    RequestSigning,
    Signing,
)
from avatarsite.outbox.posting import is_trusted
from avatarsite.workspaces.encryption import decrypt, encrypt
from avatarsite.workspaces.models import User, Workspace

MAX_ENDPOINTS = 20
MAX_REPLAYED = 10_000
OVERLAP = timedelta(hours=24)
MAX_OVERLAP = timedelta(days=7)
LOOK_UP_SECONDS = 3.0
BY_HAND = "Somebody of the workspace has done this."


class EndpointRefused(ValueError):
    """What was asked for can't be done; ``field`` is what to change, the text a sentence with the remedy."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def check_url(url: str, field: str = "url") -> str:
    """The address as it is to be kept. Asks the resolver: not in a transaction.

    A name that leads nowhere yet is taken: each connection looks again. Raises EndpointRefused for an address that
    nothing would be sent to.
    """
    url = trimmed(url)
    if len(url) > URL_LENGTH:
        raise EndpointRefused(field, f"The address has more than {URL_LENGTH:,} characters. Use a shorter one.")
    try:
        named = web_address(url)
    except AddressRefused as refusal:
        raise EndpointRefused(field, f"This can’t be used: {refusal.why} Write https://… with your host.") from refusal
    if named.fragment:
        raise EndpointRefused(field, "The part after # is never sent. Leave it out.")
    if is_trusted(url):
        return url
    if named.scheme != "https":
        raise EndpointRefused(field, "The address is not https. Use an https address.")
    if not is_public_by_name(url) or not async_to_sync(_leads_out)(url):
        raise EndpointRefused(field, f"{named.host} is not a public address, and can’t be reached from here.")
    return url


async def _leads_out(url: str) -> bool:
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await public_addresses_of(url)
    except AddressRefused:
        return False
    except (UnknownHost, TimeoutError):
        return True
    return True


def kinds_of(wanted: Collection[str]) -> list[str]:
    """``wanted`` in our order; all of them and future ones for EVERY. Raises EndpointRefused."""
    unknown = sorted(set(wanted) - set(KINDS) - {EVERY})
    if unknown:
        raise EndpointRefused("kinds", f"There is no kind {unknown[0]!r}. Use {EVERY} or some of {', '.join(KINDS)}.")
    if not wanted:
        raise EndpointRefused("kinds", f"Choose at least one kind of event, or {EVERY} for all.")
    return [EVERY] if EVERY in wanted else [kind for kind in KINDS if kind in wanted]


def make_endpoint(
    workspace: Workspace, *, url: str, kinds: Collection[str] = (EVERY,), description: str = "", user: User | None
) -> Endpoint:
    """An endpoint that is told from now on. ``check_url`` comes before it. Raises EndpointRefused."""
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)  # so that two at once can't exceed the number
        if Endpoint.objects.filter(workspace=workspace, of_requests=False).count() >= MAX_ENDPOINTS:
            raise EndpointRefused("url", f"A workspace has at most {MAX_ENDPOINTS} endpoints. Delete one first.")
        endpoint = Endpoint.objects.create(
            workspace=workspace,
            made_by=user,
            url=url,
            kinds=kinds_of(kinds),
            description=" ".join(description.split()),
            secret=encrypt(signing.new_secret()),
        )
        _record("made", endpoint, user)
        return endpoint


def _record(act: str, endpoint: Endpoint, user: User | None = None) -> None:
    """The host alone: the rest of an address may be a secret."""
    what = f"The webhook endpoint at {urlsplit(endpoint.url).hostname} was {act}"
    record(f"endpoint.{act.replace(' ', '_')}", what, workspace=endpoint.workspace, target=endpoint.pk, by=user)


def change_endpoint(endpoint: Endpoint, **fields: Any) -> None:
    """Change ``url`` (after ``check_url``), ``kinds`` or ``description``. Raises EndpointRefused."""
    if endpoint.of_requests and fields:
        raise EndpointRefused("endpoint", "Its addresses come with requests. It can be paused, disabled or deleted.")
    if "kinds" in fields:
        fields["kinds"] = kinds_of(fields["kinds"])
    if "description" in fields:
        fields["description"] = " ".join(fields["description"].split())
    if fields.get("url", endpoint.url) != endpoint.url:
        # What went wrong at the old address says nothing of the new one.
        fields |= {"failures": 0, "dark_since": None, "rest_until": None}
    Endpoint.objects.filter(pk=endpoint.pk).update(**fields)
    for name, value in fields.items():
        setattr(endpoint, name, value)
    _record("changed", endpoint)


def set_state(endpoint: Endpoint, state: str) -> None:
    """Pause (deliveries are kept), disable (none are made) or wake; what it is already, it stays."""
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        if row.state == state:
            return
        if state == EndpointState.ACTIVE:
            _wake(row)
        else:
            suspend_endpoint(row, EndpointState(state), BY_HAND)
        _record("enabled" if state == EndpointState.ACTIVE else str(EndpointState(state).label).lower(), row)
    endpoint.refresh_from_db()


def _wake(row: Endpoint) -> None:
    """All that was kept is due now, in its order, and what was given up in the dark gets another chance."""
    now = timezone.now()
    kept = Q(state=DeliveryState.WAITING)
    if row.dark_since:
        kept |= Q(state=DeliveryState.FAILED, answered_at__gte=row.dark_since)
    _send_again(row, kept, now)
    row.state, row.why = EndpointState.ACTIVE, ""
    row.failures, row.dark_since, row.rest_until = 0, None, None
    row.save()
    wake_sender(row.workspace_id)


def rotate_secret(endpoint: Endpoint, *, overlap: timedelta = OVERLAP) -> None:
    """A new secret; the one that it replaces signs beside it for ``overlap``, and older ones never again."""
    if endpoint.of_requests:
        rotate_request_secret(endpoint.workspace, overlap=overlap)
        return
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        _replace_secret(row, overlap)
        _record("given a new secret", row)
    endpoint.refresh_from_db()


def rotate_request_secret(workspace: Workspace, *, overlap: timedelta = OVERLAP) -> None:
    """As ``rotate_secret``, of the one for the addresses that requests name."""
    request_signing(workspace.pk)
    with transaction.atomic():
        _replace_secret(RequestSigning.objects.select_for_update().get(pk=workspace.pk), overlap)
        what = "The secret for webhook addresses of single requests was replaced"
        record("endpoint.given_a_new_secret", what, workspace=workspace)


def _replace_secret(row: Signing, overlap: timedelta) -> None:
    row.old_secret, row.secret = (row.secret if overlap else ""), encrypt(signing.new_secret())
    row.old_secret_until = timezone.now() + overlap if overlap else None
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])


def secret_of(endpoint: Endpoint) -> str:
    """The secret, readable. Raises Unreadable."""
    return decrypt(signing_of(endpoint).secret)


def delete_endpoint(endpoint: Endpoint) -> None:
    """With its deliveries; the events stay."""
    if Endpoint.objects.filter(pk=endpoint.pk).delete()[0]:
        _record("deleted", endpoint)


# --- Sending again ----------------------------------------------------------------------------------------------------


def send_test(endpoint: Endpoint) -> Event:
    """A test event for this endpoint alone, even while it is paused. Raises EndpointRefused for a disabled one."""
    _demand_enabled(endpoint)
    if endpoint.of_requests:
        raise EndpointRefused("endpoint", "A test needs an address. Name one in a test token’s request instead.")
    event = Event.objects.create(
        workspace_id=endpoint.workspace_id,
        kind=TEST,
        subject=endpoint.subject,
        data={"endpoint": endpoint.pk, "message": "This is a test. If its signature fits, all is well.", "test": True},
    )
    wake_sender(endpoint.workspace_id)
    return event


def resend(delivery: Delivery) -> bool:
    """Send it once more, and again by the table if it fails. False if it is about to be sent for the first time.

    Raises EndpointRefused for a disabled endpoint.
    """
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=delivery.endpoint_id)
        now = timezone.now()  # behind the lock: whoever waited for it must not look back
        _demand_enabled(row)
        fresh = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING, tries=0, next_try_at__lte=now)
        if fresh.exists() and row.rest_until is None:
            return False
        _send_again(row, Q(pk=delivery.pk), now)
        Endpoint.objects.filter(pk=row.pk).update(rest_until=None)
        wake_sender(row.workspace_id)
    delivery.refresh_from_db()
    return True


def lift_pause(endpoint_id: str) -> bool:
    """Let an endpoint go on that was paused because it took nothing. False for others, and of one that people paused.

    What was kept for it is sent at once, too.
    """
    row = Endpoint.objects.get(pk=endpoint_id)
    if row.state != EndpointState.PAUSED or row.why == BY_HAND:
        return False
    set_state(row, EndpointState.ACTIVE)
    return True


def replay(endpoint: Endpoint, since: datetime) -> int:
    """Send every event since then that the endpoint wants, once more and in order; gives how many.

    What it never got, because it was disabled, did not exist or wanted other kinds, is numbered behind what it did.
    Raises EndpointRefused.
    """
    fan_out(endpoint.workspace_id)
    with transaction.atomic():
        row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
        _demand_enabled(row)
        events = Event.objects.filter(workspace_id=row.workspace_id, created_at__gte=since, number__isnull=False)
        kinds = list(KINDS) if EVERY in row.kinds else row.kinds
        wanted = events.filter(also_by=row) if row.of_requests else events.filter(kind__in=kinds)
        had = Q(event__in=wanted)
        missed = wanted.exclude(deliveries__endpoint=row).order_by("number")
        count = Delivery.objects.filter(had, endpoint=row).count() + missed.count()
        if count > MAX_REPLAYED:
            sentence = f"{count:,} events came since then, and {MAX_REPLAYED:,} are sent again at once."
            raise EndpointRefused("since", f"{sentence} Choose a later time.")
        _send_again(row, had, timezone.now())
        create_deliveries(row, list(missed))
        Endpoint.objects.filter(pk=row.pk).update(rest_until=None)
        wake_sender(row.workspace_id)
    return count


def _send_again(row: Endpoint, which: Q, now: datetime) -> None:
    """The caller holds the endpoint's row. What is on its way at this moment is due again after its claim."""
    fresh = {"state": DeliveryState.WAITING, "tries": 0, "since": now, "delivered_at": None}
    chosen = Delivery.objects.filter(which, endpoint=row)
    in_flight = Q(leased_until__gt=now)
    chosen.filter(in_flight).update(**fresh)
    chosen.exclude(in_flight).update(**fresh, next_try_at=now, leased_until=None)


def _demand_enabled(endpoint: Endpoint) -> None:
    if endpoint.state == EndpointState.DISABLED:
        raise EndpointRefused("endpoint", "This endpoint is disabled. Enable it first.")


def failing() -> Q:
    """Endpoints that have taken nothing since a first failure, and those that were given up for it."""
    return Q(dark_since__isnull=False)


def failing_endpoints() -> Waiting:
    """For the first page of the admin site."""
    found = Endpoint.objects.filter(failing()).aggregate(count=Count("pk"), oldest=Min("dark_since"))
    return Waiting(found["count"], f"one for {age_of(found['oldest'])}" if found["count"] else "")

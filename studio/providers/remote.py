"""Base of the providers elsewhere: a key, addresses, inputs that have to get there, files that have to come back."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.conf import settings

from studio.providers import http
from studio.providers.base import Provider
from studio.providers.http.addresses import is_loopback, is_public_by_name
from studio.providers.types import (
    Failure,
    Fault,
    JobHandle,
    MediaInput,
    Outcome,
    ProviderError,
    RenderOrder,
    Submission,
)

logger = logging.getLogger(__name__)

# Together shorter than the lease of the submit step.
DELIVER_SECONDS = 90.0
CREATE_SECONDS = 45.0
# A job that its provider does not know this long after it took it will not show any more.
VISIBLE_WITHIN_SECONDS = 600.0
# A provider keeps a file for at least this long, however short our own copy's life: longer than we try to copy it.
MIN_FILE_LIFE = 24 * 3600

# What an HTTP status says when there is nothing else to go by. The same table for all three: none departs from it.
HTTP_FAULTS: Mapping[int, Fault] = {
    400: Fault.INPUT,
    401: Fault.AUTH,
    402: Fault.QUOTA,
    403: Fault.AUTH,
    408: Fault.TIMEOUT,
    413: Fault.INPUT,
    415: Fault.INPUT,
    422: Fault.INPUT,
    429: Fault.RATE_LIMIT,
    500: Fault.PROVIDER,
    502: Fault.PROVIDER,
    503: Fault.PROVIDER,
    504: Fault.TIMEOUT,
}
# Whether the same order may do well at another moment, or at another provider.
LASTING = frozenset({Fault.INPUT, Fault.MODERATION})
# Client errors after which nothing was created. 408, 409 and 499 may have crossed with the work, so they are in doubt.
REFUSALS = frozenset(range(300, 500)) - {408, 409, 499}


class RemoteProvider(Provider):
    """Submit in two steps: get the inputs there, which may be repeated, then create, which may not."""

    key_setting: ClassVar[str]
    url_settings: ClassVar[tuple[str, ...]]

    # --- On this server --------------------------------------------------------------------------------------------

    @property
    def key(self) -> str:
        return str(getattr(settings, self.key_setting))

    @property
    def bases(self) -> http.Bases:
        return http.Bases(tuple(str(getattr(settings, name)) for name in self.url_settings))

    def why_unavailable(self) -> str:
        if not self.key:
            return f"No key for {self.label} on this server."
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            return f"The key for {self.label} is damaged: {self.key_setting} holds characters that no key has."
        return ""

    def can_reach(self, address: str) -> bool:
        """Whether this provider can be expected to fetch from, or to call, an ``address`` of ours."""
        return is_public_by_name(address) or (is_loopback(address) and self.bases.on_this_machine)

    def can_fetch_files(self) -> bool:
        """Whether links to our files lead anywhere for this provider: to a bucket, or to this site."""
        if settings.S3_BUCKET:
            bucket = settings.S3_PUBLIC_ENDPOINT_URL or settings.S3_ENDPOINT_URL
            return not bucket or self.can_reach(bucket)
        return self.can_call_us()

    def can_call_us(self) -> bool:
        """Whether this provider can deliver webhooks here."""
        return bool(settings.PUBLIC_URL) and self.can_reach(settings.PUBLIC_URL)

    # --- Submit ----------------------------------------------------------------------------------------------------

    async def deliver(self, order: RenderOrder) -> RenderOrder:
        """The order with inputs that this provider can get at: what has no link is uploaded. Harmless to repeat."""
        # One after the other: an upload that fails then leaves no other one behind.
        portrait = await self._delivered(order.portrait)
        voice = await self._delivered(order.voice)
        return replace(order, portrait=portrait, voice=voice)

    async def prepare(self, order: RenderOrder) -> RenderOrder:
        try:
            async with asyncio.timeout(DELIVER_SECONDS):
                return await self.deliver(order)
        except ProviderError:
            raise
        except Exception as error:
            logger.exception("%s: the inputs of %s could not be sent", self.name, order.reference)
            message = str(error) or type(error).__name__
            raise ProviderError(Failure(Fault.PROVIDER, "inputs_not_sent", message, retryable=True)) from error

    async def _submit(self, order: RenderOrder) -> Submission:
        try:
            order = await self.prepare(order)  # what has been delivered stays as it is
        except ProviderError as error:
            # Nothing has been asked for yet, so nothing can have been accepted.
            return _not_taken(error)
        try:
            async with asyncio.timeout(CREATE_SECONDS):
                return await self._create(order)
        except http.NotSent as error:
            return _not_taken(error)

    @abstractmethod
    async def _create(self, order: RenderOrder) -> Submission:
        """Ask for the render, in one request."""

    async def _delivered(self, media: MediaInput) -> MediaInput:
        return media if media.url else replace(media, url=await self._upload(media))

    @abstractmethod
    async def _upload(self, media: MediaInput) -> str:
        """Bring the bytes of ``media`` there; what the request has to say in its place."""

    # --- Files -----------------------------------------------------------------------------------------------------

    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]:
        return http.download(report_url, self.bases)


def _not_taken(error: ProviderError) -> Submission:
    return Submission(Outcome.REJECTED, failure=error.failure, retry_after_seconds=error.retry_after_seconds)


# --- Our words for what came back ------------------------------------------------------------------------------------


def accepted(provider_job_id: str, raw: Any, **handle: Any) -> Submission:
    """Taken, now. The handle remembers when, to tell a job that is not visible yet from one that is gone."""
    handle = {"accepted_at": int(time.time())} | handle
    return Submission(Outcome.ACCEPTED, provider_job_id=provider_job_id, handle=handle, raw=raw)


def is_late(job: JobHandle, seconds: float = VISIBLE_WITHIN_SECONDS) -> bool:
    """Whether the job was taken so long ago that its provider would know it by now."""
    since = job.handle.get("accepted_at")
    return time.time() - (since if isinstance(since, (int, float)) else 0) > seconds


def failure(fault: Fault, code: str, message: str, *, retryable: bool | None = None) -> Failure:
    """Cut to what our columns hold."""
    can_retry = fault not in LASTING if retryable is None else retryable
    return Failure(fault, code[:60], message[:2_000], retryable=can_retry)


def rejected_submission(answer: http.Answer, why: Failure) -> Submission:
    """REJECTED if the status proves that nothing was created, else UNKNOWN."""
    outcome = Outcome.REJECTED if answer.status in REFUSALS else Outcome.UNKNOWN
    return Submission(outcome, failure=why, raw=answer.raw, retry_after_seconds=answer.retry_after_seconds)


def told_nothing(answer: http.Answer, why: Failure) -> ProviderError:
    return ProviderError(why, retry_after_seconds=answer.retry_after_seconds)


def scaled(amount: Any, factor: Decimal) -> int | None:
    """A provider's amount in our smaller unit, exactly: dollars in micro-dollars, seconds in milliseconds.

    None for what is missing or nonsense, and for 0: no render costs nothing, or lasts no time.
    """
    if isinstance(amount, bool) or not isinstance(amount, (int, float, str)):
        return None
    try:
        found = int((Decimal(str(amount)) * factor).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return found if 0 < found < 2**53 else None


MICROS = Decimal(1_000_000)


def dollars_left(holder: Any, *names: str) -> int | None:
    """Micro-dollars under the first of ``names`` in a JSON object; None for what is no amount, or of another currency.

    Unlike a price, an account may be empty, and overdrawn.
    """
    if not isinstance(holder, dict) or str(holder.get("currency") or "USD").upper() != "USD":
        return None
    amount = next((holder[name] for name in names if name in holder), None)
    if isinstance(amount, bool) or not isinstance(amount, (int, float, str)):
        return None
    try:
        found = int((Decimal(str(amount)) * MICROS).to_integral_value())
    except (InvalidOperation, ValueError, OverflowError):
        return None
    return found if abs(found) < 2**53 else None


async def data_uri(media: MediaInput) -> str:
    content = await read(media)
    return f"data:{media.content_type};base64,{base64.b64encode(content).decode('ascii')}"


async def read(media: MediaInput) -> bytes:
    """All of it: inputs are a few megabytes at most."""

    def whole() -> bytes:
        with media.open() as file:
            return file.read()

    return await asyncio.to_thread(whole)

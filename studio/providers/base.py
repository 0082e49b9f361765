"""Base of every provider: the sequence that all share. A provider fills four holes and two tables in its own file."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from studio.providers.types import (
    CancelAnswer,
    Capabilities,
    Failure,
    Fault,
    JobHandle,
    JobReport,
    JobStatus,
    Outcome,
    ProviderError,
    RenderOrder,
    Submission,
    WebhookNews,
)

logger = logging.getLogger(__name__)


class InvalidSignature(Exception):
    """A webhook was not sent by whom it says, or not like this."""


def webhook_token(reference: str, *, key: str | None = None) -> str:
    """What proves that an address for webhooks about this job was made by us: ``?job=<reference>&token=<this>``."""
    return salted_hmac("studio.webhook", reference, secret=key, algorithm="sha256").hexdigest()


def check_webhook_token(query: Mapping[str, str]) -> str:
    """The reference of the job that a webhook's address was made for. Raises InvalidSignature."""
    reference, token = query.get("job", ""), query.get("token", "")
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if reference and constant_time_compare(token, webhook_token(reference, key=key)):
            return reference
    raise InvalidSignature("The address was not made by us: its token does not fit the job.")


class Provider(ABC):
    """One provider. Adapters take and return frozen dataclasses, keep no state and need no database.

    ``submit`` never raises: what can't be told apart from "accepted" is UNKNOWN. ``check`` and ``cancel`` raise
    ProviderError when the call told us nothing.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    # The provider's words for a job, and its codes for a failure, in ours. A miss is UNKNOWN, never a crash.
    statuses: ClassVar[Mapping[str, JobStatus]]
    faults: ClassVar[Mapping[str, Fault]]

    # --- What the pipeline calls ---------------------------------------------------------------------------------

    async def prepare(self, order: RenderOrder) -> RenderOrder:
        """Get the inputs there, which may be repeated, before the request that may not. Raises ProviderError."""
        return order

    async def submit(self, order: RenderOrder) -> Submission:
        """Ask for a render, once. See ``Outcome`` for the three answers."""
        return await self._guarded(order, self._submit)

    async def recover(self, order: RenderOrder) -> Submission:
        """Find out what became of a submit whose answer was lost. UNKNOWN means "ask again later"."""
        return await self._guarded(order, self._recover)

    async def check(self, job: JobHandle) -> JobReport:
        return self._looked_at(job, await self._check(job))

    async def check_many(self, jobs: Sequence[JobHandle]) -> list[JobReport | ProviderError]:
        """Check up to ``checks_at_once`` jobs: for each a report, or why nothing was told of it, in their order."""
        told = await self._told_each(jobs)
        return [
            self._looked_at(job, found) if isinstance(found, JobReport) else found
            for job, found in zip(jobs, told, strict=True)
        ]

    async def cancel(self, job: JobHandle) -> CancelAnswer:
        if not self.capabilities.can_cancel:
            return CancelAnswer.IMPOSSIBLE
        return await self._cancel(job)

    async def balance(self) -> int | None:
        """Micro-dollars left in our account there; None where it is not told. Raises ProviderError."""
        return await self._balance() if self.capabilities.tells_balance else None

    def why_unavailable(self) -> str:
        """Why this provider can't be used on this server, as a sentence; empty when it can."""
        return ""

    def can_fetch_files(self) -> bool:
        """Whether links to our files lead anywhere for this provider."""
        return False

    def can_call_us(self) -> bool:
        """Whether this provider can deliver webhooks here."""
        return False

    def forget(self, job: JobHandle) -> None:  # noqa: B027 -- most providers keep nothing of ours
        """Let go of what the provider keeps for a job that we have copied."""

    # --- What a provider fills in --------------------------------------------------------------------------------

    @abstractmethod
    async def _submit(self, order: RenderOrder) -> Submission: ...

    async def _recover(self, order: RenderOrder) -> Submission:
        if self.capabilities.submit_is_repeatable:
            return await self._submit(order)
        return Submission(Outcome.UNKNOWN)

    @abstractmethod
    async def _check(self, job: JobHandle) -> JobReport: ...

    async def _check_many(self, jobs: Sequence[JobHandle]) -> list[JobReport | ProviderError]:
        """One by one, unless a provider knows better."""
        return [await self._told(job) for job in jobs]

    async def _cancel(self, job: JobHandle) -> CancelAnswer:
        raise NotImplementedError

    async def _balance(self) -> int | None:
        raise NotImplementedError

    def webhook_event_id(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> str:
        """The provider's own id of the event, read without believing it, so that repeats are filed once; or empty."""
        return ""

    def read_webhook(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, *, received_at: datetime
    ) -> list[WebhookNews]:
        """Which jobs a webhook speaks of. A hint only: the next check is what counts.

        ``received_at`` is when it came in: it may be read much later. Header names are lower case.
        Raises InvalidSignature.
        """
        raise InvalidSignature(f"{self.label} sends no webhooks.")

    @abstractmethod
    def stream(self, report_url: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open the finished file as chunks. Raises ProviderError when it can't be had."""

    # --- Shared ----------------------------------------------------------------------------------------------------

    async def _told_each(self, jobs: Sequence[JobHandle]) -> list[JobReport | ProviderError]:
        return await self._check_many(jobs) if len(jobs) > 1 else [await self._told(job) for job in jobs]

    async def _told(self, job: JobHandle) -> JobReport | ProviderError:
        try:
            return await self._check(job)
        except ProviderError as error:
            return error

    def _looked_at(self, job: JobHandle, report: JobReport) -> JobReport:
        if report.status is JobStatus.UNKNOWN:
            logger.warning("%s: job %s has a status that we do not know", self.name, job.reference)
        return report

    async def _guarded(self, order: RenderOrder, call: Any) -> Submission:
        try:
            submission: Submission = await call(order)
        except ProviderError as error:
            logger.warning("%s: submit of %s is in doubt: %s", self.name, order.reference, error.failure.named)
            return Submission(Outcome.UNKNOWN, failure=error.failure)
        except Exception as error:
            logger.exception("%s: submit of %s broke", self.name, order.reference)
            return Submission(Outcome.UNKNOWN, failure=Failure(Fault.UNKNOWN, type(error).__name__, str(error)))
        return submission

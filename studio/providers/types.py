"""Types that providers and pipeline share. Plain frozen dataclasses: an adapter runs without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any, BinaryIO


class Outcome(StrEnum):
    """What became of a submit. UNKNOWN is never resubmitted blindly."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class JobStatus(StrEnum):
    """The closed vocabulary. UNKNOWN is the explicit bottom: keep watching and raise an alert."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class CancelAnswer(StrEnum):
    CANCELLED = "cancelled"  # it is over and nothing will come
    REQUESTED = "requested"  # the request was passed on; the next checks tell
    TOO_LATE = "too_late"  # it had ended before
    IMPOSSIBLE = "impossible"  # the provider has no way to stop a job


class Fault(StrEnum):
    """Why something failed, in our words. Each adapter has a table from the provider's codes to these."""

    INPUT = "input"  # the portrait, the voice or an option was refused
    MODERATION = "moderation"  # refused by a content check
    PROVIDER = "provider"  # the provider broke while rendering
    TIMEOUT = "timeout"  # the provider gave up for time
    RATE_LIMIT = "rate_limit"  # too much at once; later is fine
    QUOTA = "quota"  # our account there is empty: our fault, never the customer's
    AUTH = "auth"  # our key there is bad: our fault, never the customer's
    NOT_FOUND = "not_found"  # the provider does not know the job
    UNKNOWN = "unknown"

    @property
    def is_ours(self) -> bool:
        return self in (Fault.QUOTA, Fault.AUTH)


@dataclass(frozen=True, slots=True)
class MediaInput:
    """One file for the provider. ``open`` gives its bytes; ``url`` is a link that the provider can fetch, if any."""

    name: str
    content_type: str
    bytes: int
    sha256: str
    open: Callable[[], BinaryIO] = field(repr=False, compare=False)
    url: str | None = None


@dataclass(frozen=True, slots=True)
class RenderOrder:
    """What to make. ``reference`` is our UUID v4 for this attempt, stored before the call."""

    reference: str
    model: str  # the provider's own name of the model
    portrait: MediaInput
    voice: MediaInput
    voice_ms: int
    prompt: str = ""
    output_format: str = "mp4"  # mp4, webm or mov
    output_quality: int = 95  # 20-99
    options: Mapping[str, Any] = field(default_factory=dict)
    webhook_url: str | None = None
    owner: str = ""  # the workspace; it is told to nobody else


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it did not work. ``message`` is the provider's, for the operator; the customer's sentence is ours.

    ``retryable`` is whether the same order may well succeed at another moment or at another provider.
    """

    fault: Fault
    code: str
    message: str
    retryable: bool = False

    @property
    def named(self) -> str:
        """For a log: without the provider's words, which may repeat the customer's."""
        return f"{self.fault}: {self.code}"


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a submit. ``handle`` is whatever the adapter needs to ask again; JSON-able."""

    outcome: Outcome
    provider_job_id: str = ""
    handle: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    raw: Any = None
    retry_after_seconds: float | None = None  # when a rejection may be gone, if the provider says so


@dataclass(frozen=True, slots=True)
class JobHandle:
    """A job that may exist at the provider, as stored."""

    reference: str
    model: str
    provider_job_id: str = ""
    handle: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobReport:
    """One absolute fact about a job: repeating it changes nothing."""

    status: JobStatus
    provider_job_id: str = ""
    progress: int | None = None  # percent, only if the provider says so
    queue_position: int | None = None
    result_url: str = ""
    reported_ms: int | None = None
    reported_cost_micros: int | None = None
    seed: int | None = None
    nsfw_content: bool | None = None  # None where no check was asked for, or its finding is not told
    failure: Failure | None = None
    retry_after_seconds: float | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class WebhookNews:
    """A webhook's hint: something has happened to this job. ``event_id`` tells repeats apart."""

    event_id: str
    reference: str = ""
    provider_job_id: str = ""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the provider can do by itself. What it can't is done by us, or refused with a sentence."""

    output_formats: frozenset[str] = frozenset({"mp4"})
    output_quality: bool = False
    prompt: bool = True
    content_check: bool = False
    can_cancel: bool = False
    sends_webhooks: bool = False
    # Our own machines: what they lose has cost nothing, and is made again.
    is_ours: bool = False
    # The same reference twice is one job, so an unknown submit may be sent again.
    submit_is_repeatable: bool = False
    # Output lengths come in steps of this many seconds, so they can exceed the voice by up to a step.
    output_step: Fraction = Fraction(4, 15)
    voice_ms: tuple[int, int] = (2_000, 300_000)
    # Its files are deleted at the provider after a time that we name; ours are deleted by us either way.
    file_life: bool = False
    # Says in its answer what the job has cost us.
    reports_cost: bool = False
    # Where inputs go that it can't fetch from us: "upload" to it first, or "data URI" within the request.
    portrait_without_address: str = ""
    voice_without_address: str = ""
    # Says how much money is left in our account.
    tells_balance: bool = False
    # Jobs that it works on at once for a new customer; what is above waits at the provider or is refused for now.
    at_once: int | None = None
    # Jobs that one request can ask about.
    checks_at_once: int = 1
    # Seconds between two checks: the first when the job is young, growing with its age up to the second.
    poll_seconds: tuple[float, float] = (2.0, 15.0)


class ProviderError(Exception):
    """A call that told us nothing about the job: the network, a 5xx, a rate limit. The job goes on."""

    def __init__(self, failure: Failure, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(f"{failure.fault}: {failure.code} {failure.message}".strip())
        self.failure = failure
        self.retry_after_seconds = retry_after_seconds

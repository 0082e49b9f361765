"""Rows of the watch, read and written: every look at the rows is one visit to the database's thread."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.monitoring import logs
from avatarsite.queue.clock import mind_the_clock
from avatarsite.queue.sweeping import contained, each, is_due_soon, nudge_prompt, tell_failure
from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.models.jobs import ENDED_STATUSES
from studio.pipeline.orders import handle_of
from studio.pipeline.places import next_in_turn
from studio.pipeline.reports import apply_report, note_refusal, store_progress
from studio.pipeline.submit import Claimed, claim, due_submits, names_of, record
from studio.pipeline.watch.schedule import Tracked
from studio.providers import registry
from studio.providers.types import Failure, JobReport, JobStatus, Submission

logger = logging.getLogger(__name__)

SOON = timedelta(seconds=60)  # a render that is to be sent again within this time is waited for
# Clocks of several hosts may differ by this much; a row that is loaded twice is watched once.
OVERLAP = timedelta(seconds=5)
Refusal = tuple[Failure, datetime]  # and when the question was asked
WAITING = (RenderState.QUEUED, RenderState.SUBMITTING)
WEBHOOKS_PROVE = timedelta(hours=1)  # for so long a valid webhook shows that its provider reaches us
LOAD_AT_ONCE = 500
APPLIED_AT_ONCE = 25  # reports in one transaction: nobody else writes to SQLite meanwhile
NEEDED = (
    "render", "offer", "reference", "provider_job_id", "handle", "next_check_at", "accepted_at", "created_at",
    "status", "progress", "queue_position",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows as one look finds them: open jobs that are new or nudged, by when to check them, and the renders to send."""

    jobs: dict[str, datetime]
    still: Collection[str] | None  # all that are open, when everything was asked for
    loaded: list[Tracked]
    claims: list[Claimed]
    sends_wait: bool  # more renders than were claimed are waiting to be sent, or will be soon


def open_jobs() -> QuerySet[ProviderJob]:
    """Jobs that a provider has accepted and that have not ended, as far as we know."""
    return ProviderJob.objects.filter(
        outcome=Outcome.ACCEPTED, next_check_at__isnull=False, render__state=RenderState.RENDERING
    )


def work_left() -> bool:
    """Whether a watcher has something to do, now or soon."""
    soon = Render.objects.filter(state__in=WAITING, next_try_at__lte=timezone.now() + SOON)
    return open_jobs().exists() or soon.exists() or is_due_soon(SOON)


def load_due(  # noqa: PLR0913 -- what the loop knows and wants
    known: Collection[str],
    *,
    since: datetime | None,
    everything: bool,
    room: int,
    resting: Iterable[str],
    busy: bool,
    sending: Mapping[str, int] = MappingProxyType({}),
) -> Snapshot:
    """The rows that changed after ``since``, all if it is None; and the renders claimed to be sent.

    At each provider ``room`` are sent at once, less the ``sending`` that are. ``known`` are jobs whose columns need not
    be loaded, ``everything`` asks which are still open, ``resting`` are providers to which nothing is sent now.
    ``busy`` spares the question whether anything is left at all.
    """
    close_old_connections()
    if mind_the_clock():
        since = None
    now = timezone.now()
    nudge_prompt(since or now - OVERLAP, now)
    rows = open_jobs()
    touched = rows if since is None else rows.filter(next_check_at__gt=since - OVERLAP)
    jobs = {pk: at for pk, at in touched.values_list("pk", "next_check_at") if at is not None}
    # Only which they are: of a thousand rows the moments take longer to read than all the rest.
    still = {*jobs} if since is None else {*rows.values_list("pk", flat=True)} if everything else None
    loaded = _load([pk for pk in jobs.keys() | (still or ()) if pk not in known])
    claims, more = _claim_due(room, sending, resting)
    return Snapshot(jobs, still, loaded, claims, more or bool(claims) or (not busy and not jobs and work_left()))


def trusted_webhooks() -> set[str]:
    """Providers whose webhooks have been seen to reach us of late, so that polls need only be a safety net."""
    recent = InboundEvent.objects.filter(
        signature_status=SignatureStatus.VALID, received_at__gt=timezone.now() - WEBHOOKS_PROVE
    )
    calling = [name for name in registry.PROVIDERS if registry.provider(name).capabilities.sends_webhooks]
    return {name for name in calling if registry.provider(name).can_call_us() and recent.filter(source=name).exists()}


def _load(ids: list[str]) -> list[Tracked]:
    found = []
    for start in range(0, len(ids), LOAD_AT_ONCE):
        rows = ProviderJob.objects.filter(pk__in=ids[start : start + LOAD_AT_ONCE]).only(*NEEDED)
        found += each(rows, _tracked, "Watching a job at its provider")
    return found


def _tracked(job: ProviderJob) -> Tracked:
    return Tracked(
        pk=job.pk,
        render=job.render_id,
        offer=job.offer,
        handle=handle_of(job),
        since=(job.accepted_at or job.created_at).timestamp(),
        seen_check_at=job.next_check_at or timezone.now(),
        said=(job.status, job.progress, job.queue_position),
    )


def _claim_due(room: int, sending: Mapping[str, int], resting: Iterable[str]) -> tuple[list[Claimed], bool]:
    """Claim what may be sent now, one workspace after the other; and whether any was due that could go."""
    due = due_submits()
    for name in resting:
        # What is in doubt is still asked about: that is no new job.
        due = due.exclude(Q(state=RenderState.QUEUED, offer__startswith=f"{name}:"))
    chosen, waiting = next_in_turn(due, room, sending)
    claims = each(chosen, claim, "Sending a video to its provider", _put_off)
    return [claimed for claimed in claims if claimed], waiting


def _put_off(what: str, pk: object, error: Exception) -> None:
    """One that can't be claimed, because its offer is no longer sold, say, must not come first each time."""
    tell_failure(what, pk, error)
    Render.objects.filter(pk=pk, state__in=WAITING).update(next_try_at=timezone.now() + 2 * SOON)


def _apply(reports: Sequence[tuple[str, JobReport]]) -> list[str]:
    """One commit for all of them: a disk that has to be waited for is waited for once."""
    try:
        with transaction.atomic():
            stored = each(reports, _apply_one, "Storing what a provider says of a job")
    except DatabaseError:
        logger.exception("%s reports could not be stored", len(reports))
        return []
    return [pk for pk, report in stored if report.status.value in ENDED_STATUSES]


def _apply_one(told: tuple[str, JobReport]) -> tuple[str, JobReport]:
    with logs.about(job=told[0]):
        apply_report(*told)
    return told


def record_all(answers: Iterable[tuple[Claimed, Submission]]) -> None:
    close_old_connections()
    named = [(claimed.render, claimed, submission) for claimed, submission in answers]
    each(named, lambda one: _record(*one[1:]), "Storing a provider’s answer to what was sent")


def _record(claimed: Claimed, submission: Submission) -> None:
    with logs.about(**names_of(claimed)):
        record(claimed, submission)


def note_refusals(refusals: Mapping[str, Refusal]) -> None:
    close_old_connections()
    each(refusals.items(), lambda one: note_refusal(one[0], *one[1]), "Noting that a provider turned a question away")


def apply_all(reports: Sequence[tuple[str, JobReport]], news: Mapping[str, JobReport]) -> list[str]:
    """Write each of ``reports``; one that can't be written is lost with a log line, and the next check says it again.

    ``news`` are those of jobs that have not ended. Returns the jobs that did.
    """
    close_old_connections()
    done = [told for told in reports if told[1].status is JobStatus.DONE]
    # Each of the others by itself, because it moves money: two that lock several wallets could wait for each other.
    together = [done[start : start + APPLIED_AT_ONCE] for start in range(0, len(done), APPLIED_AT_ONCE)]
    together += [[told] for told in reports if told[1].status is not JobStatus.DONE]
    ended = [pk for some in together for pk in _apply(some)]
    if news:
        _store(news)
    return ended


def _store(news: Mapping[str, JobReport]) -> None:
    """All at once, and one by one where one of them can't be stored."""

    def store_each(*_: object) -> None:
        each(news.items(), lambda one: store_progress(dict([one])), "Storing how far a job is")

    with contained("Storing how far jobs are", len(news), store_each):
        store_progress(news)

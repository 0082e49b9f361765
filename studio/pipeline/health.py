"""Health of each offer: a circuit that failures open and a probe closes, and times from our own last renders."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from django.core.cache import cache
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.service import switches
from studio.models import JobStatus, OfferHealth, ProviderJob, Render, RenderState
from studio.pipeline.watch.wake import notify_watcher
from studio.providers import registry
from studio.providers.types import Failure, Fault

logger = logging.getLogger(__name__)

FAILURES_TO_OPEN = 5
INITIAL_PAUSE = timedelta(seconds=60)
MAX_PAUSE = timedelta(minutes=30)
OUR_PAUSE = timedelta(minutes=10)  # no credit or a bad key there: somebody has to act
OFF_SALE_PAUSE = timedelta(minutes=5)  # it is asked again at once when it is put on sale
NOT_SOLD = "It is not sold at the moment."
CLOSED = "New videos are not taken at the moment."
PROBE = timedelta(seconds=60)  # how long the others wait for the one that tries
COUNTED = frozenset({Fault.PROVIDER, Fault.TIMEOUT, Fault.UNKNOWN})

RECENT = 50
MIN_RENDERS = 3
FEW = 5
BOARD_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Pause:
    """Why an offer is not to be chosen now, as a sentence, and when it is tried again, if that is known."""

    why: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What our last renders say of an offer.

    ``p50`` and ``p90`` are seconds of waiting for each second of output; ``took`` has of each that was made the length
    of its voice (ms) and the seconds that it took.
    """

    ended: int = 0
    done: int = 0
    p50: float | None = None
    p90: float | None = None
    took: tuple[tuple[int, float], ...] = ()

    def expected_seconds(self, output_ms: int) -> float | None:
        return self.p50 * output_ms / 1000 if self.p50 is not None else None


def why_paused(offer: str) -> str:
    """Why the offer is not to be chosen now, as a sentence; empty when it may be."""
    pause = pauses().get(offer)
    return pause.why if pause else ""


def pauses() -> dict[str, Pause]:
    """Of each offer that is off sale or whose circuit is open, by the offer's id: one query for all."""
    if not switches.is_on(switches.NEW_VIDEOS):
        return dict.fromkeys((offer.id for offer in registry.for_sale()), Pause(CLOSED))
    sentence = "It fails at the moment; it is tried again at {:%H:%M} UTC."
    paused = OfferHealth.objects.filter(Q(open_until__gt=timezone.now()) | Q(off_sale_at__isnull=False))
    return {
        row.pk: Pause(NOT_SOLD) if row.off_sale_at else Pause(sentence.format(row.open_until), row.open_until)
        for row in paused
    }


def may_send(offer: str) -> datetime | None:
    """None when a render may be sent, else when to ask again. After a pause one caller gets to try, the others wait."""
    row = OfferHealth.objects.filter(pk=offer).first()
    if row is None:
        return None
    now = timezone.now()
    if row.off_sale_at:
        return now + OFF_SALE_PAUSE
    if row.open_until is None:
        return None
    if row.open_until > now:
        return row.open_until
    probing = OfferHealth.objects.filter(pk=offer, open_until=row.open_until).update(open_until=now + PROBE)
    return None if probing else now + PROBE


def state_word(row: OfferHealth, *, now: datetime | None = None) -> str:
    """A word: "off sale", "open" while it is paused, "to be tried" after that, "shaky" or "good" otherwise."""
    if row.off_sale_at:
        return "off sale"
    if row.open_until is not None:
        return "open" if row.open_until > (now or timezone.now()) else "to be tried"
    return "shaky" if row.failures else "good"


def close_circuit(offer: str) -> bool:
    """Let renders through at once, those that wait, too: what was wrong is put right. False if it was closed."""
    is_open = OfferHealth.objects.filter(pk=offer, open_until__isnull=False)
    closed = is_open.update(failures=0, open_until=None, reason="", turned_at=timezone.now())
    if closed:
        close_alert("offer_paused", offer)
        waiting = Render.objects.filter(state=RenderState.QUEUED, offer=offer, next_try_at__gt=timezone.now())
        if waiting.update(next_try_at=timezone.now()):
            notify_watcher()
        logger.warning("%s: its circuit was closed by hand", offer)
    return bool(closed)


def note_success(offer: str, *, asked_at: datetime | None = None) -> None:
    """The provider has taken or finished a job that was sent ``asked_at``, or now: the circuit closes.

    Not by a job from before the failures, which shows no more than that the provider was well then.
    """
    asked_at = asked_at or timezone.now()
    failing = _not_newer(OfferHealth.objects.filter(pk=offer, failures__gt=0), asked_at)
    failing = failing.filter(Q(failed_at=None) | Q(failed_at__lte=asked_at))
    turned_at = Case(When(open_until__isnull=False, then=Value(asked_at)), default=F("turned_at"))
    if failing.update(failures=0, reason="", open_until=None, turned_at=turned_at):
        close_alert("offer_paused", offer)


def note_failure(offer: str, failure: Failure, *, asked_at: datetime | None = None) -> None:
    """Count a failure that is the provider's or ours, and open the circuit when it is time.

    ``asked_at`` is when the question was asked that this answers, or now. What was asked before the circuit opened or
    closed changes nothing: it is the trouble that opened it, or one that is over.
    """
    asked_at = asked_at or timezone.now()
    if failure.fault.is_ours:
        _pause_provider(offer, failure, asked_at)
    elif failure.fault in COUNTED and (failures := _count(offer, asked_at)) >= FAILURES_TO_OPEN:
        pause = min(INITIAL_PAUSE * 2 ** min(failures - FAILURES_TO_OPEN, 8), MAX_PAUSE)
        _open(offer, pause, f"{failures} failures in a row, the last: {failure.code} {failure.message}")


def _not_newer(rows: QuerySet[OfferHealth], asked_at: datetime) -> QuerySet[OfferHealth]:
    """Those that have not opened or closed since."""
    return rows.filter(Q(turned_at=None) | Q(turned_at__lte=asked_at))


def _count(offer: str, asked_at: datetime) -> int:
    """How many failures in a row there are with this one; 0 when it is old news."""
    OfferHealth.objects.get_or_create(pk=offer)
    row = _not_newer(OfferHealth.objects.filter(pk=offer), asked_at)
    newest = Case(When(failed_at__gt=asked_at, then=F("failed_at")), default=Value(asked_at))
    if not row.update(failures=F("failures") + 1, failed_at=newest):
        return 0
    return OfferHealth.objects.values_list("failures", flat=True).get(pk=offer)


def _pause_provider(offer: str, failure: Failure, asked_at: datetime) -> None:
    """Out of credit, or a bad key: every offer of the provider is affected, and the customer is never to blame."""
    seller = registry.offer(offer).provider
    for other in registry.offers_at(seller):
        if _count(other.id, asked_at):
            _open(other.id, OUR_PAUSE, f"{failure.fault}: {failure.code} {failure.message}")


def _open(offer: str, pause: timedelta, reason: str) -> None:
    now = timezone.now()
    OfferHealth.objects.filter(pk=offer).update(open_until=now + pause, turned_at=now, reason=reason[:300])
    raise_alert("offer_paused", offer, f"{offer} is paused for {pause.total_seconds():.0f} s: {reason}"[:1000])


def record_of(offer: str) -> Record:
    """The last renders of the offer; kept for half a minute, because every quote asks. Few are news with each more."""
    key = f"offer-record:{offer}"
    found: Record | None = cache.get(key)
    if found is None:
        found = _read_record(offer)
        if found.done >= FEW:
            cache.set(key, found, BOARD_SECONDS)
    return found


def _read_record(offer: str) -> Record:
    ended = ProviderJob.objects.filter(
        offer=offer, finished_at__gt=timezone.now() - timedelta(days=7), accepted_at__isnull=False
    ).exclude(status=JobStatus.CANCELLED)
    rows = list(
        ended.order_by("-finished_at").values_list(
            "status", "accepted_at", "finished_at", "render__voice__duration_ms"
        )[:RECENT]
    )
    took = tuple(
        (voice_ms, (finished - accepted).total_seconds())
        for status, accepted, finished, voice_ms in rows
        if status == JobStatus.DONE and voice_ms and finished and accepted
    )
    if len(took) < MIN_RENDERS:
        return Record(len(rows), len(took), took=took)
    tenths = quantiles([seconds * 1000 / voice_ms for voice_ms, seconds in took], n=10, method="inclusive")
    return Record(len(rows), len(took), p50=tenths[4], p90=tenths[8], took=took)

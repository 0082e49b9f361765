"""The circuit of an offer: failures open it, one probe is let through, a success closes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from avatarsite.models import Alert
from studio.models import OfferHealth
from studio.pipeline import health
from studio.providers.types import Failure, Fault

pytestmark = pytest.mark.django_db

OFFER = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
TEN = 10
BROKEN = Failure(Fault.PROVIDER, "http_503", "Service unavailable")


@pytest.fixture(autouse=True)
def nothing_lingers() -> Iterator[None]:
    assert health.may_send(OFFER) is None
    yield
    assert OfferHealth.objects.exclude(pk=OFFER).filter(offer__startswith="runware:").count() == 0


def fail(times: int) -> None:
    for _ in range(times):
        health.note_failure(OFFER, BROKEN)


def row() -> OfferHealth:
    return OfferHealth.objects.get(pk=OFFER)


def pause_seconds() -> float:
    """To the next ten: some of it has gone by when it is looked at."""
    open_until = row().open_until
    assert open_until is not None
    return TEN * math.ceil((open_until - timezone.now()).total_seconds() / TEN)


def let_the_pause_pass() -> None:
    OfferHealth.objects.update(open_until=timezone.now() - timedelta(seconds=1))


def alerts() -> list[tuple[str, bool]]:
    return [(alert.key, alert.closed_at is None) for alert in Alert.objects.filter(kind="offer_paused").order_by("pk")]


def test_four_failures_leave_it_closed_and_the_fifth_opens_it() -> None:
    fail(health.FAILURES_TO_OPEN - 1)
    assert (health.may_send(OFFER), alerts(), health.why_paused(OFFER)) == (None, [], "")
    fail(1)
    assert health.may_send(OFFER) == row().open_until
    assert (pause_seconds(), alerts()) == (60, [(OFFER, True)])
    assert health.why_paused(OFFER).startswith("It fails at the moment; it is tried again at ")
    assert row().reason == "5 failures in a row, the last: http_503 Service unavailable"


def test_after_the_pause_one_is_let_through_and_the_others_wait() -> None:
    fail(health.FAILURES_TO_OPEN)
    let_the_pause_pass()
    assert health.may_send(OFFER) is None
    until = health.may_send(OFFER)
    assert until is not None
    assert until == row().open_until
    assert pause_seconds() == health.PROBE.total_seconds()
    let_the_pause_pass()  # the probe has never come back
    assert health.may_send(OFFER) is None


def test_the_success_of_the_probe_closes_it_and_the_alert() -> None:
    fail(health.FAILURES_TO_OPEN)
    let_the_pause_pass()
    assert health.may_send(OFFER) is None
    health.note_success(OFFER)
    assert [health.may_send(OFFER), health.may_send(OFFER)] == [None, None]
    assert (row().failures, row().open_until, row().reason) == (0, None, "")
    assert alerts() == [(OFFER, False)]
    fail(health.FAILURES_TO_OPEN)
    assert alerts() == [(OFFER, False), (OFFER, True)]


def test_each_failure_of_a_probe_doubles_the_pause_up_to_half_an_hour() -> None:
    fail(health.FAILURES_TO_OPEN - 1)
    pauses = []
    for _ in range(8):
        fail(1)
        pauses.append(pause_seconds())
        let_the_pause_pass()
        assert health.may_send(OFFER) is None
    assert pauses == [60, 120, 240, 480, 960, 1800, 1800, 1800]
    assert alerts() == [(OFFER, True)]


def test_a_success_in_between_starts_the_count_anew() -> None:
    for _ in range(3):
        fail(health.FAILURES_TO_OPEN - 1)
        health.note_success(OFFER)
    assert (health.may_send(OFFER), alerts()) == (None, [])


@pytest.mark.parametrize("fault", [Fault.INPUT, Fault.MODERATION, Fault.RATE_LIMIT, Fault.NOT_FOUND])
def test_what_is_not_the_provider_breaking_is_not_counted(fault: Fault) -> None:
    for _ in range(health.FAILURES_TO_OPEN * 2):
        health.note_failure(OFFER, Failure(fault, "x", "y"))
    assert (health.may_send(OFFER), OfferHealth.objects.count()) == (None, 0)


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.AUTH])
def test_our_own_fault_pauses_every_offer_of_the_provider_at_once(fault: Fault) -> None:
    health.note_failure(OFFER, Failure(fault, "http_402", "no credit"))
    both = ["fal:fal-ai/kling-video/ai-avatar/v2/pro", "fal:fal-ai/kling-video/ai-avatar/v2/standard"]
    assert sorted(OfferHealth.objects.values_list("pk", flat=True)) == both
    assert sorted(alerts()) == [(offer, True) for offer in both]
    assert pause_seconds() == health.OUR_PAUSE.total_seconds()
    health.note_success(OFFER)
    assert sorted(alerts()) == [(both[0], False), (both[1], True)]


def ago(seconds: float) -> datetime:
    return timezone.now() - timedelta(seconds=seconds)


@pytest.mark.parametrize("fault", [Fault.QUOTA, Fault.AUTH, Fault.PROVIDER])
def test_news_of_what_was_asked_before_the_pause_does_not_lift_it(fault: Fault) -> None:
    for _ in range(health.FAILURES_TO_OPEN):
        health.note_failure(OFFER, Failure(fault, "http_402", "no credit"))
    before = row()
    health.note_success(OFFER, asked_at=ago(5))  # a job that was sent before, and is done or confirmed now
    assert (row().open_until, row().failures, alerts()[0][1]) == (before.open_until, before.failures, True)
    health.note_success(OFFER, asked_at=timezone.now())
    assert (row().open_until, row().failures, alerts()[0][1]) == (None, 0, False)


def test_failures_of_the_same_wave_make_the_pause_no_longer() -> None:
    asked_at = ago(1)
    for _ in range(health.FAILURES_TO_OPEN * 3):
        health.note_failure(OFFER, BROKEN, asked_at=asked_at)
    assert (row().failures, pause_seconds()) == (health.FAILURES_TO_OPEN, 60)
    health.note_failure(OFFER, Failure(Fault.AUTH, "http_401", "bad key"), asked_at=asked_at)
    assert (row().failures, pause_seconds()) == (health.FAILURES_TO_OPEN, 60)


def test_a_job_from_before_the_failures_does_not_start_the_count_anew() -> None:
    fail(health.FAILURES_TO_OPEN - 1)
    health.note_success(OFFER, asked_at=ago(60))
    fail(1)
    assert health.may_send(OFFER) is not None


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_failure_from_before_the_circuit_closed_does_not_open_it(by_hand: bool) -> None:
    health.note_failure(OFFER, Failure(Fault.AUTH, "http_401", "bad key"))
    asked_before = timezone.now()
    if by_hand:
        assert health.close_circuit(OFFER) is True
    else:
        health.note_success(OFFER)
    health.note_failure(OFFER, Failure(Fault.AUTH, "http_401", "bad key"), asked_at=asked_before)
    assert (health.may_send(OFFER), row().failures) == (None, 0)

"""How fast the watch asks a provider, and what it tells the next watch of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.models import Lease
from avatarsite.queue import lease
from studio.pipeline.watch import schedule
from studio.pipeline.watch.rate_limit import FASTER_EVERY, MIN_RATE, UNLIMITED, RateLimiter, RateLimiters
from studio.pipeline.watch.schedule import PollSchedule, Tracked, poll_interval
from studio.pipeline.watch.wake import WATCH
from studio.providers.types import JobHandle

FAL = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
RUNWARE = "runware:klingai:avatar@2.0-pro"
LetThrough = Callable[[RateLimiter, str, int], int]


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """One for all, as the watch has one: a limiter counts by its loop's clock."""
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def let_through(loop: asyncio.AbstractEventLoop) -> LetThrough:
    def ask(limiter: RateLimiter, kind: str, times: int) -> int:
        async def whole() -> int:
            return sum([await limiter.may(kind) for _ in range(times)])

        return loop.run_until_complete(whole())

    return ask


@pytest.mark.parametrize(("rate", "burst"), [(3.0, 3), (1.0, 1), (0.5, 1), (0.0, 20)])
def test_a_second_s_worth_goes_out_at_once_and_no_more(rate: float, burst: int, let_through: LetThrough) -> None:
    assert let_through(RateLimiter(rate), "poll", 20) == burst


def test_submits_and_polls_share_the_budget(let_through: LetThrough) -> None:
    limiter = RateLimiter(4.0)
    assert (let_through(limiter, "submit", 3), let_through(limiter, "poll", 3)) == (3, 1)


def test_a_429_of_a_poll_rests_polls_and_halves_the_rate_once_for_its_wave(let_through: LetThrough) -> None:
    limiter = RateLimiter(8.0)
    limiter.too_much("poll", 60.0)
    limiter.too_much("poll", 30.0)
    assert (limiter.rate, let_through(limiter, "poll", 5), let_through(limiter, "submit", 2)) == (4.0, 0, 2)


def test_a_429_to_what_was_asked_before_it_was_slowed_down_is_of_the_same_wave() -> None:
    limiter, asked_at = RateLimiter(8.0), time.time()
    limiter.too_much("poll", 0.001, asked_at=asked_at)
    limiter.rests.clear()  # the rest is over when the slow answer comes
    limiter.too_much("poll", 60.0, asked_at=asked_at)
    assert (limiter.rate, limiter.rests["poll"] > asked_at + 59) == (4.0, True)
    limiter.rests.clear()
    limiter.too_much("poll", None, asked_at=time.time())
    assert limiter.rate == 2.0


def test_a_clock_that_was_put_right_makes_nobody_rest_for_an_hour(let_through: LetThrough) -> None:
    limiter = RateLimiter(0.0)
    limiter.too_much("submit", None)
    assert let_through(limiter, "submit", 1) == 0
    limiter.rests["submit"] += 3600  # as it was written while the clock was ahead
    assert let_through(limiter, "submit", 1) == 1
    limiter.too_much("submit", None)
    assert let_through(limiter, "submit", 1) == 0


def test_a_provider_without_room_for_jobs_still_answers_questions(let_through: LetThrough) -> None:
    limiter = RateLimiter(8.0)
    limiter.too_much("submit", 900.0)
    assert (limiter.rate, let_through(limiter, "submit", 2), let_through(limiter, "poll", 2)) == (8.0, 0, 2)


@pytest.mark.parametrize(("configured", "steps"), [(8.0, [4.0, 8.0, 8.0]), (0.0, [UNLIMITED / 2, 0.0, 0.0])])
def test_the_rate_comes_back_by_doubling(configured: float, steps: list[float], let_through: LetThrough) -> None:
    limiter = RateLimiter(configured)
    limiter.too_much("poll", 0.01)
    seen = [limiter.rate]
    for _ in steps[1:]:
        limiter.rests.clear()
        limiter.changed -= FASTER_EVERY + 1
        let_through(limiter, "poll", 1)
        seen.append(limiter.rate)
    assert seen == steps


def test_it_never_gets_slower_than_the_least() -> None:
    limiter = RateLimiter(1.0)
    for _ in range(9):
        limiter.rests.clear()
        limiter.too_much("poll", None)
    assert limiter.rate == MIN_RATE


@pytest.mark.django_db
def test_the_next_watch_knows_what_this_one_has_learned(settings: Any) -> None:
    settings.PROVIDERS_PER_SECOND = {"fal": 8.0, "runware": 5.0}
    mine = RateLimiters()
    mine.of("runware")
    mine.of("fal").too_much("poll", 60.0)
    assert lease.acquire(WATCH, "me") is True
    assert lease.acquire(WATCH, "me", handover=mine.to_save()) is True
    lease.release(WATCH, "me")
    assert list(Lease.objects.get().handover) == ["fal"]
    theirs = RateLimiters()
    theirs.restore(lease.handover(WATCH))
    assert (theirs.of("fal").rate, theirs.resting("poll"), theirs.of("runware").rate) == (4.0, ["fal"], 5.0)


# --- The order of questions -------------------------------------------------------------------------------------------


def job(name: str, offer: str) -> Tracked:
    return Tracked(name, "rnd_1", offer, JobHandle(name, "m"), 0.0, timezone.now(), ("running", None, None))


def polls_of(*jobs: tuple[str, str, float | None]) -> PollSchedule:
    """Each with its offer and its wait in seconds, counted from moment 0 of the clock."""
    polls = PollSchedule()
    for name, offer, wait in jobs:
        tracked = polls.tracked[name] = job(name, offer)
        polls.plan(tracked, wait)
    return polls


def test_a_nudged_job_goes_before_a_queue_that_a_limit_has_made() -> None:
    polls = polls_of(("late", FAL, -50.0), ("later", FAL, -20.0), ("nudged", FAL, None))
    now = polls.tracked["later"].due + 20.0
    assert [polls.take("fal", now, 1)[0].pk for _ in range(3)] == ["nudged", "late", "later"]
    assert polls.take("fal", now, 1) == []


def test_one_question_takes_along_what_is_due_on_the_same_beat_at_the_same_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: 100.3))
    polls = polls_of(("a", RUNWARE, 13.0), ("b", RUNWARE, 12.5), ("c", RUNWARE, 2.0), ("d", RUNWARE, 900.0))
    assert [polls.tracked[name].due for name in "abcd"] == [114.0, 114.0, 102.5, 1008.0]
    assert [found.pk for found in polls.take("runware", 113.9, 50)] == ["c"]
    assert [found.pk for found in polls.take("runware", 114.0, 50)] == ["a", "b"]
    assert polls.is_due("runware", 1007.0) is False


def test_what_is_asked_one_by_one_is_due_to_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: 100.3))
    assert polls_of(("a", FAL, 13.0)).tracked["a"].due == 113.3


def test_a_job_that_is_nudged_while_it_is_asked_about_is_asked_about_again_at_once() -> None:
    polls = polls_of(("a", FAL, 0.0), ("b", FAL, 0.0))
    now = polls.tracked["b"].due
    asked = [polls.take("fal", now, 1)[0] for _ in range(2)]
    polls.plan(asked[0])
    assert polls.is_due("fal", now) is False
    for job_ in asked:
        polls.plan_again(job_, 30.0)
    assert [found.pk for found in polls.take("fal", now, 1)] == ["a"]
    assert polls.is_due("fal", now + 1) is False


def test_of_several_plans_for_a_job_the_last_one_counts() -> None:
    polls = polls_of(("a", FAL, 0.0))
    now = polls.tracked["a"].due
    polls.plan(polls.tracked["a"], 30.0)
    assert polls.is_due("fal", now + 1) is False
    polls.drop("a")
    assert polls.is_due("fal", now + 60) is False


@pytest.mark.parametrize(
    ("age", "webhook", "seconds"),
    [(1, False, 2.0), (100, False, 10.0), (900, False, 15.0), (1, True, 10.0), (100, True, 20.0), (900, True, 60.0)],
)
def test_the_interval_grows_with_age_and_more_so_with_a_webhook(age: float, webhook: bool, seconds: float) -> None:
    found = poll_interval(age, (2.0, 15.0), webhook=webhook)
    assert seconds * 0.85 <= found <= seconds * 1.15

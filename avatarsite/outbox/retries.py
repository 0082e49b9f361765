"""Retries: when a delivery that was not taken is tried again, and how long an endpoint that fails is left alone."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

S, M, H = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours"))
# After the first try, the second, …: twelve tries, the last 72 hours after the first.
WAITS = (5 * S, 2 * M, 13 * M, 45 * M, 1 * H, 2 * H, 4 * H, 8 * H, 16 * H, 20 * H, 20 * H)
TRIES = len(WAITS) + 1
GIVEN_UP_AFTER = 72 * H
JITTER = 0.1  # of each wait is added at most, so that what failed together does not come back together
MAX_RETRY_AFTER = 24 * H
INITIAL_REST, MAX_REST = 5 * S, 15 * M
# An outage of this many failures and this length: what waits is sent at once when it is over.
OUTAGE_FAILURES, OUTAGE = 3, 2 * M


def wait_after(tries: int) -> timedelta:
    """Until the next try, when ``tries`` have failed."""
    wait: timedelta = WAITS[min(max(tries, 1), len(WAITS)) - 1]
    return wait * (1 + random.uniform(0, JITTER))  # noqa: S311 -- no secret


def is_last(tries: int, since: datetime, now: datetime) -> bool:
    """Whether a failed try was the last: never before the time is over, however often a short outage made us try."""
    return tries >= TRIES and now - since >= GIVEN_UP_AFTER


def rest_after(failures: int) -> timedelta:
    """How long an endpoint gets nothing, after this many failures in a row."""
    return min(INITIAL_REST * (1 << min(failures - 1, 10)), MAX_REST)


def retry_after(header: str, now: datetime) -> timedelta:
    """What Retry-After asks for, seconds or a date, at most a day; nothing for what can't be read."""
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), MAX_RETRY_AFTER)
    try:
        then = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return timedelta()
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return min(max(then - now, timedelta()), MAX_RETRY_AFTER)

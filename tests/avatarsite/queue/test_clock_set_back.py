"""A clock that is set back: whoever waits for a moment of it would wait for an hour, and all that runs by the clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.studio.api.live import live_api
from tests.support.stepped_clock import SteppedClock
from tests.support.until import until

pytestmark = pytest.mark.process

HOUR = 3600
LONG_ENOUGH = 4.0  # for main processes to begin one of their waits by the other clock
DUE = """
from datetime import timedelta
from django.utils import timezone
from django_q.models import Schedule
print(Schedule.objects.update(next_run=timezone.now() - timedelta(minutes=10)))
"""
STILL_DUE = """
from datetime import timedelta
from django.utils import timezone
from django_q.models import Schedule
print(Schedule.objects.filter(next_run__lt=timezone.now() - timedelta(minutes=5)).count())
"""
CANARIES = "from avatarsite.models import Canary\nprint(Canary.objects.count())"


def test_what_runs_by_the_clock_goes_on_when_it_is_set_back_by_an_hour(tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path / "clock")
    with live_api(tmp_path / "site", worker=True, **clock.environment) as live:
        until(lambda: live.site.ask(CANARIES) == 2, 60)
        clock.step_to(HOUR)
        until(lambda: "set by 3600.0 seconds" in live.log(), 60)
        time.sleep(LONG_ENOUGH)
        clock.step_to(0)
        until(lambda: "set by -3600.0 seconds" in live.log(), 60)
        time.sleep(LONG_ENOUGH)
        assert live.site.ask(DUE) > 0
        until(lambda: live.site.ask(STILL_DUE) == 0, 240)

"""The short form of chaos: 300 renders at two web and three worker machines, with all that is planned for 10,000.

``python -m tests.chaos`` is the long one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import plan
from tests.chaos.house import house
from tests.chaos.run import run
from tests.chaos.ways import WAYS

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("chaos")]


def test_nothing_is_lost_charged_twice_or_stuck(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        report = run(there, plan.chaos(seed=1, renders=300))
        print("\n".join(report.lines()))
        assert report.faults == [], there.log()[-5000:]
    assert len(report.load.by_render) == 300
    assert len(report.log.outages) == len(plan.OUTAGES)
    assert len(report.log.kills) >= 5


def test_the_plan_follows_from_the_seed() -> None:
    first, again, other = (list(plan.chaos(seed, 2_000).wishes) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sum(wish.way is not None for wish in first) == 200
    assert {wish.way.name for wish in first if wish.way} == {way.name for way in WAYS}

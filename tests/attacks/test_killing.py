"""Two web and three worker machines on PostgreSQL, Valkey and a bucket, any of them ended at random under load.

The long form is ``python -m tests.attacks.killing``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attacks.house import house
from tests.attacks.killing import attack

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.xdist_group("killing")]


def test_nothing_is_lost_doubled_or_stuck(tmp_path: Path) -> None:
    with house(tmp_path) as there:
        outcome = attack(there, seconds=60, seed=1, every=7)
        print("\n".join(outcome.lines()))
        assert list(outcome.faults()) == [], there.log()[-5000:]
    assert len(outcome.hits) >= 5
    assert len(outcome.load.made) >= 20

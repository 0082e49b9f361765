"""A crowd of one token's drafts and scripts takes nobody else's turn, and not much memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.crowd import MOST_BYTES, MOST_MEANWHILE, measure, site_of_a_crowd
from tests.attacks.table import row

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("crowd")]


def test_another_has_its_turn(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    """The short form of ``python -m tests.attacks.crowd``, by turns: seconds tell how busy the machine is."""
    with site_of_a_crowd(tmp_path) as site:
        found = measure(site, drafts=20, scripts=2, asks=1)
    for line in found.lines():
        record_property(*row("A crowd", line))
    assert min(found.left) > 0, "there was no crowd any more"
    assert (found.failed, found.most("piper") > 0, found.worker_bytes < MOST_BYTES) == (0, True, True)
    assert max(max(waits.meanwhile) for waits in found.waits.values()) <= MOST_MEANWHILE

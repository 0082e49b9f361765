"""Tests of one group share a server or a browser, so they have to run in one process."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_groups_are_kept_together(request: pytest.FixtureRequest) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("there is one process")
    # By this xdist tells them; without it they are spread over all processes, and nothing says so.
    assert request.node.nodeid.endswith("@together")

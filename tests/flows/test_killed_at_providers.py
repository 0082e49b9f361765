"""SIGKILL between "request sent" and "answer stored", at each provider: no job twice, and none without its render."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.simulators.fixture import Control, Simulators
from tests.support.sites import fresh_site

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = pytest.mark.process

TIMES = 50
OFFERS = {
    "runware": "runware:klingai:avatar@2.0-pro",
    "fal": "fal:fal-ai/kling-video/ai-avatar/v2/pro",
    "aimlapi": "aimlapi:klingai/avatar-pro",
}
# Links there lead nowhere, and need not: the providers take our word for the inputs. Letters get lost.
NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("provider", OFFERS)
def test_fifty_kills_make_no_duplicate_and_no_orphan(provider: str, simulators: Simulators, tmp_path: Path) -> None:
    control: Control = getattr(simulators, provider)
    simulators.reset(speed=0.001, inputs="assume", assumed_voice_seconds=2.1)
    if provider != "aimlapi":
        control.fault("webhook_lost")
    there = simulators.environment | {"CONTROL": control.base, "PUBLIC_URL": NOBODY}
    no_limits = {"RUNWARE_AT_ONCE": "0", "FAL_AT_ONCE": "0", "AIMLAPI_AT_ONCE": "0"}
    with fresh_site(tmp_path, **there, **no_limits) as site:
        told = site.python("-m", "tests.flows.at_providers", OFFERS[provider], str(TIMES), seconds=300)
    end = json.loads(told.stdout.strip().splitlines()[-1])
    assert (end["killed"], len(end["renders"])) == (TIMES, TIMES)
    assert end["findings"] == []
    assert end["held"] == 0

    accepted = control.accepted()
    assert set(accepted.values()) == {1}
    assert sorted(accepted) == sorted(
        reference for render in end["renders"] for reference in render["references"] if reference in accepted
    )
    for render in end["renders"]:
        there_once = sum(accepted.get(reference, 0) for reference in render["references"])
        came_home = ("ready", "settled", False) if there_once else ("failed", "released", True)
        assert (render["state"], render["hold"], render["waited"]) == came_home, render
        assert (render["charge"] > 0) == bool(there_once), render
        assert len(render["references"]) == 1, render
    ready = [render for render in end["renders"] if render["state"] == "ready"]
    assert (end["usages"], end["spent"]) == (len(ready), sum(render["charge"] for render in ready))
    if provider == "runware":
        assert len(ready) == TIMES  # what has not arrived is sent again under the same id
    lefts = Counter((render["way"], render["left"]) for render in end["renders"])
    assert lefts["before it is marked as sent", "submitting"] == TIMES // 10
    assert lefts["stored, not committed", "submitting"] == TIMES // 10
    assert lefts["recorded", "rendering"] == TIMES // 10

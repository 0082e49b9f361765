"""The API held against its own document by schemathesis: every check, every phase, with a token and without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.studio.api.live import LiveApi, live_api
from tests.support.sites import ROOT

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("schemathesis")]

MIN_CASES = 2_000
COUNTED = re.compile(r"(\d+) generated, (\d+) passed")
FREE_OF_LIMITS = {
    "API_READS_PER_MINUTE": "0",
    "API_WRITES_PER_MINUTE": "0",
    "API_WAIT_SECONDS": "1",
    "DRAFTS_WAITING": "0",
    "DRAFTS_WAITING_PER_TOKEN": "0",
    "FREE_SECONDS_A_DAY": "0",
    "FREE_SECONDS_A_DAY_PER_TOKEN": "0",
}
# A document promises what is well formed; what can be made (402, 422) is more than it can say. 400 is never right.
ACCEPTED = ["2xx", "3xx", "401", "402", "403", "404", "409", "412", "422"]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """Nothing is rendered: no worker runs."""
    with live_api(tmp_path_factory.mktemp("schemathesis"), credit_micros=10**12, **FREE_OF_LIMITS) as opened:
        yield opened


def _configuration(live: LiveApi, *, hooks: bool) -> str:
    known = {"portrait": live.alice["portrait"], "voice": live.alice["voice"], "model": "draft"}
    lines = ['hooks = "tests.studio.api.stateful_hooks"'] if hooks else []
    lines += ["[checks.positive_data_acceptance]", f"expected-statuses = {json.dumps(ACCEPTED)}"]
    for name, value in known.items():
        lines += [f"[dictionaries.{name}]", f"values = [{json.dumps(value)}]"]
    lines.append("[parameters]")
    places = [*(f"body.{name}" for name in known), "body.items[*].portrait", "body.items[*].voice", "path.model"]
    for place in places:
        name = place.rpartition(".")[2]
        lines.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.8 }}')
    lines.append('"path.upload" = { dictionary = "portrait", probability = 0.5 }')
    return "\n".join(lines)


def _held_against_its_document(live: LiveApi, *options: str, token: bool, hooks: bool = False) -> int:
    """How many cases there were, of which each passed every check."""
    config = live.site.folder / "schemathesis.toml"
    config.write_text(_configuration(live, hooks=hooks), encoding="utf-8")
    program = str(Path(sys.executable).parent / "schemathesis")
    # One worker: Python 3.11 can't compile in two threads at once (SystemError: AST constructor recursion depth
    # mismatch), and Hypothesis compiles the source of each lambda that it filters by.
    command = [program, "--config-file", str(config), "run", f"{live.address}/api/openapi.json", "--checks", "all"]
    command += ["--generation-deterministic", "--continue-on-failure", "--no-color", "--workers", "1", *options]
    if token:
        command += ["--header", f"Authorization: Bearer {live.alice['token']}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=live.site.folder, env=environment, timeout=500
    )
    assert done.returncode == 0, done.stdout[-12_000:] + done.stderr[-2_000:]
    counted = COUNTED.search(done.stdout)
    assert counted, done.stdout[-3_000:]
    assert counted[1] == counted[2]
    return int(counted[1])


def test_schemathesis_finds_nothing(live: LiveApi) -> None:
    by_operation = ("--phases", "examples,coverage,fuzzing", "--max-examples", "10")
    cases = _held_against_its_document(live, *by_operation, token=True)
    one_after_another = ("--phases", "stateful", "--mode", "positive", "--max-examples", "15")
    cases += _held_against_its_document(live, *one_after_another, token=True, hooks=True)
    cases += _held_against_its_document(live, "--phases", "fuzzing", "--max-examples", "5", token=False)
    assert cases >= MIN_CASES
    assert "server_error" not in live.log()
    assert "Traceback" not in live.log()

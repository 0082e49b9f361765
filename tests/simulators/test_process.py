"""The simulators as a program: they start, say where they are, and leave nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.simulators import loopback
from tests.simulators.faults import CATALOGUE
from tests.simulators.fixture import ROOT, Simulators, running_simulators

pytest_plugins = ["tests.simulators.fixture"]

MANUAL = Path(ROOT, "tests", "simulators", "README.md").read_text(encoding="utf-8")


@pytest.mark.process
def test_they_end_with_whoever_started_them() -> None:
    with running_simulators(speed=10, settings={"run_seconds": 7.5}) as simulators:
        process = psutil.Process(simulators.pid)
        assert [control.settings()["run_seconds"] for control in simulators.all] == [7.5] * 3
        assert loopback.get(simulators.sample("portrait-32x32.png")).headers["Content-Type"] == "image/png"
    assert not process.is_running()


@pytest.mark.process
def test_they_end_when_their_starter_is_gone() -> None:
    command = [sys.executable, "-m", "tests.simulators", "--until-stdin-ends"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_the_environment_is_what_a_site_reads(simulators: Simulators) -> None:
    names = {"RUNWARE_URL", "RUNWARE_API_KEY", "AIMLAPI_URL", "AIMLAPI_KEY", "FAL_KEY"}
    names |= {f"FAL_{host}_URL" for host in ("QUEUE", "REST", "PLATFORM", "CDN")}
    assert set(simulators.environment) == names
    assert simulators.environment["RUNWARE_URL"].endswith("/v1")


def test_a_reset_brings_a_new_day(simulators: Simulators) -> None:
    for control in simulators.all:
        control.fault("out_of_credit")
        control.settings(places=1)
        control.reset()
        assert (control.accepted(), control.settings()["places"]) == ({}, 0)
        assert loopback.get(f"{control.base}/_control/faults").json()["on"] == []


def test_each_provider_has_a_clock_of_its_own(simulators: Simulators) -> None:
    simulators.fal.speed(3)
    speeds = [loopback.get(f"{control.base}/_control/clock").json()["speed"] for control in simulators.all]
    assert speeds == [200, 3, 200]


@pytest.mark.parametrize("fault", CATALOGUE)
def test_the_manual_names_each_fault(fault: str) -> None:
    assert f"- `{fault}`" in MANUAL

"""docs/monitoring: rules and board are taken by Prometheus' own tool, and ask for nothing that is not measured."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics import MetricWrapperBase

from avatarsite.inbox import receive
from avatarsite.mail import sender
from avatarsite.monitoring import metrics as site_metrics
from avatarsite.monitoring import requests, tasks
from avatarsite.outbox import deliveries
from studio import metrics as studio_metrics
from tests.support.paths import ROOT

FOLDER = ROOT / "docs/monitoring"
NAME = re.compile(r"\bavatar_\w+")


def promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def measured() -> set[str]:
    """Every name that ``/metrics`` may give."""
    names = set()
    for module in (sender, receive, requests, tasks, deliveries, studio_metrics):
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                ends = ("_total",) if family.type == "counter" else ("_bucket", "_sum", "_count")
                names |= {family.name + end for end in ends}
    for reader in site_metrics._readers.values():
        names |= {family.name for family in reader()}
    return names | {"avatar_reader_failing"}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "board.json").read_text())
    return found


def shown() -> list[dict[str, Any]]:
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


@pytest.mark.process
def test_the_rules_are_taken_and_fire_when_they_should() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(FOLDER / "alerts.yml"))
    promtool("test", "rules", str(FOLDER / "alerts_test.yml"))


def test_each_rule_says_what_to_do() -> None:
    text = (FOLDER / "alerts.yml").read_text()
    rules = text.split("      - alert: ")[1:]
    assert len(rules) > 10
    for rule in rules:
        assert "severity: " in rule
        assert "summary: " in rule
        assert "what_to_do: " in rule


@pytest.mark.django_db
def test_rules_and_board_ask_for_what_is_measured() -> None:
    wanted = set(NAME.findall((FOLDER / "alerts.yml").read_text()))
    wanted |= {name for panel in shown() for target in panel["targets"] for name in NAME.findall(target["expr"])}
    assert sorted(wanted - measured()) == []


@pytest.mark.django_db
def test_the_board_shows_all_that_is_measured() -> None:
    text = (FOLDER / "board.json").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in measured()} - {"avatar_reader_failing"}
    left_out = {"avatar_task_duration_seconds"}
    assert {name for name in families if name not in text} == left_out


@pytest.mark.process
def test_the_board_is_whole(tmp_path: Path) -> None:
    found = board()
    assert (found["uid"], found["title"], found["schemaVersion"] >= 39) == ("avatar-studio", "Avatar Studio", True)
    ids = Counter(panel["id"] for panel in found["panels"])
    assert max(ids.values()) == 1
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another"
        taken |= cells
    expressions = []
    for panel in shown():
        assert {"title", "type", "datasource", "targets", "fieldConfig"} <= panel.keys()
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        assert [target["refId"] for target in panel["targets"]] == [chr(65 + n) for n in range(len(panel["targets"]))]
        expressions += [target["expr"] for target in panel["targets"]]
    # Every expression as a recording rule: so the tool reads it.
    rules = [{"record": f"board:panel:expr{n}", "expr": expression} for n, expression in enumerate(expressions)]
    (tmp_path / "board.yml").write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}))
    promtool("check", "rules", str(tmp_path / "board.yml"))

"""Whoever has downloaded a statement can check it without us, by the script in docs/billing.md."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from billing.statements import statements
from billing.statements.csv_export import statement_csv
from billing.statements.statements import Narrowing
from tests.billing.cast import DOLLAR, give, hold, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """As a reader of the documentation copies it."""
    (code,) = re.findall(
        r"```python\n(import csv, hashlib.*?)```", Path(settings.BASE_DIR, "docs/billing.md").read_text(), re.DOTALL
    )
    path = tmp_path / "check.py"
    path.write_text(code)
    return path


def downloaded(workspace: Workspace, folder: Path) -> Path:
    file = folder / "statement.csv"
    file.write_text("".join(statement_csv(workspace, statements.span_of(workspace, Narrowing()))), newline="")
    return file


def check(script: Path, file: Path) -> str:
    run = subprocess.run([sys.executable, str(script), str(file)], capture_output=True, text=True, check=False)
    return run.stdout or run.stderr


def spend() -> Workspace:
    workspace = make_workspace()
    give(workspace, 3 * DOLLAR, "=cmd() “Grüße”\nsecond line")
    give(workspace, 5 * DOLLAR, "paid", category="paid")
    placed = holds.place_hold(
        workspace, 4 * DOLLAR, key="one", subject="render:one", budgets=["project:prj_1", "member:7"]
    )
    holds.settle_hold(placed, 3_500_000)
    holds.settle_hold(hold(workspace, DOLLAR, "two"), 1)
    return workspace


def test_the_documented_script_proves_a_downloaded_statement(script: Path, tmp_path: Path) -> None:
    file = downloaded(spend(), tmp_path)
    newest = file.read_text().splitlines()[-1]
    told = check(script, file)
    assert told.startswith("All lines fit; together they make $4.499999. Newest hash: ")
    assert told.rsplit(maxsplit=1)[1] in newest


@pytest.mark.parametrize(
    ("old", "new"), [("-3.000000", "-2.000000"), ('"Because of paid"', '"Because of luck"'), ("-0.000001", "-0.000002")]
)
def test_it_finds_what_was_changed(script: Path, tmp_path: Path, old: str, new: str) -> None:
    file = downloaded(spend(), tmp_path)
    whole = file.read_text()
    # Within a cell of the file every quotation mark stands twice.
    old, new = old.replace('"', '""'), new.replace('"', '""')
    assert old in whole
    file.write_text(whole.replace(old, new))
    assert "was changed, or one before it is missing" in check(script, file)


def test_it_finds_a_line_that_is_missing(script: Path, tmp_path: Path) -> None:
    file = downloaded(spend(), tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-2] + lines[-1:]))
    assert "was changed, or one before it is missing" in check(script, file)

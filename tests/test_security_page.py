"""docs/security.md names a test for each of its lines; here they are looked up."""

from __future__ import annotations

import ast
import re

import pytest
from django.conf import settings

PAGE = settings.BASE_DIR / "docs" / "security.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| What ")]


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS)
def test_each_line_names_a_test_that_is_there(row: str) -> None:
    named = re.fullmatch(r"\|.+\|.+\| `(tests/[\w/]+\.py)(?:::(\w+))?` \|", row)
    assert named, row
    file = settings.BASE_DIR / named[1]
    tests = {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}
    assert named[2] in tests if named[2] else any(name.startswith("test_") for name in tests)

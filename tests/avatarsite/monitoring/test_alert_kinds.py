"""One table of alert kinds: what the code raises and closes, what the page for operators says, what a mail tells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.alerts import close_alert, close_by_hand, raise_alert
from avatarsite.mail.models import MailMessage
from avatarsite.mail.sender import send_due
from avatarsite.models import Alert, Lease
from avatarsite.monitoring.alert_kinds import KINDS, UnknownAlertKind
from tests.avatarsite.mail.conftest import server
from tests.avatarsite.mail.smtp import MailServer
from tests.support.paths import ROOT

__all__ = ["server"]
OPS = "ops@example.org"


def calls(name: str) -> set[str]:
    """The kinds with which the product calls a function, read from its source."""
    found = set()
    for app in ("avatarsite", "billing", "studio"):
        for path in (ROOT / app).rglob("*.py"):
            found |= set(_kinds(path, name))
    return found


def _kinds(path: Path, name: str) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield _value(node.args[0], path)


def _value(node: ast.expr, path: Path) -> str:
    """A literal, or a constant of this file or of the one that it is imported from."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.Name), f"{path}: a kind of alert is written as it is, or as a constant"
    text = path.read_text()
    imported = re.search(rf"^from ([\w.]+) import [^\n]*\b{node.id}\b", text, re.MULTILINE)
    if imported:
        text = (ROOT / (imported[1].replace(".", "/") + ".py")).read_text()
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name) and one.id == node.id and isinstance(value, ast.Constant):
                        return str(value.value)
    raise AssertionError(f"{path}: what is {node.id}?")


def test_what_is_raised_is_in_the_table_and_the_other_way_round() -> None:
    assert calls("raise_alert") == set(KINDS)


def test_what_the_code_closes_has_a_rule_and_the_other_way_round() -> None:
    assert calls("close_alert") == {kind for kind, row in KINDS.items() if row.closes}


def test_the_page_for_operators_lists_the_table() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    rows = [
        f"| `{kind}` | {row.title} | {row.what_to_do} | {row.closes or 'a person closes it'} |"
        for kind, row in sorted(KINDS.items())
    ]
    part = page.partition("## Alerts")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `[a-z_]+` \|.*\|.*\|.*\|$", part, re.MULTILINE)
    assert listed == rows, "docs/operations.md has another table than KINDS:\n" + "\n".join(rows)


@pytest.mark.django_db
def test_no_other_kind_is_taken() -> None:
    with pytest.raises(UnknownAlertKind, match="'no_such' is not in KINDS"):
        raise_alert("no_such", "key", "Look at it.")
    with pytest.raises(UnknownAlertKind, match="'proxies' is closed by a person alone"):
        close_alert("proxies", "TRUSTED_PROXIES")


@pytest.mark.django_db
def test_it_is_raised_once_and_mailed_although_the_mail_server_was_down(settings: Any, server: MailServer) -> None:
    settings.OPERATOR_EMAIL = [OPS]
    server.set("away")
    for number in range(3):
        raise_alert("offer_paused", "acme:one", f"It is paused, {number}.")
    raise_alert("offer_paused", "acme:two", "It is paused.")
    assert (send_due(), server.got) == (0, [])
    assert sorted(Alert.objects.values_list("key", "count")) == [("acme:one", 3), ("acme:two", 1)]
    server.set("takes")
    Lease.objects.update(expires_at=timezone.now())
    MailMessage.objects.update(next_try_at=timezone.now())
    assert (send_due(), len(server.got)) == (2, 2)
    assert {str(mail["Subject"]) for mail in server.got} == {"[Avatar Studio] An offer is paused"}
    assert close_alert("offer_paused", "acme:one")
    assert not close_alert("offer_paused", "acme:one")
    again = raise_alert("offer_paused", "acme:one", "It is paused again.")
    assert (again.count, MailMessage.objects.count()) == (1, 3)
    assert [close_by_hand(again), close_by_hand(again)] == [True, False]


@pytest.mark.django_db
def test_a_flood_of_one_kind_keeps_no_word_of_another_back(settings: Any, server: MailServer) -> None:
    settings.OPERATOR_EMAIL = [OPS]
    for number in range(105):
        raise_alert("not_done", f"row {number}", "It could not be done.")
    raise_alert("ledger", "chains", "The chain is broken.")
    while send_due():
        pass
    assert len(server.got) == 101
    assert (OPS, "[Avatar Studio] The ledger breaks a rule") in server.delivered

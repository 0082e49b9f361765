from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from avatarsite.models import Alert
from billing import tasks
from billing.ledger import posting
from billing.models import LedgerAccount, Transfer
from tests.billing.cast import DOLLAR, make_rich, make_workspace

pytestmark = pytest.mark.django_db


def call(name: str, *arguments: str) -> tuple[str, int]:
    """What a command printed, and how it ended."""
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as ended:
        return out.getvalue(), int(ended.code or 0)
    return out.getvalue(), 0


def spoil() -> None:
    LedgerAccount.objects.filter(kind="wallet").update(held=1)


def test_a_clean_ledger_ends_0() -> None:
    make_rich()
    assert call("verify_ledger") == ("The ledger adds up.\n", 0)
    assert call("verify_ledger", "--json") == ("[]\n", 0)


def test_a_difference_is_told_in_a_sentence_and_ends_1() -> None:
    code = posting.wallet(make_rich()).code
    spoil()
    sentence = f"{code} says $0.000001 held, and its open holds make $0.00."
    assert call("verify_ledger") == (f"held_differs: {sentence}\nThe ledger is wrong in 1 place.\n", 1)
    out, ended = call("verify_ledger", "--json")
    assert (json.loads(out), ended) == ([{"code": "held_differs", "sentence": sentence}], 1)


def test_credit_is_granted_by_command() -> None:
    workspace = make_workspace()
    arguments = ("--workspace", "acme", "--amount", "2.50", "--reason", "For the slow day")
    told = "Granted $2.50 to acme; {} is available.\n"
    assert call("grant_credit", *arguments, "--key", "monday") == (told.format("$2.50"), 0)
    assert call("grant_credit", *arguments, "--key", "monday") == (told.format("$2.50"), 0)
    assert call("grant_credit", *arguments, "--category", "paid") == (told.format("$5.00"), 0)
    assert posting.balance(workspace).paid_micros == 2_500_000
    assert {line.memo for line in Transfer.objects.all()} == {"For the slow day"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("--workspace", "nobody"), "There is no workspace 'nobody'"),
        (("--amount", "ten"), "--amount is 'ten'; write dollars"),
        (("--amount", "-1"), "credit is more than"),
        (("--amount", "0.0000001"), "at most six decimals"),
        (("--reason", " "), "write 1 to 300 on why"),
        (("--key", "used"), "was used before"),
    ],
)
def test_a_grant_that_can_not_be_ends_with_a_sentence(wrong: tuple[str, str], sentence: str) -> None:
    posting.grant(make_workspace(), DOLLAR, key="grant:command:used", reason="Another")
    arguments = {"--workspace": "acme", "--amount": "1", "--reason": "Sorry"} | dict([wrong])
    with pytest.raises(CommandError, match=sentence):
        call("grant_credit", *(word for pair in arguments.items() for word in pair))
    assert Transfer.objects.count() == 1


def test_the_nightly_check_raises_an_alert_for_each_broken_rule_and_closes_it_once_whole() -> None:
    make_rich()
    tasks.verify_ledger()
    tasks.expire_lots()
    assert Alert.objects.count() == 0
    spoil()
    tasks.verify_ledger()
    tasks.verify_ledger()
    alert = Alert.objects.get()
    assert (alert.kind, alert.key, alert.count, alert.closed_at) == ("ledger", "held_differs", 2, None)
    assert alert.message.startswith("wallet:")
    LedgerAccount.objects.update(held=0)
    tasks.verify_ledger()
    assert Alert.objects.get().closed_at is not None

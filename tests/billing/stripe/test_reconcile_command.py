"""``manage.py reconcile_stripe``: what it says, and how it ends."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import User
from billing.models import Transfer
from billing.verify import verification
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db


def run(*options: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile_stripe", *options, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_it_books_what_was_lost_once_and_then_finds_nothing(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "")
    code, told = run()
    assert (code, shop.posted) == (3, 20)
    assert "Booked late, so a webhook was lost: session: top_" in told
    assert "Paid at Stripe, tax included: $20.00. Credited here: $20.00." in told
    code, told = run()
    assert (code, told.splitlines()[-1]) == (0, "Stripe and the ledger agree.")


def test_what_still_differs_ends_badly(shop: Shop) -> None:
    top_up = shop.buy(20)
    shop.stripe.change(top_up.payment_intent_id or "", amount_received=2100)
    code, told = run("--json")
    report = json.loads(told)
    assert (code, len(report["differences"]), report["credited_micros"]) == (1, 1, 20_000_000)


def test_it_looks_no_further_back_than_it_is_told(shop: Shop) -> None:
    shop.stripe.pay(shop.start(20).session_id or "")
    shop.stripe.change(shop.stripe.objects("checkout.session")[0]["id"], created=1_700_000_000)
    shop.stripe.change(shop.stripe.objects("payment_intent")[0]["id"], created=1_700_000_000)
    assert (run("--days", "30")[0], shop.posted) == (0, 0)
    assert (run("--since", "2023-11-01")[0], shop.posted) == (3, 20)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--days", "0"], "write 1 or more"), (["--since", "yesterday"], "write it as 2026-11-21")],
)
def test_nonsense_is_refused(shop: Shop, options: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*options)


def test_without_stripe_it_ends_with_two(shop: Shop, settings: Any) -> None:
    shop.stripe.fault("bad_key")
    with pytest.raises(CommandError, match="nothing was compared") as caught:
        run()
    assert caught.value.returncode == 2
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(CommandError, match="There is no STRIPE_SECRET_KEY"):
        run()


def fees() -> list[tuple[str, int, str]]:
    found = Transfer.objects.filter(key__contains=":fee:").order_by("pk")
    return list(found.values_list("debit__code", "amount_micros", "memo"))


def test_stripes_fees_are_booked_once_and_stand_in_the_books(shop: Shop, client: Client) -> None:
    shop.buy(20)
    run()
    (charge,) = shop.stripe.objects("charge")
    (line,) = shop.stripe.objects("balance_transaction")
    assert line["fee"] > 0
    booked = [("stripe_fees", line["fee"] * 10_000, f"Stripe's fee for {charge['id']}")]
    assert fees() == booked
    assert run() == (0, run()[1])
    assert fees() == booked, "asked again, nothing is booked again"
    assert verification.verify() == []
    root = User.objects.create_superuser("root@example.org", "a long password")
    client.force_login(root, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    page = client.get(reverse("admin:billing_books_changelist"))
    assert (page.context["fees_micros"], page.context["left_micros"]) == (line["fee"] * 10_000, -line["fee"] * 10_000)


def test_a_fee_in_another_currency_is_told_and_not_booked(shop: Shop) -> None:
    shop.buy(20)
    (line,) = shop.stripe.objects("balance_transaction")
    shop.stripe.change(line["id"], currency="eur")
    code, told = run("--json")
    sentence = f"The fee {line['id']} is {line['fee'] / 100:.2f} EUR, not dollars."
    assert (code, json.loads(told)["differences"], fees()) == (1, [sentence], [])

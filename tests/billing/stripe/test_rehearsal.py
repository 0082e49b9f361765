"""``manage.py stripe_rehearsal`` against the stand-in: that the script runs is all that this can show."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db


def test_every_step_is_taken_and_the_wallet_ends_frozen_and_empty(shop: Shop) -> None:
    out = StringIO()
    call_command("stripe_rehearsal", "--workspace", shop.workspace.slug, stdout=out)
    lines = out.getvalue().splitlines()
    assert [line[:5] for line in lines] == ["ok   "] * 11, out.getvalue()
    assert (shop.posted, shop.owed, shop.frozen) == (0, 0, True)


def test_a_step_that_goes_wrong_is_told_and_the_rest_is_taken(shop: Shop) -> None:
    shop.stripe.fault("bad_key", times=1)
    out = StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("stripe_rehearsal", "--workspace", shop.workspace.slug, stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("WRONG read every list: Payments do not work here right now")
    assert {line[:5] for line in lines[1:]} == {"ok   "}


def test_a_live_key_is_refused(shop: Shop, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_live_x"
    with pytest.raises(CommandError, match="would take real money"):
        call_command("stripe_rehearsal", "--workspace", shop.workspace.slug)
    assert shop.stripe.writes() == {}


def test_the_permissions_that_are_written_down_are_enough(shop: Shop, settings: Any) -> None:
    """Those of docs/billing.md, as the stand-in understands them; ``payment_method_write`` is the rehearsal's own."""
    may_write = ("checkout_session", "customer", "payment_intent", "charge", "customer_portal", "payment_method")
    may_read = ("payment_method", "setup_intent", "dispute", "invoice", "balance_transaction_source")
    readable = [f"{name}_read" for name in (*may_read, *may_write)]
    shop.stripe.settings(permissions=[*readable, *(f"{name}_write" for name in may_write)])
    settings.STRIPE_SECRET_KEY = shop.stripe.restricted_key
    out = StringIO()
    call_command("stripe_rehearsal", "--workspace", shop.workspace.slug, stdout=out)
    assert "WRONG" not in out.getvalue()

"""Pages of a list, filters and ``expand[]``."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.simulators.stripe.fixture import StripeStandIn
from tests.simulators.stripe.test_life import open_session

pytest_plugins = ["tests.simulators.stripe.fixture"]


def customers(stand_in: StripeStandIn, count: int) -> list[str]:
    client = stand_in.client()
    return [client.v1.customers.create({"email": f"{number}@example.org"}).id for number in range(count)]


def test_a_list_goes_on_until_its_end(stripe_stand_in: StripeStandIn) -> None:
    made = customers(stripe_stand_in, 7)
    client = stripe_stand_in.client().v1.customers
    first = client.list({"limit": 3})
    assert ([one.id for one in first.data], first.has_more) == (made[:-4:-1], True)
    last = client.list({"limit": 3, "starting_after": made[1]})
    assert ([one.id for one in last.data], last.has_more) == ([made[0]], False)
    before = client.list({"limit": 2, "ending_before": made[2]})
    assert ([one.id for one in before.data], before.has_more) == ([made[4], made[3]], True)
    assert [one.id for one in client.list({"limit": 3}).auto_paging_iter()] == made[::-1]


def test_a_list_can_begin_at_a_moment(stripe_stand_in: StripeStandIn) -> None:
    (old,) = customers(stripe_stand_in, 1)
    stripe_stand_in.jump(3600)
    (new,) = customers(stripe_stand_in, 1)
    client = stripe_stand_in.client().v1.customers
    moment = client.retrieve(new).created
    assert [one.id for one in client.list({"created": {"gte": moment}}).data] == [new]
    assert [one.id for one in client.list({"created": {"lt": moment}}).data] == [old]


def test_what_a_list_can_not_do_is_refused(stripe_stand_in: StripeStandIn) -> None:
    client = stripe_stand_in.client().v1
    with pytest.raises(stripe.InvalidRequestError, match="between 1 and 100"):
        client.charges.list({"limit": 101})
    with pytest.raises(stripe.InvalidRequestError, match="No such charge: 'ch_x'"):
        client.charges.list({"starting_after": "ch_x"})


def test_events_are_kept_for_thirty_days(stripe_stand_in: StripeStandIn) -> None:
    customers(stripe_stand_in, 1)
    client = stripe_stand_in.client().v1.events
    (event,) = client.list({"types": ["customer.created"]}).data
    assert client.retrieve(event.id).data.object["email"] == "0@example.org"
    assert client.list({"type": "charge.*"}).data == []
    stripe_stand_in.jump(31 * 86_400)
    assert client.list().data == []


def test_ids_become_objects_when_asked_for(stripe_stand_in: StripeStandIn) -> None:
    session = open_session(stripe_stand_in)
    stripe_stand_in.pay(session.id)
    client = stripe_stand_in.client().v1
    (charge,) = client.charges.list({"expand": ["data.balance_transaction", "data.payment_intent"]}).data
    found: Any = charge
    assert (found.balance_transaction.source, found.payment_intent.latest_charge) == (charge.id, charge.id)
    assert "refunds" not in charge
    whole = client.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert whole.refunds is not None
    assert whole.refunds.data == []
    with pytest.raises(stripe.InvalidRequestError, match=r"This property cannot be expanded \(amount_of_love\)"):
        client.charges.retrieve(charge.id, {"expand": ["amount_of_love"]})

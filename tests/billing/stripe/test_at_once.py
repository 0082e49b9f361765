"""Every event of the rules, delivered five times at the same moment and handled by five workers at once."""

from __future__ import annotations

from functools import partial

import pytest

from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.receive import handle_event
from avatarsite.queue import due_rows
from tests.billing.ledger.races import in_threads
from tests.billing.stripe.test_every_order import Life, every_life, is_right
from tests.billing.stripe.worker import work
from tests.billing.stripe_shop import Shop

pytestmark = pytest.mark.django_db(transaction=True)

COPIES = 5


@every_life
def test_told_five_at_once(shop: Shop, life: Life) -> None:
    life(shop)
    ids = [event["id"] for event in shop.stripe.events()]
    for event_id in ids:
        letter = shop.stripe.letter(event_id)
        assert in_threads([partial(shop.post, *letter)] * COPIES) == [200] * COPIES
        (due,) = due_rows.kinds["inbound_event"].due()
        assert in_threads([partial(handle_event, due.pk)] * COPIES).count(True) == 1
    work()
    assert is_right(shop, life)
    assert InboundEvent.objects.count() == len(ids)


@every_life
def test_all_told_at_the_same_moment(shop: Shop, life: Life) -> None:
    """What belongs together arrives together: a payment, its refunds and its dispute, five times each."""
    life(shop)
    letters = [shop.stripe.letter(event["id"]) for event in shop.stripe.events()]
    posts = [partial(shop.post, *letter) for letter in letters]
    assert in_threads(posts * COPIES) == [200] * (len(posts) * COPIES)
    in_threads([partial(handle_event, due.pk) for due in due_rows.kinds["inbound_event"].due()] * COPIES)
    shop.handle()
    work()
    assert is_right(shop, life)
    assert InboundEvent.objects.count() == len(letters)

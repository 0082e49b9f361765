"""Days of each offer: counted from what was charged and tried, after they end, and anew when money goes back."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from studio.models import JobStatus, OfferDay, Outcome, ProviderJob
from studio.pipeline.desk import offer_days
from studio.pipeline.desk.offer_days import Sums
from studio.pipeline.operator.give_back import give_charge_back
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db


def test_a_day_has_what_was_charged_what_it_cost_and_how_often_it_went_well(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    render = shop.ready(house)
    now = timezone.now()
    ProviderJob.objects.update(status=JobStatus.DONE, finished_at=now)
    done = ProviderJob.objects.count()
    ProviderJob.objects.create(
        render=render, attempt=9, offer=shop.OFFER, outcome=Outcome.ACCEPTED, status=JobStatus.FAILED, finished_at=now
    )
    assert offer_days.count_days() == offer_days.DAYS
    usage = render.hold.usage
    wanted = Sums(1, usage.amount_micros, usage.cost_micros, done + 1, done)
    found = offer_days.last_days()
    assert (found.by_offer, found.total) == ({shop.OFFER: wanted}, wanted)
    assert found.by_day[now.astimezone(UTC).date()] == wanted

    give_charge_back(render, reason="A wrong voice", actor=None)
    offer_days.count_days()
    assert offer_days.last_days().total == Sums(1, 0, usage.cost_micros, done + 1, done)


def test_a_day_that_was_counted_after_its_end_is_left_alone_until_something_changes(cast: Cast) -> None:
    day = timezone.now().astimezone(UTC).date() - timedelta(days=2)
    OfferDay.objects.create(day=day, offer=shop.OFFER, videos=7, counted_at=timezone.now())
    offer_days.count_days()
    assert OfferDay.objects.get(day=day).videos == 7
    offer_days.count_again(day)
    offer_days.count_days()
    assert not OfferDay.objects.filter(day=day).exists()

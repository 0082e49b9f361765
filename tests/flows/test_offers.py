"""Every offer from request to ready, through its provider's stand-in: by polling alone and by webhook alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from waffle.models import Switch

from avatarsite.inbox.models import InboundEvent
from avatarsite.inbox.receive import handle_event
from avatarsite.models import Alert
from avatarsite.service import switches
from billing.ledger import posting
from billing.models import Usage
from billing.money import charge_micros
from billing.prices import price_book
from billing.verify import verification
from studio.errors import RequestRefused
from studio.models import OfferHealth, ProviderJob, Render, RenderState
from studio.pipeline import health
from studio.pipeline.desk import sale
from studio.pipeline.drive import drive
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.request.quote import quote_render
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now
from studio.providers import registry
from tests.flows.cast import Studio, ask, make_studio
from tests.simulators.fixture import Simulators, eventually

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

BALANCE = 20_000_000
PAID = [offer.id for offer in registry.for_sale() if offer.provider != "local"]
CALLING = [offer for offer in PAID if not offer.startswith("aimlapi:")]
COST_MICROS = {
    "runware:klingai:avatar@2.0-pro": 87_000,
    "runware:klingai:avatar@2.0-standard": 44_000,
    "fal:fal-ai/kling-video/ai-avatar/v2/pro": 115_000,
    "fal:fal-ai/kling-video/ai-avatar/v2/standard": 56_200,
    "aimlapi:klingai/avatar-pro": 120_750,
    "aimlapi:klingai/avatar-standard": 59_010,
}


@pytest.fixture
def studio(site: Simulators) -> Studio:
    price_book.seed_prices()
    return make_studio(balance_micros=BALANCE, voice_seconds=3.1)


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


def made_well(render: Render, offer: str, studio: Studio, simulators: Simulators) -> None:
    """What must be true of every render that has come home."""
    assert (render.state, render.offer) == (RenderState.READY, offer), render.failure_message
    assert render.measured_ms is not None
    assert render.measured_ms * 15 % 4_000 < 15 * 2  # Kling's grid of 4/15 s, cut to the millisecond
    assert render.charge_micros == charge_micros(render.measured_ms, render.price.price_micros_per_second)
    assert 0 < render.charge_micros <= render.ceiling_micros
    assert default_storage.size(render.video.name or "") == render.video_bytes
    balance = posting.balance(studio.workspace)
    assert (balance.posted_micros, balance.held_micros) == (BALANCE - render.charge_micros, 0)
    assert getattr(simulators, registry.offer(offer).provider).times_accepted(render.jobs.get().reference) == 1
    usage = Usage.objects.get(subject=f"render:{render.pk}")
    expected = render.measured_ms * COST_MICROS[offer] / 1000
    assert abs(usage.cost_micros - expected) <= max(10, 60 * COST_MICROS[offer] / 1000)


@pytest.mark.parametrize("offer", PAID)
def test_an_offer_comes_home_by_polling_alone(offer: str, studio: Studio, site: Simulators) -> None:
    for control in (site.runware, site.fal):
        control.fault("webhook_lost")
    render = drive(ask(studio, model=registry.offer(offer).model, offer=offer).pk)
    made_well(render, offer, studio, site)


@pytest.mark.parametrize("offer", CALLING)
def test_an_offer_comes_home_by_webhook_alone(offer: str, studio: Studio, site: Simulators) -> None:
    """Nobody polls here: the only checks are those that a letter asks for."""
    render = ask(studio, model=registry.offer(offer).model, offer=offer)
    assert submit_render(render.pk) is True
    job = render.jobs.get()
    later = timezone.now() + timedelta(hours=1)
    ProviderJob.objects.update(next_check_at=later)
    letter = eventually(lambda: InboundEvent.objects.filter(source=registry.offer(offer).provider).last(), "a letter")
    assert handle_event(letter.pk) is True
    letter.refresh_from_db()
    assert (letter.signature_status, letter.outcome) == ("valid", f"{job.pk} is checked now")
    job.refresh_from_db()
    assert job.next_check_at < later
    assert check_now(job) is True
    assert ingest_render(render.pk) is True
    made_well(Render.objects.get(pk=render.pk), offer, studio, site)


def test_the_cheapest_is_chosen_and_the_ceiling_covers_the_chain(studio: Studio) -> None:
    quote = quote_render(model="kling-avatar-2-pro", voice_ms=13_900)
    assert [line.offer for line in quote.chain] == [
        "runware:klingai:avatar@2.0-pro",
        "fal:fal-ai/kling-video/ai-avatar/v2/pro",
    ]
    assert quote.ceiling_micros == quote.chain[1].ceiling_micros > quote.chain[0].ceiling_micros
    alone = quote_render(model="kling-avatar-2-pro", voice_ms=13_900, fallback=False)
    assert (alone.chain, alone.ceiling_micros) == (quote.chain[:1], quote.chain[0].ceiling_micros)


@pytest.mark.parametrize("fault", ["out_of_credit", "bad_key", "rate_limit"])
def test_what_is_not_accepted_falls_over_to_the_next_provider(fault: str, studio: Studio, site: Simulators) -> None:
    route = {} if fault == "out_of_credit" else {"route": "submit"}
    site.runware.fault(fault, **route)
    render = drive(ask(studio, model="kling-avatar-2-pro").pk)
    assert site.runware.jobs() == []
    assert (render.state, render.offer) == (RenderState.READY, "fal:fal-ai/kling-video/ai-avatar/v2/pro")
    assert render.why == "The cheapest provider that is available now. Runware would not take it."
    assert render.charge_micros == charge_micros(render.measured_ms or 0, 115_000)


def test_our_empty_account_pauses_every_offer_of_the_provider_and_tells_the_operator(
    studio: Studio, site: Simulators
) -> None:
    site.runware.fault("out_of_credit")
    drive(ask(studio, model="kling-avatar-2-pro").pk)
    paused = set(OfferHealth.objects.filter(open_until__gt=timezone.now()).values_list("pk", flat=True))
    assert paused == {"runware:klingai:avatar@2.0-pro", "runware:klingai:avatar@2.0-standard"}
    assert set(Alert.objects.filter(kind="offer_paused").values_list("key", flat=True)) == paused
    quote = quote_render(model="kling-avatar-2-pro", voice_ms=3_000)
    assert [line.provider for line in quote.chain] == ["fal"]


@pytest.mark.parametrize(("fault", "where"), [("out_of_credit", {}), ("bad_key", {"route": "submit"})])
def test_a_job_that_was_taken_before_does_not_lift_the_pause(
    fault: str, where: dict[str, str], studio: Studio, site: Simulators
) -> None:
    """Neither by its poll nor by its end; the first that is sent after the pause does."""
    offer = "runware:klingai:avatar@2.0-pro"
    before = ask(studio, model="kling-avatar-2-pro", offer=offer)
    assert submit_render(before.pk) is True
    site.runware.fault(fault, **where)
    turned_away = ask(studio, model="kling-avatar-2-pro", offer=offer, fallback=False)
    assert submit_render(turned_away.pk) is True
    paused = OfferHealth.objects.get(pk=offer)
    assert paused.open_until is not None
    assert drive(before.pk).state == RenderState.READY
    assert OfferHealth.objects.get(pk=offer).open_until == paused.open_until
    assert Alert.objects.filter(kind="offer_paused", key=offer, closed_at=None).count() == 1
    site.runware.no_faults()
    OfferHealth.objects.update(open_until=timezone.now())
    Render.objects.filter(pk=turned_away.pk).update(next_try_at=timezone.now())
    assert drive(turned_away.pk).state == RenderState.READY
    assert OfferHealth.objects.get(pk=offer).open_until is None
    assert Alert.objects.filter(kind="offer_paused", key=offer, closed_at=None).count() == 0


def test_a_lying_length_never_reaches_the_customer(studio: Studio, site: Simulators) -> None:
    """fal issue 1175: 10,272 s reported for an 80 s file."""
    site.fal.fault("absurd_duration", seconds=10_272)
    offer = "fal:fal-ai/kling-video/ai-avatar/v2/pro"
    render = drive(ask(studio, model="kling-avatar-2-pro", offer=offer).pk)
    made_well(render, offer, studio, replace(site))
    assert render.jobs.get().reported_ms == 10_272_000
    assert [alert.kind for alert in Alert.objects.all()] == ["length_drift"]


def test_a_provider_that_fails_costs_nothing(studio: Studio, site: Simulators) -> None:
    site.runware.fault("fail")
    render = drive(ask(studio, model="kling-avatar-2-pro", offer="runware:klingai:avatar@2.0-pro").pk)
    assert (render.state, render.hold.state, render.charge_micros) == (RenderState.FAILED, "released", None)
    assert posting.balance(studio.workspace).available_micros == BALANCE


def test_what_waits_for_an_offer_taken_off_sale_goes_to_the_next_and_is_sold_no_more(
    studio: Studio, site: Simulators
) -> None:
    runware, fal = "runware:klingai:avatar@2.0-pro", "fal:fal-ai/kling-video/ai-avatar/v2/pro"
    waiting = ask(studio, model="kling-avatar-2-pro")
    alone = ask(studio, model="kling-avatar-2-pro", offer=runware)
    assert sale.what_waits(runware) == (
        "0 at the provider go on. Of 2 that wait to be sent, 1 go to their next offer; "
        "1 wait for this one until their deadline, and cost nothing if it passes."
    )
    assert [sale.take_off(runware, reason="wrong price"), sale.take_off(runware, reason="again")] == [True, False]
    quote = quote_render(model="kling-avatar-2-pro", voice_ms=3_000)
    why_not = {line.offer: line.why_not for line in quote.lines}
    assert ([line.offer for line in quote.chain], why_not) == ([fal], {runware: health.NOT_SOLD, fal: ""})
    moved = drive(waiting.pk)
    assert (moved.state, moved.offer) == (RenderState.READY, fal)
    assert moved.events.filter(reason="the provider is not sold at the moment").count() == 1
    assert submit_render(alone.pk) is False
    alone.refresh_from_db()
    assert (alone.state, alone.next_try_at > timezone.now() + timedelta(minutes=4)) == (RenderState.QUEUED, True)
    assert [sale.put_on(runware), sale.put_on(runware)] == [True, False]
    assert drive(alone.pk).state == RenderState.READY


def test_new_videos_are_refused_while_their_switch_is_off_and_what_was_taken_goes_on(
    studio: Studio, site: Simulators
) -> None:
    before = ask(studio, model="kling-avatar-2-pro")
    Switch.objects.update_or_create(name=switches.NEW_VIDEOS, defaults={"active": False})
    with pytest.raises(RequestRefused, match="New videos are not taken at the moment"):
        ask(studio, model="kling-avatar-2-pro")
    assert drive(before.pk).state == RenderState.READY
    assert Render.objects.count() == 1

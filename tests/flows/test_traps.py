"""Traps that others fell into while a video is made, each by the number that our notes on other products gave it.

Those about credit alone are in tests/billing/stripe/test_traps.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from avatarsite.queue.sweeping import sweep
from avatarsite.workspaces.models import Member, Role, Scope
from avatarsite.workspaces.tokens import make_token, revoke_token, take_over_token, token_of
from billing.ledger import posting
from billing.models import Usage
from billing.money import charge_micros
from studio.errors import RequestRefused
from studio.models import Render
from studio.pipeline.cancel import cancel_at_provider, request_cancel
from studio.pipeline.failures import SENTENCES
from studio.pipeline.request.quote import quote_render
from tests.conftest import Cast, person
from tests.flows.cast import Studio, ask
from tests.flows.pace import drive_for, let_time_pass
from tests.flows.test_faults import MODELS, OFFERS, ask_of, promises_kept, stand, still_site, stuck_at_fal, studio
from tests.simulators.fixture import Control, Simulators

__all__ = ["still_site", "studio"]

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

every_provider = pytest.mark.parametrize("provider", OFFERS)


@pytest.fixture
def control(provider: str, still_site: Simulators) -> Control:
    """Of the stand-in of the test's provider."""
    found: Control = getattr(still_site, provider)
    return found


@every_provider
def test_trap_1_nothing_goes_back_because_a_poll_timed_out(provider: str, studio: Studio, control: Control) -> None:
    control.fault("stuck")
    render = drive_for(ask_of(studio, provider), control, steps=2)
    control.fault("drop_connection", route="status")
    render = drive_for(render, control, steps=5)
    assert (stand(render), render.hold.state) == ("waits in rendering", "open")
    control.no_faults()
    [there] = control.jobs()
    control.finish(there["id"])
    render = drive_for(render, control)
    assert stand(render) == "ready"
    promises_kept(render, control, studio)


@every_provider
def test_trap_5_what_is_charged_is_the_length_of_our_copy(provider: str, studio: Studio, control: Control) -> None:
    """Also where the provider says nothing of it: no bill of zero seconds."""
    if provider == "fal":
        control.fault("no_duration")
    render = drive_for(ask_of(studio, provider), control)
    assert (stand(render), render.measured_ms) == ("ready", Usage.objects.get().measured_ms)
    assert 0 < (render.measured_ms or 0) <= render.ceiling_ms
    assert render.charge_micros == charge_micros(render.measured_ms or 0, render.price.price_micros_per_second)
    promises_kept(render, control, studio)


@every_provider
def test_trap_6_a_result_that_can_not_be_read_now_is_no_failure(
    provider: str, studio: Studio, control: Control
) -> None:
    control.fault("server_error", route="result" if provider == "fal" else "status", status=504, times=3)
    render = drive_for(ask_of(studio, provider), control)
    assert stand(render) == "ready"
    promises_kept(render, control, studio)


@every_provider
def test_trap_7_a_refusal_for_its_content_is_told_as_one(provider: str, studio: Studio, control: Control) -> None:
    control.fault("moderated")
    render = drive_for(ask_of(studio, provider), control)
    assert (stand(render), render.failure_message) == ("failed moderation", SENTENCES["moderation"])


def test_trap_8_a_place_at_the_provider_is_a_row_and_no_count_that_can_be_left_over(
    studio: Studio, still_site: Simulators, settings: Any
) -> None:
    settings.PROVIDERS_AT_ONCE = {"fal": 1}
    first, second = stuck_at_fal(studio, still_site), ask_of(studio, "fal")
    assert stand(drive_for(second, still_site.fal, steps=3)) == "waits in queued"
    request_cancel(first, user=None)
    cancel_at_provider(first.pk)
    assert stand(drive_for(first, still_site.fal, steps=3)) == "cancelled"
    still_site.fal.no_faults()
    assert stand(drive_for(second, still_site.fal)) == "ready"


def test_trap_12_a_wish_to_stop_outlives_the_page_that_it_came_from(studio: Studio, still_site: Simulators) -> None:
    render = stuck_at_fal(studio, still_site)
    assert request_cancel(render, user=None) is True
    # Nobody passes it on at once: the sweep finds it in the row.
    Render.objects.update(cancel_requested_at=timezone.now() - timedelta(minutes=1))
    assert sweep()["cancel"] == 1
    cancel_at_provider(render.pk)
    render = drive_for(render, still_site.fal, steps=3)
    assert (stand(render), render.hold.state) == ("cancelled", "released")
    assert [job["phase"] for job in still_site.fal.jobs()] == ["cancelled"]


@every_provider
def test_trap_15_the_estimate_is_in_the_unit_of_the_charge(provider: str, studio: Studio) -> None:
    quote = quote_render(model=MODELS[provider], voice_ms=2_100, offer=OFFERS[provider], fallback=False)
    assert quote.chosen is not None
    assert quote.chosen.price is not None
    assert quote.ceiling_micros == charge_micros(quote.ceiling_ms, quote.chosen.price.price_micros_per_second)
    assert 2_100 <= quote.ceiling_ms < 3_000


@every_provider
def test_trap_16_the_file_is_ours_when_the_provider_has_deleted_his(
    provider: str, studio: Studio, control: Control
) -> None:
    render = drive_for(ask_of(studio, provider), control)
    control.fault("file_missing")
    for _ in range(2):
        let_time_pass(control)
    with Render.objects.get(pk=render.pk).video.open("rb") as file:
        assert file.read()[4:8] == b"ftyp"


def test_trap_17_a_voice_that_is_too_long_is_refused_and_not_cut(studio: Studio) -> None:
    studio.voice.duration_ms = 3_600_001
    with pytest.raises(RequestRefused) as refusal:
        ask(studio, model=MODELS["runware"], offer=OFFERS["runware"])
    assert (refusal.value.field, refusal.value.code) == ("voice", "voice_too_long")
    assert posting.balance(studio.workspace).held_micros == 0


def test_trap_18_a_token_that_is_revoked_leaves_its_videos_and_their_places_as_they_are(
    studio: Studio, still_site: Simulators, settings: Any
) -> None:
    settings.PROVIDERS_AT_ONCE = {"fal": 1}
    owner = person("Olive")
    Member.objects.create(workspace=studio.workspace, user=owner, role=Role.OWNER)
    token, _ = make_token(studio.workspace, user=owner, name="The server", scopes=[Scope.RENDER])
    first, second = (
        ask(studio, model=MODELS["fal"], offer=OFFERS["fal"], token=token, key=key) for key in ("one", "two")
    )
    first = drive_for(first, still_site.fal, steps=2)
    assert stand(first) == "waits in rendering"
    revoke_token(token, user=owner)
    assert [stand(drive_for(render, still_site.fal)) for render in (first, second)] == ["ready", "ready"]


def test_trap_20_a_token_that_is_handed_over_outlives_who_made_it(cast: Cast) -> None:
    token, secret = make_token(cast.workspace, user=cast.dora, name="The server", scopes=[Scope.RENDER])
    _, another = make_token(cast.workspace, user=cast.dora, name="Another", scopes=[Scope.RENDER])
    take_over_token(token, user=cast.alice)
    cast.member(cast.dora).delete()
    assert [token_of(secret), token_of(another)] == [token, None]
    revoke_token(token, user=cast.alice)
    assert token_of(secret) is None

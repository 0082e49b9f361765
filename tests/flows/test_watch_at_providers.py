"""The watch's loop against the providers' stand-ins: many jobs in one question, and questions that are turned away."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from avatarsite.models import Alert
from billing.prices import price_book
from studio.models import OfferHealth, ProviderJob, Render
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now, watch
from studio.providers import http, registry
from studio.providers.types import Fault, JobHandle, JobReport, JobStatus, ProviderError
from tests.flows.cast import Studio, ask, make_studio
from tests.simulators.fixture import Simulators

pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

OFFER = "runware:klingai:avatar@2.0-pro"
OFFERS = {"runware": OFFER, "fal": "fal:fal-ai/kling-video/ai-avatar/v2/pro", "aimlapi": "aimlapi:klingai/avatar-pro"}


@pytest.fixture
def studio(site: Simulators) -> Studio:
    site.reset(speed=0.001, inputs="assume", assumed_voice_seconds=2.1)
    price_book.seed_prices()
    return make_studio(balance_micros=50_000_000, voice_seconds=2.1)


def in_flight(studio: Studio, offer: str, count: int = 1) -> list[ProviderJob]:
    renders = [ask(studio, model=registry.offer(offer).model, offer=offer) for _ in range(count)]
    assert [submit_render(render.pk) for render in renders] == [True] * count
    return [render.jobs.get() for render in renders]


def handles(jobs: list[ProviderJob]) -> list[JobHandle]:
    return [JobHandle(job.reference, registry.offer(OFFER).provider_model, job.reference, job.handle) for job in jobs]


def ask_all(jobs: list[JobHandle]) -> list[JobReport | ProviderError]:
    return http.run(registry.provider("runware").check_many, jobs)


def statuses(told: list[JobReport | ProviderError]) -> list[JobStatus]:
    return [found.status for found in told if isinstance(found, JobReport)]


def polls(site: Simulators) -> int:
    return int(site.runware.counts()["requests"].get("status", 0))


def test_one_request_tells_each_job_its_own_news(studio: Studio, site: Simulators) -> None:
    jobs = in_flight(studio, OFFER, 3)
    site.runware.finish(jobs[1].reference)
    site.runware.finish(jobs[2].reference, code="providerError")
    told = ask_all([*handles(jobs), JobHandle("4d3c1c0e-4f0b-4e3a-9a51-3c2f6d1b8e77", "m", "", jobs[0].handle)])
    first, second, third, unheard = told
    assert isinstance(second, JobReport)
    assert isinstance(third, JobReport)
    assert third.failure is not None
    assert statuses([second, third]) == [JobStatus.DONE, JobStatus.FAILED]
    assert third.failure.fault is Fault.PROVIDER
    assert second.provider_job_id == jobs[1].reference
    assert statuses([first, unheard])[1] == JobStatus.QUEUED
    assert jobs[0].reference not in str(second.raw)


@pytest.mark.parametrize(("fault", "word"), [("server_error", Fault.PROVIDER), ("bad_key", Fault.AUTH)])
def test_a_provider_that_is_down_is_not_asked_again_for_each(
    fault: str, word: Fault, studio: Studio, site: Simulators
) -> None:
    jobs = in_flight(studio, OFFER, 3)
    before = polls(site)
    site.runware.fault(fault, route="status")
    told = ask_all(handles(jobs))
    assert [found.failure.fault for found in told if isinstance(found, ProviderError)] == [word] * 3
    assert polls(site) - before <= 3  # the tasks of that one request, at most


@pytest.mark.parametrize("provider", OFFERS)
@pytest.mark.parametrize("way", ["loop", "foreground"])
def test_a_bad_key_while_watching_pauses_the_provider_and_tells_the_operator(
    provider: str, way: str, studio: Studio, site: Simulators
) -> None:
    [job] = in_flight(studio, OFFERS[provider])
    getattr(site, provider).fault("bad_key", route="status")
    if way == "loop":
        assert watch(run_seconds=1.0) is True
    else:
        with pytest.raises(ProviderError):
            check_now(job)
    of_it = {offer.id for offer in registry.offers_at(provider)}
    assert set(OfferHealth.objects.filter(open_until__gt=timezone.now()).values_list("pk", flat=True)) == of_it
    assert set(Alert.objects.filter(kind="offer_paused").values_list("key", flat=True)) == of_it
    assert Render.objects.get().state == "rendering"


def test_the_loop_brings_home_what_is_done_and_leaves_the_rest(studio: Studio, site: Simulators) -> None:
    site.runware.fault("webhook_lost")
    jobs = in_flight(studio, OFFER, 4)
    for job in jobs[:2]:
        site.runware.finish(job.reference)
    assert watch(run_seconds=3.0) is True
    found: dict[Any, str] = dict(ProviderJob.objects.values_list("pk", "render__state"))
    assert found == {job.pk: "ingesting" if job in jobs[:2] else "rendering" for job in jobs}

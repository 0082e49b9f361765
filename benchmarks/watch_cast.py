"""The renders of ``benchmarks.watch``. Imported once Django is set up for the benchmark's own site."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import aiohttp
from django.utils import timezone

from avatarsite.inbox.models import InboundEvent, SignatureStatus
from avatarsite.workspaces.models import Workspace
from billing.models import Hold
from billing.prices import price_book
from studio.models import Outcome, ProviderJob, Render, RenderState
from studio.models.renders import ALIVE, render_id
from studio.providers import registry
from tests.flows import cast as flow
from tests.simulators.fixture import Simulators

BALANCE = 100_000_000_000
VOICE_SECONDS = 8.0
MODEL = "kling-avatar-2-pro"
# So old that they are asked about as seldom as it gets.
AGE = timedelta(minutes=20)
AT_ONCE = 50


@cache
def studio() -> flow.Studio:
    price_book.seed_prices()
    made = flow.make_studio(balance_micros=BALANCE, voice_seconds=VOICE_SECONDS, slug="benchmark")
    assert isinstance(made.workspace, Workspace)
    return made


def ask(offer: str) -> Render:
    """A render by the same call as the page's and the API's."""
    return flow.ask(studio(), model=MODEL, offer=offer)


def all_ended(renders: list[Render]) -> bool:
    return not Render.objects.filter(pk__in=[renders[0].pk, renders[-1].pk], state__in=ALIVE).exists() and not (
        Render.objects.filter(state__in=ALIVE).exists()
    )


def ready_at() -> dict[str, float]:
    """When each render was stored, checked and charged, by the provider's id of its job."""
    ready = ProviderJob.objects.filter(render__state=RenderState.READY, outcome=Outcome.ACCEPTED)
    rows = ready.values_list("provider_job_id", "render__finished_at")
    return {job: at.timestamp() for job, at in rows if at is not None}


# --- Rows without their way ------------------------------------------------------------------------------------------


def plant(offer: str, count: int, simulators: Simulators) -> None:
    """Renders as they stand long after their provider has taken them; it really has."""
    template = Render.objects.filter(offer=offer).select_related("hold").first() or ask(offer)
    ids = asyncio.run(accepted_by(registry.offer(offer), count, simulators))
    holds = Hold.objects.bulk_create(_holds(template.hold, count), batch_size=500)
    now = timezone.now()
    renders = [copied(template, id=hold.subject.partition(":")[2], hold=hold, **_flying(now)) for hold in holds]
    Render.objects.bulk_create(renders, batch_size=500)
    jobs = [_job(render, offer, job_id, now) for render, job_id in zip(renders, ids, strict=True)]
    ProviderJob.objects.bulk_create(jobs, batch_size=500)
    # The one that was only the pattern must not be sent.
    Render.objects.filter(offer=offer, state=RenderState.QUEUED).update(next_try_at=now + timedelta(days=1))


def store_webhook(provider: str) -> None:
    """A webhook that came and was genuine: it proves that they reach us."""
    InboundEvent.objects.get_or_create(
        source=provider, event_id="proof", signature_status=SignatureStatus.VALID, body=b"{}"
    )


def uproot() -> None:
    ProviderJob.objects.filter(next_check_at__isnull=False).update(next_check_at=None)


def _holds(template: Hold, count: int) -> Iterator[Hold]:
    for _ in range(count):
        subject = f"render:{render_id()}"
        yield copied(template, id=None, key=f"{subject}:hold", subject=subject)


def _flying(now: Any) -> dict[str, Any]:
    return {"state": RenderState.RENDERING, "next_try_at": None, "state_since": now, "idempotency_key": None}


def copied(row: Any, **changes: Any) -> Any:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}  # noqa: SLF001
    named = {f"{name}_id" if name == "hold" else name: getattr(value, "pk", value) for name, value in changes.items()}
    return type(row)(**(values | named))


def _job(render: Render, offer: str, job_id: str, now: Any) -> ProviderJob:
    taken = now - AGE
    return ProviderJob(
        render=render,
        attempt=1,
        offer=offer,
        reference=job_id,
        provider_job_id=job_id,
        outcome=Outcome.ACCEPTED,
        handle={"accepted_at": int(taken.timestamp())},
        sent_at=taken,
        accepted_at=taken,
        next_check_at=now,
    )


async def accepted_by(offer: registry.Offer, count: int, simulators: Simulators) -> list[str]:
    places = asyncio.Semaphore(AT_ONCE)
    portrait, voice = simulators.sample("portrait-600x600.jpg"), simulators.sample("voice-8000.mp3")
    env = simulators.environment

    async with aiohttp.ClientSession() as session:

        async def runware() -> str:
            job_id = str(uuid4())
            task = {"taskType": "videoInference", "taskUUID": job_id, "model": offer.provider_model}
            task |= {"inputs": {"image": portrait, "audio": voice}}
            headers = {"Authorization": f"Bearer {env['RUNWARE_API_KEY']}"}
            async with places, session.post(env["RUNWARE_URL"], json=[task], headers=headers) as answer:
                answer.raise_for_status()
            return job_id

        async def fal() -> str:
            headers = {"Authorization": f"Key {env['FAL_KEY']}"}
            url = f"{env['FAL_QUEUE_URL']}/{offer.provider_model}"
            body = {"image_url": portrait, "audio_url": voice}
            async with places, session.post(url, json=body, headers=headers) as answer:
                return str((await answer.json())["request_id"])

        submit = {"runware": runware, "fal": fal}[offer.provider]
        return list(await asyncio.gather(*(submit() for _ in range(count))))

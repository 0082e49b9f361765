"""Customers of the site that bears the load: each with a session, a token, and renders that providers have.

Runs in a process of the site, ``python -m benchmarks.load.customers JSON``, and prints what the load needs to know of
them. Renders in flight are copied row by row from one that was asked for, with their holds and what these take from
wallet and lot, and the stand-ins really have their jobs; so the ledger is as exact as if each had been asked for.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 -- the site has to be set up first
from django.db.models import F  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.workspaces.models import Scope, User, Workspace  # noqa: E402
from avatarsite.workspaces.tokens import make_token  # noqa: E402
from benchmarks.watch_cast import accepted_by, copied  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.models import CreditLot, Hold, HoldLot, LedgerAccount  # noqa: E402
from billing.prices import price_book  # noqa: E402
from studio.models import Outcome, ProviderJob, Render, RenderEvent, RenderState, Upload  # noqa: E402
from studio.models.renders import render_id  # noqa: E402
from studio.pipeline.request import take  # noqa: E402
from studio.pipeline.request.render_request import RenderRequest  # noqa: E402
from studio.pipeline.states import DEADLINES  # noqa: E402
from studio.projects import project_for_new_video  # noqa: E402
from studio.providers import registry  # noqa: E402
from studio.uploads.samples import add_samples  # noqa: E402

CREDIT_MICROS = 10**10
MODEL = "kling-avatar-2-pro"
# Most at the one that tells of 200 jobs in an answer, some at the one that is asked about each.
OFFERS = {"runware:klingai:avatar@2.0-pro": 0.9, "fal:fal-ai/kling-video/ai-avatar/v2/pro": 0.1}


@dataclass(frozen=True)
class Customer:
    workspace: Workspace
    user: User
    uploads: tuple[Upload, Upload]


def customers(count: int, flight: int, stand_ins: Any) -> Iterator[dict[str, Any]]:
    price_book.seed_prices()
    for number in range(count):
        user = User.objects.create_user(f"load{number}@example.org", None, name=f"Load {number}")
        workspace = user.workspaces.get()
        posting.grant(workspace, CREDIT_MICROS, key=f"load:{number}", reason="For the load")
        one = Customer(workspace, user, add_samples(workspace))
        _, token = make_token(workspace, user=user, name="Load", scopes=list(Scope))
        portrait, voice = one.uploads
        for offer, share in OFFERS.items():
            plant(one, offer, round(flight * share / count), stand_ins)
        yield {
            "slug": workspace.slug,
            "token": token,
            "session": _signed_in(user),
            "portrait": portrait.pk,
            "voice": voice.pk,
            "renders": list(Render.objects.filter(workspace=workspace).values_list("pk", flat=True)),
        }


def _signed_in(user: User) -> str:
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def plant(one: Customer, offer: str, count: int, stand_ins: Any) -> None:
    """Renders of a customer at ``offer``, one of them asked for and sent by the site itself."""
    portrait, voice = one.uploads
    wish = RenderRequest(
        one.workspace, project_for_new_video(one.workspace), portrait, voice, model=MODEL, offer=offer, fallback=False
    )
    (template,) = take.take(wish, user=one.user)
    ids = asyncio.run(accepted_by(registry.offer(offer), count - 1, stand_ins))
    holds = _placed(template.hold, len(ids))
    now = timezone.now()
    flying = {
        "state": RenderState.RENDERING,
        "state_since": now,
        "deadline_at": now + DEADLINES[RenderState.RENDERING],
        "next_try_at": None,
        "idempotency_key": None,
    }
    renders = [copied(template, id=hold.subject.partition(":")[2], hold=hold, **flying) for hold in holds]
    Render.objects.bulk_create(renders, batch_size=1000)
    RenderEvent.objects.bulk_create(_history(renders), batch_size=1000)
    jobs = [_job(render, offer, job_id) for render, job_id in zip(renders, ids, strict=True)]
    ProviderJob.objects.bulk_create(jobs, batch_size=1000)


def _placed(template: Hold, count: int) -> list[Hold]:
    """As many more holds, and what each takes of the customer's one lot and wallet."""
    part = HoldLot.objects.get(hold=template)
    subjects = [f"render:{render_id()}" for _ in range(count)]
    holds = Hold.objects.bulk_create(
        [copied(template, id=None, key=f"{subject}:hold", subject=subject) for subject in subjects], batch_size=1000
    )
    HoldLot.objects.bulk_create(
        [HoldLot(hold=hold, lot_id=part.lot_id, amount_micros=part.amount_micros) for hold in holds], batch_size=1000
    )
    more = F("held") + count * template.amount_micros
    CreditLot.objects.filter(pk=part.lot_id).update(held=more)
    LedgerAccount.objects.filter(pk=template.account_id).update(held=more)
    return holds


def _history(renders: list[Render]) -> Iterator[RenderEvent]:
    moves = (("", "queued"), ("queued", "submitting"), ("submitting", "rendering"))
    for render in renders:
        for was, now in moves:
            yield RenderEvent(render=render, from_state=was, to_state=now, reason="planted", at=render.state_since)


def _job(render: Render, offer: str, job_id: str) -> ProviderJob:
    """As it stands some minutes after its provider has taken it."""
    now = timezone.now()
    taken = now - timedelta(minutes=10)
    return ProviderJob(
        render=render, attempt=1, offer=offer, reference=job_id, provider_job_id=job_id, outcome=Outcome.ACCEPTED,
        handle={"accepted_at": int(taken.timestamp())}, sent_at=taken, accepted_at=taken, next_check_at=now,
    )  # fmt: skip


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    samples = SimpleNamespace(environment=told["environment"], sample=lambda name: f"{told['samples']}/{name}")
    print(json.dumps(list(customers(told["customers"], told["flight"], samples))))

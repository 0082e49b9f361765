"""Two operators at the same button of the admin site in the same moment, on a real database.

``python -m tests.studio.pipeline.operator_racing`` prints, as JSON and for each round of each race, the status that
each was answered with, how many lines the audit log has, and what the rows say then.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connections  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.audit.models import AuditEntry  # noqa: E402
from avatarsite.ids import new_id  # noqa: E402
from avatarsite.staff.models import StaffNote  # noqa: E402
from avatarsite.workspaces.models import User, Workspace  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.models import Transfer  # noqa: E402
from billing.prices import price_book  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.models import Render  # noqa: E402
from tests.studio import shop  # noqa: E402

ROUNDS = 4
MODEL = "kling-avatar-2-standard"
CHEAP, OTHER = "fal:fal-ai/kling-video/ai-avatar/v2/standard", "runware:klingai:avatar@2.0-standard"


def press(url: str, **facts: str) -> list[int]:
    """Both send the form at once, each from a browser of their own."""
    start, answers = Barrier(2), []

    def run(operator: Client, token: str) -> None:
        try:
            start.wait()
            answers.append(operator.post(url, {"token": token, "reason": "A race.", **facts}).status_code)
        finally:
            connections.close_all()

    threads = [
        Thread(target=run, args=[operator(), facts.get("token", str(uuid.uuid4()))]) for operator in (hired, hired)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def hired() -> Client:
    client = Client()
    person = User.objects.create_superuser(f"{new_id('staff')}@example.org")
    client.force_login(person, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client


def house() -> Workspace:
    workspace = User.objects.create_user(f"{new_id('person')}@example.org").workspaces.get()
    posting.grant(workspace, 20_000_000, key=f"race:{workspace.pk}", reason="A race")
    return workspace


def act(render: Render, name: str, **facts: str) -> list[int]:
    return press(reverse(f"admin:studio_render_{name}", args=[render.pk]), **facts)


def lines_about(row: str) -> int:
    return AuditEntry.objects.filter(event="staff.changed", target=row).count()


def at_fal() -> Render:
    render = shop.accepted(shop.asked(house(), model=MODEL))
    render.jobs.update(next_check_at=timezone.now(), accepted_at=timezone.now())
    return render


def a_charge_is_given_back() -> Any:
    render = shop.ready(house())
    answers = act(render, "give_back")
    return answers, lines_about(render.pk), Transfer.objects.filter(hold=render.hold, kind="reversal").count()


def a_render_is_given_up() -> Any:
    render = at_fal()
    answers = act(render, "give_up")
    return answers, lines_about(render.pk), render.events.filter(to_state="failed").count()


def a_render_is_sent_elsewhere() -> Any:
    render = at_fal()
    answers = act(render, "send", offer=OTHER)
    moves = render.events.filter(reason="sent to another offer by an operator").count()
    return answers, lines_about(render.pk), moves


def a_workspace_is_suspended() -> Any:
    workspace = house()
    answers = press(reverse("admin:workspaces_workspace_suspend", args=[workspace.pk]))
    workspace.refresh_from_db()
    return answers, lines_about(workspace.pk), int(workspace.suspended_at is not None)


def a_workspace_is_closed() -> Any:
    workspace = house()
    answers = press(reverse("admin:workspaces_workspace_close", args=[workspace.pk]))
    expiries = Transfer.objects.filter(owner__workspace=workspace, kind="expire").count()
    return answers, lines_about(workspace.pk), expiries


def one_form_writes_a_note() -> Any:
    workspace = house()
    url = reverse("admin:workspaces_workspace_note", args=[workspace.pk])
    answers = press(url, token=str(uuid.uuid4()), text="The same form.")
    return answers, lines_about(workspace.pk), StaffNote.objects.filter(workspace=workspace).count()


RACES: tuple[Callable[[], Any], ...] = (
    a_charge_is_given_back,
    a_render_is_given_up,
    a_render_is_sent_elsewhere,
    a_workspace_is_suspended,
    a_workspace_is_closed,
    one_form_writes_a_note,
)

if __name__ == "__main__":
    setup_test_environment()
    settings.FAL_KEY, settings.RUNWARE_API_KEY = "an-id:a-secret", "a-key"
    for offer, price in ((CHEAP, 90_000), (OTHER, 95_000), (shop.OFFER, shop.PRICE_MICROS)):
        price_book.set_price(offer, cost_micros_per_second=50_000, price_micros_per_second=price, source="a race")
    found = {race.__name__: [race() for _ in range(ROUNDS)] for race in RACES}
    sys.stdout.write(json.dumps({**found, "ledger": [str(finding) for finding in verification.verify()]}))

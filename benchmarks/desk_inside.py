"""What ``benchmarks.desk`` runs in a process of its site: makes the rows and asks for the pages."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Model  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.inbox.models import InboundEvent  # noqa: E402
from avatarsite.workspaces.models import User, Workspace  # noqa: E402
from billing.models import Hold, StripeCustomer, TopUp, Usage  # noqa: E402
from studio.models import JobStatus, Outcome, ProviderJob, Render  # noqa: E402
from studio.pipeline.desk import offer_days  # noqa: E402
from studio.pipeline.request.render_request import RenderRequest  # noqa: E402
from studio.pipeline.request.take import take  # noqa: E402
from studio.projects import project_for_new_video  # noqa: E402
from studio.uploads.samples import add_samples  # noqa: E402
from tests.studio.api.seed import seed  # noqa: E402

BASE = 1_000_000_000
DAYS_OF_ROWS = 30
PROMETHEUS = {"authorization": f"Bearer {settings.METRICS_TOKEN}"}
LIVES = "number % 1000 = 0"
# What a moment within the last days, and an id of 26 characters, are in SQL.
SPELT = {
    "sqlite": {
        "moment": f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || (number % {DAYS_OF_ROWS * 86_400}) || ' seconds')",
        "id": "substr('00000000000000000000000000' || number, -26)",
    },
    "postgresql": {
        "moment": f"now() - (number % {DAYS_OF_ROWS * 86_400}) * interval '1 second'",
        "id": "lpad(number::text, 26, '0')",
    },
}


def main() -> None:
    renders, rounds = (int(word) for word in sys.argv[1:])
    settings.ALLOWED_HOSTS = ["*"]
    fill(_first_rows(), renders)
    staff = User.objects.create_superuser("staff@example.org", "correct horse battery")
    client = Client()
    client.force_login(staff)
    known = ProviderJob.objects.order_by("-pk").values_list("provider_job_id", flat=True)[0]
    pages = {
        "First page": "/admin/",
        "List of renders": "/admin/studio/render/",
        "Overdue renders": "/admin/studio/render/?overdue=1",
        "Search by a provider's id": f"/admin/search/?q={known}",
        "Search by mail address": "/admin/search/?q=alice@example.org",
        "`/metrics`": "/metrics",
        "`/readyz`": "/readyz",
    }
    # Nobody works here, so it is not ready, and says why.
    known_answers = (200, 302, 503)
    found = {"Counting 14 days, by the task": [_timed(offer_days.count_days)]}
    for path in pages.values():  # once for whatever is loaded on the first request
        assert client.get(path, headers=PROMETHEUS).status_code in known_answers, path
    for name, path in pages.items():
        found[name] = [_timed(lambda path=path: client.get(path, headers=PROMETHEUS)) for _ in range(rounds)]  # type: ignore[misc]
    print(json.dumps(found))


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def _first_rows() -> Render:
    there = seed(credit_micros=10**13)
    workspace = Workspace.objects.get(pk=there["workspace"])
    owner = User.objects.get(email="alice@example.org")
    portrait, voice = add_samples(workspace)
    asked = RenderRequest(workspace, project_for_new_video(workspace), portrait, voice, title="One")
    return take(asked, user=owner, idempotency_key="bench")[0]


def fill(one: Render, renders: int) -> None:
    moment, pk = (SPELT[connection.vendor][name] for name in ("moment", "id"))
    now = timezone.now()
    job = ProviderJob.objects.create(
        render=one, attempt=1, offer=one.offer, outcome=Outcome.ACCEPTED, status=JobStatus.DONE, finished_at=now
    )
    spare = Hold.objects.create(account=one.hold.account, key="spare", subject="spare", amount_micros=1)
    usage = Usage.objects.create(
        workspace=one.workspace,
        subject="bench:first",
        offer=one.offer,
        price=one.price,
        hold=spare,
        measured_ms=5_000,
        amount_micros=50_000,
        cost_micros=40_000,
    )
    came = InboundEvent.objects.create(source="stripe", event_id="first", body=b"{}", handled_at=now)
    customer = StripeCustomer.objects.create(workspace=one.workspace, livemode=False, email="", name="Alice")
    bought = TopUp.objects.create(
        workspace=one.workspace, customer=customer, amount_cents=2_000, livemode=False, state="cancelled"
    )
    ended = f"CASE WHEN {LIVES} THEN NULL ELSE {moment} END"
    settled = {"state": "'settled'", "settled_micros": "amount_micros", "closed_at": moment, "created_at": moment}
    _copy(one.hold, renders, id=f"{BASE} + number", key="'bench:' || number", subject="'bench:' || number", **settled)
    _copy(
        one,
        renders,
        id=f"'rnd_' || {pk}",
        hold_id=f"{BASE} + number",
        idempotency_key="NULL",
        created_at=moment,
        state=f"CASE WHEN {LIVES} THEN 'rendering' ELSE 'ready' END",
        state_since=moment,
        deadline_at=f"CASE WHEN {LIVES} THEN {moment} END",
        next_try_at="NULL",
        finished_at=ended,
        video="'video.mp4'",
        measured_ms="5000",
        charge_micros="1",
    )
    _copy(
        job,
        renders,
        id=f"'job_' || {pk}",
        render_id=f"'rnd_' || {pk}",
        reference=f"'ref-' || {pk}",
        provider_job_id=f"'theirs-' || {pk}",
        created_at=moment,
        finished_at=ended,
        status=f"CASE WHEN number % 50 = 0 THEN 'failed' ELSE '{JobStatus.DONE.value}' END",
    )
    _copy(
        usage,
        renders,
        id=f"{BASE} + number",
        hold_id=f"{BASE} + number",
        subject="'bench:' || number",
        created_at=moment,
    )
    _copy(came, renders // 5, id=f"{BASE} + number", event_id="'bench:' || number", received_at=moment)
    _copy(bought, renders // 20, id=f"'top_' || {pk}", created_at=moment)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _copy(row: Model, times: int, **differing: str) -> None:
    """The row so many times over, with ``number`` counting them."""
    opts = row._meta  # noqa: SLF001 -- Django's own API
    columns = [field.column for field in opts.concrete_fields]
    quoted = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(differing.get(name, f'one."{name}"') for name in columns)
    numbers = f"WITH RECURSIVE n(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < {times})"
    source = f'SELECT {values} FROM n, (SELECT * FROM "{opts.db_table}" WHERE "{opts.pk.column}" = %s) AS one'
    statement = f'INSERT INTO "{opts.db_table}" ({quoted}) {numbers} {source}'
    parameters: list[Any] = [row.pk]
    with connection.cursor() as cursor:
        cursor.execute(_escaped(statement), parameters)


def _escaped(statement: str) -> str:
    """Percent signs of ours are no places for parameters, but for the last."""
    head, tail = statement.rsplit("%s", 1)
    return head.replace("%", "%%") + "%s" + tail


if __name__ == "__main__":
    main()

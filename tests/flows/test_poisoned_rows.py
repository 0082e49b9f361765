"""One row of each kind that can't be acted upon, among good ones: they have their turn, the operator reads of it."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.models import Alert
from avatarsite.outbox import events, sender
from avatarsite.outbox.models import Delivery
from avatarsite.queue import due_rows, failed_tasks
from avatarsite.queue.sweeping import each, sweep, sweep_kind
from avatarsite.workspaces.models import Workspace
from billing.holds import holds
from billing.ledger import lots, posting
from billing.models import CreditLot
from billing.stripe import client
from billing.stripe_sync import reconcile
from billing.topups import sweep as topup_sweep
from billing.verify import verification
from studio.gateway import webhooks
from studio.gateway.models import GatewayFile, GatewayRequest, GatewayWebhook, Protocol, RequestState
from studio.models import Delivery as Sending
from studio.models import DeliveryState, Outcome, ProviderJob, Render, RenderState, UploadSlot
from studio.pipeline.watch import rows
from studio.providers import registry
from studio.providers.types import JobReport, JobStatus
from studio.uploads import direct
from tests.avatarsite.outbox.cast import happen, listen, make_house, send
from tests.billing.cast import give, make_workspace
from tests.flows.cast import Studio, ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)
NOWHERE = "nowhere:nothing"


@pytest.fixture
def studio() -> Studio:
    return make_studio(balance_micros=50_000_000)


def told() -> list[tuple[str, int]]:
    """What the operator reads: of which row, and how often."""
    alerts = Alert.objects.filter(kind="not_done", closed_at=None).order_by("pk")
    assert all(alert.detail["thing"] in alert.message and alert.detail["trace"] for alert in alerts)
    return [(alert.detail["thing"], alert.count) for alert in alerts]


def folder(media: Path, name: str) -> str:
    """A "file" that no storage deletes: a folder with something in it."""
    (media / name).mkdir(parents=True)
    (media / name / "inside").touch()
    return name


def overdue(render: Render) -> Render:
    Render.objects.filter(pk=render.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    return render


def asked(studio: Studio, render: Render | None, protocol: Protocol = Protocol.FAL, **also: Any) -> GatewayRequest:
    named = {"reference": f"request {GatewayRequest.objects.count()}", "model": "m", "state": RequestState.SUBMITTED}
    return GatewayRequest.objects.create(workspace=studio.workspace, protocol=protocol, render=render, **named | also)


def test_an_overdue_render_whose_hold_was_closed_by_hand(studio: Studio) -> None:
    bad, good, good_too = (overdue(ask(studio)) for _ in range(3))
    holds.settle_hold(bad.hold, 0, memo="by hand")
    forgotten = ask(studio)
    Render.objects.filter(pk=forgotten.pk).update(delete_at=timezone.now())
    assert sweep()["overdue"] == 2
    assert set(Render.objects.filter(state="failed")) == {good, good_too}
    # Waiting for the storage is a task of its own.
    assert {"kind": "video_files"} in [row.task["kwargs"] for row in OrmQ.objects.all()]
    sweep_kind("video_files")
    assert Render.objects.get(pk=forgotten.pk).files_deleted_at is not None
    assert told() == [(f"render {bad.pk}", 1)]
    sweep()
    assert told() == [(f"render {bad.pk}", 2)]


def test_an_overdue_render_at_an_offer_that_is_gone_ends_like_any_other(studio: Studio) -> None:
    at = {"state": RenderState.RENDERING, "offer": NOWHERE, "next_try_at": None}
    render = overdue(ask(studio))
    Render.objects.filter(pk=render.pk).update(**at)
    now = timezone.now()
    ProviderJob.objects.create(render=render, attempt=1, offer=NOWHERE, outcome=Outcome.ACCEPTED, next_check_at=now)
    assert (sweep()["overdue"], told()) == (1, [])
    assert Render.objects.get(pk=render.pk).state == "failed"
    assert posting.balance(studio.workspace).held_micros == 0


def test_files_that_cannot_be_deleted(local_files: Path, studio: Studio) -> None:
    media = local_files
    bad, good = ask(studio), ask(studio)
    due = timezone.now() - timedelta(days=2)
    Render.objects.filter(pk=bad.pk).update(video=folder(media, "w/video"))
    Render.objects.update(delete_at=due)
    slot, file = {"workspace": studio.workspace, "kind": "voice"}, {"workspace": studio.workspace, "name": "a"}
    bad_slot = UploadSlot.objects.create(**slot, file=folder(media, "w/slot"), expires_at=due - timedelta(hours=1))
    UploadSlot.objects.create(**slot, file="w/none", expires_at=due)
    GatewayFile.objects.create(**file, expires_at=due)
    bad_file = GatewayFile.objects.create(**file, file=folder(media, "w/file"), expires_at=due - timedelta(hours=1))
    assert (sweep_kind("video_files"), sweep_kind("gateway_file"), direct.sweep_slots()) == (1, 1, 1)
    assert Render.objects.get(pk=good.pk).files_deleted_at is not None
    assert ([*UploadSlot.objects.all()], [*GatewayFile.objects.all()]) == ([bad_slot], [bad_file])
    names = [f"render {bad.pk}", f"gateway file {bad_file.pk}", f"upload slot {bad_slot.pk}"]
    assert told() == [(name, 1) for name in names]


def test_the_sweep_of_the_gateway(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    late = timezone.now() - timedelta(seconds=1)
    bad, good = (asked(studio, ask(studio), start_by=late, state=RequestState.SUBMITTED) for _ in range(2))
    assert bad.render is not None
    holds.settle_hold(bad.render.hold, 0, memo="by hand")
    dropped = asked(studio, None, state=RequestState.FETCHING, next_try_at=late)
    untold, told_of = (
        asked(studio, None, state=RequestState.REFUSED, webhook_url="https://example.org", webhook_pending=True)
        for _ in range(2)
    )
    real = webhooks._create
    monkeypatch.setattr(webhooks, "_create", lambda row, render: 1 / 0 if row == untold else real(row, render))
    found = sweep()
    names = ("late_request", "gateway_request", "unwritten_webhooks", "gateway_webhook")
    assert [found[name] for name in names] == [1, 1, 1, 1]
    assert good.render is not None
    assert Render.objects.get(pk=good.render.pk).state == "cancelled"
    assert list(GatewayWebhook.objects.values_list("request", flat=True)) == [told_of.pk]
    assert GatewayRequest.objects.get(pk=dropped.pk).state == RequestState.FETCHING
    assert told() == [(f"gateway request {untold.pk}", 1), (f"gateway request {bad.pk}", 1)]


def test_a_webhook_that_cannot_be_worded_is_given_up_in_the_end(studio: Studio) -> None:
    row = asked(studio, None, Protocol.AIMLAPI, state=RequestState.REFUSED, webhook_url="https://example.org")
    webhook = GatewayWebhook.objects.create(key="k", request=row, next_try_at=timezone.now())
    for _ in range(webhooks.MAX_TRIES):
        with pytest.raises(KeyError):
            webhooks.deliver_webhook(webhook.pk)
        GatewayWebhook.objects.update(next_try_at=timezone.now())
    assert webhooks.deliver_webhook(webhook.pk) is False
    webhook.refresh_from_db()
    assert (webhook.state, webhook.next_try_at) == ("given_up", None)


def test_a_clause_that_breaks(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    render = ask(studio)
    Sending.objects.create(render=render, url="https://x", state=DeliveryState.WAITING, next_try_at=timezone.now())
    broken = dataclasses.replace(due_rows.kinds["ingest"], rows=lambda: 1 / 0)
    monkeypatch.setitem(due_rows.kinds, "ingest", broken)
    found = sweep()
    assert (found["deliver"], "ingest" in found) == (1, False)
    assert told() == [("ingest", 1)]


def rendering(studio: Studio, offer: str = "local:draft") -> ProviderJob:
    render = ask(studio)
    Render.objects.filter(pk=render.pk).update(state=RenderState.RENDERING, next_try_at=None)
    now = timezone.now()
    return ProviderJob.objects.create(
        render=render, attempt=1, offer=offer, outcome=Outcome.ACCEPTED, next_check_at=now
    )


def test_the_looks_and_the_reports_of_the_watch(studio: Studio, settings: Any) -> None:
    settings.PROVIDERS_AT_ONCE = settings.PROVIDERS_AT_ONCE | {"local": 4}
    bad_job, good_job = rendering(studio, NOWHERE), rendering(studio)
    bad, good = ask(studio), ask(studio)
    Render.objects.filter(pk=bad.pk).update(offer=NOWHERE, next_try_at=timezone.now() - timedelta(hours=1))
    seen = rows.load_due((), since=None, everything=True, room=5, resting=(), busy=False)
    assert ([job.pk for job in seen.loaded], [one.render.pk for one in seen.claims]) == ([good_job.pk], [good.pk])
    assert told() == [(f"provider job {bad_job.pk}", 1), (bad.pk, 1)]
    done = JobReport(JobStatus.DONE, result_url="https://example.org")
    with transaction.atomic():  # also there, and on PostgreSQL, the good one is kept
        assert rows._apply([("job_gone", done), (good_job.pk, done)]) == [good_job.pk]
    assert Render.objects.get(pk=good_job.render_id).state == RenderState.INGESTING
    assert told()[-1] == ("job_gone", 1)


def test_progress_that_no_database_keeps(studio: Studio) -> None:
    bad, good = rendering(studio), rendering(studio)
    reports = {bad.pk: JobReport(JobStatus.RUNNING, progress=2**70), good.pk: JobReport(JobStatus.RUNNING, progress=40)}
    assert rows.apply_all([], reports) == []
    assert [ProviderJob.objects.get(pk=job.pk).progress for job in (bad, good)] == [None, 40]
    assert told() == [(bad.pk, 1)]


def test_webhooks_to_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    houses = [make_house(name) for name in ("one", "two")]
    first, second = (listen(house, "https://example.org") for house in houses)
    for house in houses:
        happen(house, 2)
    events.fan_out(houses[0].pk)
    type(first).objects.filter(pk=first.pk).update(last_sequence=0)  # its numbers have been given out before
    happen(houses[0])
    assert (events.fan_out_all(), told()) == (2, [(houses[0].pk, 1)])
    assert Delivery.objects.filter(endpoint=second).count() == 2
    monkeypatch.setattr(sender, "post", lambda *_: 1 / 0)
    send()
    assert {(row.tries, row.next_try_at is None) for row in Delivery.objects.filter(sequence=1)} == {(1, False)}
    broken = [row.pk for row in Delivery.objects.filter(tries=1)]
    assert sorted(thing for thing, _ in told()[1:]) == sorted(broken)


def test_money(monkeypatch: pytest.MonkeyPatch) -> None:
    day = timezone.now() + timedelta(days=1)
    bad, good = (give(make_workspace(name), 5_000, name, expires_at=day) for name in ("bad", "good"))
    real = lots.expire_lots_of
    monkeypatch.setattr(lots, "expire_lots_of", lambda pk, now: 1 / 0 if pk == bad.account_id else real(pk, now))
    assert posting.expire_lots(day + timedelta(days=1)) == 1
    assert [CreditLot.objects.get(pk=lot.pk).remaining for lot in (bad, good)] == [5_000, 0]
    assert told() == [(str(bad.account_id), 1)]
    owing, seen = list(Workspace.objects.order_by("pk")), []
    monkeypatch.setattr(topup_sweep, "in_debt", lambda: owing)
    monkeypatch.setattr(topup_sweep, "settle_receivable", lambda one: 1 / 0 if one == owing[0] else seen.append(one))
    assert (sweep()["debts"], seen) == (len(owing) - 1, owing[1:])
    assert told()[-1] == (f"workspace {owing[0].pk}", 1)


def test_the_nightly_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Any]:
        raise ZeroDivisionError("a row of nobody's making")

    monkeypatch.setattr("billing.verify.verification._registered", [broken])
    [finding] = verification.verify()
    assert (finding.code, "broken" in finding.sentence, "of nobody's making" in finding.sentence) == (
        "not_checked", True, True,
    )  # fmt: skip
    assert verification.verify_nightly() == 1
    assert Alert.objects.get(kind="ledger").key == "not_checked"
    report = reconcile.Report(timezone.now())
    booked: list[str] = []

    def book(thing: str) -> str:
        booked.append("good" if thing == "good" else str(1 / 0))
        return "as it is"

    reconcile._book(report, "refund", ["bad", "good"], book, lambda thing: str(thing in booked))
    assert (len(report.booked), len(report.differences), report.looked_at) == (1, 1, {"refund": 2})
    assert told() == [("bad", 1)]
    assert client.is_on() is False


def test_the_alert_of_a_row_closes_when_it_can_be_done() -> None:
    down = {"b"}

    def act(name: str) -> str:
        if name in down:
            raise ValueError("Half a \ud800 and a \0")
        return name

    assert each("abc", act, "Greeting") == ["a", "c"]
    assert each("abc", act, "Greeting") == ["a", "c"]
    assert told() == [("b", 2)]
    down.clear()
    assert (each("abc", act, "Greeting"), told()) == (["a", "b", "c"], [])


def test_within_a_transaction_nothing_of_the_bad_row_is_kept_and_the_rest_goes_on() -> None:
    def act(name: str) -> Workspace:
        made = Workspace.objects.create(slug=name, name=name)
        if name == "bad":
            with connection.cursor() as cursor:
                cursor.execute("SELECT nothing FROM nowhere")
        return made

    with transaction.atomic():
        assert [made.slug for made in each(["one", "bad", "two"], act, "Making")] == ["one", "two"]
    assert set(Workspace.objects.values_list("slug", flat=True)) == {"one", "two"}
    assert told() == [("bad", 1)]


def test_a_task_that_fails_is_an_alert_until_it_goes_well() -> None:
    task = {"name": "studio.ingest", "kwargs": {"render_id": "rnd_1"}, "success": False, "result": "no : Traceback …"}
    failed_tasks._ended(task)
    failed_tasks._ended(task)
    alert = Alert.objects.get(kind="task_failed")
    assert (alert.key, alert.count, "failed: no" in alert.message) == ("studio.ingest rnd_1", 2, True)
    failed_tasks._ended(task | {"success": True, "result": None})
    assert Alert.objects.get().closed_at is not None
    for number in (1, 2):  # an alert is mailed by a task: that it fails must not make ever new ones
        failed_tasks._ended({"name": "avatarsite.send_mail", "kwargs": {"mail": number}, "success": False})
    assert Alert.objects.filter(closed_at=None).count() == 1


def test_whatever_a_row_may_name_is_found_by_the_registry() -> None:
    assert [registry.offer(name).provider for name in (registry.TEST_OFFER, "local:draft")] == ["local", "local"]
    assert registry.TEST_OFFER not in {offer.id for offer in registry.for_sale()}
    assert not hasattr(registry, "OFFERS")
    assert registry.find(NOWHERE) is None

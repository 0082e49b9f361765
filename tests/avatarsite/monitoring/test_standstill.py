"""A queue that stands still is told by mail, without a worker, at most hourly over all processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from avatarsite.mail.models import MailMessage, MailState
from avatarsite.models import Alert, Canary, Lease, QueueSilence
from avatarsite.monitoring.standstill import PATIENCE, REMIND_EVERY, check_queue
from avatarsite.queue import heartbeat, jobs
from tests.avatarsite.mail.conftest import server
from tests.avatarsite.mail.smtp import MailServer
from tests.avatarsite.monitoring import FASTER
from tests.studio.api.live import live_api
from tests.support.paths import ROOT
from tests.support.processes import cut_off
from tests.support.until import until

__all__ = ["server"]
OPS = "ops@example.org"
TITLE = "[Avatar Studio] The queue stands still"


@pytest.fixture
def operator(settings: Any) -> str:
    settings.OPERATOR_EMAIL = [OPS]
    return OPS


def living(*clusters: str) -> None:
    Canary.objects.all().delete()
    now = timezone.now()
    Canary.objects.bulk_create([Canary(worker="w", cluster=name, stamped_at=now) for name in clusters])


def pass_by(span: timedelta) -> None:
    """So much later: what has been seen and told lies so far back."""
    row = QueueSilence.objects.get()
    told_at = row.told_at and row.told_at - span
    QueueSilence.objects.update(since=row.since - span, told_at=told_at)


@pytest.mark.django_db
def test_it_is_told_once_an_hour_until_it_moves(operator: str, server: MailServer) -> None:
    living(jobs.MAIN)
    assert check_queue().startswith("The queue stands still since ")
    assert (server.got, Alert.objects.count()) == ([], 0)  # a worker that starts anew takes a while
    pass_by(PATIENCE)
    assert "watch is not running" in check_queue()
    assert server.delivered == [(OPS, TITLE)]
    for _ in range(5):
        check_queue()
    assert len(server.got) == 1
    pass_by(REMIND_EVERY)
    check_queue()
    check_queue()
    assert server.delivered == [(OPS, TITLE)] * 2
    assert [(alert.kind, alert.closed_at) for alert in Alert.objects.all()] == [("queue_still", None)]
    living(*jobs.CLUSTERS)
    assert check_queue() == ""
    assert Alert.objects.get().closed_at is not None
    assert QueueSilence.objects.count() == 0
    assert len(server.got) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("silent_for", "told"), [(PATIENCE - timedelta(minutes=1), 0), (PATIENCE, 1)])
def test_silence_counts_from_the_last_sign_of_life(
    operator: str, server: MailServer, silent_for: timedelta, told: int
) -> None:
    living(*jobs.CLUSTERS)
    last = timezone.now() - silent_for
    Canary.objects.filter(cluster=jobs.MAIN).update(stamped_at=last)
    Canary.objects.create(worker="another", cluster=jobs.MAIN, stamped_at=last - timedelta(hours=1))
    message = check_queue()
    assert message.startswith(f"The queue stands still since {last:%H:%M} UTC: main is silent for ")
    assert Alert.objects.count() == 0  # a web server that has just started may be up before its worker
    QueueSilence.objects.update(since=timezone.now() - timedelta(minutes=1))
    check_queue()
    assert Alert.objects.count() == len(server.got) == told


@pytest.mark.django_db
def test_an_open_alert_names_what_has_fallen_silent_since(operator: str, server: MailServer) -> None:
    living(jobs.MAIN)
    check_queue()
    pass_by(PATIENCE)
    check_queue()
    assert "main is" not in Alert.objects.get().message
    living()
    check_queue()
    alert = Alert.objects.get()
    assert "main is not running, watch is not running" in alert.message
    assert (alert.count, len(server.got)) == (1, 1)


@pytest.mark.django_db
def test_a_dead_workers_row_goes_once_another_works_in_its_place() -> None:
    living(jobs.MAIN)
    long_ago = timezone.now() - heartbeat.FORGOTTEN_AFTER - timedelta(seconds=1)
    for cluster in jobs.CLUSTERS:
        Canary.objects.create(worker="dead", cluster=cluster, stamped_at=long_ago)
    heartbeat.forget_dead()
    assert list(Canary.objects.filter(worker="dead").values_list("cluster", flat=True)) == [jobs.WATCH]


@pytest.mark.django_db
def test_it_is_told_when_the_mail_server_is_back(operator: str, server: MailServer) -> None:
    check_queue()
    pass_by(PATIENCE)
    server.set("away")
    check_queue()
    assert MailMessage.objects.get().state == MailState.WAITING
    server.set("takes")
    MailMessage.objects.update(next_try_at=timezone.now())
    Lease.objects.update(expires_at=timezone.now())
    check_queue()
    assert server.delivered == [(OPS, TITLE)]


@pytest.mark.django_db
def test_the_mail_says_what_to_do(operator: str, server: MailServer) -> None:
    check_queue()
    pass_by(PATIENCE)
    check_queue()
    body = server.got[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "main is not running, watch is not running." in text
    assert "What to do: Look whether `manage.py worker` runs" in text
    assert "It closes by itself when every cluster shows a sign of life." in text
    assert f"/admin/site/alert/{Alert.objects.get().pk}/change/" in text


@pytest.mark.django_db(transaction=True)
def test_many_processes_tell_it_once(operator: str, server: MailServer) -> None:
    check_queue()
    pass_by(PATIENCE)

    def look(_: int) -> None:
        try:
            check_queue()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(look, range(12)))
    check_queue()
    assert server.delivered == [(OPS, TITLE)]
    assert Alert.objects.get().count == 1


@pytest.mark.django_db
def test_the_command_is_for_cron(operator: str, server: MailServer, capsys: pytest.CaptureFixture[str]) -> None:
    living(*jobs.CLUSTERS)
    call_command("check_queue")
    assert capsys.readouterr().out == "The queue moves.\n"
    living()
    with pytest.raises(SystemExit) as ended:
        call_command("check_queue")
    assert ended.value.code == 1
    assert capsys.readouterr().out.startswith("The queue stands still since ")


@pytest.mark.process
def test_the_worker_is_killed_at_night(tmp_path: Path) -> None:
    """Web alive, worker killed: the mail is out within ten minutes; the worker is back: the alert closes."""
    given = {"OPERATOR_EMAIL": OPS}
    application = "tests.avatarsite.monitoring.sped_up.application"
    with live_api(tmp_path, worker=True, processes=3, application=application, **given) as live:
        worker = live.started[1]
        until(lambda: live.site.ask(CANARIES) == 2, 60)
        until(lambda: live.site.ask(OPEN) == 0, 60)
        for early in (tmp_path / "mail").glob("*.log"):  # a start that takes long is rightly told, too
            early.unlink()
        time.sleep(120 / FASTER)
        assert mails(tmp_path) == []
        cut_off(worker.pid)
        began = time.monotonic()
        until(lambda: mails(tmp_path) != [], 600 / FASTER + 15)
        minutes = (time.monotonic() - began) * FASTER / 60
        assert minutes < 10, f"it took {minutes:.1f} minutes"
        time.sleep(180 / FASTER)
        assert mails(tmp_path) == [(OPS, TITLE)]  # one for all three processes
        live.started.append(live.site.serve(str(ROOT / "manage.py"), "worker", log="worker2.log"))
        until(lambda: live.site.ask(OPEN) == 0, 60)


CANARIES = "from avatarsite.models import Canary\nprint(Canary.objects.count())"
OPEN = "from avatarsite.models import Alert\nprint(Alert.objects.filter(closed_at=None, kind='queue_still').count())"


def mails(folder: Path) -> list[tuple[str, str]]:
    found = [message_from_bytes(path.read_bytes(), policy=default) for path in (folder / "mail").glob("*.log")]
    return [(str(message["To"]), str(message["Subject"])) for message in found if "queue" in str(message["Subject"])]

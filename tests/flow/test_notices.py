"""The mail about an ended render: owed with its end, sent once, and found again when it was dropped."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.workspaces.models import Member, Role, User
from studio.models import Notice, Render, RenderState
from studio.pipeline import overdue
from studio.pipeline.cancel import request_cancel
from studio.pipeline.failures import fail_render
from studio.pipeline.notify import MAX_TRIES, TRY_AGAIN_AFTER, notify_render, unsent_notices
from tests.flow.cast import ask, make_studio

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failed() -> Render:
    """A render that ended badly after an hour."""
    studio = make_studio()
    person = User.objects.create_user("maker@example.com", "a long password")
    Member.objects.create(workspace=studio.workspace, user=person, role=Role.OWNER)
    render = ask(studio)
    Render.objects.filter(pk=render.pk).update(requested_by=person, created_at=timezone.now() - timedelta(hours=1))
    render.refresh_from_db()
    assert fail_render(render, code="provider", message="It broke.", reason="test") is True
    return render


def later(after: timedelta) -> None:
    notice = Notice.objects.get()
    assert notice.next_try_at is not None
    Notice.objects.update(next_try_at=notice.next_try_at - after)


def test_a_notice_is_owed_with_the_end_and_sent_once(failed: Render) -> None:
    assert unsent_notices() == [failed.pk]
    assert [notify_render(failed.pk), notify_render(failed.pk)] == [True, False]
    assert [message.to for message in mail.outbox] == [["maker@example.com"]]
    assert unsent_notices() == []


def test_a_lost_task_is_made_up_for_by_the_sweep(failed: Render) -> None:
    OrmQ.objects.all().delete()
    assert overdue.sweep()["notices"] == 1
    assert [task.name() for task in OrmQ.objects.all()] == ["studio.notify"]


def test_a_slow_mail_server_is_not_asked_twice_by_the_sweep(failed: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    meanwhile: list[Any] = []

    def slow(*_: Any) -> None:
        meanwhile.extend((overdue.sweep()["notices"], notify_render(failed.pk)))

    monkeypatch.setattr("studio.pipeline.notify._mail", slow)
    assert notify_render(failed.pk) is True
    assert meanwhile == [0, False]


def test_a_mail_that_can_not_be_sent_is_tried_again_and_given_up(
    failed: Render, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("studio.pipeline.notify._mail", broken)
    for number in range(1, MAX_TRIES + 1):
        with pytest.raises(ConnectionRefusedError):
            notify_render(failed.pk)
        assert Notice.objects.get().tries == number
        if number < MAX_TRIES:
            assert unsent_notices() == []
            later(TRY_AGAIN_AFTER)
            assert unsent_notices() == [failed.pk]
    assert unsent_notices() == []


def test_a_cancel_that_crosses_a_requeue_still_cancels() -> None:
    render = ask(make_studio())
    render.state = RenderState.SUBMITTING  # as it was read; it has gone back to the queue since
    assert request_cancel(render, user=None) is True
    render.refresh_from_db()
    assert render.state == RenderState.CANCELLED

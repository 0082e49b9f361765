"""The mail about an ended render: owed with its end, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.models import Member, Role, User
from studio.models import Render, RenderState
from studio.pipeline.cancel import request_cancel
from studio.pipeline.failures import fail_render
from tests.flow.cast import ask, make_studio
from tests.mailing import posted

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


def test_a_mail_is_owed_with_the_end_and_sent_once(failed: Render) -> None:
    assert MailMessage.objects.get().kind == "render_ended"
    assert [letter.to for letter in posted()] == [["maker@example.com"]]
    assert [letter.subject for letter in posted()] == [f"Your video could not be made: {failed.title}"]


def test_a_cancel_that_crosses_a_requeue_still_cancels() -> None:
    render = ask(make_studio())
    render.state = RenderState.SUBMITTING  # as it was read; it has gone back to the queue since
    assert request_cancel(render, user=None) is True
    render.refresh_from_db()
    assert render.state == RenderState.CANCELLED

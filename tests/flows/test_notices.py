"""The mail about an ended render: owed with its end, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.mail_choice import CHOICES, no_more_link, wants
from avatarsite.workspaces.models import Member, Role, Scope, User
from avatarsite.workspaces.tokens import make_token
from studio.models import Render, RenderGroup, RenderState
from studio.pipeline.cancel import request_cancel
from studio.pipeline.failures import fail_render
from studio.pipeline.request.batches import request_batch
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.pipeline.settle import settle_render
from studio.pipeline.states import advance
from tests.flows.cast import Studio, ask, make_studio
from tests.support.mails import posted

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


# --- What is asked for in one breath, and by whom


@pytest.fixture
def studio() -> Studio:
    studio = make_studio()
    Member.objects.create(workspace=studio.workspace, user=make_person(), role=Role.OWNER)
    return studio


def make_person() -> User:
    return User.objects.create_user("maker@example.com", "a long password")


def asked(studio: Studio, *, by_token: bool, count: int, one_by_one: bool = False, **also: object) -> list[Render]:
    """Renders that began an hour ago."""
    maker = User.objects.get(email="maker@example.com")
    token = make_token(studio.workspace, user=maker, name="CI", scopes=[Scope.RENDER])[0] if by_token else None
    request = RenderRequest(
        workspace=studio.workspace, project=studio.project, portrait=studio.portrait, voice=studio.voice,
        token=token, **also,  # type: ignore[arg-type]
    )  # fmt: skip
    if one_by_one:
        renders = [take(request, user=maker, idempotency_key=None)[0] for _ in range(count)]
    else:
        renders = list(request_batch(studio.workspace, [request] * count, user=maker).renders.order_by("pk"))
    Render.objects.update(created_at=timezone.now() - timedelta(hours=1))
    RenderGroup.objects.update(created_at=timezone.now() - timedelta(hours=1))
    return list(Render.objects.filter(pk__in=[one.pk for one in renders]).order_by("pk"))


def end(render: Render, *, ready: bool = False) -> None:
    render = Render.objects.get(pk=render.pk)
    if not ready:
        assert fail_render(render, code="provider", message="It broke.", reason="test")
        return
    for state in (RenderState.SUBMITTING, RenderState.RENDERING, RenderState.INGESTING):
        assert advance(render, state, reason="test")
    assert settle_render(render, measured_ms=1_000, video="v.mp4", video_bytes=1)


def mails() -> list[str]:
    return [letter.subject for letter in posted()]


@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_token_gets_no_mail_unless_it_asks(studio: Studio, one_by_one: bool) -> None:
    for render in asked(studio, by_token=True, count=5, one_by_one=one_by_one):
        end(render)
    assert mails() == []


def test_a_token_that_asks_gets_one_mail_for_a_batch(studio: Studio) -> None:
    *others, last = asked(studio, by_token=True, count=5, notify=True)
    for render in others:
        end(render, ready=render.pk != others[0].pk)
        assert mails() == []
    end(last, ready=True)
    assert mails() == ["Your batch is finished: 4 ready, 1 failed"]
    body = str(posted()[0].body)
    assert "4 videos are ready, 1 failed." in body
    assert "$0.04 was charged for them together." in body


def test_a_token_that_asks_one_by_one_in_one_breath_gets_one_mail(studio: Studio) -> None:
    *others, last = asked(studio, by_token=True, count=5, one_by_one=True, notify=True)
    for render in others:
        end(render, ready=render.pk != others[0].pk)
        assert mails() == []
    end(last, ready=True)
    assert mails() == ["Your videos are finished: 4 ready, 1 failed"]


def test_a_token_that_asks_now_and_then_gets_a_mail_for_each_render(studio: Studio) -> None:
    renders = asked(studio, by_token=True, count=3, one_by_one=True, notify=True)
    hour = timezone.now() - timedelta(hours=1)
    for number, render in enumerate(renders):
        Render.objects.filter(pk=render.pk).update(created_at=hour + timedelta(minutes=2 * number))
    for render in renders:
        end(render)
    assert len(mails()) == 3


def test_what_a_token_asks_for_when_all_before_has_ended_is_another_breath(studio: Studio) -> None:
    renders = asked(studio, by_token=True, count=2, one_by_one=True, notify=True)
    first, second = renders
    Render.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(seconds=80))
    Render.objects.filter(pk=second.pk).update(created_at=timezone.now() + timedelta(seconds=1))
    end(first)
    assert len(mails()) == 1
    Render.objects.filter(pk=first.pk).update(finished_at=timezone.now() - timedelta(seconds=60))
    Render.objects.filter(pk=second.pk).update(created_at=timezone.now() - timedelta(seconds=50))
    end(second)
    assert len(mails()) == 2


def test_a_batch_whose_last_one_is_cancelled_is_told_too(studio: Studio) -> None:
    first, second, last = asked(studio, by_token=False, count=3)
    end(first, ready=True)
    end(second)
    assert request_cancel(Render.objects.get(pk=last.pk), user=None)
    assert mails() == ["Your batch is finished: 1 ready, 1 failed"]
    assert "1 failed, 1 was cancelled." in str(posted()[0].body)


def test_what_was_cancelled_altogether_is_told_to_nobody(studio: Studio) -> None:
    for render in asked(studio, by_token=False, count=2):
        assert request_cancel(render, user=None)
    assert mails() == []


def test_takes_of_the_page_are_one_mail(studio: Studio) -> None:
    maker = User.objects.get(email="maker@example.com")
    request = RenderRequest(
        workspace=studio.workspace, project=studio.project, portrait=studio.portrait, voice=studio.voice,
        options={"takes": 3},
    )  # fmt: skip
    takes = take(request, user=maker, idempotency_key=None)
    RenderGroup.objects.update(created_at=timezone.now() - timedelta(hours=1))
    for render in takes:
        end(render)
    assert mails() == ["Your takes are finished: 0 ready, 3 failed"]


def test_whoever_has_left_is_told_nothing(studio: Studio) -> None:
    (render,) = asked(studio, by_token=False, count=1, one_by_one=True)
    Member.objects.filter(user__email="maker@example.com", workspace=studio.workspace).delete()
    end(render)
    assert mails() == []


def test_the_mail_itself_switches_the_mails_off(studio: Studio, client: Client) -> None:
    first, second = asked(studio, by_token=False, count=2, one_by_one=True)
    end(first)
    (letter,) = posted()
    address = letter.extra_headers["List-Unsubscribe"].strip("<>")
    assert letter.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert address in str(letter.body)
    path = "/" + address.split("/", 3)[3]
    assert "Switch them off" in client.get(path).content.decode()
    assert User.objects.get(email="maker@example.com").mail_finished, "a scanner that follows links switches nothing"
    end(second)
    assert "Switched off" in client.post(path, {"List-Unsubscribe": "One-Click"}).content.decode()
    assert len(mails()) == 1, "and what waited has been withdrawn"
    assert client.get(path[:-3] + "x/").status_code == 404


def test_the_account_page_switches_them_off_and_on(studio: Studio, client: Client) -> None:
    maker = User.objects.get(email="maker@example.com")
    client.force_login(maker, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    first, second = asked(studio, by_token=False, count=2, one_by_one=True)
    assert "Mail me when my videos are finished" in client.get("/me/").content.decode()
    client.post("/me/", {"name": "Maker"})
    end(first)
    assert mails() == []
    client.post("/me/", {"name": "Maker", "mail_finished": "on"})
    end(second)
    assert len(mails()) == 1


def test_each_kind_that_may_be_left_has_a_switch_and_a_link_of_its_own(studio: Studio, client: Client) -> None:
    maker = User.objects.get(email="maker@example.com")
    client.force_login(maker, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    page = client.get("/me/").content.decode()
    for choice in CHOICES.values():
        assert f'name="{choice.column}"' in page
        path = "/" + no_more_link(maker, choice.kind).split("/", 3)[3]
        assert f"gets mails about {choice.about}" in Client().get(path).content.decode()
        assert Client().post(path).status_code == 200
        maker.refresh_from_db()
        assert not wants(maker, choice.kind)
    # A link of before there were kinds.
    client.post("/me/", {"name": "Maker", **{choice.column: "on" for choice in CHOICES.values()}})
    old = signing.dumps(maker.pk, salt="avatarsite.workspaces.mail_choice")
    assert Client().post(f"/mail/no-more/{old}/").status_code == 200
    maker.refresh_from_db()
    assert [choice.column for choice in CHOICES.values() if not wants(maker, choice.kind)] == ["mail_finished"]


def test_a_cancel_that_crosses_a_requeue_still_cancels() -> None:
    render = ask(make_studio())
    render.state = RenderState.SUBMITTING  # as it was read; it has gone back to the queue since
    assert request_cancel(render, user=None) is True
    render.refresh_from_db()
    assert render.state == RenderState.CANCELLED

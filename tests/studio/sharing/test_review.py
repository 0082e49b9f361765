"""Review: what guests of a link may write, who reads it, what its owner does with it, and its end with the link."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from avatarsite.mail.models import MailMessage
from avatarsite.outbox.models import Event
from avatarsite.queue.sweeping import sweep_kind
from avatarsite.workspaces.models import User, Workspace
from studio.models import Render, ReviewComment, ShareLink
from studio.sharing import review
from studio.sharing.links import Terms, key_of, make_link, revoke_link
from studio.sharing.review import AT_ONCE, MAX_TEXT
from studio.views.sharing.shared import moment_of
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.api.conftest import caller

pytestmark = pytest.mark.django_db
SAYS = {"author": "Grace Hopper", "text": "The hands are odd.", "at": "0:05", "verdict": "changes"}


@pytest.fixture
def video(workspace: Workspace, settings: Any, tmp_path: Path) -> Render:
    cache.clear()
    settings.MEDIA_ROOT = tmp_path
    render = shop.ready(shop.open_shop(workspace), "The secret plan")
    for name in (render.video.name, render.poster.name):
        default_storage.save(name, ContentFile(b"bytes"))
    return render


@pytest.fixture
def link(video: Render, alice: User) -> ShareLink:
    return make_link(video, Terms(allow_review=True), user=alice)


def page(link: ShareLink) -> str:
    return f"/s/{key_of(link)}/"


def say(link: ShareLink, client: Client | None = None, **also: str) -> Any:
    return (client or Client()).post(f"{page(link)}review", {**SAYS, **also})


def test_a_guest_comments_at_a_moment_and_reads_it(link: ShareLink) -> None:
    guest = Client()
    answer = say(link, guest)
    assert (answer.status_code, answer["Location"]) == (302, f"{page(link)}#review")
    comment = ReviewComment.objects.get()
    assert (comment.author, comment.text, comment.at_ms, comment.verdict) == (
        "Grace Hopper", "The hands are odd.", 5_000, "changes",
    )  # fmt: skip
    shown = guest.get(page(link)).content.decode()
    assert 'data-seek="5000"' in shown
    assert "The hands are odd." in shown
    assert 'value="Grace Hopper"' in shown


def test_what_is_written_is_shown_as_text(link: ShareLink) -> None:
    say(link, text="<script>alert(1)</script>", author="<b>Eve</b>")
    shown = Client().get(page(link)).content.decode()
    assert ("<script>alert" in shown, "<b>Eve" in shown) == (False, False)


def test_a_yes_needs_no_words(link: ShareLink) -> None:
    assert say(link, text="", at="", verdict="approved").status_code == 302
    assert review.verdict_on(link.render) == ReviewComment.objects.get()


@pytest.mark.parametrize(
    ("also", "told"),
    [
        ({"author": " "}, "Your name is missing."),
        ({"author": "x" * 61}, "more than 60 characters"),
        ({"text": " "}, "The comment is empty."),
        ({"text": "x" * (MAX_TEXT + 1)}, "the limit is 2,000"),
        ({"at": "9:59"}, "The video is not that long."),
    ],
)
def test_what_cannot_be_written_says_why_and_keeps_the_rest(link: ShareLink, also: dict[str, str], told: str) -> None:
    answer = say(link, **also)
    assert (answer.status_code, told in answer.content.decode()) == (422, True)
    assert ("The hands are odd." in answer.content.decode()) is ("text" not in also)
    assert ReviewComment.objects.count() == 0


@pytest.mark.parametrize(
    ("written", "ms"), [("0:05", 5_000), ("1:05.5", 65_500), ("7", 7_000), ("", None), ("soon", None), ("-3", None)]
)
def test_moments_as_people_write_them(written: str, ms: int | None) -> None:
    assert moment_of(written) == ms


def test_who_writes_on_and_on_is_slowed_down(link: ShareLink) -> None:
    codes = [say(link).status_code for _ in range(AT_ONCE + 1)]
    assert codes == [302] * AT_ONCE + [429]
    assert say(link, Client(REMOTE_ADDR="203.0.113.7")).status_code == 302


def test_a_link_takes_so_many_and_no_more(link: ShareLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "MAX_COMMENTS", 2)
    assert [say(link).status_code for _ in range(3)] == [302, 302, 422]


def test_only_where_it_is_allowed_and_while_the_link_lives(video: Render, link: ShareLink, alice: User) -> None:
    closed = make_link(video, Terms(), user=alice)
    assert say(closed).status_code == 422
    assert "What do you think?" not in Client().get(page(closed)).content.decode()
    locked = make_link(video, Terms(allow_review=True, password="geheim"), user=alice)
    assert say(locked).status_code == 404
    guest = Client()
    guest.post(page(locked), {"password": "geheim"})
    assert say(locked, guest).status_code == 302
    revoke_link(link)
    assert say(link).status_code == 404
    assert ReviewComment.objects.count() == 1


def test_guests_of_another_link_read_nothing_of_it(video: Render, link: ShareLink, alice: User) -> None:
    other = make_link(video, Terms(allow_review=True), user=alice)
    say(link)
    assert "The hands are odd." not in Client().get(page(other)).content.decode()


def test_another_site_can_not_write_in_a_guests_name(link: ShareLink) -> None:
    assert say(link, Client(enforce_csrf_checks=True)).status_code == 403


# --- Its owner


def test_one_mail_tells_of_what_came_within_minutes(link: ShareLink, alice: User) -> None:
    say(link)
    say(link, author="Ada", text="", at="", verdict="approved")
    assert sweep_kind("review") == 0
    ShareLink.objects.update(tell_at=timezone.now())
    assert [sweep_kind("review") for _ in range(2)] == [1, 0]
    letter = MailMessage.objects.get()
    assert (letter.to, letter.subject) == (alice.email, "Comments on your video: The secret plan")
    for said in ("Grace Hopper (asks for a change) at 0:05: The hands are odd.", "Ada (approved)", "/#review"):
        assert said in letter.text
    assert [event.data["author"] for event in Event.objects.filter(kind="render.reviewed").order_by("row")] == [
        "Grace Hopper",
        "Ada",
    ]


def test_the_owner_sees_them_at_their_moments_and_deals_with_them(cast: Cast, link: ShareLink) -> None:
    say(link)
    say(link, text="Before that.", at="0:02", verdict="")
    client, base = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/videos/{link.render_id}/"
    shown = client.get(base).content.decode()
    assert 0 < shown.index('data-seek="2000"') < shown.index('data-seek="5000"')
    one = ReviewComment.objects.get(at_ms=5_000)
    for do, resolved in (("resolve", True), ("resolve", True), ("reopen", False)):
        answer = client.post(f"{base}comments/{one.pk}/", {"do": do})
        one.refresh_from_db()
        assert (answer["Location"], one.resolved_at is not None) == (f"{base}#review", resolved)
    asked = client.get(f"{base}comments/{one.pk}/").content.decode()
    assert ("Delete what Grace Hopper wrote?" in asked, ReviewComment.objects.count()) == (True, 2)
    assert 'name="do" value="delete"' in asked
    client.post(f"{base}comments/{one.pk}/", {"do": "delete"})
    assert [comment.text for comment in ReviewComment.objects.all()] == ["Before that."]


def test_a_stranger_touches_none(cast: Cast, link: ShareLink) -> None:
    say(link)
    one = ReviewComment.objects.get()
    client = cast.browser(cast.charlie)
    for slug in (cast.workspace.slug, cast.charlie.workspaces.get().slug):
        path = f"/w/{slug}/videos/{link.render_id}/comments/{one.pk}/"
        assert client.post(path, {"do": "delete"}).status_code == 404
    assert ReviewComment.objects.count() == 1


def test_the_api_lists_resolves_and_deletes(cast: Cast, video: Render) -> None:
    api = caller(cast.workspace, cast.alice)
    share = api.post(f"renders/{video.pk}/shares", {"allow_review": True}).json()
    assert share["allow_review"] is True
    say(ShareLink.objects.get(pk=share["id"]))
    (one,) = api.get(f"renders/{video.pk}/comments").json()["data"]
    assert (one["author"], one["verdict"], one["at_ms"]) == ("Grace Hopper", "changes", 5_000)
    assert api.ask("PATCH", f"comments/{one['id']}", {"resolved": True}).json()["resolved_at"] is not None
    stranger = caller(cast.charlie.workspaces.get(), cast.charlie)
    assert stranger.ask("DELETE", f"comments/{one['id']}").status_code == 404
    assert stranger.get(f"renders/{video.pk}/comments").status_code == 404
    assert api.ask("DELETE", f"comments/{one['id']}").status_code == 204
    assert ReviewComment.objects.filter(created_at__lt=timezone.now() + timedelta(days=1)).count() == 0

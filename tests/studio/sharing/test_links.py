"""Share links: who sees what behind them, until when, and that a link that ends leads nowhere at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from avatarsite.audit.models import AuditEntry
from avatarsite.workspaces.models import User, Workspace
from studio.models import Render, ShareLink
from studio.sharing import links
from studio.sharing.guests import TRIES
from studio.sharing.links import EVERY_PAGE, ShareRefused, Terms, key_of, link_of, make_link, revoke_link
from studio.videos.trash import bin_video, restore_video
from tests.conftest import Cast
from tests.studio import shop
from tests.studio.api.conftest import Caller
from tests.support.links import follow

pytestmark = pytest.mark.django_db
BYTES = bytes(range(256)) * 40


@pytest.fixture
def video(workspace: Workspace) -> Render:
    render = shop.ready(shop.open_shop(workspace), "The secret plan")
    for name in (render.video.name, render.poster.name):
        default_storage.save(name, ContentFile(BYTES))
    return render


class Guest(Client):
    """A browser without cookies that reads what it gets."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().get(*args, **kwargs)
        if answer.streaming:
            answer.all = answer.getvalue()  # type: ignore[attr-defined]
        return answer


def page(link: ShareLink) -> str:
    return f"/s/{key_of(link)}/"


def test_a_guest_without_cookies_watches_and_is_counted(video: Render, alice: User) -> None:
    link = make_link(video, Terms(), user=alice)
    guest = Guest()
    answer = guest.get(page(link))
    assert (answer.status_code, guest.cookies.get("sessionid")) == (200, None)
    assert (answer["X-Robots-Tag"], answer["Cache-Control"]) == ("noindex, nofollow", "private, no-cache")
    assert video.title in answer.content.decode()
    file = follow(Client(), f"{page(link)}video", Range="bytes=10-19")
    assert (file.status, file.content) == (206, BYTES[10:20])
    assert guest.get(f"{page(link)}video")["Cache-Control"] == "private, no-cache"
    guest.head(page(link))
    link.refresh_from_db()
    assert link.views == 1


def test_what_it_says_of_itself_to_who_shows_a_preview(video: Render, alice: User) -> None:
    shown = Guest().get(page(make_link(video, Terms(), user=alice))).content.decode()
    locked = Guest().get(page(make_link(video, Terms(password="geheim"), user=alice))).content.decode()
    assert [name in shown for name in ("og:title", "og:image", "og:video")] == [True, True, True]
    assert [name in locked for name in (video.title, "og:", "poster", "<video")] == [False, False, False, False]


def test_a_revoked_link_leads_nowhere_at_once(video: Render, alice: User) -> None:
    link = make_link(video, Terms(embed_origins=(EVERY_PAGE,)), user=alice)
    paths = [page(link), f"{page(link)}video", f"{page(link)}poster", f"/embed/{key_of(link)}/"]
    guest = Guest()
    assert [follow(guest, path).status for path in paths] == [200] * 4
    revoke_link(link)
    revoke_link(link)
    assert [guest.get(path).status_code for path in paths] == [404] * 4
    found = AuditEntry.objects.filter(target=link.pk).order_by("pk").values_list("event", flat=True)
    assert list(found) == ["share.made", "share.revoked"]


def test_no_cache_on_the_way_keeps_anything_of_it(video: Render, alice: User) -> None:
    link = make_link(video, Terms(embed_origins=(EVERY_PAGE,), allow_review=True), user=alice)
    paths = [page(link), *(f"{page(link)}{name}" for name in ("video", "poster", "captions.vtt"))]
    paths += [f"/embed/{key_of(link)}/", f"/oembed?url={links.address_of(link)}"]
    for _ in range(2):  # while it leads to the video, and once it is revoked
        assert {Guest().get(path)["Cache-Control"] for path in paths} == {"private, no-cache"}
        revoke_link(link)


def suspend(video: Render) -> None:
    Workspace.objects.filter(pk=video.workspace_id).update(suspended_at=timezone.now())


def lose_files(video: Render) -> None:
    Render.objects.filter(pk=video.pk).update(files_deleted_at=timezone.now())


def let_end(video: Render) -> None:
    ShareLink.objects.update(expires_at=timezone.now())


@pytest.mark.parametrize("change", [suspend, lose_files, let_end, bin_video])
def test_it_leads_nowhere_when(change: Callable[[Render], None], video: Render, alice: User) -> None:
    link = make_link(video, Terms(expires_at=timezone.now() + timedelta(days=1)), user=alice)
    assert link_of(key_of(link)) == link
    change(video)
    assert link_of(key_of(link)) is None


def test_a_video_that_comes_back_from_the_bin_is_shared_again(video: Render, alice: User) -> None:
    link = make_link(video, Terms(), user=alice)
    bin_video(video)
    restore_video(video)
    assert link_of(key_of(link)) == link


def test_the_id_alone_opens_nothing(video: Render, alice: User) -> None:
    link = make_link(video, Terms(), user=alice)
    for key in (link.pk, f"{link.pk}:", f"{link.pk}:{'x' * 43}", key_of(link)[:-1], key_of(link).upper()):
        assert Guest().get(f"/s/{key}/").status_code == 404


def test_a_password_opens_for_who_knows_it(video: Render, alice: User) -> None:
    link = make_link(video, Terms(password=" pass phrase "), user=alice)
    guest = Guest()
    assert guest.get(f"{page(link)}video").status_code == 404
    wrong = guest.post(page(link), {"password": "pass phrase"})
    assert (wrong.status_code, "not the password" in wrong.content.decode()) == (403, True)
    assert guest.post(page(link), {"password": " pass phrase "}).status_code == 302
    assert follow(guest, f"{page(link)}video").status == 200
    cookie = guest.cookies["share"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == (page(link), True, "Lax")
    other = make_link(video, Terms(password="another"), user=alice)
    stranger = Guest()
    stranger.cookies["share"] = cookie.value
    assert stranger.get(f"{page(other)}video").status_code == 404


def test_guessing_ends_and_says_when_it_may_go_on(video: Render, alice: User) -> None:
    link = make_link(video, Terms(password="right"), user=alice)
    guest = Guest()
    codes = [guest.post(page(link), {"password": "wrong"}).status_code for _ in range(TRIES + 1)]
    assert codes == [403] * TRIES + [429]
    assert guest.post(page(link), {"password": "right"}).status_code == 429
    assert Guest(REMOTE_ADDR="203.0.113.7").post(page(link), {"password": "right"}).status_code == 302


def test_a_download_only_where_it_is_allowed(video: Render, alice: User) -> None:
    closed, open_ = (make_link(video, Terms(allow_download=allow), user=alice) for allow in (False, True))
    found = [follow(Guest(), f"{page(link)}video?download=1").disposition for link in (closed, open_)]
    assert [each.split(";")[0] in ("inline", "") for each in found] == [True, False]
    assert found[1].split(";")[0] == "attachment"
    assert ["download=1" in Guest().get(page(link)).content.decode() for link in (closed, open_)] == [False, True]


def test_only_the_named_pages_may_frame_the_player_and_nothing_else(video: Render, alice: User) -> None:
    link = make_link(video, Terms(embed_origins=("https://WWW.example.com", "shop.example.org")), user=alice)
    answer = Guest().get(f"/embed/{key_of(link)}/")
    assert "X-Frame-Options" not in answer
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy["frame-ancestors"] == "https://www.example.com https://shop.example.org"
    assert policy["default-src"] == "'none'"
    shared = Guest().get(page(link))
    assert (shared["X-Frame-Options"], "frame-ancestors 'none'" in shared["Content-Security-Policy"]) == ("DENY", True)
    bare = make_link(video, Terms(), user=alice)
    assert Guest().get(f"/embed/{key_of(bare)}/").status_code == 404


def test_an_editor_asks_by_oembed(video: Render, alice: User, settings: Any) -> None:
    link = make_link(video, Terms(embed_origins=(EVERY_PAGE,)), user=alice)
    bare = make_link(video, Terms(), user=alice)
    settings.PUBLIC_URL = settings.SITE_URL
    answer = Guest().get("/oembed", {"url": links.address_of(link), "format": "json"})
    assert (answer.json()["type"], answer.json()["html"]) == ("video", links.embed_snippet(link))
    wrong = [
        links.address_of(bare),
        "https://elsewhere.example/s/x/",
        f"{settings.SITE_URL}/healthz",
        "",
        "%",
        "http://[::1",
    ]
    assert [Guest().get("/oembed", {"url": url}).status_code for url in wrong] == [404] * 6
    assert Guest().get("/oembed", {"url": links.address_of(link), "format": "xml"}).status_code == 501


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(expires_at=timezone.now()), "expires_at"),
        (Terms(password="x" * 101), "password"),
        (Terms(embed_origins=("https://example.com/a/page",)), "embed_origins"),
        (Terms(embed_origins=("javascript:alert(1)",)), "embed_origins"),
        (Terms(embed_origins=("a.example; script-src *",)), "embed_origins"),
        (Terms(embed_origins=("*",), password="x"), "embed_origins"),
    ],
)
def test_what_can_not_be_is_refused_by_its_field(video: Render, alice: User, terms: Terms, field: str) -> None:
    with pytest.raises(ShareRefused) as refusal:
        make_link(video, terms, user=alice)
    assert (refusal.value.field, ShareLink.objects.count()) == (field, 0)


def test_a_video_that_is_not_ready_is_not_shared(workspace: Workspace, alice: User) -> None:
    with pytest.raises(ShareRefused) as refusal:
        make_link(shop.rendering(shop.open_shop(workspace)), Terms(), user=alice)
    assert refusal.value.field == "render"


def test_the_page_makes_shows_and_revokes(video: Render, cast: Cast) -> None:
    browser = cast.browser(cast.emil)
    address = f"/w/{cast.workspace.slug}/videos/{video.pk}/share/"
    sent = {"days": "7", "password": "", "allow_download": "on", "embed_origins": "https://a.example *.b.example"}
    refused = browser.post(address, sent)
    assert (refused.status_code, "is no site" in refused.content.decode()) == (422, True)
    assert browser.post(address, sent | {"embed_origins": "https://a.example"}).status_code == 302
    link = ShareLink.objects.get()
    assert (link.allow_download, link.embed_origins, link.made_by) == (True, ["https://a.example"], cast.emil)
    assert page(link) in browser.get(address).content.decode()
    looker = cast.browser(cast.bob)
    assert (looker.get(address).status_code, looker.post(f"{address}{link.pk}/revoke/").status_code) == (200, 403)
    asked = browser.get(f"{address}{link.pk}/revoke/").content.decode()
    assert "Its page and the player in other pages show the video to nobody from that moment on." in asked
    assert page(link) in browser.get(address).content.decode(), "a question ends nothing"
    assert browser.post(f"{address}{link.pk}/revoke/").status_code == 302
    assert page(link) not in browser.get(address).content.decode()


def test_the_api_does_the_same(video: Render, cast: Cast) -> None:
    from tests.studio.api.conftest import caller  # noqa: PLC0415

    api: Caller = caller(cast.workspace, cast.alice, "render")
    made = api.post(f"renders/{video.pk}/shares", {"expires_in_seconds": 3600, "embed_origins": ["*"]})
    assert (made.status_code, made["Location"]) == (201, f"/api/v1/shares/{made.json()['id']}")
    share = made.json()
    path = share["url"]
    assert (share["has_password"], share["views"], share["embed_url"] in share["embed_html"]) == (False, 0, True)
    assert Guest().get(path[path.index("/s/") :]).status_code == 200
    assert api.get(f"renders/{video.pk}/shares").json()["data"][0]["views"] == 1
    assert api.ask("DELETE", f"shares/{share['id']}", None).json()["revoked_at"] is not None
    assert Guest().get(path[path.index("/s/") :]).status_code == 404
    refused = api.post(f"renders/{video.pk}/shares", {"embed_origins": ["no site/"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "share_embed_origins")

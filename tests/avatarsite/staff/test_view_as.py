"""Staff look at the dashboard as a customer: one workspace, read-only, an hour, and it is written down."""

from __future__ import annotations

import html
import time
from hashlib import sha256
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.urls import reverse

from avatarsite.audit.models import AuditEntry
from avatarsite.staff.view_as import ELSEWHERE, KEY, MAX_SECONDS, READ_ONLY
from avatarsite.workspaces.models import Member, Role, User, Workspace
from tests.avatarsite.staff.conftest import Staff, page_of, press
from tests.conftest import Cast
from tests.test_tenancy import IN_WORKSPACE, OUTSIDE, arguments, patterns, things  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db
ENTRY_POINTS = tuple(point[0] for point in settings.ENTRY_POINTS)
# What signing in and out, and looking, writes by itself.
OWN = {"sessions.session", "audit.auditentry", "admin.logentry"}


def begin(client: Client, cast: Cast, who: User | None = None) -> Any:
    return press(client, page_of(cast.workspace, "view_as"), user_pk=(who or cast.alice).pk)


def everything() -> dict[str, str]:
    """A fingerprint of each table's rows."""
    found = {}
    for model in apps.get_models():
        if model._meta.label_lower not in OWN and not model._meta.proxy:
            rows = sorted(map(repr, model._default_manager.values_list()))
            found[model._meta.label_lower] = sha256("\n".join(rows).encode()).hexdigest()
    return found


def test_a_banner_stands_on_every_page_and_ends_it(support: Client, cast: Cast) -> None:
    answer = begin(support, cast)
    assert answer.redirect_chain == [(reverse("videos", kwargs={"workspace": cast.workspace.slug}), 302)]
    for name in ("videos", "balance", "team", "developers", "workspace_settings", "projects", "statement"):
        page = html.unescape(support.get(reverse(name, kwargs={"workspace": cast.workspace.slug})).content.decode())
        assert f"You are looking at this as <strong>{cast.alice}</strong>, and may change nothing." in page, name
    ended = support.post(reverse("view_as_end"))
    assert ended["Location"] == page_of(cast.workspace)
    page = support.get(page_of(cast.workspace))
    assert (page.status_code, "You are looking at this as" in page.content.decode()) == (200, False)
    lines = AuditEntry.objects.filter(event__startswith="view_as.").order_by("pk")
    assert [(line.event, line.actor, line.what, line.why, line.workspace, line.shown) for line in lines] == [
        ("view_as.began", "support@staff.example", f"Looked at {cast.workspace} as {cast.alice}", "A test",
         cast.workspace, False),
        ("view_as.ended", "support@staff.example", f"Stopped looking at {cast.workspace} as {cast.alice}", "",
         cast.workspace, False),
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_but_reading_passes_at_any_url(
    method: str,
    support: Client,
    cast: Cast,
    things: dict[str, Any],  # noqa: F811
) -> None:
    begin(support, cast)
    before = everything()
    urls = {reverse(name, kwargs=arguments(name, things, cast.workspace.slug)) for name in IN_WORKSPACE}
    urls |= {f"/{route}" for route, _ in patterns() if "<" not in route and "(" not in route and "^" not in route}
    urls |= {"/admin/", page_of(cast.workspace), "/nowhere/"}
    urls -= {reverse("view_as_end")}
    assert len(urls) > 150
    for url in sorted(urls):
        # Where programs come in, no cookie counts, and a refusal has the form of the protocol.
        refused = 405 if url.startswith(ENTRY_POINTS) else 403
        assert getattr(support, method)(url).status_code == refused, url
    assert everything() == before


def test_reading_every_page_of_the_workspace_changes_no_row(
    support: Client,
    cast: Cast,
    things: dict[str, Any],  # noqa: F811
) -> None:
    own = cast.browser(cast.alice)
    begin(support, cast)
    urls = [reverse(name, kwargs=arguments(name, things, cast.workspace.slug)) for name in IN_WORKSPACE]
    before = everything()
    seen = {url: read(support, url) for url in urls}
    assert everything() == before
    assert seen == {url: read(own, url) for url in urls}


def read(browser: Client, url: str) -> int:
    """The status of a page that is read to its end: an archive holds a place until then."""
    answer = browser.get(url)
    if answer.streaming:
        list(answer.streaming_content)  # type: ignore[attr-defined]
    return answer.status_code


def test_other_workspaces_and_the_persons_own_pages_stay_shut(support: Client, cast: Cast) -> None:
    other = Workspace.objects.get(memberships__user=cast.bob, memberships__role=Role.OWNER)
    Member.objects.create(workspace=other, user=cast.alice, role=Role.ADMIN)
    begin(support, cast)
    answer = support.get(reverse("videos", kwargs={"workspace": other.slug}))
    assert (answer.status_code, ELSEWHERE in html.unescape(answer.content.decode())) == (403, True)
    open_ = {"home": 302, "healthz": 403, "account_login": 403, "profile": 403, "mfa_index": 403, "workspace_new": 403}
    assert {name: support.get(reverse(name)).status_code for name in open_} == open_
    assert support.get("/admin/").status_code == 403
    assert {"profile", "mfa_index"} < set(OUTSIDE)


def test_what_is_refused_says_why(support: Client, cast: Cast) -> None:
    begin(support, cast)
    answer = support.post(reverse("team_leave", kwargs={"workspace": cast.workspace.slug}))
    assert READ_ONLY in html.unescape(answer.content.decode())


@pytest.mark.parametrize("power", ["is_staff", "is_superuser"])
def test_never_as_staff(power: str, support: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.dora.pk).update(**{power: True})
    answer = begin(support, cast, cast.dora)
    assert (answer.status_code, KEY in support.session) == (400, False)


def test_never_as_somebody_of_another_workspace_or_switched_off(support: Client, cast: Cast) -> None:
    User.objects.filter(pk=cast.dora.pk).update(is_active=False)
    assert begin(support, cast, cast.dora).status_code == 400
    assert begin(support, cast, cast.charlie).status_code == 400
    assert not AuditEntry.objects.filter(event__startswith="view_as.").exists()


def test_it_takes_the_permission(staff: Staff, cast: Cast) -> None:
    money = staff("money")
    url = page_of(cast.workspace, "view_as")
    assert (money.get(url).status_code, begin(money, cast).status_code) == (403, 403)
    assert url not in money.get(page_of(cast.workspace)).content.decode()


def test_it_ends_after_an_hour_and_with_the_right_to_it(support: Client, cast: Cast) -> None:
    videos = reverse("videos", kwargs={"workspace": cast.workspace.slug})
    begin(support, cast)
    session = support.session
    session[KEY] = {**session[KEY], "since": time.time() - MAX_SECONDS - 1}
    session.save()
    assert support.get(videos)["Location"] == "/admin/"
    assert "_auth_user_id" not in support.session


@pytest.mark.parametrize("way", ["role", "switched off"])
def test_it_ends_with_the_right_to_it(way: str, support: Client, cast: Cast) -> None:
    begin(support, cast)
    person = User.objects.get(email="support@staff.example")
    if way == "role":
        person.groups.clear()
    else:
        User.objects.filter(pk=person.pk).update(is_active=False)
    assert support.get(reverse("videos", kwargs={"workspace": cast.workspace.slug}))["Location"] == "/admin/"
    assert "_auth_user_id" not in support.session


def test_ending_what_was_not_begun_is_refused(cast: Cast, support: Client) -> None:
    for client in (cast.browser(cast.alice), support, Client()):
        assert client.post(reverse("view_as_end")).status_code == 403

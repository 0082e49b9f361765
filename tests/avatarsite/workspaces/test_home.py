"""Going in and moving between workspaces."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse

from avatarsite.workspaces import context, errors
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.create import create_workspace
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.models import Member, Role, Workspace
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def team(workspace: Workspace) -> str:
    return reverse("team", kwargs={"workspace": workspace.slug})


def videos(workspace: Workspace) -> str:
    return reverse("videos", kwargs={"workspace": workspace.slug})


def test_home_is_the_workspace_one_was_in_last(cast: Cast) -> None:
    other = create_workspace(cast.alice, "Other")
    browser = cast.browser(cast.alice)
    assert browser.get("/")["Location"] == videos(other), "the newest, when nothing is remembered"
    browser.get(team(cast.workspace))
    assert browser.get("/")["Location"] == videos(cast.workspace)
    switch = reverse("workspace_switch", kwargs={"workspace": other.slug})
    assert browser.get(switch)["Location"] == videos(other)
    assert browser.get("/")["Location"] == videos(other)


def test_home_of_a_workspace_one_has_left_is_another(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    browser.get(team(cast.workspace))
    cast.member(cast.bob).delete()
    assert browser.get("/")["Location"] == videos(cast.bob.workspaces.get())


def test_who_belongs_nowhere_is_offered_a_workspace(cast: Cast) -> None:
    Member.objects.filter(user=cast.charlie).delete()
    browser = cast.browser(cast.charlie)
    response = browser.get("/", follow=True)
    assert response.redirect_chain == [("/workspaces/new/", 302)]
    assert "You belong to no workspace at the moment." in response.content.decode()
    response = browser.post("/workspaces/new/", {"name": "A new start"})
    workspace = Workspace.objects.get(name="A new start")
    assert response["Location"] == videos(workspace)
    assert Member.objects.get(workspace=workspace).role == Role.OWNER


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_name_that_cannot_be_is_refused_beside_the_field(cast: Cast, name: str) -> None:
    before = Workspace.objects.count()
    response = cast.browser(cast.alice).post("/workspaces/new/", {"name": name})
    assert response.status_code == 422
    assert "field__error" in response.content.decode()
    assert Workspace.objects.count() == before


def test_the_switcher_lists_ones_own_workspaces_only(cast: Cast) -> None:
    page = cast.browser(cast.bob).get(team(cast.workspace)).content.decode()
    assert "Bob&#x27;s workspace" in page
    assert "Charlie&#x27;s workspace" not in page


def test_personal_pages_keep_the_frame_of_the_last_workspace(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    browser.get(team(cast.workspace))
    for name in ("profile", "account_email", "account_change_password", "mfa_index", "workspace_new"):
        assert videos(cast.workspace) in browser.get(reverse(name)).content.decode(), name


def test_settings_change_the_name_and_keep_the_address(cast: Cast) -> None:
    page = reverse("workspace_settings", kwargs={"workspace": cast.workspace.slug})
    browser = cast.browser(cast.dora)
    assert browser.post(page, {"name": " The  Yard "})["Location"] == page
    cast.workspace.refresh_from_db()
    assert (cast.workspace.name, cast.workspace.slug) == ("The Yard", "alices-workspace")
    assert browser.post(page, {"name": " "}).status_code == 422


def test_a_viewer_reads_the_settings_and_has_no_form(cast: Cast) -> None:
    page = cast.browser(cast.bob).get(reverse("workspace_settings", kwargs={"workspace": cast.workspace.slug}))
    assert "/w/alices-workspace/" in page.content.decode()
    assert 'name="name"' not in page.content.decode()


def test_a_person_changes_their_name(cast: Cast) -> None:
    browser = cast.browser(cast.bob)
    browser.post("/me/", {"name": " Bob \n Builder "})
    cast.bob.refresh_from_db()
    assert cast.bob.name == "Bob Builder"
    browser.post("/me/", {"name": ""})
    cast.bob.refresh_from_db()
    assert (cast.bob.name, cast.bob.get_short_name()) == ("", "bob")


@pytest.mark.parametrize("path", ["/me/", "/workspaces/new/"])
def test_personal_pages_ask_to_sign_in(client: Client, db: None, path: str) -> None:
    assert client.get(path)["Location"] == f"/account/login/?next={path}"


def test_an_answer_is_kept_by_no_shared_cache(cast: Cast) -> None:
    response = cast.browser(cast.bob).get(team(cast.workspace))
    assert "private" in response["Cache-Control"]


# The door itself, as other apps use it.


@workspace_view(Action.VIEW, post=Action.RENDER)
def a_page(request: WorkspaceRequest, render: str) -> HttpResponse:
    return HttpResponse(f"{request.workspace.slug} {request.member.role} {render}")


def knock(cast: Cast, user: object, method: str = "get", slug: str = "", **headers: str) -> HttpResponse:
    request = getattr(RequestFactory(headers=headers), method)("/w/x/")
    request.user = user
    request.session = {}
    response = a_page(request, workspace=slug or cast.workspace.slug, render="rnd_1")
    assert isinstance(response, HttpResponse)
    return response


def test_the_door_hands_over_the_member_and_the_workspace(cast: Cast) -> None:
    assert knock(cast, cast.bob).content == b"alices-workspace viewer rnd_1"
    assert knock(cast, cast.emil, "post").content == b"alices-workspace member rnd_1"


def test_the_door_tells_a_viewer_what_a_viewer_may_not_do(cast: Cast) -> None:
    with pytest.raises(PermissionDenied) as refused:
        knock(cast, cast.bob, "post")
    assert str(refused.value) == (
        "As a viewer here you may not make or change videos, uploads and projects. "
        "Ask an owner or an admin of Alice's workspace."
    )
    assert isinstance(refused.value, errors.NotAllowed)


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "delete", "patch", "options"])
def test_the_door_is_not_there_for_strangers(cast: Cast, method: str) -> None:
    with pytest.raises(Http404):
        knock(cast, cast.charlie, method)


@pytest.mark.parametrize("method", ["put", "delete", "patch", "post"])
def test_every_method_that_writes_takes_the_right_to_write(cast: Cast, method: str) -> None:
    with pytest.raises(PermissionDenied):
        knock(cast, cast.bob, method)


def test_a_fragment_asked_for_after_signing_out_moves_the_whole_page(cast: Cast) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://studio.example.org/w/yard/videos/?q=1"}
    response = knock(cast, AnonymousUser(), **headers)
    assert response["HX-Redirect"] == "/account/login/?next=/w/yard/videos/%3Fq%3D1"


def test_an_address_that_is_none_leads_home_after_signing_in(cast: Cast) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    assert knock(cast, AnonymousUser(), **headers)["HX-Redirect"] == "/account/login/?next=/"


def test_a_form_posted_after_signing_out_leads_to_sign_in_and_then_home(cast: Cast) -> None:
    assert knock(cast, AnonymousUser(), "post")["Location"] == "/account/login/?next=/"


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("alice", "True True True True True"),
        ("dora", "True True True True False"),
        ("emil", "True False False False False"),
        ("bob", "False False False False False"),
    ],
)
def test_templates_know_what_the_member_may(cast: Cast, who: str, expected: str) -> None:
    request = RequestFactory().get("/")
    request.user = getattr(cast, who)
    request.session = {}  # type: ignore[assignment]
    request.member = cast.member(request.user)  # type: ignore[attr-defined, arg-type]
    template = (
        "{{ may_render }} {{ may_manage_billing }} {{ may_manage_members }} "
        "{{ may_manage_workspace }} {{ may_manage_owners }}"
    )
    assert Template(template).render(Context(context.workspace(request))) == expected


def test_templates_of_nobody_know_nothing() -> None:
    request = RequestFactory().get("/")
    assert context.workspace(request) == {}
    request.user = AnonymousUser()
    assert context.workspace(request) == {}

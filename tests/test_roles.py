"""Billing managers and developers at the doors of every room: what each is for, and nothing beside it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.mail.recipients import in_charge
from avatarsite.workspaces.access import ALLOWED, Action
from avatarsite.workspaces.errors import NotAllowed, TokenRefused
from avatarsite.workspaces.members import change_role
from avatarsite.workspaces.models import ApiToken, Member, Role, Scope
from avatarsite.workspaces.tokens import make_token, revoke_token, rotate_token, take_over_token, token_of
from tests.conftest import Cast, person

pytestmark = pytest.mark.django_db

MONEY = ["topup_new", "budgets", "spend_lock", "promotion", "auto_topup", "card_new", "billing_portal"]
READ = ["balance", "topups", "budgets", "statement", "statement_file", "usage"]
VIDEOS = ["video_new", "video_quote", "speech_estimate", "upload_add", "project_new", "batches"]
PROGRAMS = ["developers", "webhook_new", "request_secret", "request_secret_rotate"]
HOUSE = ["team", "workspace_settings", "content_settings", "workspace_close", "workspace_data", "domains"]


@pytest.fixture
def fay(cast: Cast) -> Member:
    return Member.objects.create(workspace=cast.workspace, user=person("Fay"), role=Role.DEVELOPER)


@pytest.fixture
def gus(cast: Cast) -> Member:
    return Member.objects.create(workspace=cast.workspace, user=person("Gus"), role=Role.BILLING)


def shut(cast: Cast, member: Member, names: list[str], *, get: bool = False) -> set[str]:
    """Those of the pages that are not this member's to use."""
    browser = cast.browser(member.user)
    found = {name: reverse(name, kwargs={"workspace": cast.workspace.slug}) for name in names}
    answers = {name: browser.get(to) if get else browser.post(to) for name, to in found.items()}
    assert all(answer.status_code in {200, 302, 403, 422} for answer in answers.values()), answers
    return {name for name, answer in answers.items() if answer.status_code == 403}


def test_a_billing_manager_is_for_money_alone(cast: Cast, gus: Member) -> None:
    assert shut(cast, gus, READ, get=True) == set()
    assert shut(cast, gus, MONEY) == set()
    others = [*VIDEOS, *PROGRAMS, *HOUSE]
    assert shut(cast, gus, others) == set(others)
    with pytest.raises(NotAllowed, match="As a billing manager here you may not manage API tokens and webhooks"):
        make_token(cast.workspace, user=gus.user, name="CI", scopes=[Scope.BILLING])
    assert gus in in_charge(cast.workspace, Action.MANAGE_BILLING)
    assert gus not in in_charge(cast.workspace, Action.VIEW)
    home = cast.browser(gus.user).get(reverse("workspace_home", kwargs={"workspace": cast.workspace.slug}))
    assert home["Location"] == reverse("balance", kwargs={"workspace": cast.workspace.slug})


def test_a_developer_makes_videos_and_programs_and_moves_no_money(cast: Cast, fay: Member) -> None:
    assert shut(cast, fay, READ, get=True) == set()
    assert shut(cast, fay, [*VIDEOS, *PROGRAMS]) == set()
    assert shut(cast, fay, [*MONEY, *HOUSE]) == {*MONEY, *HOUSE}
    assert fay not in in_charge(cast.workspace, Action.MANAGE_BILLING)


def test_no_role_but_owner_and_admin_moves_both_money_and_people() -> None:
    both = {Action.MANAGE_BILLING, Action.MANAGE_MEMBERS}
    assert {role for role, actions in ALLOWED.items() if both & actions} == {Role.OWNER, Role.ADMIN, Role.BILLING}
    assert {role for role, actions in ALLOWED.items() if both <= actions} == {Role.OWNER, Role.ADMIN}


@pytest.mark.parametrize("scope", [Scope.BILLING, Scope.ADMIN])
def test_a_developers_token_reaches_no_further_than_they_do(cast: Cast, fay: Member, scope: Scope) -> None:
    page = cast.browser(fay.user).get(reverse("developers", kwargs={"workspace": cast.workspace.slug})).content.decode()
    assert f'value="{scope}"' not in page
    with pytest.raises(TokenRefused, match=f"“{scope}” reaches further than a developer may"):
        make_token(cast.workspace, user=fay.user, name="CI", scopes=[Scope.RENDER, scope])
    theirs, secret = make_token(cast.workspace, user=cast.alice, name="Theirs", scopes=[scope])
    for get_it in (lambda: take_over_token(theirs, user=fay.user), lambda: rotate(theirs, fay)):
        with pytest.raises(TokenRefused):
            get_it()
    assert token_of(secret) is not None
    revoke_token(theirs, user=fay.user)
    assert token_of(secret) is None


def rotate(token: ApiToken, by: Member) -> Any:
    return rotate_token(token, user=by.user, overlap=timedelta())


def test_a_developers_token_manages_webhooks_by_the_api(cast: Cast, fay: Member) -> None:
    asked = {"url": "https://hooks.example.com/"}

    def create(scope: Scope) -> int:
        secret = make_token(cast.workspace, user=fay.user, name=scope, scopes=[scope])[1]
        program = Client(headers={"Authorization": f"Bearer {secret}"})
        return program.post("/api/v1/webhook-endpoints", asked, content_type="application/json").status_code

    assert [create(scope) for scope in (Scope.READ, Scope.RENDER, Scope.WEBHOOKS)] == [403, 403, 201]


def test_who_becomes_a_billing_manager_keeps_no_token_that_sees_or_makes_videos(cast: Cast) -> None:
    dora = cast.member(cast.dora)
    made = [make_token(cast.workspace, user=dora.user, name=str(scope), scopes=[scope])[1] for scope in Scope]
    both = make_token(cast.workspace, user=dora.user, name="Both", scopes=[Scope.READ, Scope.BILLING])[1]
    ended = change_role(cast.member(cast.alice), dora, Role.BILLING)[1]
    assert (ended.stopped, ended.cut) == (len(Scope) - 1, 1)
    left = [token.scopes for secret in (*made, both) if (token := token_of(secret))]
    assert left == [["billing"], ["billing"]]
    program = Client(headers={"Authorization": f"Bearer {both}"})
    paths = ("balance", "usage", "renders", "uploads", "projects", "events")
    assert [program.get(f"/api/v1/{path}").status_code for path in paths] == [200, 200, 403, 403, 403, 403]
    gateway = program.get("/compat/aimlapi/v2/video/generations", {"generation_id": "00000000-0000-4000-8000-00"})
    assert gateway.status_code == 403

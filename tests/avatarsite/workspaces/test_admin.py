"""Operations: people and workspaces on the admin site."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Invitation, Member, Role, User, Workspace
from billing.ledger import posting
from tests.conftest import PASSWORD, Cast, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))


def inline(workspace: Workspace, **changes: dict[str, str]) -> dict[str, str]:
    """The form of a workspace with its members, some of them changed."""
    rows = list(Member.objects.filter(workspace=workspace).select_related("user").order_by("pk"))
    fields = {
        "name": workspace.name,
        "slug": workspace.slug,
        "memberships-TOTAL_FORMS": str(len(rows)),
        "memberships-INITIAL_FORMS": str(len(rows)),
    }
    for index, row in enumerate(rows):
        values = {"id": str(row.pk), "workspace": workspace.pk, "user": str(row.user_id), "role": row.role}
        values |= changes.get(row.user.get_short_name().lower(), {})
        fields |= {f"memberships-{index}-{name}": value for name, value in values.items()}
    return fields


def test_who_is_not_staff_is_turned_away(cast: Cast) -> None:
    assert cast.browser(cast.alice).get("/admin/", follow=True).status_code == 403
    assert cast.browser().get("/admin/", follow=True).redirect_chain[-1][0].startswith("/account/login/")


@pytest.mark.parametrize("model", ["user", "workspace", "invitation"])
def test_lists_can_be_searched(operator: Client, cast: Cast, model: str) -> None:
    Invitation.objects.create(
        workspace=cast.workspace,
        email="alice@example.net",
        sent_at="2026-01-01T00:00Z",
        expires_at="2026-01-02T00:00Z",
        token_hash="x",
    )
    found = operator.get(reverse(f"admin:workspaces_{model}_changelist"), {"q": "alice"})
    assert found.status_code == 200
    assert found.context["cl"].result_count == 1


def test_a_new_person_has_a_workspace_and_a_confirmed_address(operator: Client) -> None:
    fields = {
        "email": "Grace@Example.org",
        "name": "Grace Hopper",
        "usable_password": "true",
        "password1": "a wholly new one",
        "password2": "a wholly new one",
    }
    response = operator.post(reverse("admin:workspaces_user_add"), fields)
    assert response.status_code == 302, response.context["errors"]
    grace = User.objects.get(email="grace@example.org")
    assert grace.workspaces.get().name == "Grace's workspace"
    assert EmailAddress.objects.get(user=grace).verified
    signed_in = Client().post("/account/login/", {"login": "grace@example.org", "password": "a wholly new one"})
    assert signed_in["Location"] == "/"


def change_of(user: User, **changes: str) -> dict[str, str]:
    fields = {"email": user.email, "name": user.name, "is_active": "on"} | changes
    fields |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    return {name: value for name, value in fields.items() if value}


def test_an_address_that_the_operator_sets_counts_as_confirmed(operator: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_user_change", args=[cast.bob.pk])
    assert operator.post(page, change_of(cast.bob, email="Robert@Example.org")).status_code == 302
    cast.bob.refresh_from_db()
    assert cast.bob.email == "robert@example.org"
    addresses = EmailAddress.objects.filter(user=cast.bob).values_list("email", "verified", "primary")
    assert list(addresses) == [("robert@example.org", True, True)]


def test_changing_a_name_leaves_an_unconfirmed_address_unconfirmed(operator: Client, cast: Cast) -> None:
    EmailAddress.objects.filter(user=cast.bob).update(verified=False)
    page = reverse("admin:workspaces_user_change", args=[cast.bob.pk])
    assert operator.post(page, change_of(cast.bob, name="Robert")).status_code == 302
    assert not EmailAddress.objects.get(user=cast.bob).verified


def test_people_are_switched_off(operator: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_user_change", args=[cast.bob.pk])
    assert operator.post(page, change_of(cast.bob, is_active="")).status_code == 302
    cast.bob.refresh_from_db()
    assert not cast.bob.is_active


def test_people_who_belong_somewhere_are_not_deleted(operator: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_user_delete", args=[cast.bob.pk])
    answer = operator.post(page, {"post": "yes"})
    assert answer.status_code == 200
    assert "Cannot delete user" in answer.content.decode()
    assert User.objects.filter(pk=cast.bob.pk).exists()


def test_members_are_changed_with_the_workspace(operator: Client, cast: Cast) -> None:
    page = reverse("admin:workspaces_workspace_change", args=[cast.workspace.pk])
    changes = inline(cast.workspace, bob={"role": "admin"}, emil={"DELETE": "on"})
    assert operator.post(page, changes).status_code == 302
    roles = dict(Member.objects.filter(workspace=cast.workspace).values_list("user__email", "role"))
    assert roles == {"alice@example.org": "owner", "bob@example.org": "admin", "dora@example.org": "admin"}


@pytest.mark.parametrize("change", [{"role": "admin"}, {"DELETE": "on"}], ids=["demoted", "removed"])
def test_the_operator_leaves_a_workspace_an_owner_too(operator: Client, cast: Cast, change: dict[str, str]) -> None:
    page = reverse("admin:workspaces_workspace_change", args=[cast.workspace.pk])
    answer = operator.post(page, inline(cast.workspace, alice=change))
    assert answer.status_code == 200
    assert "A workspace has at least one owner." in answer.content.decode()
    assert cast.member(cast.alice).role == Role.OWNER


def test_a_workspace_with_money_is_kept_with_a_message(operator: Client, cast: Cast) -> None:
    posting.grant(cast.workspace, 1_000_000, key="test:grant", reason="test")
    page = reverse("admin:workspaces_workspace_delete", args=[cast.workspace.pk])
    for answer in (operator.get(page), operator.post(page, {"post": "yes"})):
        assert answer.status_code == 200
        assert "Cannot delete workspace" in answer.content.decode()
    listed = reverse("admin:workspaces_workspace_changelist")
    picked = {"action": "delete_selected", "_selected_action": cast.workspace.pk, "post": "yes"}
    operator.post(listed, picked)  # no such action: what would be refused is not offered
    assert Workspace.objects.filter(pk=cast.workspace.pk).exists()


def test_a_workspace_that_holds_nothing_can_go(operator: Client) -> None:
    workspace = person("Zoe").workspaces.get()
    operator.post(reverse("admin:workspaces_workspace_delete", args=[workspace.pk]), {"post": "yes"})
    assert not Workspace.objects.filter(pk=workspace.pk).exists()


def test_an_invitation_shows_no_hash(operator: Client, cast: Cast) -> None:
    row = Invitation.objects.create(
        workspace=cast.workspace,
        email="x@example.net",
        sent_at="2026-01-01T00:00Z",
        expires_at="2026-01-02T00:00Z",
        token_hash="a-hash-nobody-needs",
    )
    page = operator.get(reverse("admin:workspaces_invitation_change", args=[row.pk])).content.decode()
    assert "x@example.net" in page
    assert "a-hash-nobody-needs" not in page

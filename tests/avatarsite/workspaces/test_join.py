from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core.management import call_command
from django.db import IntegrityError

from avatarsite.workspaces.create import create_workspace, first_workspace_name, rename_workspace, tidy_name
from avatarsite.workspaces.errors import NameMissing
from avatarsite.workspaces.models import Member, Role, User, Workspace
from tests.conftest import person

pytestmark = pytest.mark.django_db


def test_a_new_person_owns_a_workspace_named_after_them() -> None:
    ada = User.objects.create_user("Ada@Example.org", "a long password", name="Ada Lovelace")
    workspace = ada.workspaces.get()
    assert (workspace.name, workspace.slug) == ("Ada's workspace", "adas-workspace")
    assert Member.objects.get(user=ada).role == Role.OWNER


def test_saving_a_person_again_makes_no_second_workspace() -> None:
    ada = person("Ada")
    ada.name = "Ada Byron"
    ada.save()
    assert ada.workspaces.count() == 1


def test_createsuperuser_makes_a_workspace_and_vouches_for_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long password")
    call_command("createsuperuser", email="Root@Example.org", interactive=False, verbosity=0)
    root = User.objects.get()
    assert (root.email, root.is_superuser, root.is_staff) == ("root@example.org", True, True)
    assert root.workspaces.get().name == "Root's workspace"
    address = EmailAddress.objects.get(user=root)
    assert (address.email, address.verified, address.primary) == ("root@example.org", True, True)


@pytest.mark.parametrize(
    ("name", "email", "expected"),
    [
        ("Ada Lovelace", "x@example.org", "Ada's workspace"),
        ("", "ada.lovelace@example.org", "Ada's workspace"),
        ("", "ada+studio@example.org", "Ada's workspace"),
        ("", ".@example.org", "My workspace"),
    ],
)
def test_the_first_workspace_is_named_after_the_person(name: str, email: str, expected: str) -> None:
    assert first_workspace_name(User(name=name, email=email)) == expected


def test_equal_names_get_different_slugs() -> None:
    ada = person("Ada")
    slugs = {create_workspace(ada, "Harbour").slug for _ in range(3)}
    assert len(slugs) == 3
    assert "harbour" in slugs
    assert all(slug == "harbour" or slug.startswith("harbour-") for slug in slugs)


def test_a_name_without_latin_letters_still_gets_a_slug() -> None:
    workspace = create_workspace(person("Ada"), "工房")
    assert workspace.name == "工房"
    assert workspace.slug.startswith("workspace-")


def test_a_very_long_name_is_cut_to_what_fits() -> None:
    workspace = create_workspace(person("Ada"), "x" * 500)
    assert (len(workspace.name), len(workspace.slug)) == (80, 50)


@pytest.mark.parametrize("name", ["", "   ", "\n\t", "\x00\x1b"])
def test_a_workspace_needs_a_name(name: str) -> None:
    ada = person("Ada")
    with pytest.raises(NameMissing) as refused:
        create_workspace(ada, name)
    assert refused.value.sentence == "Give the workspace a name."
    with pytest.raises(NameMissing):
        rename_workspace(ada.workspaces.get(), name)


def test_a_name_is_one_line_without_control_characters() -> None:
    assert tidy_name("  Harbour\r\nBcc: all@example.org\x00 ", limit=80) == "Harbour Bcc: all@example.org"


def test_renaming_keeps_the_slug() -> None:
    workspace = person("Ada").workspaces.get()
    rename_workspace(workspace, " The  Yard ")
    workspace.refresh_from_db()
    assert (workspace.name, workspace.slug) == ("The Yard", "adas-workspace")


def test_nobody_is_a_member_twice() -> None:
    ada = person("Ada")
    with pytest.raises(IntegrityError):
        Member.objects.create(workspace=ada.workspaces.get(), user=ada, role=Role.VIEWER)


def test_a_workspace_that_fails_half_way_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = person("Ada")
    monkeypatch.setattr(Member.objects, "create", lambda **_: (_ for _ in ()).throw(RuntimeError("cut off")))
    with pytest.raises(RuntimeError):
        create_workspace(ada, "Half")
    assert not Workspace.objects.filter(name="Half").exists()

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from avatarsite.staff.roles import SUPPORT
from avatarsite.workspaces.models import User, Workspace
from tests.conftest import PASSWORD, Cast

Staff = Callable[[str], Client]


@pytest.fixture
def staff(cast: Cast) -> Staff:
    """A browser in which somebody of a role has signed in; "" is a superuser."""

    def of(role: str) -> Client:
        email = f"{role or 'root'}@staff.example"
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User.objects.create_user(email, PASSWORD, is_staff=True, is_superuser=not role)
            if role:
                user.groups.add(Group.objects.get(name=role))
        return cast.browser(user)

    return of


@pytest.fixture
def support(staff: Staff) -> Client:
    return staff(SUPPORT)


def page_of(workspace: Workspace, act: str = "change") -> str:
    return reverse(f"admin:workspaces_workspace_{act}", args=[workspace.pk])


def press(client: Client, url: str, **facts: Any) -> Any:
    """Send the form of an act as its page has made it."""
    return client.post(url, {"token": str(uuid.uuid4()), "reason": "A test", **facts}, follow=True)

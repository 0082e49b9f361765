from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from avatarsite.workspaces.models import User
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
NOTICE = "The providers and Stripe are stand-ins on this machine"


def pages(cast: Cast) -> list[str]:
    """A page of nobody, one of a member, one that is not there, and one of the operator."""
    operator = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    asked = [
        (Client(), "/account/login/"),
        (cast.browser(cast.alice), f"/w/{cast.workspace.slug}/videos/"),
        (cast.browser(cast.alice), "/w/nowhere/videos/"),
        (operator, "/admin/"),
    ]
    return [client.get(address, follow=True).content.decode() for client, address in asked]


def test_every_page_says_when_the_providers_are_stand_ins(cast: Cast, settings: Any) -> None:
    settings.STAND_INS = True
    assert [page.count(NOTICE) for page in pages(cast)] == [1, 1, 1, 1]


def test_no_page_says_so_of_real_providers(cast: Cast) -> None:
    assert [page.count(NOTICE) for page in pages(cast)] == [0, 0, 0, 0]

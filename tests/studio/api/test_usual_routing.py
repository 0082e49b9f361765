from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from avatarsite.workspaces.models import User
from studio.models import Render, UsualRouting
from tests.conftest import PASSWORD, Cast
from tests.studio.api.conftest import Caller

pytestmark = pytest.mark.django_db


def test_a_request_that_names_no_routing_gets_the_workspaces_own(
    cast: Cast, api: Caller, inputs: dict[str, str], django_capture_on_commit_callbacks: Any
) -> None:
    root = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    api.post("renders", inputs)
    form = {"workspace": api.token.workspace.pk, "routing": "fastest", "reason": "They buy by speed"}
    with django_capture_on_commit_callbacks(execute=True):
        made = root.post(reverse("admin:studio_usualrouting_add"), form)
    assert made.status_code == 302, made.content.decode()[-2000:]
    assert UsualRouting.objects.get().fallback is False, "the box was left empty"
    api.post("renders", inputs)
    api.post("renders", {**inputs, "routing": "cheapest", "fallback": True})
    page = cast.browser(cast.alice).get(reverse("video_new", kwargs={"workspace": cast.workspace.slug}))
    assert (page.context["form"]["routing"].value(), page.context["form"]["fallback"].value()) == ("fastest", "no")
    with django_capture_on_commit_callbacks(execute=True):
        root.post(reverse("admin:studio_usualrouting_delete", args=[api.token.workspace.pk]), {"post": "yes"})
    api.post("renders", inputs)
    assert list(Render.objects.order_by("id").values_list("routing", "fallback")) == [
        ("cheapest", True),
        ("fastest", False),
        ("cheapest", True),
        ("cheapest", True),
    ]

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from waffle.models import Switch

from avatarsite.models import ServiceNotice
from avatarsite.service import switches
from avatarsite.workspaces.models import Scope, User
from avatarsite.workspaces.tokens import make_token
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db

DAYS = {"starts_at": "2026-11-02", "ends_at": "2026-11-01"}
TEXT = "Runware is slow tonight. Videos take some minutes longer."


def test_a_notice_stands_on_every_page_and_in_the_api_until_its_end(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    root = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    _, secret = make_token(cast.workspace, user=cast.alice, name="ci", scopes=[Scope.READ])
    program = Client(headers={"authorization": f"Bearer {secret}"})
    day, hour = (timezone.now() - timedelta(seconds=1)).strftime("%Y-%m-%d %H:%M:%S").split()
    form = {"text": TEXT, "level": "warning", "starts_at_0": day, "starts_at_1": hour, "ends_at_0": "", "ends_at_1": ""}
    Client().get("/")  # which keeps for a while that there is none
    with django_capture_on_commit_callbacks(execute=True):
        made = root.post(reverse("admin:site_servicenotice_add"), form)
    assert made.status_code == 302, made.content.decode()[-2000:]
    root.get(reverse("admin:index"))  # which says that it was added
    pages = {
        "front": Client().get("/"),
        "sign in": Client().get(reverse("account_login")),
        "videos": cast.browser(cast.alice).get(reverse("videos", kwargs={"workspace": cast.workspace.slug})),
        "desk": root.get(reverse("admin:index")),
    }
    assert {name: page.content.decode().count(TEXT) for name, page in pages.items()} == dict.fromkeys(pages, 1)
    (told,) = program.get("/api/v1/me").json()["service_notices"]
    assert (told["text"], told["level"], told["ends_at"]) == (TEXT, "warning", None)
    end = {"action": "end_now", "_selected_action": [ServiceNotice.objects.get().pk]}
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            root.post(reverse("admin:site_servicenotice_changelist"), end)
    assert program.get("/api/v1/me").json()["service_notices"] == []


def test_a_notice_that_is_to_come_is_not_shown_and_one_that_ends_before_it_starts_is_refused(cast: Cast) -> None:
    ServiceNotice.objects.create(text=TEXT, starts_at=timezone.now() + timedelta(hours=1))
    assert TEXT not in Client().get("/").content.decode()
    root = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    start, end = ({f"{name}_0": day, f"{name}_1": "10:00"} for name, day in DAYS.items())
    answer = root.post(reverse("admin:site_servicenotice_add"), {"text": TEXT, "level": "info", **start, **end})
    assert "It ends before it starts. Choose a later end." in answer.content.decode()
    assert ServiceNotice.objects.count() == 1


def test_sign_up_closes_by_its_switch() -> None:
    assert set(Switch.objects.values_list("name", "active")) == {(name, True) for name in switches.SWITCHES}
    assert "Sign-up is closed" not in Client().get(reverse("account_signup")).content.decode()
    switch = Switch.objects.get(name=switches.SIGN_UP)
    switch.active = False
    switch.save()
    caches["switches"].clear()  # as ten seconds do, or the commit of this test's transaction would
    person = {"email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "Sign-up is closed" in Client().post(reverse("account_signup"), person).content.decode()
    assert User.objects.count() == 0

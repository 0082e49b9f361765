"""The first page: what waits is counted and leads to the list of it, and nothing else is shown when all is well."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from avatarsite import desk
from avatarsite.admin.base import ModelAdmin
from avatarsite.alerts import raise_alert
from avatarsite.models import Canary
from avatarsite.queue import jobs
from avatarsite.workspaces.models import User
from studio.models import Render
from tests.browser.desk import furnish_rows
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db
OF_SETTINGS = {"Everything sells at cost"}  # which no row brings up


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))


def living(*clusters: str) -> None:
    Canary.objects.bulk_create([Canary(worker="w", cluster=name, stamped_at=timezone.now()) for name in clusters])


def looker(cast: Cast, *codenames: str) -> Client:
    user = User.objects.create_user("looker@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return cast.browser(user)


def shown(client: Client) -> Any:
    return client.get("/admin/").context["page"]


def test_nothing_needs_anybody_when_all_is_well(operator: Client) -> None:
    living(*jobs.CLUSTERS)
    assert "Nothing needs you." in operator.get("/admin/").content.decode()
    assert (shown(operator).cards, shown(operator).silent) == ([], [])


def test_a_silent_cluster_needs_somebody_from_its_first_minute_on(operator: Client) -> None:
    living(*jobs.CLUSTERS)
    Canary.objects.filter(cluster=jobs.MAIN).update(stamped_at=timezone.now() - timedelta(seconds=70))
    page = operator.get("/admin/")
    (card,) = page.context["page"].cards
    assert (card.title, card.waiting.count, card.link) == ("Silent clusters", 1, "#queue")
    assert card.waiting.note.startswith("main is silent for 7")
    assert ("Nothing needs you." in page.content.decode(), 'id="queue"' in page.content.decode()) == (False, True)


def test_each_card_counts_what_the_list_behind_it_shows(operator: Client) -> None:
    furnish_rows()
    Render.objects.update(deadline_at="2026-01-01T00:00Z")
    raise_alert("ledger", "chains", "A chain is broken.")
    cards = {card.title: card for card in shown(operator).cards}
    assert set(cards) == {card.title for card in desk.cards} - OF_SETTINGS
    assert cards.pop("Silent clusters").waiting.count == len(jobs.CLUSTERS)  # it leads to the page's own part
    counted = {title: card.waiting.count for title, card in cards.items()}
    listed = {title: operator.get(card.link).context["cl"].result_count for title, card in cards.items()}
    assert counted == listed
    assert counted["Open alerts"] == 2
    assert "evidence for the first is due on" in cards["Disputes"].waiting.note
    assert "Nothing needs you" not in operator.get("/admin/").content.decode()


def test_who_may_not_see_a_list_sees_neither_its_card_nor_its_part_of_the_navigation(cast: Cast) -> None:
    furnish_rows()
    client = looker(cast, "view_topup", "view_render")
    page = client.get("/admin/")
    assert [card.title for card in page.context["page"].cards] == ["Top-ups in review"]
    assert [panel.title for panel in page.context["page"].panels] == ["Renders in flight"]
    groups = {
        group["title"]: [item["title"] for item in group["items"]] for group in page.context["sidebar_navigation"]
    }
    assert groups == {"": ["Needs you today"], "Daily": ["Renders"], "Money": ["Top-ups"]}


def test_a_part_that_breaks_is_named_and_never_looks_well(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> desk.Waiting:
        raise RuntimeError("planted")

    card = desk.Card("Open alerts", "site.Alert", "", broken)
    monkeypatch.setattr(desk, "cards", [card, *desk.cards[1:]])
    page = operator.get("/admin/").content.decode()
    assert ("“Open alerts” could not be read" in page, "Nothing needs you." in page) == (True, False)


def test_every_page_stands_on_the_one_base_and_loads_no_script_but_ours(operator: Client) -> None:
    assert [page for page in admin.site._registry.values() if not isinstance(page, ModelAdmin)] == []
    answer = operator.get("/admin/")
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert (policy["script-src"], policy["style-src-attr"]) == ("'self' 'unsafe-eval'", "'unsafe-inline'")
    assert {"style-src", "style-src-elem"} & set(policy) == set()
    assert policy["default-src"] == "'self'"
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style", answer.content.decode()) == []
    elsewhere = operator.get("/account/email/")["Content-Security-Policy"]
    assert ("unsafe-eval" in elsewhere, "unsafe-inline" in elsewhere) == (False, False)

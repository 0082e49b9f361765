"""The one search: an identifier leads straight to its page, a name to a list, and to nothing that one may not see."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import ApiToken, Invitation, Member, Role, User, Workspace
from billing.models import Dispute, StripeCustomer, TopUp
from studio.models import ProviderJob, Render
from tests.browser.desk import furnish_rows
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(cast: Cast) -> Client:
    furnish_rows()
    return cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def led_to(client: Client, query: str) -> str:
    answer = client.get("/admin/search/", {"q": query})
    return str(answer["Location"]) if answer.status_code == 302 else answer.content.decode()


def test_an_identifier_leads_straight_to_the_page_that_is_meant(operator: Client) -> None:
    render, top_up = Render.objects.get(), TopUp.objects.get(state="review")
    TopUp.objects.filter(pk=top_up.pk).update(payment_intent_id="pi_3Desk", session_id="cs_test_desk")
    job, token = ProviderJob.objects.get(attempt=7), ApiToken.objects.get(name="Of the desk")
    workspace = Workspace.objects.get(memberships__user__email="desk@example.org")
    wanted = {
        f"  {render.pk} ": render,
        render.pk.upper(): render,
        job.pk: render,
        job.provider_job_id: render,
        job.reference: render,
        top_up.pk: top_up,
        "pi_3Desk": top_up,
        "cs_test_desk": top_up,
        "dp_desk": Dispute.objects.get(),
        "cus_desk": StripeCustomer.objects.get(),
        token.prefix: token,
        f"{token.prefix}…": token,
        "desk@example.org": workspace,
        "DESK@example.org": workspace,
        workspace.pk: workspace,
        "invited-by-the-desk@example.org": Invitation.objects.get(),
        "that is as long as PEOPLE write": render,
        "Dana Des": User.objects.get(email="desk@example.org"),
    }
    assert {query: led_to(operator, query) for query in wanted} == {
        query: page_of(row) for query, row in wanted.items()
    }


def test_a_name_that_several_have_leads_to_a_list_by_kind(operator: Client) -> None:
    shown = led_to(operator, "alice")
    alice = User.objects.get(email="alice@example.org")
    assert [f'href="{page_of(row)}"' in shown for row in (alice, alice.workspaces.get())] == [True, True]


def test_of_several_workspaces_of_one_person_each_says_its_slug_and_its_last_video(
    operator: Client, cast: Cast
) -> None:
    desk = User.objects.get(email="desk@example.org")
    Member.objects.create(workspace=cast.workspace, user=desk, role=Role.VIEWER)
    render = Render.objects.get()
    shown = led_to(operator, "desk@example.org")
    assert f"{render.workspace.slug}, last video “{render.title}”, 3\xa0days ago" in shown
    assert f"{cast.workspace.slug}, no video yet" in shown


@pytest.mark.parametrize(
    "query", ["", "rnd_nothing", "ch_nothing", "nobody@example.org", "%", "\0", "x" * 5_000, "ws_"]
)
def test_what_is_nowhere_is_said_and_breaks_nothing(operator: Client, query: str) -> None:
    assert operator.get("/admin/search/", {"q": query}).status_code == 200


def test_nobody_finds_what_they_may_not_see(operator: Client, cast: Cast) -> None:
    user = User.objects.create_user("looker@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_topup"))
    looker, render, top_up = cast.browser(user), Render.objects.get(), TopUp.objects.latest("pk")
    assert led_to(looker, top_up.pk) == page_of(top_up)
    for query in (render.pk, "desk@example.org", "alice", ApiToken.objects.latest("pk").prefix):
        assert "Nothing that you may see" in led_to(looker, query)


def test_every_page_has_the_search(operator: Client) -> None:
    for path in ("/admin/", "/admin/studio/render/", page_of(Render.objects.get()), "/admin/billing/books/"):
        assert 'action="/admin/search/"' in operator.get(path).content.decode(), path

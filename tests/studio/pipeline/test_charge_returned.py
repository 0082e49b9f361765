"""An operator gives a charge back: asked why, once, and the customer reads it wherever the charge stood."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.models import Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.models import Hold, Transfer
from billing.verify import verification
from studio.models import Render, RenderGroup
from studio.pipeline.operator.give_back import give_charge_back
from studio.pipeline.request.batches import status_of
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import retry_render, take
from tests.conftest import PASSWORD, Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db
WHY = "The lips were off."


@pytest.fixture(autouse=True)
def the_ledger_verifies(db: None) -> Iterator[None]:
    yield
    assert verification.verify() == []


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace)


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))


def act(client: Client, *renders: Render, **also: str) -> tuple[int, str]:
    sent = {"action": "give_charge_back", "_selected_action": [render.pk for render in renders], **also}
    answer = client.post(reverse("admin:studio_render_changelist"), sent, follow=True)
    return answer.status_code, html.unescape(answer.content.decode())


def read(client: Client, name: str, house: Workspace, **route: Any) -> str:
    page = client.get(reverse(name, kwargs={"workspace": house.slug, **route}))
    return tight(html.unescape(page.content.decode()))


def tight(page: str) -> str:
    """Without the white space beside tags, which says nothing."""
    return re.sub(r"\s+(?=<)|(?<=>)\s+", "", " ".join(page.split()))


def test_it_is_asked_why_and_told_what_it_does(operator: Client, house: Workspace) -> None:
    done, lost = shop.ready(house), shop.failed(house)
    status, page = act(operator, done, lost)
    assert status == 200
    assert "$1.00 goes back to the credit that paid it." in page
    assert "nothing was charged for it." in page
    assert act(operator, done, reason=" ")[0] == 400
    done.refresh_from_db()
    assert (done.returned_at, Transfer.objects.filter(kind="reversal").exists()) == (None, False)
    assert "1 of 2 given back." in act(operator, done, lost, reason=WHY)[1]
    assert "0 of 1 given back." in act(operator, done, reason="Again.")[1]
    assert "its charge was given back on" in act(operator, done)[1]
    done.refresh_from_db()
    assert (done.charge_micros, done.returned_micros, done.returned_reason) == (shop.DOLLAR, shop.DOLLAR, WHY)
    assert posting.balance(house).available_micros == 5 * shop.DOLLAR
    assert LogEntry.objects.get().change_message == f"Gave $1.00 back: {WHY}"


def test_the_customer_reads_it_wherever_the_charge_stood(operator: Client, house: Workspace, cast: Cast) -> None:
    done = shop.ready(house)
    act(operator, done, reason=WHY)
    owner = cast.browser(cast.alice)
    page = read(owner, "video", house, render=done.pk)
    told = f'<span class="money">$1.0000</span> on {Render.objects.get().returned_at:%-d %b %Y}. {WHY}</dd>'
    assert tight(told) in page
    assert f"The charge was given back: {WHY}" in page
    assert f"Given back: {WHY}" in read(owner, "statement", house)
    _, secret = make_token(house, user=cast.alice, name="t", scopes=list(Scope))
    headers = {"Authorization": f"Bearer {secret}"}
    one = Client().get(f"/api/v1/renders/{done.pk}", headers=headers).json()
    listed = Client().get("/api/v1/renders", headers=headers).json()["data"]
    assert one["charge"]["amount_micros"] == one["charge_return"]["amount"]["amount_micros"] == shop.DOLLAR
    assert (one["charge_return"]["reason"], listed) == (WHY, [one])
    newest = Client().get("/api/v1/transactions", headers=headers).json()["data"][0]
    assert (newest["kind"], newest["memo"], newest["amount"]["amount_micros"]) == (
        "reversal",
        f"Given back: {WHY}",
        shop.DOLLAR,
    )
    usage = Client().get("/api/v1/usage", headers=headers).json()
    assert (usage["renders"], usage["seconds"], usage["total"]["amount_micros"]) == (1, 10.0, 0)
    assert json.dumps(one).count(WHY) == 1


def test_those_who_manage_the_balance_get_one_mail(operator: Client, house: Workspace, cast: Cast) -> None:
    done = shop.ready(house)
    for _ in range(2):
        act(operator, done, reason=WHY)
    mails = MailMessage.objects.filter(kind="charge_returned").order_by("to")
    assert [mail.to for mail in mails] == [cast.alice.email, cast.dora.email]
    assert {mail.subject for mail in mails} == {"$1.00 was given back for “A video”"}
    text = mails[0].text
    assert f"The reason: {WHY}" in text
    assert f"/w/{house.slug}/statement/" in text
    assert f"/w/{house.slug}/videos/{done.pk}/" in text


def test_what_was_reversed_by_hand_is_told_before(operator: Client, house: Workspace) -> None:
    done = shop.ready(house)
    posting.reverse(Transfer.objects.get(kind="settle"), reason="By hand")
    assert "its charge was reversed by hand; nothing is left of it." in act(operator, done)[1]
    act(operator, done, reason=WHY)
    done.refresh_from_db()
    assert (done.returned_at, Transfer.objects.filter(kind="reversal").count()) == (None, 1)


def test_a_charge_that_was_not_given_back_says_nothing(house: Workspace, cast: Cast) -> None:
    done = shop.ready(house)
    _, secret = make_token(house, user=cast.alice, name="t", scopes=list(Scope))
    one = Client().get(f"/api/v1/renders/{done.pk}", headers={"Authorization": f"Bearer {secret}"}).json()
    assert one["charge_return"] is None
    assert "Charge given back" not in read(cast.browser(cast.alice), "video", house, render=done.pk)


def test_two_operators_at_once_give_it_back_once(house: Workspace, alice: User) -> None:
    shop.ready(house)
    first, second = Render.objects.get(), Render.objects.get()
    assert give_charge_back(first, reason="One.", actor=alice) is True
    assert give_charge_back(second, reason="Two.", actor=alice) is False
    assert (Render.objects.get().returned_reason, Transfer.objects.filter(kind="reversal").count()) == ("One.", 1)


def test_what_is_asked_for_again_is_charged_again(house: Workspace, alice: User) -> None:
    done = shop.ready(house)
    give_charge_back(done, reason=WHY, actor=alice)
    again = retry_render(done, user=alice)
    assert (again.returned_micros, again.returned_at, again.hold.returned_micros) == (0, None, 0)


def test_it_takes_the_permission_that_granting_credit_takes(house: Workspace, cast: Cast) -> None:
    done = shop.ready(house)
    clerk = User.objects.create_user("clerk@example.org", PASSWORD, is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["view_render", "change_render"]))
    act(cast.browser(clerk), done, reason=WHY)
    assert Hold.objects.get().returned_micros == 0
    clerk.user_permissions.add(Permission.objects.get(codename="grant_credit"))
    act(cast.browser(User.objects.get(pk=clerk.pk)), done, reason=WHY)
    assert Hold.objects.get().returned_micros == shop.DOLLAR


def test_a_batch_says_what_is_left_of_its_charges(house: Workspace, alice: User) -> None:
    group = RenderGroup.objects.create(workspace=house, is_batch=True)
    done = [shop.ready(house, "One"), shop.ready(house, "Two")]
    Render.objects.update(group=group)
    give_charge_back(done[0], reason=WHY, actor=alice)
    assert status_of(group).charged_micros == shop.DOLLAR


def test_verify_finds_a_render_that_says_otherwise(house: Workspace, alice: User) -> None:
    done = shop.ready(house)
    give_charge_back(done, reason=WHY, actor=alice)
    Render.objects.update(returned_micros=0, returned_at=None)
    assert [finding.code for finding in verification.verify()] == ["render_returned_differs"]
    Render.objects.update(returned_micros=shop.DOLLAR, returned_at=done.returned_at)


def test_takes_keep_their_numbers(house: Workspace, cast: Cast) -> None:
    project = house.projects.create(name="P")
    request = RenderRequest(house, project, shop.portrait_of(house), shop.voice_of(house), options={"takes": 3})
    takes = take(request, user=cast.alice)
    assert [one.take for one in takes] == [1, 2, 3]
    owner = cast.browser(cast.alice)
    route = {"render": takes[1].pk}
    assert '<dt>Takes</dt><dd><a href="' in read(owner, "video", house, **route)
    Render.objects.filter(pk=takes[0].pk).delete()
    assert '<dt>Takes</dt><dd><strong aria-current="true">2</strong>' in read(owner, "video", house, **route)
    Render.objects.filter(pk=takes[2].pk).delete()
    assert '<dt>Take</dt><dd><strong aria-current="true">2</strong></dd>' in read(owner, "video", house, **route)
    RenderGroup.objects.update(is_batch=True)
    assert "<dt>Take" not in read(owner, "video", house, **route).replace("<dt>Takes about</dt>", "")

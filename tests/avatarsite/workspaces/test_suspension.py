"""A workspace is suspended, goes on, and is closed: every door says so, and the money is right."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.outbox.endpoints import make_endpoint
from avatarsite.outbox.models import Endpoint, EndpointState
from avatarsite.workspaces import suspension
from avatarsite.workspaces.create import create_workspace
from avatarsite.workspaces.errors import CannotClose, Suspended
from avatarsite.workspaces.models import ApiToken, Invitation, Member, Role, Scope, User, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.debts.closing import CLOSED
from billing.ledger import posting
from billing.ledger.accounts import wallet
from billing.models import AutoTopUp, StripeCustomer, TopUp, TopUpState
from billing.topups import auto_topup
from billing.verify import verification
from studio.errors import RequestRefused
from studio.pipeline.operator.ask import why_not_ask
from tests.avatarsite.workspaces.test_access_ends import answers
from tests.conftest import PASSWORD, Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db
WHY = "Somebody else's card was used"
SENTENCE = f"{WHY}."
LOOKS = ("videos", "balance", "team", "developers", "statement", "header_status")


def doors(cast: Cast, key: str) -> dict[str, int]:
    owner = cast.browser(cast.alice)
    pages = {name: owner.get(reverse(name, kwargs={"workspace": cast.workspace.slug})).status_code for name in LOOKS}
    return pages | answers(key)


def test_a_suspended_workspace_is_shut_at_every_door_and_opens_again(cast: Cast) -> None:
    _, key = make_token(cast.workspace, user=cast.alice, name="t", scopes=list(Scope))
    before = doors(cast, key)
    assert suspension.suspend(cast.workspace, reason=WHY) is True
    assert suspension.suspend(cast.workspace, reason="Again") is False
    during = doors(cast, key)
    # Runware's protocol answers 200 to whatever it could read; its body says the code.
    assert {name: status for name, status in during.items() if status != 403} == {}
    assert suspension.resume(cast.workspace) is True
    assert suspension.resume(cast.workspace) is False
    assert doors(cast, key) == before


def test_what_its_people_and_programs_read(cast: Cast) -> None:
    _, key = make_token(cast.workspace, user=cast.alice, name="t", scopes=list(Scope))
    suspension.suspend(cast.workspace, reason=WHY)
    page = cast.browser(cast.bob).get(reverse("videos", kwargs={"workspace": cast.workspace.slug}))
    told = f"{cast.workspace} is suspended. {SENTENCE} Write to the people who run this site."
    assert told in html.unescape(page.content.decode())
    problem = Client().get("/api/v1/renders", headers={"Authorization": f"Bearer {key}"}).json()
    assert (problem["code"], problem["detail"]) == ("workspace_suspended", told)


def sign_in(user: User, client: Client | None = None) -> Any:
    sent = {"login": user.email, "password": PASSWORD}
    return (client or Client()).post(reverse("account_login"), sent)


def test_who_belongs_to_no_other_can_not_sign_in(cast: Cast) -> None:
    suspension.suspend(cast.workspace, reason=WHY)
    Member.objects.filter(user=cast.emil).exclude(workspace=cast.workspace).delete()
    client = Client()
    answer = sign_in(cast.emil, client)
    assert answer.status_code == 403
    assert SENTENCE in html.unescape(answer.content.decode())
    assert "_auth_user_id" not in client.session
    assert client.get(reverse("profile")).status_code == 302
    assert sign_in(cast.bob).status_code == 302  # his own workspace is open
    suspension.resume(cast.workspace)
    assert sign_in(cast.emil).status_code == 302


def test_home_leads_to_an_open_workspace_where_there_is_one(cast: Cast) -> None:
    bob = cast.browser(cast.bob)
    bob.get(reverse("videos", kwargs={"workspace": cast.workspace.slug}))
    suspension.suspend(cast.workspace, reason=WHY)
    his = Workspace.objects.get(memberships__user=cast.bob, memberships__role=Role.OWNER)
    assert bob.get("/")["Location"] == reverse("videos", kwargs={"workspace": his.slug})


def test_its_owner_makes_no_other_meanwhile(cast: Cast) -> None:
    suspension.suspend(cast.workspace, reason=WHY)
    with pytest.raises(Suspended):
        create_workspace(cast.alice, "Another")
    suspension.resume(cast.workspace)
    assert create_workspace(cast.alice, "Another").name == "Another"


def test_nothing_new_is_made_in_a_customers_place_and_what_runs_ends_and_is_charged(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    running = shop.rendering(house)
    suspension.suspend(house, reason=WHY)
    house.refresh_from_db()
    with pytest.raises(RequestRefused) as refusal:
        shop.asked(house, "New")
    assert refusal.value.code == "workspace_suspended"
    done = shop.made_ready(running)
    assert done.charge_micros == shop.DOLLAR
    assert why_not_ask(done) == "No provider has it: it is ready."


def test_no_card_is_charged_meanwhile(cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_x"
    customer = StripeCustomer.objects.create(
        workspace=cast.workspace, livemode=False, email="a@example.org", name="A", card_id="pm_1", stripe_id="cus_1"
    )
    AutoTopUp.objects.create(
        workspace=cast.workspace, enabled=True, threshold_micros=10_000_000, amount_cents=2000, ceiling_cents=9000
    )
    tried: list[TopUp] = []
    monkeypatch.setattr(auto_topup, "attempt", tried.append)
    suspension.suspend(cast.workspace, reason=WHY)
    assert auto_topup.consider(cast.workspace) is None
    suspension.resume(cast.workspace)
    auto_topup.consider(cast.workspace)
    assert [one.customer for one in tried] == [customer]


# --- Closing ----------------------------------------------------------------------------------------------------------


def test_what_stands_against_closing_is_said_and_nothing_is_done(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    posting.grant(house, shop.DOLLAR, key="paid", reason="Paid", category="paid")
    shop.rendering(house)
    with pytest.raises(CannotClose) as refusal:
        suspension.close(house, reason=WHY)
    assert refusal.value.sentence == (
        "$1.004 is on hold for videos that are being made: wait for them, or give them up. "
        "$1.00 of paid credit is left: refund it, or say that it lapses."
    )
    house.refresh_from_db()
    assert (house.closed_at, house.suspended_at, posting.balance(house).frozen_at) == (None, None, None)
    assert posting.balance(house).posted_micros == 6 * shop.DOLLAR


def test_a_top_up_on_its_way_stands_against_it(cast: Cast) -> None:
    customer = StripeCustomer.objects.create(workspace=cast.workspace, livemode=False, email="a@example.org", name="A")
    TopUp.objects.create(
        workspace=cast.workspace, customer=customer, amount_cents=2000, livemode=False, state=TopUpState.PROCESSING
    )
    assert suspension.why_not_close(cast.workspace) == ["A top-up is on its way: wait for it, or decide on it."]


def test_closing_ends_everything_for_good(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    shop.ready(house)
    posting.grant(house, shop.DOLLAR, key="paid", reason="Paid", category="paid")
    make_token(house, user=cast.alice, name="t", scopes=list(Scope))
    make_endpoint(house, url="https://hooks.example.com/", user=None)
    assert suspension.close(house, reason=WHY, forfeit=True) is True
    assert suspension.close(house, reason=WHY) is False
    house.refresh_from_db()
    assert (house.suspended_reason, bool(house.closed_at)) == (SENTENCE, True)
    assert suspension.resume(house) is False
    assert ApiToken.objects.get().revoked_at is not None
    assert Endpoint.objects.get().state == EndpointState.DISABLED
    assert Invitation.objects.filter(revoked_at=None).count() == 0
    balance = posting.balance(house)
    assert (balance.posted_micros, wallet(house).frozen_reason) == (0, CLOSED)
    assert verification.verify() == []
    page = cast.browser(cast.alice).get(reverse("statement", kwargs={"workspace": house.slug}))
    assert f"{house} is closed. {SENTENCE}" in html.unescape(page.content.decode())
    assert cast.browser(cast.alice).get("/")["Location"] == reverse("workspace_new")


def test_a_closed_workspace_keeps_nobody_from_signing_in_and_making_another(cast: Cast) -> None:
    suspension.close(cast.workspace, reason=WHY)
    assert sign_in(cast.alice).status_code == 302
    assert create_workspace(cast.alice, "Another").name == "Another"

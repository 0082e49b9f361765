"""Our accounts at the providers: asked for by a task, shown from a row, told when they are low."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from django.test import Client

from avatarsite.models import Alert
from avatarsite.workspaces.models import User
from studio.models import ProviderBalance
from studio.pipeline.desk.balances import NOT_TOLD, ask_balances, balances
from studio.providers import http, registry
from studio.providers.remote import dollars_left
from studio.tasks import ask_balances as task
from tests.conftest import PASSWORD, Cast
from tests.simulators.fixture import Simulators

pytest_plugins = ["tests.simulators.fixture"]
ALL = {"runware", "fal", "aimlapi"}


@pytest.fixture
def accounts(settings: Any, simulators: Simulators) -> Simulators:
    for name, value in simulators.environment.items():
        setattr(settings, name, value)
    settings.PUBLIC_URL = "http://127.0.0.1:8000"  # AI/ML API fetches voices from here
    return simulators


def leave(simulators: Simulators, dollars: float) -> None:
    for control in simulators.all:
        control.settings(balance_usd=float(dollars))


@pytest.mark.django_db
def test_each_provider_tells_and_the_first_page_shows_it(accounts: Simulators, cast: Cast) -> None:
    leave(accounts, 1234.5)
    task()
    assert dict(ProviderBalance.objects.values_list("pk", "micros")) == dict.fromkeys(ALL, 1_234_500_000)
    page = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD)).get("/admin/")
    (panel,) = (one for one in page.context["page"].panels if one.title == "Our accounts at the providers")
    assert {one.label: one.row.micros for one in panel.asked} == dict.fromkeys(
        ("Runware", "fal", "AI/ML API"), 1_234_500_000
    )
    assert page.content.decode().count("$1,234.50</span> <small>under a minute ago</small>") == len(ALL)
    assert Alert.objects.count() == 0


@pytest.mark.django_db
def test_little_money_is_an_alert_until_there_is_enough(accounts: Simulators, settings: Any) -> None:
    settings.LOW_BALANCE_DOLLARS = 50
    leave(accounts, 49.99)
    for _ in range(2):
        assert ask_balances() == len(ALL)
    assert set(Alert.objects.values_list("kind", "key", "count")) == {("balance_low", name, 2) for name in ALL}
    said = "$49.99 is left in our account at fal; $50.00 is the least it should have."
    assert Alert.objects.get(key="fal").message == said
    assert [one.is_low for one in balances()] == [True] * len(ALL)
    leave(accounts, 50)
    ask_balances()
    assert Alert.objects.filter(closed_at=None).count() == 0


@pytest.mark.django_db
def test_one_that_tells_nothing_keeps_what_it_told_and_the_others_their_turn(
    accounts: Simulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(accounts, 100)
    ask_balances()
    accounts.fal.fault("server_error", route="ledger")

    async def of_another_shape(*_: Any, **__: Any) -> int | None:
        return dollars_left({"money": 3}, "balance")

    monkeypatch.setattr(registry.provider("runware"), "_balance", of_another_shape, raising=False)
    leave(accounts, 70)
    assert ask_balances() == 1
    rows = {row.pk: (row.micros, row.problem.partition(":")[0]) for row in ProviderBalance.objects.all()}
    assert rows == {"aimlapi": (70_000_000, ""), "fal": (100_000_000, "provider"), "runware": (100_000_000, NOT_TOLD)}
    assert Alert.objects.count() == 0


@pytest.mark.django_db
def test_a_provider_without_a_key_is_neither_asked_nor_shown(accounts: Simulators, settings: Any) -> None:
    ask_balances()
    settings.FAL_KEY = ""
    assert [one.label for one in balances()] == ["Runware", "AI/ML API"]
    ask_balances()
    assert set(ProviderBalance.objects.values_list("pk", flat=True)) == ALL - {"fal"}


@pytest.mark.django_db
def test_the_page_asks_nobody(accounts: Simulators, cast: Cast) -> None:
    ask_balances()
    operator: Client = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    before = [control.counts()["requests"] for control in accounts.all]
    assert operator.get("/admin/").status_code == 200
    assert [control.counts()["requests"] for control in accounts.all] == before


@pytest.mark.parametrize(
    ("holder", "told"),
    [
        ({"balance": 12.5}, 12_500_000),
        ({"current_balance": "0.000001", "currency": "usd"}, 1),
        ({"balance": 0}, 0),
        ({"balance": -3}, -3_000_000),
        ({"current_balance": None, "balance": 5}, None),  # it names what we look for, and says nothing
        ({"balance": 5, "currency": "EUR"}, None),
        ({"balance": True}, None),
        ({"balance": "much"}, None),
        ({"balance": float("nan")}, None),
        ({"balance": 10**30}, None),
        ({"balance": {"amount": 5}}, None),
        ({}, None),
        ([5], None),
        (None, None),
    ],
)
def test_what_is_no_amount_is_not_told(holder: Any, told: int | None) -> None:
    assert dollars_left(holder, "current_balance", "balance") == told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"credits": {"current_balance": 7.25, "currency": "USD"}}, 7_250_000),
        ({"credits": {"balance": 7.25}}, 7_250_000),
        ({"credits": 7.25}, 7_250_000),
        ({"current_balance": 7.25}, 7_250_000),
        ({"credits": []}, None),
        ([], None),
        ({"username": "we"}, None),
    ],
)
def test_fal_may_answer_in_any_of_these_shapes(
    monkeypatch: pytest.MonkeyPatch, settings: Any, body: Any, told: int | None
) -> None:
    async def answered(*_: Any, **__: Any) -> http.Answer:
        return http.Answer(200, {}, json.dumps(body).encode())

    settings.FAL_KEY = "an-id:a-secret"
    monkeypatch.setattr(http, "ask", answered)
    assert asyncio.run(registry.provider("fal").balance()) == told

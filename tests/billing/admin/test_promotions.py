from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import User
from billing.models import PromotionCode
from billing.promotions import promotions
from billing.promotions.promotions import CodeRefused
from tests.billing.cast import DOLLAR
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

ADD = "/admin/billing/promotioncode/add/"
NEW = {
    "code": "spring",
    "amount": "5",
    "reason": "Spring promotion",
    "credit_days": "30",
    "starts_at_0": "2026-01-01",
    "starts_at_1": "00:00:00",
    "ends_at_0": "",
    "ends_at_1": "",
    "most": "2",
}


def at(name: str, code: PromotionCode) -> str:
    return reverse(f"admin:billing_promotioncode_{name}", args=[code.pk])


def made(browser: Client, **more: str) -> PromotionCode:
    answer = browser.post(ADD, NEW | more)
    assert answer.status_code == 302, answer.context["errors"]
    return PromotionCode.objects.latest("pk")


def test_staff_make_a_code_and_a_workspace_redeems_it(browser: Client, staff: User, cast: Cast) -> None:
    code = made(browser)
    assert (code.code, code.amount_micros, code.credit_days, code.most) == ("SPRING", 5 * DOLLAR, 30, 2)
    assert code.made_by == staff
    assert LogEntry.objects.get(object_id=str(code.pk)).is_addition()
    promotions.redeem(cast.workspace, "spring", user=cast.alice)
    page = browser.get(at("change", code)).content.decode()
    assert cast.alice.email in page
    assert "$5.00" in page
    assert browser.get("/admin/billing/promotioncode/").status_code == 200


def test_an_empty_code_becomes_one_that_nobody_guesses(browser: Client) -> None:
    one, two = made(browser, code="").code, made(browser, code="").code
    assert one != two
    assert [len(part) for part in one.split("-")] == [4, 4, 4]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"code": "two words"}, "dashes and underscores only"),
        ({"amount": "0"}, "greater than or equal to 0.01"),
        ({"amount": "90000000000"}, "no more than 9 digits before"),
        ({"reason": ""}, "required"),
        ({"credit_days": "0"}, "at least one day"),
        ({"most": "0"}, "at least once"),
        ({"ends_at_0": "2025-12-31", "ends_at_1": "12:00"}, "ends before it starts"),
    ],
)
def test_what_can_not_be_is_refused_in_a_sentence(browser: Client, wrong: dict[str, str], sentence: str) -> None:
    answer = browser.post(ADD, NEW | wrong)
    assert sentence in answer.content.decode()
    assert PromotionCode.objects.count() == 0


def test_a_word_is_taken_once_whatever_its_case(browser: Client) -> None:
    made(browser)
    assert "There is a code SPRING already" in browser.post(ADD, NEW | {"code": "Spring"}).content.decode()


def test_until_when_and_how_often_can_change_and_what_it_gives_can_not(browser: Client, cast: Cast) -> None:
    code = made(browser)
    promotions.redeem(cast.workspace, "SPRING", user=cast.alice)
    change: dict[str, Any] = {"ends_at_0": "2031-01-01", "ends_at_1": "00:00", "most": "0", "amount": "99", "code": "X"}
    inline = {"uses-TOTAL_FORMS": "0", "uses-INITIAL_FORMS": "0"}
    assert "redeemed 1 times already" in browser.post(at("change", code), change | inline).content.decode()
    assert browser.post(at("change", code), change | inline | {"most": "9"}).status_code == 302
    code.refresh_from_db()
    assert (code.code, code.amount_micros, code.most, code.redeemed) == ("SPRING", 5 * DOLLAR, 9, 1)
    assert code.ends_at is not None


def test_stopping_takes_a_reason_and_is_in_the_history(browser: Client, cast: Cast) -> None:
    code = made(browser)
    assert "Stop this code" in browser.get(at("change", code)).content.decode()
    assert browser.post(at("stop", code), {"reason": ""}).status_code == 400
    for _ in range(2):
        assert browser.post(at("stop", code), {"reason": "Leaked to a forum"}).status_code == 302
    assert LogEntry.objects.filter(change_message__contains="Leaked to a forum").count() == 1
    with pytest.raises(CodeRefused, match="it was stopped on"):
        promotions.redeem(cast.workspace, "SPRING", user=cast.alice)


def test_a_code_is_never_deleted(browser: Client) -> None:
    code = made(browser)
    assert browser.post(at("delete", code), {"post": "yes"}).status_code == 403
    assert PromotionCode.objects.filter(pk=code.pk).exists()


def test_staff_without_the_permission_make_and_stop_nothing(client: Client) -> None:
    helper = User.objects.create_user("helper@example.com", "correct horse", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_promotioncode"))
    code = PromotionCode.objects.create(code="SPRING", amount_micros=DOLLAR, reason="Spring")
    client.force_login(helper)
    assert client.get(at("change", code)).status_code == 200
    assert "Stop this code" not in client.get(at("change", code)).content.decode()
    assert client.post(ADD, NEW).status_code == 403
    assert client.post(at("stop", code), {"reason": "No"}).status_code == 403

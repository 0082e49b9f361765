from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from avatarsite.workspaces.create import create_workspace
from avatarsite.workspaces.models import User
from billing.ledger import posting
from billing.models import CreditLot, PromotionCode, PromotionUse
from billing.promotions import promotions
from billing.promotions.promotions import CodeRefused
from billing.verify import verification
from tests.billing.cast import DOLLAR
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def make_code(**more: Any) -> PromotionCode:
    facts = {"code": "SPRING", "amount_micros": 5 * DOLLAR, "reason": "Spring promotion"}
    return PromotionCode.objects.create(**facts | more)


def test_a_code_gives_bonus_credit_that_ends_and_says_where_it_is_from(cast: Cast) -> None:
    make_code(credit_days=30)
    lot = promotions.redeem(cast.workspace, " spring ", user=cast.alice)
    assert (lot.category, lot.granted, lot.memo) == ("bonus", 5 * DOLLAR, "Spring promotion")
    assert lot.expires_at is not None
    assert timedelta(days=29) < lot.expires_at - timezone.now() <= timedelta(days=30)
    assert posting.balance(cast.workspace).bonus_micros == 5 * DOLLAR
    assert PromotionCode.objects.get().redeemed == 1
    assert verification.verify() == []


@pytest.mark.parametrize("days", [None, 30])
def test_it_works_once_for_each_workspace_and_each_person(cast: Cast, days: int | None) -> None:
    make_code(credit_days=days)
    promotions.redeem(cast.workspace, "SPRING", user=cast.alice)
    for user in (cast.alice, cast.dora):
        with pytest.raises(CodeRefused, match="redeemed in this workspace"):
            promotions.redeem(cast.workspace, "SPRING", user=user)
    other = create_workspace(cast.alice, "Another")
    with pytest.raises(CodeRefused, match="once for each person"):
        promotions.redeem(other, "SPRING", user=cast.alice)
    assert (PromotionUse.objects.count(), CreditLot.objects.count(), PromotionCode.objects.get().redeemed) == (1, 1, 1)
    assert verification.verify() == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"starts_at": timezone.now() + timedelta(days=9)}, "can be redeemed from"),
        ({"starts_at": timezone.now() - timedelta(9), "ends_at": timezone.now() - timedelta(1)}, "can no longer be"),
        ({"stopped_at": timezone.now()}, "can no longer be"),
        ({"most": 1, "redeemed": 1}, "as often as it can be"),
    ],
)
def test_a_code_that_is_closed_says_why(cast: Cast, more: dict[str, Any], sentence: str) -> None:
    make_code(**more)
    with pytest.raises(CodeRefused, match=sentence):
        promotions.redeem(cast.workspace, "SPRING", user=cast.alice)
    assert CreditLot.objects.count() == 0


def test_guessing_ends_after_a_few_tries(cast: Cast) -> None:
    make_code()
    for number in range(promotions.WRONG_TRIES):
        with pytest.raises(CodeRefused, match="no such code"):
            promotions.redeem(cast.workspace, f"WRONG{number}", user=cast.alice)
    with pytest.raises(CodeRefused, match="Too many"):
        promotions.redeem(cast.workspace, "SPRING", user=cast.alice)


def test_the_balance_page_takes_a_code_and_tells_how_it_went(cast: Cast) -> None:
    make_code()
    page, to = cast.browser(cast.alice), f"/w/{cast.workspace.slug}/promotion/"
    assert f'action="{to}"' in page.get(f"/w/{cast.workspace.slug}/balance/").content.decode()
    assert "$5.00 of bonus credit is yours." in page.post(to, {"code": "spring"}, follow=True).content.decode()
    again = page.post(to, {"code": "spring <b>"})
    assert again.status_code == 422
    assert "There is no such code" in again.content.decode()
    assert 'value="spring &lt;b&gt;"' in again.content.decode()
    assert "it works once" in page.post(to, {"code": "spring"}).content.decode()
    assert "Type the code first." in page.post(to).content.decode()


def test_who_may_not_manage_billing_sees_no_form_and_redeems_nothing(cast: Cast) -> None:
    make_code()
    page, to = cast.browser(cast.emil), f"/w/{cast.workspace.slug}/promotion/"
    assert f'action="{to}"' not in page.get(f"/w/{cast.workspace.slug}/balance/").content.decode()
    assert page.post(to, {"code": "spring"}).status_code == 403


def test_a_new_person_is_greeted_once_their_address_is_confirmed(settings: Any) -> None:
    settings.WELCOME_CREDIT, settings.WELCOME_CREDIT_DAYS = Decimal(2), 30
    nina = User(email="nina@example.org", name="Nina")
    nina.set_password(PASSWORD)
    nina.save()
    address = EmailAddress.objects.create(user=nina, email=nina.email, primary=True, verified=False)
    assert CreditLot.objects.count() == 0
    for _ in range(2):
        address.verified = True
        address.save()
    EmailAddress.objects.create(user=nina, email="nina@example.com", verified=True)
    lot = CreditLot.objects.get()
    assert (lot.granted, lot.memo, lot.account.workspace) == (2 * DOLLAR, "Welcome", nina.workspaces.get())
    assert lot.expires_at is not None


def test_nobody_is_greeted_where_that_is_off(cast: Cast) -> None:
    assert promotions.welcome(cast.alice) is None
    assert CreditLot.objects.count() == 0

from __future__ import annotations

from typing import Any

import pytest

from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import make_token
from billing.budgets import budgets
from billing.holds import holds
from billing.models import Budget
from studio.projects import project_for_new_video
from tests.billing.cast import DOLLAR, give
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db


def set_by(cast: Cast, user: Any, scope: str, amount: str) -> Any:
    return cast.browser(user).post(
        f"/w/{cast.workspace.slug}/budgets/", {"scope": scope, "amount": amount}, follow=True
    )


def test_owners_and_admins_set_caps_and_others_see_them(cast: Cast) -> None:
    page = set_by(cast, cast.dora, f"member:{cast.emil.pk}", "12.50").content.decode()
    assert "$12.50 a month for Emil Example." in page
    assert Budget.objects.get().cap_micros == 12_500_000
    assert set_by(cast, cast.emil, "workspace", "1").status_code == 403
    seen = cast.browser(cast.bob).get(f"/w/{cast.workspace.slug}/budgets/").content.decode()
    assert "$12.50</span> left" in seen
    assert 'name="amount"' not in seen


def test_an_empty_amount_takes_the_cap_away(cast: Cast) -> None:
    set_by(cast, cast.alice, "workspace", "5")
    assert "There is no cap on this workspace any more." in set_by(cast, cast.alice, "workspace", "").content.decode()
    assert Budget.objects.count() == 0


@pytest.mark.parametrize("amount", ["-1", "ten", "0.0000001", "99999999999"])
def test_an_amount_that_can_not_be_is_said_at_its_field(cast: Cast, amount: str) -> None:
    answer = set_by(cast, cast.alice, "workspace", amount)
    assert answer.status_code == 422
    assert f'value="{amount}"' in answer.content.decode()
    assert "field__error" in answer.content.decode()
    assert Budget.objects.count() == 0


def test_what_is_not_of_the_workspace_can_not_be_capped(cast: Cast) -> None:
    for scope in (f"member:{cast.charlie.pk}", "project:prj_nowhere", "token:x", "render:1", ""):
        assert set_by(cast, cast.alice, scope, "5").status_code == 422
    assert Budget.objects.count() == 0


def test_a_token_made_with_a_cap_has_it_and_the_page_keeps_both_the_same(cast: Cast) -> None:
    token, _ = make_token(cast.workspace, user=cast.alice, name="CI", scopes=["render"], monthly_cap_micros=3 * DOLLAR)
    assert Budget.objects.get().scope == f"token:{token.lineage}"
    set_by(cast, cast.alice, f"token:{token.lineage}", "4")
    assert ApiToken.objects.get().monthly_cap_micros == 4 * DOLLAR
    give(cast.workspace, 10 * DOLLAR, "gift")
    with pytest.raises(holds.BudgetReached, match="the API token “CI”"):
        holds.place_hold(cast.workspace, 5 * DOLLAR, key="k", subject="s", budgets=[f"token:{token.lineage}"])


def test_the_quote_says_when_a_cap_would_refuse(cast: Cast) -> None:
    house = shop.open_shop(cast.workspace, dollars=20)
    video = shop.queued(house, "Before") if hasattr(shop, "queued") else shop.rendering(house, "Before")
    budgets.set_budget(house, f"project:{video.project_id}", 1, user=None)
    fields = {
        "portrait": video.portrait_id,
        "voice": video.voice_id,
        "model": video.model,
        "project": video.project_id,
    }
    panel = cast.browser(cast.alice).post(f"/w/{house.slug}/videos/quote/", fields).content.decode()
    assert "the monthly cap of the project “First project” has $0.000000 left" in panel
    assert "data-make disabled" in " ".join(panel.split())


def test_team_project_and_workspace_settings_lead_to_their_caps(cast: Cast) -> None:
    workspace, page = cast.workspace, cast.browser(cast.alice)
    project = project_for_new_video(workspace)
    here = f"/w/{workspace.slug}"
    caps = page.get(f"{here}/budgets/").content.decode()
    for url, anchor in (
        (f"{here}/team/", f"member-{cast.emil.pk}"),
        (f"{here}/projects/{project.pk}/change/", f"project-{project.pk}"),
        (f"{here}/settings/", ""),
    ):
        mark = f"#{anchor}" if anchor else ""
        assert f'href="{here}/budgets/{mark}"' in page.get(url).content.decode()
        assert f'id="{anchor or "workspace"}"' in caps
    assert "Monthly cap<" not in cast.browser(cast.bob).get(f"{here}/team/").content.decode()


@pytest.mark.parametrize(("typed", "micros"), [("12,50", 12_500_000), ("$1.234,50", 1_234_500_000), ("0,056", 56_000)])
def test_a_cap_is_taken_as_people_write_it_and_shown_as_it_is_read_back(cast: Cast, typed: str, micros: int) -> None:
    set_by(cast, cast.alice, "workspace", typed)
    assert Budget.objects.get().cap_micros == micros


def test_a_cap_with_three_decimals_is_shown_so_that_saving_keeps_it(cast: Cast) -> None:
    set_by(cast, cast.alice, "workspace", "1.2340")
    page = cast.browser(cast.alice).get(f"/w/{cast.workspace.slug}/budgets/").content.decode()
    assert 'value="1.2340"' in page
    assert "can be read as $1,234 or as $1.234" in set_by(cast, cast.alice, "workspace", "1.234").content.decode()
    assert Budget.objects.get().cap_micros == 1_234_000


def test_days_and_weeks_have_caps_of_their_own(cast: Cast) -> None:
    url = f"/w/{cast.workspace.slug}/budgets/"
    asked = {"scope": "workspace", "amount": "5", "period": "day"}
    page = cast.browser(cast.dora).post(url, asked, follow=True).content.decode()
    assert "$5.00 a day for this workspace." in page
    wrong = cast.browser(cast.dora).post(url, asked | {"amount": "ten", "period": "week"})
    assert (wrong.status_code, 'id="error-workspace-week"' in wrong.content.decode()) == (422, True)
    assert cast.browser(cast.dora).post(url, asked | {"period": "year"}).status_code == 422
    gone = cast.browser(cast.dora).post(url, asked | {"amount": ""}, follow=True).content.decode()
    assert "There is no daily cap on this workspace any more." in gone
    assert not Budget.objects.exists()


def test_a_member_is_locked_and_opened_on_the_page(cast: Cast) -> None:
    url, here = f"/w/{cast.workspace.slug}/budgets/lock/", f"/w/{cast.workspace.slug}/budgets/"
    scope = f"member:{cast.emil.pk}"
    page = cast.browser(cast.dora).post(url, {"scope": scope, "to": "locked"}, follow=True).content.decode()
    assert "Locked: nothing that costs is let in for Emil Example." in page
    assert budgets.locked_in(cast.workspace) == [scope]
    assert "Locked" in cast.browser(cast.bob).get(here).content.decode()
    cast.browser(cast.dora).post(url, {"scope": scope, "to": "open"})
    cast.browser(cast.dora).post(url, {"scope": "member:999", "to": "locked"})
    assert budgets.locked_in(cast.workspace) == []

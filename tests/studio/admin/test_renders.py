"""The operator's pages: each list and row opens, and what may be done is done by the domain's own calls."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.audit.models import AuditEntry
from avatarsite.models import Alert
from avatarsite.workspaces.models import User, Workspace
from billing.ledger import posting
from studio.models import JobStatus, OfferHealth, Outcome, ProviderJob, Render, RenderState
from studio.pipeline import health
from studio.pipeline.desk import sale
from studio.providers import registry
from tests.conftest import PASSWORD, Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db

OURS = sorted(
    f"{model._meta.app_label}_{model._meta.model_name}"
    for model in admin.site._registry
    if model._meta.app_label in {"studio", "site", "avatarsite", "inbox"}
)


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))


@pytest.fixture
def looker(cast: Cast) -> Client:
    """Staff who may look at everything and change nothing."""
    user = User.objects.create_user("looker@example.org", PASSWORD, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return cast.browser(user)


@pytest.fixture
def house(cast: Cast) -> Workspace:
    """A workspace with one row of everything."""
    house = shop.open_shop(cast.workspace)
    shop.ready(house)
    raise_alert("offer_paused", shop.OFFER, "It is paused.")
    opened()
    return house


def opened() -> OfferHealth:
    until = timezone.now() + timedelta(minutes=5)
    values = {"failures": 5, "open_until": until, "reason": "5 failures in a row"}
    return OfferHealth.objects.update_or_create(pk=shop.OFFER, defaults=values)[0]


def act(client: Client, model: str, action: str, row: object, **also: str) -> str:
    answer = client.post(
        reverse(f"admin:{model}_changelist"), {"action": action, "_selected_action": [row], **also}, follow=True
    )
    return answer.content.decode()


@pytest.mark.parametrize("model", OURS)
def test_lists_and_rows_open(operator: Client, house: Workspace, model: str) -> None:
    listed = operator.get(reverse(f"admin:{model}_changelist"), {"q": "a"})
    assert listed.status_code == 200
    listed = operator.get(reverse(f"admin:{model}_changelist"))
    for row in list(listed.context["cl"].queryset)[:1]:
        assert operator.get(reverse(f"admin:{model}_change", args=[row.pk])).status_code == 200


def test_jobs_are_filtered_by_offer_outcome_and_status(operator: Client, house: Workspace) -> None:
    page = reverse("admin:studio_providerjob_changelist")
    for name, right, wrong in (
        ("offer", shop.OFFER, "fal:x"),
        ("outcome__exact", "accepted", "rejected"),
        ("status__exact", "running", "failed"),
    ):
        counts = [operator.get(page, {name: value}).context["cl"].result_count for value in (right, wrong)]
        assert counts == [1, 0], name


def test_the_health_of_an_offer_tells_its_circuit_and_its_record(operator: Client, house: Workspace) -> None:
    now = timezone.now()
    render = Render.objects.get()
    for number, seconds in enumerate((20, 30, 40, 50)):
        ProviderJob.objects.create(
            render=render,
            attempt=number + 2,
            offer=shop.OFFER,
            outcome=Outcome.ACCEPTED,
            status=JobStatus.DONE if seconds < 50 else JobStatus.FAILED,
            accepted_at=now - timedelta(seconds=seconds),
            finished_at=now,
        )
    cache.clear()
    page = operator.get(reverse("admin:studio_offerhealth_changelist")).content.decode()
    cells = {
        "circuit": f"Paused until {OfferHealth.objects.get().open_until:%H:%M} UTC",
        "why": "5 failures in a row",
        "median": "3.0 s",
        "p90": "3.8 s",
        "success": "3 of 4 (75%)",
    }
    for name, value in cells.items():
        assert re.search(rf'<td class="field-{name} [^>]*>\s*{re.escape(value)}\s*</td>', page), name
    price = reverse("admin:billing_price_changelist")
    assert f'<a href="{price}?offer={shop.OFFER}">$0.1000/s</a>' in page


@pytest.mark.parametrize(
    ("failures", "minutes", "word"), [(0, None, "good"), (2, None, "shaky"), (5, 5, "open"), (5, -5, "to be tried")]
)
def test_a_circuit_in_a_word(failures: int, minutes: int | None, word: str) -> None:
    until = None if minutes is None else timezone.now() + timedelta(minutes=minutes)
    assert health.state_word(OfferHealth(offer=shop.OFFER, failures=failures, open_until=until)) == word


def test_the_circuit_is_closed_by_hand(operator: Client, house: Workspace) -> None:
    assert health.may_send(shop.OFFER) is not None
    assert "1 of 1 closed." in act(operator, "studio_offerhealth", "close_now", shop.OFFER)
    assert health.may_send(shop.OFFER) is None
    row = OfferHealth.objects.get(pk=shop.OFFER)
    assert (row.failures, row.reason, row.open_until) == (0, "", None)
    assert Alert.objects.get().closed_at is not None
    assert LogEntry.objects.get().object_id == shop.OFFER
    assert "0 of 1 closed; the others were not open." in act(operator, "studio_offerhealth", "close_now", shop.OFFER)
    assert LogEntry.objects.count() == 1


def test_an_offers_own_page_has_its_acts(operator: Client, looker: Client, house: Workspace) -> None:
    sale.all_offers()
    page = reverse("admin:studio_offerhealth_change", args=[shop.OFFER])

    def acts(client: Client) -> list[str]:
        return re.findall(r'name="action" value="(\w+)"', client.get(page).content.decode())

    assert acts(operator) == ["close_now", "take_off_sale"]
    assert acts(looker) == []
    health.close_circuit(shop.OFFER)
    sale.take_off(shop.OFFER, reason="Wrong price")
    assert acts(operator) == ["put_on_sale"]
    assert "Off sale: Wrong price" in operator.get(page).content.decode()


def test_an_offer_is_taken_off_sale_with_a_reason_and_put_on_again(
    operator: Client, looker: Client, house: Workspace
) -> None:
    health.close_circuit(shop.OFFER)
    asked = act(operator, "studio_offerhealth", "take_off_sale", shop.OFFER)
    assert "cost nothing if it passes" in asked
    assert health.may_send(shop.OFFER) is None, "nothing happens before there is a reason"
    done = act(operator, "studio_offerhealth", "take_off_sale", shop.OFFER, reason="Wrong price")
    assert "1 of 1 changed" in done
    assert "0 of 1 changed" in act(operator, "studio_offerhealth", "take_off_sale", shop.OFFER, reason="Mine too")
    assert health.why_paused(shop.OFFER) == "It is not sold at the moment."
    assert [entry.why or entry.what for entry in AuditEntry.objects.filter(target=shop.OFFER)] == ["Wrong price"]
    act(looker, "studio_offerhealth", "put_on_sale", shop.OFFER, reason="I may not")
    assert health.why_paused(shop.OFFER) == "It is not sold at the moment."
    act(operator, "studio_offerhealth", "put_on_sale", shop.OFFER, reason="Price is right")
    assert health.may_send(shop.OFFER) is None
    assert OfferHealth.objects.count() == len(registry.for_sale()), "each offer can be taken off before it ever failed"


def test_renders_are_asked_again_cancelled_and_given_up(operator: Client, house: Workspace) -> None:
    health.close_circuit(shop.OFFER)
    done = Render.objects.get()
    assert "1 of 1 asked for again" in act(operator, "studio_render", "retry", done.pk)
    again = Render.objects.exclude(pk=done.pk).get()
    assert "1 of 1 being cancelled" in act(operator, "studio_render", "cancel", again.pk)
    again.refresh_from_db()
    assert again.state == RenderState.CANCELLED
    stuck = shop.rendering(house, "Stuck")
    assert "1 of 1 failed, their holds released" in act(
        operator, "studio_render", "fail_and_release", stuck.pk, reason="Stuck."
    )
    stuck.refresh_from_db()
    assert stuck.state == RenderState.FAILED
    assert posting.balance(house).held_micros == 0


def test_alerts_are_closed(operator: Client, house: Workspace) -> None:
    assert "1 closed." in act(operator, "site_alert", "close", Alert.objects.get().pk)
    assert Alert.objects.get().closed_at is not None


def test_who_may_only_look_can_do_nothing(looker: Client, house: Workspace) -> None:
    health.close_circuit(shop.OFFER)
    render = shop.rendering(house, "Running")
    opened()
    raise_alert("task_failed", "key", "Look at it.")
    for model, action, row in (
        ("studio_offerhealth", "close_now", shop.OFFER),
        ("studio_render", "fail_and_release", render.pk),
        ("studio_render", "cancel", render.pk),
        ("site_alert", "close", Alert.objects.get(kind="task_failed").pk),
    ):
        assert looker.get(reverse(f"admin:{model}_changelist")).status_code == 200
        act(looker, model, action, row, reason="No.")
    render.refresh_from_db()
    assert (render.state, render.cancel_requested_at) == (RenderState.RENDERING, None)
    assert OfferHealth.objects.get(pk=shop.OFFER).open_until is not None
    assert Alert.objects.get(kind="task_failed").closed_at is None


def given_up(client: Client, row: Render, reason: str | None) -> tuple[int, str]:
    sent: dict[str, Any] = {"action": "fail_and_release", "_selected_action": [row.pk]}
    sent |= {} if reason is None else {"reason": reason}
    page = reverse("admin:studio_render_changelist") + "?state__exact=rendering"
    answer = client.post(page, sent)
    if answer.status_code == 302:
        answer = client.get(answer.headers["Location"])
        return 302, answer.content.decode()
    return answer.status_code, answer.content.decode()


def test_giving_up_asks_for_a_reason_and_keeps_it(operator: Client, house: Workspace) -> None:
    health.close_circuit(shop.OFFER)
    stuck = shop.rendering(house, "Stuck")
    status, page = given_up(operator, stuck, None)
    assert (status, "$1.004 is held." in page, 'name="reason"' in page) == (200, True, True)
    for empty in ("", "   "):
        status, page = given_up(operator, stuck, empty)
        assert (status, "Write why; the customer reads it, too." in page) == (400, True)
    assert given_up(operator, stuck, "x" * 151)[0] == 400
    stuck.refresh_from_db()
    assert stuck.state == RenderState.RENDERING
    status, page = given_up(operator, stuck, "Its provider has closed.")
    assert (status, "1 of 1 failed, their holds released." in page) == (302, True)
    stuck.refresh_from_db()
    assert (stuck.state, stuck.failure_code) == (RenderState.FAILED, "stopped")
    assert stuck.failure_message == (
        "This video was stopped by the people who run the service. Its provider has closed."
    )
    assert stuck.events.last().reason == "given up: Its provider has closed."  # type: ignore[union-attr]
    assert LogEntry.objects.get().change_message == "Gave up: Its provider has closed."


@pytest.mark.parametrize("action", ["retry", "cancel", "fail_and_release"])
def test_how_many_were_chosen_is_told_also_when_they_leave_the_list(
    operator: Client, house: Workspace, action: str
) -> None:
    health.close_circuit(shop.OFFER)
    one, two = shop.asked(house, "One"), shop.failed(house, "Two")
    page = reverse("admin:studio_render_changelist")
    sent = {"action": action, "_selected_action": [one.pk, two.pk], "reason": "A test."}
    told = operator.post(page, sent, follow=True).content.decode()
    assert "1 of 2 " in told


def test_every_list_with_a_customer_is_searched_by_a_members_address(operator: Client, cast: Cast) -> None:
    """The address of whoever belongs to the workspace leads to all of its rows, and of no other's."""
    house = shop.open_shop(cast.workspace)
    shop.ready(house)
    without = {"Alert", "Group", "Letter", "Books", "Price", "OfferHealth", "EmailAddress", "Authenticator"}
    for model, page in admin.site._registry.items():
        if model.__name__ in without or model._meta.app_label == "django_q":
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        every = operator.get(address).context["cl"]
        found = {
            who: operator.get(address, {"q": f"{who}@example.org"}).context["cl"].queryset
            for who in ("emil", "charlie")
        }
        assert page.search_fields, model
        if model.__name__ in {"User", "Workspace"}:
            continue
        mine = [row for row in every.queryset if "platform" not in str(row) and _belongs(row, house)]
        assert sorted(row.pk for row in found["emil"]) == sorted(row.pk for row in mine), model
        assert not [row for row in found["charlie"] if _belongs(row, house)], model


def _belongs(row: Any, house: Workspace) -> bool:
    for path in ("workspace", "account.workspace", "owner.workspace", "render.workspace", "request.workspace"):
        at = row
        for name in path.split("."):
            at = getattr(at, name, None)
        if at == house:
            return True
    return False


def test_delete_is_offered_only_where_it_would_be_done(operator: Client, cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    shop.ready(house)
    for model, page in admin.site._registry.items():
        route = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed = operator.get(reverse(f"{route}_changelist"))
        form = listed.context.get("action_form") if listed.context else None
        offered = [name for name, _ in form.fields["action"].choices] if form else []
        if model._meta.app_label in {"workspaces", "billing", "studio", "gateway", "outbox", "inbox", "site"}:
            assert "delete_selected" not in offered or model.__name__ in {"Invitation", "MailDomain"}, model
        if model.__name__ == "Books":
            continue
        for row in list(page.model._default_manager.all()[:3]):
            shown = operator.get(reverse(f"{route}_change", args=[row.pk])).content.decode()
            deleting = operator.get(reverse(f"{route}_delete", args=[row.pk]))
            possible = deleting.status_code == 200 and "Cannot delete" not in deleting.content.decode()
            link = reverse(f"{route}_delete", args=[quote(row.pk)])
            assert (f'href="{link}"' in shown) == possible, row

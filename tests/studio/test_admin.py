"""The operator's pages: each list and row opens, and what may be done is done by the domain's own calls."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.alerts import raise_alert
from avatarsite.models import Alert
from avatarsite.workspaces.models import User, Workspace
from billing import ledger
from studio.models import JobStatus, OfferHealth, Outcome, ProviderJob, Render, RenderState
from studio.pipeline import health
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


def act(client: Client, model: str, action: str, row: object) -> str:
    answer = client.post(
        reverse(f"admin:{model}_changelist"), {"action": action, "_selected_action": [row]}, follow=True
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
        "circuit": "open",
        "failures": "5",
        "reason": "5 failures in a row",
        "half_take": "3.0 s",
        "most_take": "3.8 s",
        "came": "3 of 4 (75%)",
    }
    for name, value in cells.items():
        assert f'<td class="field-{name}">{value}</td>' in page, name


@pytest.mark.parametrize(
    ("failures", "minutes", "word"), [(0, None, "good"), (2, None, "shaky"), (5, 5, "open"), (5, -5, "to be tried")]
)
def test_a_circuit_in_a_word(failures: int, minutes: int | None, word: str) -> None:
    until = None if minutes is None else timezone.now() + timedelta(minutes=minutes)
    assert health.state_word(OfferHealth(offer=shop.OFFER, failures=failures, open_until=until)) == word


def test_the_circuit_is_closed_by_hand(operator: Client, house: Workspace) -> None:
    assert health.may_send(shop.OFFER) is not None
    assert "1 of 1 closed" in act(operator, "studio_offerhealth", "close_now", shop.OFFER)
    assert health.may_send(shop.OFFER) is None
    row = OfferHealth.objects.get()
    assert (row.failures, row.reason, row.open_until) == (0, "", None)
    assert Alert.objects.get().closed_at is not None
    assert LogEntry.objects.get().object_id == shop.OFFER
    assert "0 of 1 closed" in act(operator, "studio_offerhealth", "close_now", shop.OFFER)
    assert LogEntry.objects.count() == 1


def test_renders_are_asked_again_cancelled_and_given_up(operator: Client, house: Workspace) -> None:
    health.close_circuit(shop.OFFER)
    done = Render.objects.get()
    assert "1 of 1 asked for again" in act(operator, "studio_render", "retry", done.pk)
    again = Render.objects.exclude(pk=done.pk).get()
    assert "1 of 1 being cancelled" in act(operator, "studio_render", "cancel", again.pk)
    again.refresh_from_db()
    assert again.state == RenderState.CANCELLED
    stuck = shop.rendering(house, "Stuck")
    assert "1 of 1 failed, their holds released" in act(operator, "studio_render", "fail_and_release", stuck.pk)
    stuck.refresh_from_db()
    assert stuck.state == RenderState.FAILED
    assert ledger.balance(house).held_micros == 0


def test_alerts_are_closed(operator: Client, house: Workspace) -> None:
    assert "1 closed." in act(operator, "site_alert", "close", Alert.objects.get().pk)
    assert Alert.objects.get().closed_at is not None


def test_who_may_only_look_can_do_nothing(looker: Client, house: Workspace) -> None:
    health.close_circuit(shop.OFFER)
    render = shop.rendering(house, "Running")
    opened()
    raise_alert("other", "key", "Look at it.")
    for model, action, row in (
        ("studio_offerhealth", "close_now", shop.OFFER),
        ("studio_render", "fail_and_release", render.pk),
        ("studio_render", "cancel", render.pk),
        ("site_alert", "close", Alert.objects.get(kind="other").pk),
    ):
        assert looker.get(reverse(f"admin:{model}_changelist")).status_code == 200
        act(looker, model, action, row)
    render.refresh_from_db()
    assert (render.state, render.cancel_requested_at) == (RenderState.RENDERING, None)
    assert OfferHealth.objects.get().open_until is not None
    assert Alert.objects.get(kind="other").closed_at is None

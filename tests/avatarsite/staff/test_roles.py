"""Each role at each page and each action of the admin site: allowed or 403, as ``roles.txt`` says.

A line of the table is a page or an action, then what ``support``, ``money`` and ``admin`` get. A new page or action
that is not in it fails here. Pages of one row are asked of a row, and of ``none`` where the fixtures have no row.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import NoReverseMatch, URLPattern, reverse

from avatarsite.alerts import raise_alert
from avatarsite.audit.models import AuditEntry
from avatarsite.mail.models import MailMessage
from avatarsite.staff.notes import add_note
from avatarsite.staff.roles import ADMIN, ALLOWED, MONEY, SUPPORT
from avatarsite.workspaces.models import User
from billing.models import AutoTopUp, LedgerAccount
from studio.misuse.models import MisuseReport
from studio.models import OfferHealth
from studio.pipeline.desk import sale
from tests.avatarsite.staff.conftest import Staff
from tests.avatarsite.staff.test_view_as import everything
from tests.conftest import Cast
from tests.studio import shop
from tests.test_tenancy import things  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db
ROLES = (SUPPORT, MONEY, ADMIN)
TABLE = Path(__file__).with_name("roles.txt")
NO_ROW = "none"
# Of whose rows it matters which: a customer's account and wallet.
PICKED: dict[type[Model], dict[str, Any]] = {User: {"is_staff": False}, LedgerAccount: {"kind": "wallet"}}


@pytest.fixture
def rows(cast: Cast, things: dict[str, Any]) -> None:  # noqa: F811
    """One of what staff meet."""
    house = shop.open_shop(cast.workspace)
    video = shop.ready(house)
    MisuseReport.objects.create(address="https://example.org/s/x/", complaint="other", render=video, workspace=house)
    raise_alert("offer_paused", shop.OFFER, "It is paused.")
    OfferHealth.objects.get_or_create(pk=shop.OFFER)
    AutoTopUp.objects.create(workspace=house, threshold_micros=1, amount_cents=2000, ceiling_cents=9000)
    add_note(house, "A note.", author=cast.alice, token=uuid.uuid4())


def pages() -> Iterator[tuple[str, type[Model], URLPattern]]:
    """Every page of every model: its name, its model and its pattern."""
    for model, page in sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label_lower):
        for entry in page.get_urls():
            if isinstance(entry, URLPattern) and entry.name:
                yield entry.name, model, entry


def address(name: str, model: type[Model], entry: URLPattern) -> str:
    takes = set(entry.pattern.converters)
    try:
        if not takes:
            return reverse(f"admin:{name}")
        row = model._default_manager.filter(**PICKED.get(model, {})).order_by("pk").last()
        return reverse(f"admin:{name}", args=[row.pk if row else NO_ROW] * len(takes))
    except NoReverseMatch:
        return ""


def actions_of(client_user: User) -> Iterator[tuple[str, str]]:
    """Each action that this person is offered: the model's name and the action's."""
    request = RequestFactory().get("/")
    request.user = client_user
    for model, page in admin.site._registry.items():
        for action in page.get_actions(request) or {}:
            yield f"{model._meta.app_label}_{model._meta.model_name}", action


def found(staff: Staff) -> list[str]:
    """The table as it is: what each role gets."""
    clients = {role: staff(role) for role in ROLES}
    lines = []
    for name, model, entry in pages():
        url = address(name, model, entry)
        if url:
            got = [str(client.get(url).status_code) for client in clients.values()]
            none = f" {NO_ROW}" if NO_ROW in url else ""
            lines.append(f"{name}{none}: {' '.join(got)}")
    offered = {role: set(actions_of(User.objects.get(email=f"{role}@staff.example"))) for role in ROLES}
    everybody = sorted(set(actions_of(User.objects.get(email="root@staff.example"))))
    for model_name, action in everybody:
        got = ["yes" if (model_name, action) in offered[role] else "no" for role in ROLES]
        lines.append(f"{model_name} action {action}: {' '.join(got)}")
    return sorted(set(lines))


def test_each_role_gets_what_the_table_says(staff: Staff, rows: None) -> None:
    staff("")
    lines = found(staff)
    print(*lines, sep="\n")  # what a failure shows is the table as it should be, if it is right
    assert lines == TABLE.read_text().splitlines()


def test_who_may_not_do_an_action_does_nothing_by_sending_it(staff: Staff, rows: None) -> None:
    staff("")
    sale.all_offers()
    everybody = sorted(set(actions_of(User.objects.get(email="root@staff.example"))))
    for role in (SUPPORT, MONEY):
        client = staff(role)
        mine = set(actions_of(User.objects.get(email=f"{role}@staff.example")))
        before = everything()
        for model_name, action in everybody:
            if (model_name, action) not in mine:
                send(client, model_name, action)
        assert everything() == before, role


def send(client: Client, model_name: str, action: str) -> None:
    model = next(one for one in admin.site._registry if f"{one._meta.app_label}_{one._meta.model_name}" == model_name)
    chosen = [row.pk for row in model._default_manager.all()[:3]]
    sent = {"action": action, "_selected_action": chosen, "reason": "A test.", "post": "yes"}
    answer = client.post(reverse(f"admin:{model_name}_changelist"), sent)
    assert answer.status_code in {200, 302, 403}, (model_name, action)


@pytest.mark.parametrize("role", [SUPPORT, MONEY])
def test_forms_that_are_shut_are_shut_for_sending_too(role: str, staff: Staff, rows: None) -> None:
    client = staff(role)
    staff("")
    sale.all_offers()
    before = everything()
    tried = 0
    for name, model, entry in pages():
        url = address(name, model, entry)
        if url and client.get(url).status_code == 403:
            tried += 1
            sent = {"token": str(uuid.uuid4()), "reason": "A test.", "amount": "1", "post": "yes", "act": "freeze"}
            assert client.post(url, sent).status_code == 403, url
    assert tried > 50
    assert everything() == before


# --- The groups themselves -------------------------------------------------------------------------------------------


def test_the_groups_are_always_there_and_are_what_the_table_says(db: None) -> None:
    for role in ROLES:
        group = Group.objects.get(name=role)
        group.permissions.set(Permission.objects.filter(codename="add_user"))
    Group.objects.get(name=MONEY).delete()
    call_command("migrate", verbosity=0)
    rights = {role: set(Group.objects.get(name=role).permissions.values_list("codename", flat=True)) for role in ROLES}
    assert rights[SUPPORT] - rights[ADMIN] == rights[MONEY] - rights[ADMIN] == set()
    assert {code for code in rights[SUPPORT] if not code.startswith("view_")} == {
        "add_staffnote",
        "change_misusereport",
    }
    assert "view_as_customer" in rights[SUPPORT] - rights[MONEY]
    assert rights[MONEY] - rights[SUPPORT] == {
        "view_books", "grant_credit", "refund_topup", "review_topup", "change_ledgeraccount"
    }  # fmt: skip
    assert not {code for code in rights[ADMIN] if code.endswith(("_group", "_permission", "_session"))}
    assert set(ALLOWED) == set(ROLES)


def test_an_admin_makes_nobody_staff_and_touches_no_colleague(staff: Staff, cast: Cast) -> None:
    client, colleague = staff(ADMIN), User.objects.create_user("c@staff.example", "x", is_staff=True)
    page = reverse("admin:workspaces_user_change", args=[cast.bob.pk])
    fields = {"email": cast.bob.email, "name": "Bob", "is_active": "on"}
    inline = {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    rise = {"is_staff": "on", "is_superuser": "on", "groups": [str(Group.objects.get(name=MONEY).pk)]}
    client.post(page, fields | inline | rise)
    cast.bob.refresh_from_db()
    assert (cast.bob.name, cast.bob.is_staff, cast.bob.is_superuser, cast.bob.groups.count()) == (
        "Bob",
        False,
        False,
        0,
    )
    for url in ("change", "delete"):
        target = reverse(f"admin:workspaces_user_{url}", args=[colleague.pk])
        assert client.post(target, fields | {"post": "yes"}).status_code == 403
    for person in (colleague, cast.bob):
        password = reverse("admin:auth_user_password_change", args=[person.pk])
        assert client.post(password, {"password1": "y" * 12, "password2": "y" * 12}).status_code == 403


def test_an_admin_sends_a_customer_a_link_for_a_new_password_and_sets_none(staff: Staff, cast: Cast) -> None:
    client = staff(ADMIN)
    page = reverse("admin:workspaces_user_change", args=[cast.bob.pk])
    shown = client.get(page).content.decode()
    assert ("pbkdf2" in shown, "../password/" in shown, "Send a link for a new password" in shown) == (
        False,
        False,
        True,
    )
    before, form = cast.bob.password, {"token": str(uuid.uuid4()), "reason": "They asked by telephone."}
    for _ in range(2):
        assert client.post(reverse("admin:workspaces_user_reset", args=[cast.bob.pk]), form)["Location"] == page
    cast.bob.refresh_from_db()
    assert cast.bob.password == before
    (mail,) = MailMessage.objects.filter(to=cast.bob.email)
    assert "password" in mail.subject.lower()
    assert AuditEntry.objects.filter(event="staff.changed", target=str(cast.bob.pk)).count() == 1

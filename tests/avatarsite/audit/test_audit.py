"""Audit entries: written beside the fact, by whoever did it, and never changed."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from avatarsite.alerts import raise_alert
from avatarsite.audit.models import ActorKind, AuditEntry
from avatarsite.audit.record import record
from avatarsite.models import Alert
from avatarsite.workspaces.models import ApiToken, Invitation, Scope, User
from avatarsite.workspaces.tokens import make_token
from billing.budgets.budgets import set_budget
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


def lines() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("event", "actor_kind", "actor"))


def url(cast: Cast, name: str, **more: Any) -> str:
    return reverse(name, kwargs={"workspace": cast.workspace.slug, **more})


def test_what_a_person_does_in_the_dashboard_has_their_name_and_address(cast: Cast) -> None:
    alice = cast.browser(cast.alice)
    alice.post(url(cast, "developers"), {"name": "Shop", "kind": "live", "scopes": ["read"], "days": "30"})
    token = ApiToken.objects.get()
    alice.post(url(cast, "token_revoke", token=token.pk))
    alice.post(url(cast, "team"), {"email": "new@example.org", "role": "viewer"})
    alice.post(url(cast, "invitation_revoke", row=Invitation.objects.get().pk))
    alice.post(url(cast, "workspace_settings"), {"name": "Acme Films"})
    by_alice = (ActorKind.MEMBER, "alice@example.org")
    events = ("token.made", "token.revoked", "invitation.sent", "invitation.revoked", "workspace.renamed")
    assert lines() == [(event, *by_alice) for event in events]
    assert set(AuditEntry.objects.values_list("workspace", "address", "actor_user")) == {
        (cast.workspace.pk, "127.0.0.1", cast.alice.pk)
    }
    assert AuditEntry.objects.get(event="token.revoked").what == f"The token Shop ({token.prefix}…) was revoked"


def test_a_deed_done_twice_is_one_entry(cast: Cast) -> None:
    token, _ = make_token(cast.workspace, user=cast.alice, name="Shop", scopes=[Scope.READ])
    alice = cast.browser(cast.alice)
    for _ in range(2):
        alice.post(url(cast, "token_revoke", token=token.pk))
        alice.post(url(cast, "workspace_settings"), {"name": "Acme Films"})
    assert [event for event, _, _ in lines()] == ["token.made", "token.revoked", "workspace.renamed"]


def test_what_a_token_does_has_its_name(cast: Cast) -> None:
    token, secret = make_token(cast.workspace, user=cast.alice, name="Deploy", scopes=[Scope.ADMIN])
    program = Client(headers={"authorization": f"Bearer {secret}"})
    body = {"url": "https://203.0.113.7/secret-path", "kinds": ["render.ready"]}
    answer = program.post("/api/v1/webhook-endpoints", body, content_type="application/json")
    assert answer.status_code == 422, "a range for documentation, which nothing is sent to"
    body["url"] = "https://93.184.216.34/secret-path"
    answer = program.post("/api/v1/webhook-endpoints", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    entry = AuditEntry.objects.get(event="endpoint.made")
    assert (entry.actor_kind, entry.actor, entry.actor_user) == ("token", f"Deploy ({token.prefix}…)", cast.alice)
    assert entry.what == "The webhook endpoint at 93.184.216.34 was made"


def test_no_request_is_the_service_or_whom_the_caller_names(cast: Cast) -> None:
    set_budget(cast.workspace, "workspace", 5_000_000, user=cast.dora)
    record("storage.swept", "12 files were swept")
    assert lines() == [
        ("budget.set", "member", "dora@example.org"),
        ("storage.swept", "system", "Avatar Studio"),
    ]
    assert AuditEntry.objects.first().what == "The monthly cap of workspace is $5.00"  # type: ignore[union-attr]


def test_signing_in_and_a_new_password_are_written_down(cast: Cast) -> None:
    browser = Client(REMOTE_ADDR="192.0.2.7")
    browser.post(reverse("account_login"), {"login": "alice@example.org", "password": PASSWORD})
    new = "another long password"
    passwords = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    browser.post(reverse("account_change_password"), passwords)
    assert lines() == [
        ("account.signed_in", "member", "alice@example.org"),
        ("account.password_changed", "member", "alice@example.org"),
    ]
    assert set(AuditEntry.objects.values_list("address", flat=True)) == {"192.0.2.7"}


def test_nothing_is_changed_or_deleted_afterwards(cast: Cast) -> None:
    record("token.made", "A token was made", workspace=cast.workspace)
    table = "audit_auditentry"
    for statement in (f"UPDATE {table} SET what = 'nothing'", f"DELETE FROM {table}"):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert AuditEntry.objects.get().what == "A token was made"


def test_a_workspace_reads_and_downloads_its_own_and_not_what_staff_did(cast: Cast) -> None:
    record("token.made", '=HYPERLINK("x") was made', workspace=cast.workspace, by=cast.alice)
    record("staff.changed", "Frozen by staff", workspace=cast.workspace, shown=False)
    record("token.made", "A token of another workspace", workspace=None)
    page = cast.browser(cast.alice).get(url(cast, "audit")).content.decode()
    assert ("was made" in page, "Frozen by staff" in page, "another workspace" in page) == (True, False, False)
    answer = cast.browser(cast.dora).get(url(cast, "audit_file"))
    file = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(file.splitlines()))
    assert [(row["who"], row["what"]) for row in rows] == [("alice@example.org", '\'=HYPERLINK("x") was made')]
    assert cast.browser(cast.emil).get(url(cast, "audit")).status_code == 403, "a member"


def test_what_staff_change_in_the_admin_site_is_theirs_and_hidden(cast: Cast) -> None:
    root = User.objects.create_superuser("root@example.org", "a long password")
    browser = Client()
    browser.force_login(root, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    raise_alert("offer_paused", "fal/x", "It is paused.")
    alert = Alert.objects.get()
    actions = {"action": "close", "_selected_action": [alert.pk]}
    browser.post(reverse("admin:site_alert_changelist"), actions)
    page = reverse("admin:workspaces_user_change", args=[cast.dora.pk])
    rows = {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    browser.post(page, {"email": "dora@example.org", "name": "Theodora", "is_active": "on", **rows})
    closed, entry = AuditEntry.objects.filter(event="staff.changed").order_by("id")
    assert (closed.what, Alert.objects.get().closed_at is not None) == ("alert It is paused.: Closed.", True)
    assert (entry.actor_kind, entry.actor, entry.target, entry.shown) == (
        "staff",
        "root@example.org",
        str(cast.dora.pk),
        False,
    )
    assert entry.what == "user dora@example.org: Changed Name."
    listed = browser.get(reverse("admin:audit_auditentry_changelist"), {"q": "Theodora"})
    assert (listed.status_code, "Changed Name" in listed.content.decode()) == (200, False)
    export = {"action": "export", "_selected_action": [entry.pk]}
    file = browser.post(reverse("admin:audit_auditentry_changelist"), export)
    assert b"root@example.org" in b"".join(file.streaming_content)  # type: ignore[attr-defined]

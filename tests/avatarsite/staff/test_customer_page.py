"""A customer's page: what it shows, and what staff do from it, once."""

from __future__ import annotations

import html
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, transaction
from django.test import Client

from avatarsite.alerts import raise_alert
from avatarsite.audit.models import AuditEntry
from avatarsite.staff.models import TEXT_LENGTH, StaffNote
from avatarsite.staff.notes import add_note
from avatarsite.workspaces.models import User
from avatarsite.workspaces.tokens import make_token
from billing.budgets import budgets
from billing.ledger import posting
from billing.models import StripeCustomer, TopUp, TopUpState
from studio.pipeline.operator.give_back import give_charge_back
from tests.avatarsite.staff.conftest import Staff, page_of, press
from tests.conftest import Cast
from tests.studio import shop

pytestmark = pytest.mark.django_db


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_it_shows_all_that_is_asked_about_a_customer(staff: Staff, cast: Cast) -> None:
    house = shop.open_shop(cast.workspace)
    root = User.objects.get(email="root@staff.example") if staff("") else None
    assert root is not None
    posting.grant(house, shop.DOLLAR, key="paid", reason="By card", category="paid")
    stuck = shop.rendering(house, "Stuck there")
    done = shop.ready(house, "Made well")
    give_charge_back(done, reason="The lips were off.", actor=root)
    raise_alert("submit_unknown", stuck.jobs.get().pk, "Nobody knows about it.")
    raise_alert("submit_unknown", "job_other", "About somebody else.")
    make_token(house, user=cast.alice, name="Nightly", scopes=["render"])
    budgets.set_budget(house, "workspace", 50 * shop.DOLLAR, user=cast.alice)
    customer = StripeCustomer.objects.create(workspace=house, livemode=False, email="a@example.org", name="A")
    TopUp.objects.create(workspace=house, customer=customer, amount_cents=2000, livemode=False, state=TopUpState.REVIEW)
    add_note(house, "Pays by invoice.", author=root, token=uuid.uuid4())
    page = text_of(staff(""), page_of(house))
    for words in (
        "Nobody knows about it.", "Pays by invoice.", "$1.00 of $1.00", "Stuck there", "Made well", "Given back",
        "$20.00", "of $50.00 a month", cast.bob.email, "Nightly", "$1.00 was given back for “Made well”",
        "View as this customer", "Grant", "Freeze", "Suspend", "Close",
    ):  # fmt: skip
        assert words in page, words
    assert "About somebody else." not in page


def test_a_note_is_written_once_and_never_changed(support: Client, cast: Cast) -> None:
    url, token = page_of(cast.workspace, "note"), str(uuid.uuid4())
    for _ in range(2):
        support.post(url, {"token": token, "text": "  Called about the fair. "})
    note = StaffNote.objects.get()
    assert (note.text, note.author.email, note.workspace) == (
        "Called about the fair.",
        "support@staff.example",
        cast.workspace,
    )
    assert LogEntry.objects.count() == AuditEntry.objects.filter(event="staff.changed").count() == 1
    assert "Called about the fair." in text_of(support, page_of(cast.workspace))
    assert support.post(url, {"token": str(uuid.uuid4()), "text": " "}).status_code == 400
    assert support.post(url, {"token": str(uuid.uuid4()), "text": "x" * (TEXT_LENGTH + 1)}).status_code == 400
    for change in (lambda: StaffNote.objects.update(text="Other"), lambda: StaffNote.objects.all().delete()):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_it_is_suspended_resumed_and_closed_each_with_one_line(staff: Staff, cast: Cast) -> None:
    first, second = staff(""), staff("admin")
    house = cast.workspace
    urls = {act: page_of(house, act) for act in ("suspend", "resume", "close")}
    assert "Its 4 people can't open it any more" in text_of(first, urls["suspend"])
    done = press(first, urls["suspend"], reason="A stolen card").content.decode()
    assert "is suspended." in done
    assert "Somebody was first; nothing was done." in press(second, urls["suspend"], reason="Me, too").content.decode()
    house.refresh_from_db()
    assert house.suspended_reason == "A stolen card."
    assert press(second, urls["resume"]).content.decode().count("goes on.") == 1
    house.refresh_from_db()
    shop.open_shop(house)
    shop.rendering(house)
    refused = press(first, urls["close"], reason="They asked for it")
    assert (refused.status_code, "is on hold for videos" in refused.content.decode()) == (400, True)
    house.refresh_from_db()
    assert (house.suspended_at, house.closed_at) == (None, None)
    lines = list(LogEntry.objects.order_by("pk").values_list("user__email", "change_message"))
    assert [(who, what.split(" (")[0]) for who, what in lines] == [
        ("root@staff.example", "Suspended: A stolen card"),
        ("admin@staff.example", "Resumed: A test"),
    ]
    assert AuditEntry.objects.filter(event="staff.changed").count() == 2


def test_the_same_form_again_acts_once(staff: Staff, cast: Cast) -> None:
    root, token = staff(""), str(uuid.uuid4())
    for act in ("suspend", "resume"):
        press(root, page_of(cast.workspace, act), token=token + "" if act == "suspend" else str(uuid.uuid4()))
    again = press(root, page_of(cast.workspace, "suspend"), token=token)
    assert "This form was sent before; it has acted once." in again.content.decode()
    cast.workspace.refresh_from_db()
    assert cast.workspace.suspended_at is None


def test_granting_leads_back_to_the_customer(staff: Staff, cast: Cast) -> None:
    root = staff("")
    page = text_of(root, page_of(cast.workspace))
    # There is no wallet yet: the button's page makes it.
    url = root.get(page.split('">Grant</a>')[0].rsplit('href="', 1)[1])["Location"]
    answer = press(root, url, amount="2.50", ends_on="")
    assert answer.redirect_chain == [(page_of(cast.workspace), 302)]
    assert posting.balance(cast.workspace).available_micros == 2_500_000
    elsewhere = press(root, url.split("?")[0] + "?back=//evil.example/admin/", amount="1", ends_on="")
    assert elsewhere.redirect_chain[0][0].startswith("/admin/billing/ledgeraccount/")

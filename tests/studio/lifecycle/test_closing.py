"""A workspace is closed with videos in flight, credit left, a dispute open and shares out: each promise is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.models import MailMessage
from avatarsite.mail.sender import send_due
from avatarsite.outbox.endpoints import make_endpoint, send_test
from avatarsite.outbox.events import fan_out
from avatarsite.outbox.models import Endpoint, EndpointState
from avatarsite.queue import due_rows
from avatarsite.staff.notes import add_note
from avatarsite.workspaces import suspension
from avatarsite.workspaces.create import create_workspace
from avatarsite.workspaces.errors import CannotClose, NotAllowed
from avatarsite.workspaces.models import ApiToken, Member, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.budgets.budgets import set_budget
from billing.ledger import accounts, posting
from billing.models import AutoTopUp, Dispute, DisputeState, Hold, HoldState, Refund, StripeCustomer, Transfer
from billing.refunds.refunds import send_refund
from billing.verify import verification
from studio.lifecycle import closing
from studio.lifecycle.belongings import belongings
from studio.lifecycle.closing import GRACE, begin, end_grace, have_back, move_closing, waiting_closings
from studio.lifecycle.emptying import KEPT, deleted
from studio.lifecycle.export import ask_for_export, make_export
from studio.lifecycle.models import Closing, ClosingState, Export
from studio.models import BatchTable, FileKind, Render, ShareLink, StorageUse, StoredFile
from studio.pipeline.drive import drive
from studio.sharing.links import Terms, address_of, make_link
from studio.speech.plan import SpeechWish
from studio.speech.pronunciations import pronounce
from studio.speech.speak import speak
from studio.storage import ledger
from studio.storage.local import listed
from studio.storage_audit import verify_storage
from studio.videos.retention import set_retention
from tests.billing.stripe_shop import Shop, use
from tests.conftest import PASSWORD, Cast
from tests.flows.cast import ask, make_studio
from tests.simulators.stripe.fixture import StripeStandIn
from tests.studio import shop as rows
from tests.studio.conftest import use_storage

pytestmark = pytest.mark.django_db
DOLLAR = 1_000_000


@pytest.fixture
def shop(cast: Cast, settings: Any, stripe_stand_in: StripeStandIn) -> Iterator[Shop]:
    use(settings, stripe_stand_in)
    yield Shop(cast.workspace, cast.alice, stripe_stand_in)
    assert verification.verify() == []


@pytest.fixture(params=["disk", pytest.param("bucket", marks=pytest.mark.xdist_group("s3"))])
def place(request: pytest.FixtureRequest, settings: Any) -> str:
    if request.param == "disk":
        request.getfixturevalue("media")
    else:
        options = request.getfixturevalue("s3").storage_options
        use_storage(settings, "studio.storage.s3.PrivateBucket", options)
    return str(request.param)


def files_of(workspace: Workspace) -> list[str]:
    """By what the store itself lists."""
    return sorted(file.name for file in listed(f"w/{workspace.pk}"))


def move(one: Closing, callbacks: DjangoCaptureOnCommitCallbacks) -> Closing:
    """As the sweep does, until it waits for something."""
    for _ in range(5):
        Closing.objects.filter(pk=one.pk, next_try_at__isnull=False).update(next_try_at=timezone.now())
        with callbacks(execute=True):
            move_closing(one.pk)
    one.refresh_from_db()
    return one


def close_by_page(cast: Cast) -> Any:
    page = reverse("workspace_close", kwargs={"workspace": cast.workspace.slug})
    return cast.browser(cast.alice).post(page, {"typed": cast.workspace.name, "password": PASSWORD})


def furnish(cast: Cast, shop: Shop) -> dict[str, Any]:
    """Videos of every kind, and one of most other things."""
    house = cast.workspace
    studio = make_studio(slug=house.slug)
    done, waits, runs = ask(studio, title="Done"), ask(studio, title="Waits"), ask(studio, title="Runs")
    drive(done.pk)
    done.refresh_from_db()
    rows.accepted(runs)
    link = make_link(done, Terms(), user=cast.alice)
    _, key = make_token(house, user=cast.alice, name="Shop", scopes=["read", "render"])
    endpoint = make_endpoint(house, user=cast.alice, url="https://example.org/hook", kinds=["*"])
    send_test(endpoint)
    fan_out(house.pk)
    speak(SpeechWish(house, "Some words that nobody waits for."))
    due_rows.kinds["speech_here"].rows().update(state="failed", next_try_at=None, finished_at=timezone.now())
    pronounce(house, "SQL", "sequel")
    add_note(house, "A note", author=cast.charlie, token=uuid4())
    set_retention(house, 30, user=cast.alice)
    BatchTable.objects.create(workspace=house, project=studio.project, name="a.csv", state="checked")
    left = ledger.store(house, f"w/{house.pk}/gateway/left", ContentFile(b"left"), FileKind.GATEWAY)
    make_export(ask_for_export(house, user=cast.alice).pk)
    bought, disputed = shop.buy(20), shop.buy(10)
    AutoTopUp.objects.create(workspace=house, enabled=True, set_by=cast.alice)
    set_budget(house, "workspace", 90 * DOLLAR, user=cast.alice)
    dispute = shop.stripe.dispute(shop.charge_of(disputed))
    shop.tell("charge.dispute.created", "charge.dispute.funds_withdrawn")
    return {
        "waits": waits, "runs": runs, "link": link, "key": key, "endpoint": endpoint, "left": left,
        "bought": bought, "disputed": disputed, "dispute": dispute["id"],
    }  # fmt: skip


def test_each_promise_is_kept_row_by_row_and_file_by_file(  # noqa: PLR0915 -- it is one long way
    cast: Cast,
    shop: Shop,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    house, callbacks = cast.workspace, django_capture_on_commit_callbacks
    there = furnish(cast, shop)
    # Of the offer that has one of them, nobody can stop what it has taken.
    monkeypatch.setattr("studio.providers.registry.can_stop", lambda _offer: False)
    watched = address_of(there["link"]).removeprefix("http://localhost:8000")
    watched = f"/{watched.split('/', 3)[-1]}" if watched.startswith("http") else watched
    assert Client().get(watched).status_code == 200

    # At once: doors, shares, tokens, webhooks.
    with callbacks(execute=True):
        assert close_by_page(cast).status_code == 302
    one = Closing.objects.get()
    assert Client().get(watched).status_code == 404
    asked = Client().get("/api/v1/renders", headers={"Authorization": f"Bearer {there['key']}"})
    assert asked.status_code == 401
    assert not ApiToken.objects.filter(revoked_at=None).exists()
    assert not ShareLink.objects.filter(revoked_at=None).exists()
    assert set(Endpoint.objects.values_list("state", flat=True)) == {EndpointState.DISABLED}
    videos = reverse("videos", kwargs={"workspace": house.slug})
    assert [cast.browser(who).get(videos).status_code for who in (cast.dora, cast.bob)] == [403, 403]
    assert waiting_closings().count == 1
    send_due()
    assert sorted(letter.to[0] for letter in mail.outbox if "being closed" in letter.subject) == sorted(
        Member.objects.filter(workspace=house).values_list("user__email", flat=True)
    )

    # What waits is cancelled and gives its hold back; what can't be stopped is waited for, and charged.
    move(one, callbacks)
    there["waits"].refresh_from_db()
    assert (there["waits"].state, one.why) == ("cancelled", closing.BEING_MADE)
    assert list(Hold.objects.filter(state=HoldState.OPEN)) == [there["runs"].hold]
    Closing.objects.update(ends_at=timezone.now())
    assert move(one, callbacks).state == ClosingState.GRACE
    runs = there["runs"]
    ready = f"w/{house.pk}/renders/{runs.pk}"
    for name, kind in ((f"{ready}/video.mp4", FileKind.VIDEO), (f"{ready}/poster.jpg", FileKind.POSTER)):
        ledger.store(house, name, ContentFile(b"made"), kind)
    assert rows.made_ready(runs).charge_micros
    assert not Hold.objects.filter(state=HoldState.OPEN).exists()
    before = Transfer.objects.count()
    assert len(files_of(house)) > 8

    # After the two weeks: every row and every file, but for what has to stay.
    move(one, callbacks)
    assert files_of(house) == []
    assert not StoredFile.objects.filter(workspace=house).exists()
    assert not StorageUse.objects.filter(workspace=house).exists()
    assert {each.label for each in deleted() if each.rows_of(house).exists()} == set()
    left = {each.label for each in belongings() if each.rows_of(house).exists()}
    assert left <= KEPT.keys()
    assert {"billing.Transfer", "billing.Usage", "audit.AuditEntry", "staff.StaffNote"} <= left
    assert (verification.verify(), verify_storage()) == ([], [])

    # Its money: the refund goes out, and the dispute is followed.
    assert (one.state, one.why) == (ClosingState.SETTLING, closing.REFUNDS)
    refund = Refund.objects.get()
    assert (refund.top_up, refund.credit_micros) == (there["bought"], 20 * DOLLAR)
    send_refund(refund)
    shop.tell("refund.created", "charge.refunded")
    move(one, callbacks)
    assert (one.state, one.why) == (
        ClosingState.SETTLING,
        "A payment is disputed: wait for what the bank says.",
    )
    assert waiting_closings() == closing.Waiting(1, "1 wait for their money")
    assert Transfer.objects.count() > before
    shop.stripe.close_dispute(there["dispute"], "won")
    shop.tell("charge.dispute.closed", "charge.dispute.funds_reinstated")
    assert Dispute.objects.get().state == DisputeState.WON
    move(one, callbacks)
    last = Refund.objects.exclude(pk=refund.pk).get()
    assert (last.top_up, last.credit_micros) == (there["disputed"], 10 * DOLLAR)
    # Stripe gives nothing back of a payment that was charged back once: staff do, some other way.
    send_refund(last)
    move(one, callbacks)
    left = "$10.00 of paid credit is left: refund it, or say that it lapses."
    assert (one.state, one.why, len(shop.alerts("stripe_refund"))) == (ClosingState.SETTLING, left, 1)
    suspension.close(house, reason="Paid back by bank", forfeit=True)
    move(one, callbacks)

    # The end: nothing in the wallet, nobody named, the books as they were.
    assert (one.state, one.next_try_at, one.why) == (ClosingState.CLOSED, None, "")
    house.refresh_from_db()
    assert house.closed_at is not None
    assert (house.name, house.slug) == ("Closed workspace", f"closed-{house.pk.removeprefix('ws_')}")
    assert accounts.balance(house).posted_micros == 0
    assert not Member.objects.filter(workspace=house).exists()
    assert not MailMessage.objects.filter(workspace=house).exists()
    customer = StripeCustomer.objects.get()
    assert (customer.email, customer.name, customer.card_last4) == ("", "", "")
    assert MailMessage.objects.get(kind="closing", subject__endswith="is closed").to == cast.alice.email
    events = AuditEntry.objects.filter(workspace=house, event__startswith="workspace.").order_by("pk")
    assert list(events.values_list("event", flat=True)) == ["workspace.closing", "workspace.closed"]
    assert verification.verify() == []
    assert waiting_closings().count == 0


def test_a_page_that_is_sent_without_name_or_password_closes_nothing(cast: Cast) -> None:
    page = reverse("workspace_close", kwargs={"workspace": cast.workspace.slug})
    alice = cast.browser(cast.alice)
    wrong = ({}, {"typed": "x", "password": PASSWORD}, {"typed": cast.workspace.name, "password": "x"})
    assert [alice.post(page, sent).status_code for sent in wrong] == [422, 422, 422]
    assert [cast.browser(who).post(page, wrong[0]).status_code for who in (cast.dora, cast.charlie)] == [403, 404]
    assert not Closing.objects.exists()
    with pytest.raises(NotAllowed):
        begin(cast.member(cast.dora))


def test_it_is_had_back_as_it_was_but_for_what_ended(
    cast: Cast, media: Path, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    house = cast.workspace
    video = ask(make_studio(slug=house.slug))
    drive(video.pk)
    kept = files_of(house)
    _, key = make_token(house, user=cast.alice, name="Shop", scopes=["read"])
    one = begin(cast.member(cast.alice))
    with pytest.raises(CannotClose):
        begin(cast.member(cast.alice))
    move(one, django_capture_on_commit_callbacks)
    assert one.next_try_at is not None
    assert one.next_try_at > timezone.now() + GRACE - timedelta(minutes=5)
    alice = cast.browser(cast.alice)
    page = reverse("workspace_close", kwargs={"workspace": house.slug})
    assert alice.get(reverse("videos", kwargs={"workspace": house.slug}))["Location"] == page
    assert "Have it back" in alice.get(page).content.decode()
    made = alice.post(reverse("export_make", kwargs={"workspace": house.slug}))
    assert (made.status_code, Export.objects.count()) == (302, 1)
    assert create_workspace(cast.alice, "Another").name == "Another"
    Export.objects.all().delete()
    back = alice.post(reverse("workspace_have_back", kwargs={"workspace": house.slug}))
    assert back.status_code == 302
    one.refresh_from_db()
    assert (one.state, have_back(one, by=cast.alice)) == (ClosingState.UNDONE, False)
    assert alice.get(reverse("videos", kwargs={"workspace": house.slug})).status_code == 200
    assert (files_of(house), Render.objects.get().state) == (kept, "ready")
    answer = Client().get("/api/v1/renders", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    begin(cast.member(cast.alice))
    assert Closing.objects.count() == 2


def test_who_belongs_to_no_other_can_sign_in_and_have_it_back(cast: Cast) -> None:
    begin(cast.member(cast.alice))
    client = Client()
    signed = client.post(reverse("account_login"), {"login": cast.alice.email, "password": PASSWORD})
    assert signed.status_code == 302
    home = client.get(client.get("/")["Location"])
    assert home["Location"] == reverse("workspace_close", kwargs={"workspace": cast.workspace.slug})


def test_staff_stop_it_or_end_its_grace_with_a_reason(cast: Cast, admin_client: Client) -> None:
    one = begin(cast.member(cast.alice))
    page = admin_client.get(reverse("admin:workspaces_workspace_change", args=[cast.workspace.pk]))
    stop, end = (reverse(f"admin:lifecycle_closing_{act}", args=[one.pk]) for act in ("stop", "end"))
    assert stop in page.content.decode()
    assert admin_client.post(stop, {"token": str(uuid4())}).status_code == 400
    assert admin_client.post(stop, {"token": str(uuid4()), "reason": "A court asks for it"}).status_code == 302
    one.refresh_from_db()
    cast.workspace.refresh_from_db()
    assert (one.state, one.reason, cast.workspace.suspended_at) == (
        ClosingState.STOPPED,
        "A court asks for it",
        None,
    )
    send_due()
    assert "A court asks for it" in mail.outbox[-1].body
    two = begin(cast.member(cast.alice))
    end = end.replace(one.pk, two.pk)
    assert admin_client.post(end, {"token": str(uuid4()), "reason": "They asked us"}).status_code == 302
    two.refresh_from_db()
    assert two.ends_at <= timezone.now()
    assert (have_back(two, by=cast.alice), end_grace(two, reason="again")) == (False, False)
    told = AuditEntry.objects.filter(actor_kind="staff").order_by("pk").values_list("why", flat=True)
    assert [why for why in told if why] == ["A court asks for it", "A court asks for it", "They asked us"]


def test_paid_credit_that_no_payment_stands_behind_waits_for_staff(
    cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    posting.grant(cast.workspace, 3 * DOLLAR, key="paid", reason="By bank transfer", category="paid")
    one = begin(cast.member(cast.alice), until=timezone.now())
    move(one, django_capture_on_commit_callbacks)
    assert (one.state, one.why) == (
        ClosingState.SETTLING,
        "$3.00 of paid credit is left: refund it, or say that it lapses.",
    )
    suspension.close(cast.workspace, reason="Paid back by bank", forfeit=True)
    move(one, django_capture_on_commit_callbacks)
    assert one.state == ClosingState.CLOSED
    assert (accounts.balance(cast.workspace).posted_micros, verification.verify()) == (0, [])


def test_a_killed_worker_loses_nothing(
    cast: Cast,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """Dying in the midst of it leaves a row that is due again, and the rest goes the next time."""
    drive(ask(make_studio(slug=cast.workspace.slug)).pk)
    one = begin(cast.member(cast.alice), until=timezone.now())
    real = ledger.drop

    def dies(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("studio.storage.ledger.drop", dies)
    with pytest.raises(KeyboardInterrupt):
        move(one, django_capture_on_commit_callbacks)
    monkeypatch.setattr("studio.storage.ledger.drop", real)
    one.refresh_from_db()
    assert (one.state, bool(files_of(cast.workspace))) == (ClosingState.EMPTYING, True)
    move(one, django_capture_on_commit_callbacks)
    assert (one.state, files_of(cast.workspace)) == (ClosingState.CLOSED, [])
    assert verification.verify() == []

"""Every kind of mail arrives once, whatever the mail server does meanwhile."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.sites import site as admin_site
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from avatarsite.alerts import raise_alert
from avatarsite.mail import messages, sender
from avatarsite.mail.messages import forget_old_mail, write_mail
from avatarsite.mail.models import MailMessage, MailState
from avatarsite.mail.sender import send_due
from avatarsite.models import Alert, Lease
from avatarsite.outbox.mail import mail_endpoint
from avatarsite.outbox.models import Endpoint, EndpointState
from avatarsite.workspaces.models import Member, User
from billing.budgets.budgets import month_of
from billing.holds import holds
from billing.ledger import posting
from billing.models import AutoTopUp, Budget, Origin, StripeCustomer, TopUp, TopUpState
from billing.statements import monthly_mail
from billing.topups import auto_topup, low_balance
from billing.topups.mail import mail_top_up
from studio.models import Render
from studio.pipeline.failures import fail_render
from tests.avatarsite.mail.smtp import MailServer
from tests.conftest import Cast
from tests.flows.cast import ask, make_studio
from tests.support.mails import later

pytestmark = pytest.mark.django_db(transaction=True)

ALICE, BOB, DORA, OPS, ADA = (f"{name}@example.org" for name in ("alice", "bob", "dora", "ops", "ada"))


def everything_happens(cast: Cast, settings: Any) -> Counter[tuple[str, str]]:
    """One fact of each kind that a mail tells of. The mails that are owed now, by kind and address."""
    settings.OPERATOR_EMAIL = [OPS]
    house = cast.workspace
    posting.grant(house, 1_500_000, key="gift", reason="Welcome")
    assert low_balance.check_low_balance(house)
    with auto_topup.transaction.atomic():
        auto_topup._tell_ceiling(AutoTopUp.objects.create(workspace=house), timezone.now())
    customer = StripeCustomer.objects.create(workspace=house, livemode=False, email=ALICE, name="Alice")
    top_up = TopUp.objects.create(
        workspace=house, customer=customer, origin=Origin.AUTOMATIC, amount_cents=2000, livemode=False
    )
    auto_topup.fail(top_up, "The card was declined.")
    asked_for = TopUp.objects.create(
        workspace=house,
        customer=customer,
        origin=Origin.AUTOMATIC,
        amount_cents=2000,
        livemode=False,
        state=TopUpState.NEEDS_ACTION,
    )
    mail_top_up(asked_for)
    raise_alert("offer_paused", "acme", "Acme does not answer.")
    render = ask(make_studio())
    Render.objects.filter(pk=render.pk).update(requested_by=cast.bob, created_at=timezone.now() - timedelta(hours=1))
    Member.objects.create(workspace=render.workspace, user=cast.bob)
    render.refresh_from_db()
    assert fail_render(render, code="provider", message="It broke.", reason="test")
    cast.browser(cast.alice).post(reverse("team", kwargs={"workspace": house.slug}), {"email": ADA, "role": "member"})
    assert monthly_mail.write_summary(house, month_of(timezone.now())[0].date())
    LedgerCap(house).reach()
    endpoint = Endpoint.objects.create(workspace=house, url="https://example.org/hook", kinds=["*"], secret="x")
    endpoint.state = EndpointState.PAUSED
    mail_endpoint(endpoint)
    Client().post(reverse("account_reset_password"), {"email": BOB})
    owed = Counter((mail.kind, mail.to) for mail in MailMessage.objects.all())
    assert owed == Counter(
        [(kind, to) for kind in ("topup_low", "topup_ceiling", "topup_failed", "topup_confirm") for to in (ALICE, DORA)]
        + [(kind, to) for kind in ("summary", "budget", "endpoint") for to in (ALICE, DORA)]
        + [("alert_offer_paused", OPS), ("render_ended", BOB), ("invitation", ADA), ("password_reset_key", BOB)]
    )
    return owed


class LedgerCap:
    """A monthly cap, half of which one hold takes."""

    def __init__(self, house: Any) -> None:
        self.house = house

    def reach(self) -> None:
        Budget.objects.create(workspace=self.house, scope="workspace", cap_micros=2_000_000, set_at=timezone.now())
        posting.wallet(self.house)
        type(posting.wallet(self.house)).objects.filter(pk=posting.wallet(self.house).pk).update(capped=True)
        holds.place_hold(self.house, 1_000_000, key="cap:hold", subject="render:cap")


def an_hour() -> None:
    for _ in range(30):
        send_due()
        later(minutes=2)


@pytest.mark.parametrize("mood", ["away", "try later", "refuses", "hangs", "drops"])
def test_each_kind_arrives_once_after_an_hour_without_a_mail_server(
    cast: Cast, settings: Any, server: MailServer, mood: str
) -> None:
    owed = everything_happens(cast, settings)
    server.set(mood)
    if mood == "hangs":
        settings.EMAIL_TIMEOUT = 0.1
    an_hour()
    assert server.got == []
    assert set(MailMessage.objects.values_list("state", flat=True)) == {MailState.WAITING}

    server.set("takes")
    settings.EMAIL_TIMEOUT = 5
    for _ in range(3):
        later(hours=1)
        send_due()
    assert len(server.got) == owed.total()
    assert Counter(message["Message-ID"] for message in server.got).most_common(1)[0][1] == 1
    assert server.delivered == sorted((mail.to, mail.subject) for mail in MailMessage.objects.all())
    assert set(MailMessage.objects.values_list("state", flat=True)) == {MailState.SENT}
    assert set(MailMessage.objects.filter(secret=True).values_list("text", flat=True)) == {""}


def test_the_same_fact_again_owes_nothing(cast: Cast, server: MailServer) -> None:
    context = {"alert": Alert(kind="k", message="m"), "link": "https://example.org/"}
    for _ in range(3):
        write_mail("alert", "7", OPS, "mail/alert", context)
        send_due()
    write_mail("alert", "7", ALICE, "mail/alert", context)
    send_due()
    assert [to for to, _ in server.delivered] == [ALICE, OPS]


def owe(*addresses: str, kind: str = "alert", about: str = "1", secret: bool = False) -> None:
    context = {"alert": Alert(kind="k", message="m"), "link": "https://example.org/"}
    for address in addresses:
        write_mail(kind, about, address, "mail/alert", context, secret=secret)


def test_a_hanging_server_costs_one_wait_a_round(server: MailServer, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    owe(ALICE, BOB, DORA)
    server.set("hangs")
    assert send_due() == 0
    assert send_due() == 0, "and whoever comes at once lets it be"
    assert server.conversations <= 1  # it may be given up before the server has heard of it
    assert sum(MailMessage.objects.values_list("tries", flat=True)) == 1


def test_what_is_refused_keeps_nobody_elses_mail_back(server: MailServer) -> None:
    server.poison = BOB
    owe(ALICE, BOB, DORA)
    MailMessage.objects.filter(to=ALICE).update(secret=True, text="encrypted with a key that is lost")
    assert send_due() == 1
    assert [to for to, _ in server.delivered] == [DORA]
    errors = dict(MailMessage.objects.values_list("to", "last_error"))
    assert errors[ALICE].startswith("Unreadable: Sealed with another SECRET_KEY")
    assert "550" in errors[BOB]
    assert "Relaying denied" in errors[BOB]


def test_what_is_refused_for_two_days_is_given_up_with_an_alert(server: MailServer, settings: Any) -> None:
    settings.OPERATOR_EMAIL = [OPS]
    server.poison = BOB
    owe(BOB, secret=True)
    for _ in range(24):
        send_due()
        later(hours=1)
    assert MailMessage.objects.get().state == MailState.WAITING, "a day is survived"
    for _ in range(26):
        send_due()
        later(hours=1)
    row = MailMessage.objects.get(to=BOB)
    assert (row.state, row.text, row.next_try_at) == (MailState.GIVEN_UP, "", None)
    assert Alert.objects.get().kind == "mail_given_up"
    assert "bob@example.org was refused for 2 days: SMTPRecipientsRefused" in Alert.objects.get().message
    send_due()
    assert [to for to, _ in server.delivered] == [OPS]


def test_killed_between_sending_and_marking_one_more_goes_out_under_the_same_id(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    owe(ALICE, BOB)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(sender, "_mark", die)
        dying.setattr(sender.lease, "release", lambda *_, **__: None)
        with pytest.raises(Killed):
            send_due()
    assert (len(server.got), send_due()) == (1, 0), "its leases are not over yet"
    later(minutes=6)
    assert send_due() == 2
    assert [to for to, _ in server.delivered] == [ALICE, ALICE, BOB]
    assert len({message["Message-ID"] for message in server.got}) == 2


def test_the_good_bye_of_a_server_sends_nothing_twice(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    owe(ALICE)

    close = EmailBackend.close

    def rude(connection: EmailBackend) -> None:
        close(connection)
        raise TimeoutError("no good-bye")

    monkeypatch.setattr(EmailBackend, "close", rude)
    assert send_due() == 1
    assert MailMessage.objects.get().state == MailState.SENT


def test_a_lost_nudge_is_made_up_for_by_the_clock(server: MailServer) -> None:
    owe(ALICE)
    assert [task.name() for task in OrmQ.objects.all()] == ["avatarsite.send_mail"]
    OrmQ.objects.all().delete()
    assert send_due() == 1
    assert send_due() == 0


def test_a_full_round_hands_on(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "ROUND_SECONDS", -1)
    owe(ALICE)
    OrmQ.objects.all().delete()
    assert send_due() == 0
    assert [task.name() for task in OrmQ.objects.all()] == ["avatarsite.send_mail"]


def test_one_address_is_not_flooded(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    for number in range(messages.MAX_A_DAY + 5):
        owe(ALICE, about=str(number))
    owe(BOB)
    while send_due():
        pass
    assert Counter(to for to, _ in server.delivered) == {ALICE: messages.MAX_A_DAY, BOB: 1}
    assert MailMessage.objects.filter(state=MailState.WITHHELD, text="").count() == 5


def test_what_a_person_waits_for_goes_before_the_months_mails(server: MailServer) -> None:
    owe(ALICE, DORA)
    owe(BOB, kind="password_reset_key", secret=True)
    send_due()
    assert server.got[0]["To"] == BOB


def test_a_secret_is_never_readable_in_the_table(client: Client, server: MailServer, cast: Cast) -> None:
    client.post(reverse("account_reset_password"), {"email": BOB})
    row = MailMessage.objects.get()
    assert "/account/" not in row.text + row.subject + row.key
    send_due()
    (message,) = server.got
    body = message.get_body(("plain",))
    assert body is not None
    assert "/account/password/reset/key/" in body.get_content()
    row.refresh_from_db()
    assert (row.text, row.state) == ("", MailState.SENT)


def test_old_rows_go_and_waiting_ones_stay(server: MailServer) -> None:
    owe(ALICE, BOB)
    MailMessage.objects.update(created_at=timezone.now() - messages.RETENTION - timedelta(days=1))
    MailMessage.objects.filter(to=ALICE).update(state=MailState.SENT, next_try_at=None)
    assert forget_old_mail() == 1
    assert MailMessage.objects.get().to == BOB


def test_operators_see_the_mails_and_send_them_again(server: MailServer) -> None:
    root = User.objects.create_superuser("root@example.org", "a long password")
    browser = Client()
    browser.force_login(root, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    owe(ALICE, kind="summary")
    owe(BOB, kind="password_reset_key", secret=True)
    send_due()
    page = reverse("admin:mail_mailmessage_changelist")
    shown = browser.get(page).content.decode()
    assert all(word in shown for word in (ALICE, "summary", "Sent", "under a minute"))
    rows = list(MailMessage.objects.values_list("pk", flat=True))
    answer = browser.post(page, {"action": "again", "_selected_action": rows}, follow=True)
    assert "1 of 2 queued." in answer.content.decode()
    send_due()
    assert [to for to, _ in server.delivered] == [ALICE, ALICE, BOB]
    assert len({message["Message-ID"] for message in server.got}) == 2
    assert not admin_site._registry[MailMessage].has_add_permission(answer.wsgi_request)


def test_two_rounds_at_once_are_one(server: MailServer) -> None:
    owe(ALICE)
    Lease.objects.create(task=sender.SEND_MAIL, expires_at=timezone.now() + timedelta(minutes=1))
    assert send_due() == 0
    Lease.objects.update(expires_at=timezone.now())
    assert send_due() == 1

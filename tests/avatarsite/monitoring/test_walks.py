"""The walk of docs/operations.md "A provider out of credit": from the mail, by the operator's own pages, to the end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.mail.sender import send_due
from avatarsite.models import Alert
from avatarsite.workspaces.models import User
from billing.ledger import posting
from billing.prices import price_book
from studio.models import OfferHealth, Render, RenderState
from studio.pipeline.drive import drive
from studio.pipeline.submit import submit_render
from tests.avatarsite.mail.conftest import server
from tests.avatarsite.mail.smtp import MailServer
from tests.conftest import PASSWORD
from tests.flows.cast import ask, make_studio
from tests.flows.conftest import site
from tests.simulators.fixture import Simulators

__all__ = ["server", "site"]
pytest_plugins = ["tests.simulators.fixture"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.process]

OPS = "ops@example.org"
OFFERS = ["runware:klingai:avatar@2.0-pro", "runware:klingai:avatar@2.0-standard"]


def text_of(message: Any) -> str:
    return str(message.get_body(("plain",)).get_content())


def signed_in() -> Client:
    operator = Client()
    user = User.objects.create_superuser("root@example.org", PASSWORD)
    operator.force_login(user, "avatarsite.workspaces.signing_in.known.SignedIn")
    return operator


def test_a_provider_out_of_credit(settings: Any, server: MailServer, site: Simulators) -> None:
    settings.OPERATOR_EMAIL = [OPS]
    price_book.seed_prices()
    studio = make_studio(balance_micros=20_000_000, voice_seconds=3.1)
    site.runware.fault("out_of_credit")
    waits = ask(studio, model="kling-avatar-2-pro", offer=OFFERS[0], fallback=False)
    assert submit_render(waits.pk)
    Render.objects.filter(pk=waits.pk).update(next_try_at=timezone.now())
    assert not submit_render(waits.pk)  # it is the circuit now that it waits for
    elsewhere = drive(ask(studio, model="kling-avatar-2-pro").pk)
    assert (elsewhere.state, elsewhere.offer.partition(":")[0]) == (RenderState.READY, "fal")

    # The mail: one for each of the provider's offers, with the provider's words and what to do.
    while send_due():
        pass
    mails = [mail for mail in server.got if mail["To"] == OPS]
    assert [str(mail["Subject"]) for mail in mails] == ["[Avatar Studio] An offer is paused"] * 2
    text = text_of(mails[0])
    assert "quota: " in text
    assert "top up the account at the provider" in text
    assert "Close the circuit now" in text

    # 1. By its link to the alert, which says the same.
    operator = signed_in()
    found = re.search(r"(http\S+/admin/site/alert/\d+/change/)", text)
    assert found is not None
    page = operator.get(urlsplit(found[1]).path).content.decode()
    assert "Close the circuit now" in page
    # What waits is held and nothing else: the customer is not charged, and reads nothing of our account.
    waits.refresh_from_db()
    assert (waits.state, waits.failure_message) == (RenderState.QUEUED, "")
    assert waits.next_try_at is not None
    assert waits.next_try_at > timezone.now() + timedelta(minutes=5)
    assert posting.balance(studio.workspace).held_micros == waits.ceiling_micros

    # 2. and 3. The account is topped up, and the circuit closed under Offers.
    site.runware.no_faults()
    listed = operator.get(reverse("admin:studio_offerhealth_changelist")).content.decode()
    assert all(offer in listed for offer in OFFERS)
    form = {"action": "close_now", "_selected_action": OFFERS}
    operator.post(reverse("admin:studio_offerhealth_changelist"), form)
    assert not OfferHealth.objects.filter(open_until__isnull=False).exists()

    # 4. The alerts are closed by that, and what waited goes at once.
    assert not Alert.objects.filter(kind="offer_paused", closed_at=None).exists()
    assert Render.objects.get(pk=waits.pk).next_try_at <= timezone.now()  # type: ignore[operator]
    assert drive(waits.pk).state == RenderState.READY


def test_it_is_told_again_if_the_credit_has_not_arrived(settings: Any, server: MailServer, site: Simulators) -> None:
    settings.OPERATOR_EMAIL = [OPS]
    price_book.seed_prices()
    studio = make_studio(balance_micros=20_000_000, voice_seconds=3.1)
    site.runware.fault("out_of_credit")
    waits = ask(studio, model="kling-avatar-2-pro", offer=OFFERS[0], fallback=False)
    submit_render(waits.pk)
    operator = signed_in()
    form = {"action": "close_now", "_selected_action": OFFERS}
    operator.post(reverse("admin:studio_offerhealth_changelist"), form)
    submit_render(waits.pk)
    assert Alert.objects.filter(kind="offer_paused", closed_at=None).count() == len(OFFERS)
    while send_due():
        pass
    assert len([mail for mail in server.got if mail["To"] == OPS]) == 2 * len(OFFERS)

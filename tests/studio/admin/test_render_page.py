"""A render's page in the admin site: what it shows, and its four acts by two operators at once."""

from __future__ import annotations

import html
import uuid

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatarsite.audit.models import AuditEntry
from avatarsite.workspaces.models import User, Workspace
from billing.ledger import posting
from billing.models import Transfer
from billing.money import usd_at_most
from studio.models import Render, RenderState
from studio.providers.types import JobReport
from studio.providers.types import JobStatus as Said
from tests.conftest import PASSWORD, Cast
from tests.studio import shop
from tests.studio.pipeline.test_operator import OTHER, at_fal, said
from tests.studio.pipeline.test_operator import house as house  # noqa: PLC0414 -- a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(cast: Cast) -> tuple[Client, Client]:
    people = [User.objects.create_superuser(f"{name}@staff.example", PASSWORD) for name in ("one", "two")]
    return cast.browser(people[0]), cast.browser(people[1])


def url_of(render: Render, act: str = "change") -> str:
    return reverse(f"admin:studio_render_{act}", args=[render.pk])


def read(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def press(client: Client, render: Render, act: str, **facts: str) -> str:
    sent = {"token": str(uuid.uuid4()), "reason": "A test.", **facts}
    answer = client.post(url_of(render, act), sent, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def logged() -> list[str]:
    """What the site has logged; the audit log has the same lines."""
    lines = [entry.change_message.rsplit(" (", 1)[0] for entry in LogEntry.objects.order_by("pk")]
    assert AuditEntry.objects.filter(event="staff.changed").count() == len(lines)
    return lines


def test_the_page_tells_state_age_money_attempts_and_history(two: tuple[Client, Client], house: Workspace) -> None:
    render = at_fal(house)
    job = render.jobs.get()
    job.raw, job.failure_code, job.failure_message = {"status": "IN_PROGRESS"}, "slow", "Worker is cold"
    job.save()
    Render.objects.filter(pk=render.pk).update(deadline_at=timezone.now())
    page = read(two[0], url_of(render))
    for words in (
        "Rendering", "Overdue", "for under a minute", usd_at_most(render.ceiling_micros),
        '"status": "IN_PROGRESS"', "Worker is cold", "a-job",
        "the provider accepted it", "No money has moved for it.", "face.jpg", "hello there.mp3",
        "Ask the provider now", "Send to another offer", "Give up", "Give the charge back", "All fields",
    ):  # fmt: skip
        assert words in page, words
    done = shop.ready(house, "Made")
    page = read(two[0], url_of(done))
    for words in ("<video", "$1.00", "$0.50", "charge: $1.00", "wallet:", "provider_payable:local"):
        assert words in page, words


def test_asking_twice_is_logged_once(
    two: tuple[Client, Client], house: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    render = at_fal(house)
    said(monkeypatch, JobReport(Said.QUEUED, queue_position=3))
    assert "fal says: queued." in press(two[0], render, "ask")
    assert "That is what it said before." in press(two[1], render, "ask")
    assert logged() == ["Asked the provider: fal says: queued."]


def test_sending_twice_moves_once(two: tuple[Client, Client], house: Workspace) -> None:
    render = at_fal(house)
    assert "Runware, at most $" in read(two[0], url_of(render, "send"))
    assert "It waits for Runware now." in press(two[0], render, "send", offer=OTHER)
    assert "It is sent there already." in press(two[1], render, "send", offer=OTHER)
    assert logged() == [f"Sent to {OTHER}: A test."]


def test_giving_up_twice_is_once(two: tuple[Client, Client], house: Workspace) -> None:
    render = at_fal(house)
    page = read(two[0], url_of(render, "give_up"))
    assert "that is held comes back to its customer" in page
    assert two[0].post(url_of(render, "give_up"), {"token": str(uuid.uuid4()), "reason": " "}).status_code == 400
    assert "It was given up; $" in press(two[0], render, "give_up", reason="Stuck.")
    assert "It has ended and stays as it is." in press(two[1], render, "give_up", reason="Stuck, I see.")
    render.refresh_from_db()
    assert (render.state, posting.balance(house).held_micros) == (RenderState.FAILED, 0)
    assert logged() == ["Gave up: Stuck."]


def test_a_charge_is_given_back_once_and_the_second_time_is_a_sentence(
    two: tuple[Client, Client], house: Workspace
) -> None:
    render = shop.ready(house)
    assert "$1.00 goes back to the credit that paid it." in read(two[0], url_of(render, "give_back"))
    assert "$1.00 was given back; its customer gets a mail." in press(two[0], render, "give_back", reason="Off.")
    second = press(two[1], render, "give_back", reason="Off again.")
    assert "Nothing more can be given back: its charge was given back on" in second
    assert "Nothing more can be given back" in read(two[1], url_of(render, "give_back"))
    assert Transfer.objects.filter(kind="reversal").count() == 1
    assert logged() == ["Gave $1.00 back: Off."]


def test_the_same_form_sent_twice_acts_once(two: tuple[Client, Client], house: Workspace) -> None:
    render = shop.ready(house)
    token = str(uuid.uuid4())
    for _ in range(2):
        last = press(two[0], render, "give_back", token=token)
    assert "This form was sent before; it has acted once." in last
    assert logged() == ["Gave $1.00 back: A test."]


@pytest.mark.parametrize("act", ["ask", "send", "give_up", "give_back"])
def test_a_form_without_its_token_does_nothing(act: str, two: tuple[Client, Client], house: Workspace) -> None:
    render = shop.ready(house) if act == "give_back" else at_fal(house)
    answer = two[0].post(url_of(render, act), {"reason": "A test.", "offer": OTHER})
    assert (answer.status_code, logged()) == (400, [])

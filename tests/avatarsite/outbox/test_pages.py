"""The pages of webhooks, as an owner, a viewer and staff meet them."""

from __future__ import annotations

import logging
import re
from html import unescape
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from avatarsite.outbox.deliveries import DARK, suspend_endpoint
from avatarsite.outbox.endpoints import secret_of, set_state
from avatarsite.outbox.models import Delivery, Endpoint, EndpointState
from avatarsite.workspaces.models import User
from tests.avatarsite.outbox.cast import happen, listen, send
from tests.avatarsite.outbox.receiver import Receiver, Says
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def at(cast: Cast, name: str, **names: Any) -> str:
    return reverse(name, kwargs={"workspace": cast.workspace.slug, **names})


def test_an_endpoint_is_made_shown_and_tested(cast: Cast, there: Receiver) -> None:
    alice = cast.browser(cast.alice)
    made = alice.post(at(cast, "webhook_new"), {"url": there.url, "description": "Mine", "kinds": ["render.ready"]})
    endpoint = Endpoint.objects.get()
    page = at(cast, "webhook_endpoint", endpoint=endpoint.pk)
    assert (made.status_code, made["Location"]) == (302, page)
    secret = secret_of(endpoint)
    assert secret not in alice.get(page).content.decode()
    shown = alice.post(at(cast, "webhook_secret", endpoint=endpoint.pk))
    assert secret in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    alice.post(at(cast, "webhook_test", endpoint=endpoint.pk))
    send()
    assert [got.said["type"] for got in there.got] == ["webhook.test"]
    assert "Delivered" in alice.get(page).content.decode()


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"url": "", "kinds": ["*"]}, "Write the address of your receiver"),
        ({"url": "https://localhost/", "kinds": ["*"]}, "localhost is not a public address"),
        ({"url": "http://example.com/", "kinds": ["*"]}, "The address is not https."),
        ({"url": "https://hooks.example.com/"}, "Choose at least one kind of event."),
    ],
)
def test_a_wrong_endpoint_is_explained(cast: Cast, sent: dict[str, Any], sentence: str) -> None:
    answer = cast.browser(cast.alice).post(at(cast, "webhook_new"), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Endpoint.objects.count() == 0


def test_the_log_shows_body_and_answers_and_sends_again(
    cast: Cast, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    endpoint = listen(cast.workspace, there.url)
    happen(cast.workspace)
    there.answer = lambda _path, _said: Says(500, b"<b>closed</b>")
    send()
    delivery = Delivery.objects.get()
    page = at(cast, "webhook_delivery", endpoint=endpoint.pk, delivery=delivery.pk)
    shown = cast.browser(cast.bob).get(page).content.decode()
    assert "&lt;b&gt;closed&lt;/b&gt;" in shown
    assert "&quot;id&quot;: &quot;rnd_0&quot;" in shown
    assert "Send again" not in shown
    cast.browser(cast.alice).post(at(cast, "webhook_resend", endpoint=endpoint.pk, delivery=delivery.pk))
    send()
    assert len(there.got) == 2


def test_a_paused_one_is_resumed_and_a_time_replayed(cast: Cast, there: Receiver) -> None:
    alice, since = cast.browser(cast.alice), timezone.now()
    endpoint = listen(cast.workspace, there.url)
    alice.post(at(cast, "webhook_state", endpoint=endpoint.pk), {"state": "paused"})
    happen(cast.workspace, 2)
    send()
    assert there.got == []
    assert "2 events wait for it" in alice.get(at(cast, "webhook_endpoint", endpoint=endpoint.pk)).content.decode()
    alice.post(at(cast, "webhook_state", endpoint=endpoint.pk), {"state": "active"})
    send()
    alice.post(at(cast, "webhook_replay", endpoint=endpoint.pk), {"since": f"{since:%Y-%m-%dT%H:%M}"})
    send()
    assert [got.sequence for got in there.got] == [1, 2, 1, 2]


def test_staff_sees_deliveries_and_no_secret_and_sends_again(cast: Cast, there: Receiver) -> None:
    endpoint = listen(cast.workspace, there.url)
    happen(cast.workspace)
    send()
    boss = User.objects.create_superuser("boss@example.org", "correct horse battery")
    browser = cast.browser(boss)
    pages = [
        browser.get(reverse("admin:outbox_endpoint_change", args=[endpoint.pk])),
        browser.get(reverse("admin:outbox_delivery_changelist")),
        browser.get(reverse("admin:outbox_delivery_change", args=[Delivery.objects.get().pk])),
        browser.get(reverse("admin:outbox_event_changelist")),
    ]
    assert [page.status_code for page in pages] == [200] * 4
    assert endpoint.secret not in "".join(page.content.decode() for page in pages)
    browser.post(
        reverse("admin:outbox_delivery_changelist"),
        {"action": "send_again", "_selected_action": [Delivery.objects.get().pk]},
    )
    send()
    assert len(there.got) == 2


def sent_again_by_staff(cast: Cast) -> str:
    browser = cast.browser(User.objects.create_superuser("boss@example.org", "correct horse battery"))
    endpoint = Endpoint.objects.get()
    page = browser.get(reverse("admin:outbox_endpoint_change", args=[endpoint.pk])).content.decode()
    (missed,) = re.findall(r'href="([^"]*)">\d+ of its deliveries', page)
    listed = browser.get(unescape(missed)).context["cl"].queryset
    assert {each.state for each in listed} == {"waiting"}
    chosen = {"action": "send_again", "_selected_action": [each.pk for each in listed]}
    answer = browser.post(reverse("admin:outbox_delivery_changelist"), chosen, follow=True)
    return " ".join(str(message) for message in answer.context["messages"])


def missed_two(cast: Cast, there: Receiver) -> Endpoint:
    """An endpoint that has taken the first of three."""
    endpoint = listen(cast.workspace, there.url)
    happen(cast.workspace)
    send()
    there.answer = lambda _path, _said: Says(500, b"")
    happen(cast.workspace, 2)
    send()
    there.answer = lambda _path, _said: Says(200, b"")
    return endpoint


def test_staff_who_send_again_end_a_pause_for_taking_nothing(cast: Cast, there: Receiver) -> None:
    endpoint = missed_two(cast, there)
    suspend_endpoint(endpoint, EndpointState.PAUSED, DARK)
    assert sent_again_by_staff(cast) == "2 on their way once more. The pause of 1 endpoint has ended."
    send()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.dark_since) == (EndpointState.ACTIVE, None)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_a_pause_that_people_made_stays(cast: Cast, there: Receiver) -> None:
    endpoint = missed_two(cast, there)
    set_state(endpoint, EndpointState.PAUSED)
    assert sent_again_by_staff(cast) == "2 on their way once more."
    endpoint.refresh_from_db()
    assert endpoint.state == EndpointState.PAUSED

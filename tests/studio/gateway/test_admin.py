"""What the operator sees of clients' requests, and can do for them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.queue import due_rows
from avatarsite.queue.due_rows import backoff
from avatarsite.workspaces.models import User
from studio.gateway import webhooks
from studio.gateway.models import GatewayRequest, GatewayWebhook, WebhookState
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def operator(cast: Cast) -> Client:
    return cast.browser(User.objects.create_superuser("operator@example.org", "correct horse battery"))


def new_webhook(cast: Cast, state: WebhookState) -> GatewayWebhook:
    row = GatewayRequest.objects.create(
        workspace=cast.workspace,
        protocol="fal",
        reference=str(uuid4()),
        model="m",
        webhook_url="https://a.example/?s=x",
    )
    return GatewayWebhook.objects.create(key=row.pk, request=row, state=state, tries=11)


def test_every_table_can_be_looked_at_and_no_webhooks_secret_is_shown(operator: Client, cast: Cast) -> None:
    lost = new_webhook(cast, WebhookState.GIVEN_UP)
    pages = [
        reverse(f"admin:gateway_{name}_changelist") for name in ("gatewayrequest", "gatewaywebhook", "gatewayfile")
    ]
    pages += [
        reverse("admin:gateway_gatewayrequest_change", args=[lost.request_id]),
        reverse("admin:gateway_gatewaywebhook_change", args=[lost.pk]),
    ]
    answers = [operator.get(page) for page in pages]
    assert [(answer.status_code, b"a.example" in answer.content) for answer in answers] == [(200, False)] * 5


def test_a_webhook_that_was_given_up_is_sent_again(operator: Client, cast: Cast) -> None:
    lost, waiting = new_webhook(cast, WebhookState.GIVEN_UP), new_webhook(cast, WebhookState.WAITING)
    chosen = {"action": "again", "_selected_action": [lost.pk, waiting.pk]}
    answer = operator.post(reverse("admin:gateway_gatewaywebhook_changelist"), chosen, follow=True)
    assert "1 of 2 sent again" in answer.content.decode()
    lost.refresh_from_db()
    waiting.refresh_from_db()
    assert (lost.state, lost.tries, waiting.tries) == (WebhookState.WAITING, 0, 11)
    assert list(due_rows.kinds["gateway_webhook"].due()) == [lost]


def test_a_webhook_is_tried_for_two_hours() -> None:
    waits = [
        backoff(tries, first=webhooks.INITIAL_WAIT, most=webhooks.MAX_WAIT) for tries in range(1, webhooks.MAX_TRIES)
    ]
    assert sum(waits, timedelta()) == timedelta(seconds=7_161)

"""The page of the Developers area that says what to change, and shows what has come in."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.gateway.models import GatewayRequest, GatewayWebhook, RequestState, WebhookState
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db]


def new_request(workspace: Workspace, *states: WebhookState, **also: Any) -> GatewayRequest:
    row = GatewayRequest.objects.create(
        workspace=workspace, protocol="fal", reference=str(uuid4()), model="avatar-studio/draft", **also
    )
    for number, state in enumerate(states):
        GatewayWebhook.objects.create(
            key=f"{row.pk}:{number}", request=row, state=state, last_answer="It answered 503."
        )
    return row


def page(cast: Cast) -> str:
    url = reverse("gateway", kwargs={"workspace": cast.workspace.slug})
    return cast.browser(cast.bob).get(url).content.decode()


def test_it_names_the_address_of_this_site(cast: Cast, settings: Any) -> None:
    settings.SITE_URL = "https://studio.example"
    shown = page(cast)
    assert 'http_base_url="https://studio.example/compat/runware/v1"' in shown
    assert "<mark>studio.example/compat/fal/run</mark>" in shown
    assert '"https://studio.example/compat/aimlapi"' in shown
    assert "Nothing yet" in shown


def test_it_names_fals_host_when_there_is_one(cast: Cast, settings: Any) -> None:
    settings.GATEWAY_FAL_RUN_HOST, settings.GATEWAY_FAL_QUEUE_HOST = "fal.studio.example", "queue.fal.studio.example"
    assert ("<mark>fal.studio.example</mark>" in page(cast), "FAL_QUEUE_RUN_HOST" in page(cast)) == (True, False)
    settings.GATEWAY_FAL_QUEUE_HOST = "jobs.studio.example"
    assert "export FAL_QUEUE_RUN_HOST=<mark>jobs.studio.example</mark>" in page(cast)


def test_it_shows_what_has_come_in_and_to_nobody_else(cast: Cast) -> None:
    refused = {"code": "voice_unreachable", "field": "voice", "message": "It could not be fetched."}
    rows = [
        new_request(cast.workspace, state=RequestState.REFUSED, error=refused),
        new_request(cast.workspace, WebhookState.DELIVERED, WebhookState.GIVEN_UP, state=RequestState.CANCELLED),
        new_request(cast.workspace, WebhookState.DELIVERED),
        new_request(cast.workspace, WebhookState.WAITING),
    ]
    theirs = new_request(cast.charlie.workspaces.get())
    shown = page(cast)
    assert [row.reference in shown for row in (*rows, theirs)] == [True, True, True, True, False]
    for sentence in (
        "It could not be fetched.",
        "Cancelled before it began.",
        "Given up. It answered 503.",
        "Delivered.",
    ):
        assert sentence in shown

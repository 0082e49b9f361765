"""Webhook endpoints, their deliveries and the events themselves, relative to ``/api/v1/``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.fields import Body, Query, QueryInteger, StrictChoice, StrictInteger, StrictString
from avatarsite.api.pagination import MAX_PAGE_SIZE, PAGE_SIZE, page_of
from avatarsite.api.problems import Problem, declare, translates
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer
from avatarsite.api.views import ApiView
from avatarsite.outbox import endpoints
from avatarsite.outbox.deliveries import request_signing, signing_of
from avatarsite.outbox.endpoints import MAX_OVERLAP, OVERLAP, EndpointRefused
from avatarsite.outbox.event_types import EVERY, KINDS
from avatarsite.outbox.events import fan_out
from avatarsite.outbox.models import URL_LENGTH, Delivery, DeliveryState, Endpoint, EndpointState, Event, Signing
from avatarsite.outbox.serializers import (
    FullWebhookDeliverySerializer,
    ReplaySerializer,
    WebhookDeliverySerializer,
    WebhookEndpointSerializer,
    WebhookEventSerializer,
    WebhookSecretSerializer,
    serialize_delivery,
    serialize_endpoint,
    serialize_event,
    serialize_full_delivery,
)
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.encryption import Unreadable, decrypt

TAGS = ["Webhooks"]
NUMBER = r"^[0-9]{1,18}$"

declare("endpoint_refused", 422, "The endpoint can’t be made, changed or used so", "Follow what the detail says.")
declare("secret_unreadable", 409, "The secret can’t be read any more", "Rotate it.")


@translates(EndpointRefused)
def _refused(refusal: EndpointRefused) -> Problem:
    return Problem("endpoint_refused", str(refusal), field=refusal.field)


@translates(Unreadable)
def _unreadable(_refusal: Unreadable) -> Problem:
    return Problem("secret_unreadable", "It was sealed with a key that this server no longer has.")


class EndpointInput(Body):
    url = StrictString(min_length=1, max_length=URL_LENGTH, help_text="A public https address.")
    kinds = serializers.ListField(
        child=StrictChoice(choices=[EVERY, *KINDS]),
        required=False,
        min_length=1,
        max_length=20,
        help_text="Left out: all.",
    )
    description = StrictString(required=False, max_length=120)


class EndpointChangeInput(EndpointInput):
    url = StrictString(required=False, min_length=1, max_length=URL_LENGTH)
    state = StrictChoice(
        required=False, choices=EndpointState.values, help_text="`active` resumes: what was kept is sent."
    )


class RotateInput(Body):
    overlap_seconds = StrictInteger(
        required=False,
        min_value=0,
        max_value=int(MAX_OVERLAP.total_seconds()),
        help_text="How long the old secret signs, too. Usually a day; 0 for one that has leaked.",
    )


class ReplayInput(Body):
    since = serializers.DateTimeField(help_text="Every event from then on is sent again, in order.")


class DeliveriesQuery(PageQuery):
    cursor = serializers.RegexField(NUMBER, required=False, help_text="`next_cursor` of the page before.")
    state = serializers.ChoiceField(choices=DeliveryState.values, required=False)


class EventsQuery(Query):
    after = serializers.RegexField(NUMBER, required=False, help_text="The `number` of the last event that you have.")
    kind = serializers.ChoiceField(choices=list(KINDS), required=False)
    limit = QueryInteger(required=False, default=PAGE_SIZE, min_value=1, max_value=MAX_PAGE_SIZE)


class EndpointView(ApiView):
    """Reading is for every token that reads; what changes anything takes an admin's."""

    writes = (Action.DEVELOP,)

    def rows(self) -> QuerySet[Endpoint]:
        return Endpoint.objects.filter(workspace=self.workspace)

    def one(self, pk: str, *, locked: bool = False) -> Endpoint:
        return get_object_or_404(self.rows().select_for_update() if locked else self.rows(), pk=pk)


class Endpoints(EndpointView):
    @extend_schema(
        operation_id="list_webhook_endpoints",
        tags=TAGS,
        summary="List webhook endpoints, newest first",
        parameters=[PageQuery],
        responses=list_serializer(WebhookEndpointSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(PageQuery)
        return Response(page_of(self.rows(), serialize_endpoint, cursor=asked.get("cursor", ""), limit=asked["limit"]))

    @extend_schema(
        operation_id="create_webhook_endpoint",
        tags=TAGS,
        summary="Make a webhook endpoint",
        description="It is told of what happens from now on. Its secret has an address of its own.",
        request=EndpointInput,
        responses={201: WebhookEndpointSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(EndpointInput)
        asked["url"] = endpoints.check_url(asked["url"])  # asks the resolver, which is no work for a transaction

        def operation() -> Response:
            row = endpoints.make_endpoint(self.workspace, user=self.user, **asked)
            location = reverse("api_webhook_endpoint", kwargs={"endpoint": row.pk})
            return Response(serialize_endpoint(row), status=201, headers={"Location": location})

        return self.run_once(operation)


class OneEndpoint(EndpointView):
    @extend_schema(
        operation_id="get_webhook_endpoint",
        tags=TAGS,
        summary="Get a webhook endpoint",
        responses=WebhookEndpointSerializer,
    )
    def get(self, _request: Any, endpoint: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_endpoint(self.one(endpoint)))

    @extend_schema(
        operation_id="change_webhook_endpoint",
        tags=TAGS,
        summary="Change, pause, disable or resume a webhook endpoint",
        request=EndpointChangeInput,
        responses=WebhookEndpointSerializer,
    )
    def patch(self, _request: Any, endpoint: str) -> HttpResponseBase:
        self.query(NoQuery)
        self.one(endpoint)
        asked = self.body(EndpointChangeInput)
        if "url" in asked:
            asked["url"] = endpoints.check_url(asked["url"])

        def operation() -> Response:
            row = self.one(endpoint, locked=True)
            self.demand_unchanged(serialize_endpoint(row))
            state = asked.pop("state", row.state)
            endpoints.change_endpoint(row, **asked)
            endpoints.set_state(row, state)
            return Response(serialize_endpoint(row))

        return self.run_once(operation)

    @extend_schema(
        operation_id="delete_webhook_endpoint",
        tags=TAGS,
        summary="Delete a webhook endpoint with its deliveries",
        responses={204: None},
    )
    def delete(self, _request: Any, endpoint: str) -> HttpResponseBase:
        self.query(NoQuery)
        self.one(endpoint)

        def operation() -> Response:
            row = self.one(endpoint, locked=True)
            self.demand_unchanged(serialize_endpoint(row))
            endpoints.delete_endpoint(row)
            return Response(status=204)

        return self.run_once(operation)


class EndpointSecret(EndpointView):
    reads = (Action.DEVELOP,)

    @extend_schema(
        operation_id="get_webhook_secret",
        tags=TAGS,
        summary="Get the secret that signs",
        responses=WebhookSecretSerializer,
    )
    def get(self, _request: Any, endpoint: str) -> Response:
        self.query(NoQuery)
        return Response(_shown(signing_of(self.one(endpoint))))


class RotateSecret(EndpointView):
    @extend_schema(
        operation_id="rotate_webhook_secret",
        tags=TAGS,
        summary="Replace the secret",
        description="Both secrets sign until the overlap is over. The new one is read at the secret’s own address.",
        request=RotateInput,
        responses=WebhookEndpointSerializer,
    )
    def post(self, _request: Any, endpoint: str) -> HttpResponseBase:
        self.query(NoQuery)
        row, asked = self.one(endpoint), self.body(RotateInput)
        overlap = timedelta(seconds=asked["overlap_seconds"]) if "overlap_seconds" in asked else OVERLAP

        def operation() -> Response:
            endpoints.rotate_secret(row, overlap=overlap)
            return Response(serialize_endpoint(row))

        return self.run_once(operation)


class RequestSecret(EndpointView):
    reads = (Action.DEVELOP,)

    @extend_schema(
        operation_id="get_request_webhook_secret",
        tags=TAGS,
        summary="Get the secret for addresses that requests name",
        description="It signs what goes to `webhook_url` of renders and batches, whichever host that names.",
        responses=WebhookSecretSerializer,
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        return Response(_shown(request_signing(self.workspace.pk)))


class RotateRequestSecret(EndpointView):
    @extend_schema(
        operation_id="rotate_request_webhook_secret",
        tags=TAGS,
        summary="Replace the secret for addresses that requests name",
        description="Both secrets sign until the overlap is over. The new one is read at its own address.",
        request=RotateInput,
        responses={204: None},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(RotateInput)
        overlap = timedelta(seconds=asked["overlap_seconds"]) if "overlap_seconds" in asked else OVERLAP

        def operation() -> Response:
            endpoints.rotate_request_secret(self.workspace, overlap=overlap)
            return Response(status=204)

        return self.run_once(operation)


class TestEndpoint(EndpointView):
    @extend_schema(
        operation_id="test_webhook_endpoint",
        tags=TAGS,
        summary="Send a test event",
        description="To this endpoint alone, even while it is paused. What came of it is among the deliveries.",
        request=None,
        responses={202: WebhookEventSerializer},
    )
    def post(self, _request: Any, endpoint: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = self.one(endpoint)

        def operation() -> Response:
            return Response(serialize_event(endpoints.send_test(row)), status=202)

        return self.run_once(operation)


class ReplayEndpoint(EndpointView):
    @extend_schema(
        operation_id="replay_webhook_events",
        tags=TAGS,
        summary="Send every event since a time again",
        description="In order, with what the endpoint had and what it missed. A delivery keeps its sequence.",
        request=ReplayInput,
        responses={202: ReplaySerializer},
    )
    def post(self, _request: Any, endpoint: str) -> HttpResponseBase:
        self.query(NoQuery)
        row, asked = self.one(endpoint), self.body(ReplayInput)
        return self.run_once(lambda: Response({"deliveries": endpoints.replay(row, asked["since"])}, status=202))


class Deliveries(EndpointView):
    @extend_schema(
        operation_id="list_webhook_deliveries",
        tags=TAGS,
        summary="List an endpoint’s deliveries, newest first",
        parameters=[DeliveriesQuery],
        responses=list_serializer(WebhookDeliverySerializer),
    )
    def get(self, _request: Any, endpoint: str) -> Response:
        asked = self.query(DeliveriesQuery)
        rows = self.one(endpoint).deliveries.select_related("event")
        if "state" in asked:
            rows = rows.filter(state=asked["state"])
        page = {"cursor": asked.get("cursor", ""), "limit": asked["limit"]}
        return Response(page_of(rows, serialize_delivery, order="-sequence", **page))


class DeliveryView(EndpointView):
    def delivery(self, endpoint: str, pk: str) -> Delivery:
        return get_object_or_404(self.one(endpoint).deliveries.select_related("event"), pk=pk)


class OneDelivery(DeliveryView):
    @extend_schema(
        operation_id="get_webhook_delivery",
        tags=TAGS,
        summary="Get a delivery with its body and every answer",
        responses=FullWebhookDeliverySerializer,
    )
    def get(self, _request: Any, endpoint: str, delivery: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_full_delivery(self.delivery(endpoint, delivery)))


class ResendDelivery(DeliveryView):
    @extend_schema(
        operation_id="resend_webhook_delivery",
        tags=TAGS,
        summary="Send a delivery once more",
        request=None,
        responses={202: WebhookDeliverySerializer},
    )
    def post(self, _request: Any, endpoint: str, delivery: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = self.delivery(endpoint, delivery)

        def operation() -> Response:
            endpoints.resend(row)
            return Response(serialize_delivery(row), status=202)

        return self.run_once(operation)


class Events(ApiView):
    @extend_schema(
        operation_id="list_events",
        tags=TAGS,
        summary="List what has happened, oldest first",
        description="What webhooks tell, for those who would rather ask. Nothing is added before a number that was "
        "given. Events are kept for 30 days.",
        parameters=[EventsQuery],
        responses=list_serializer(WebhookEventSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(EventsQuery)
        fan_out(self.workspace.pk)
        # One that was written since has no number yet, and belongs behind all of these.
        rows = Event.objects.filter(workspace=self.workspace, number__isnull=False)
        if "kind" in asked:
            rows = rows.filter(kind=asked["kind"])
        page = {"cursor": asked.get("after", ""), "limit": asked["limit"]}
        return Response(page_of(rows, serialize_event, order="number", **page))


class OneEvent(ApiView):
    @extend_schema(operation_id="get_event", tags=TAGS, summary="Get an event", responses=WebhookEventSerializer)
    def get(self, _request: Any, event: str) -> Response:
        self.query(NoQuery)
        fan_out(self.workspace.pk)
        return Response(serialize_event(get_object_or_404(Event, workspace=self.workspace, id=event)))


def _shown(signed: Signing) -> dict[str, Any]:
    told = {"secret": decrypt(signed.secret), "old_secret_until": signed.old_secret_until}
    return dict(WebhookSecretSerializer().to_representation(told))


urlpatterns = [
    path("webhook-endpoints", Endpoints.as_view(), name="api_webhook_endpoints"),
    path("webhook-endpoints/<slug:endpoint>", OneEndpoint.as_view(), name="api_webhook_endpoint"),
    path("webhook-endpoints/<slug:endpoint>/secret", EndpointSecret.as_view(), name="api_webhook_secret"),
    path("webhook-secret", RequestSecret.as_view(), name="api_request_secret"),
    path("webhook-secret/rotate", RotateRequestSecret.as_view(), name="api_request_secret_rotate"),
    path("webhook-endpoints/<slug:endpoint>/rotate", RotateSecret.as_view(), name="api_webhook_rotate"),
    path("webhook-endpoints/<slug:endpoint>/test", TestEndpoint.as_view(), name="api_webhook_test"),
    path("webhook-endpoints/<slug:endpoint>/replay", ReplayEndpoint.as_view(), name="api_webhook_replay"),
    path("webhook-endpoints/<slug:endpoint>/deliveries", Deliveries.as_view(), name="api_webhook_deliveries"),
    path(
        "webhook-endpoints/<slug:endpoint>/deliveries/<slug:delivery>",
        OneDelivery.as_view(),
        name="api_webhook_delivery",
    ),
    path(
        "webhook-endpoints/<slug:endpoint>/deliveries/<slug:delivery>/resend",
        ResendDelivery.as_view(),
        name="api_webhook_resend",
    ),
    path("events", Events.as_view(), name="api_events"),
    path("events/<slug:event>", OneEvent.as_view(), name="api_event"),
]

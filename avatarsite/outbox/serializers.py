"""Serializers of webhooks, each both the answer and its documentation."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from avatarsite.outbox.deliveries import body_of
from avatarsite.outbox.event_types import EVERY, KINDS, TEST
from avatarsite.outbox.models import Delivery, DeliveryState, EndpointState

Serializer = serializers.Serializer[Any]
OBJECT = {"type": "object", "additionalProperties": True}


class WebhookEndpointSerializer(Serializer):
    id = serializers.CharField()
    url = serializers.CharField()
    description = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=[EVERY, *KINDS]), help_text="`*` is all.")
    of_requests = serializers.BooleanField(
        help_text="A host that requests named in `webhook_url`: it gets their own events alone, at those addresses."
    )
    state = serializers.ChoiceField(
        choices=EndpointState.values,
        help_text="Paused, its deliveries are kept until it is active again; disabled, none are made.",
    )
    why = serializers.CharField(help_text="Why it is paused or disabled.")
    last_sequence = serializers.IntegerField(help_text="Of its newest delivery.")
    failures = serializers.IntegerField(help_text="In a row, up to now.")
    dark_since = serializers.DateTimeField(allow_null=True, help_text="When the first of them was.")
    old_secret_until = serializers.DateTimeField(allow_null=True, help_text="Until then two secrets sign.")
    created_at = serializers.DateTimeField()


class WebhookSecretSerializer(Serializer):
    secret = serializers.CharField(help_text="`whsec_…`, as libraries for Standard Webhooks take it.")
    old_secret_until = serializers.DateTimeField(allow_null=True, help_text="Until then the one before signs, too.")


class WebhookDeliverySerializer(Serializer):
    id = serializers.CharField()
    event = serializers.CharField(source="event.id", help_text="The `webhook-id`.")
    kind = serializers.CharField(source="event.kind")
    sequence = serializers.IntegerField(help_text="Counts the endpoint’s deliveries without gaps.")
    state = serializers.ChoiceField(choices=DeliveryState.values, help_text="`failed`: given up.")
    tries = serializers.IntegerField(help_text="Since it was made, or last asked for.")
    next_try_at = serializers.DateTimeField(allow_null=True)
    answer_code = serializers.IntegerField(allow_null=True, help_text="HTTP status of the last answer.")
    answer = serializers.CharField(help_text="The beginning of its body, or why there was none.")
    answered_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class WebhookAttemptSerializer(Serializer):
    at = serializers.DateTimeField()
    code = serializers.IntegerField(allow_null=True)
    answer = serializers.CharField()
    took_ms = serializers.IntegerField()


class FullWebhookDeliverySerializer(WebhookDeliverySerializer):
    body = serializers.SerializerMethodField(help_text="What is sent.")
    attempts = WebhookAttemptSerializer(many=True)

    @extend_schema_field(OBJECT)
    def get_body(self, row: Delivery) -> Any:
        return json.loads(body_of(row))


class WebhookEventSerializer(Serializer):
    id = serializers.CharField(help_text="The `webhook-id` of its deliveries.")
    type = serializers.ChoiceField(source="kind", choices=[*KINDS, TEST])
    timestamp = serializers.DateTimeField(source="created_at")
    number = serializers.IntegerField(
        allow_null=True, help_text="Counts the workspace’s events without gaps; give it as `after`. Null for a moment."
    )
    data = serializers.SerializerMethodField(help_text="As it was then.")  # type: ignore[assignment]

    @extend_schema_field(OBJECT)
    def get_data(self, row: Any) -> Any:
        return row.data


class ReplaySerializer(Serializer):
    deliveries = serializers.IntegerField(help_text="How many are sent again.")


serialize_endpoint = WebhookEndpointSerializer().to_representation
serialize_delivery = WebhookDeliverySerializer().to_representation
serialize_full_delivery = FullWebhookDeliverySerializer().to_representation
serialize_event = WebhookEventSerializer().to_representation

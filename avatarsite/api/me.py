"""The token that asks and its workspace, at ``/api/v1/me``."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.serializers import NoQuery
from avatarsite.api.views import ApiView
from avatarsite.models import NoticeLevel
from avatarsite.service.notices import standing
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import ApiToken, Scope

Serializer = serializers.Serializer[Any]


class TokenSerializer(Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=[scope.value for scope in Scope]))
    test = serializers.BooleanField(help_text="Renders with the draft engine only, and moves no money.")
    ask_above_micros = serializers.IntegerField(
        allow_null=True, help_text="What costs more waits for a person’s yes; null never asks."
    )
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class WorkspaceSerializer(Serializer):
    id = serializers.CharField()
    name = serializers.CharField()
    slug = serializers.CharField()


class ServiceNoticeSerializer(Serializer):
    text = serializers.CharField()
    level = serializers.ChoiceField(choices=NoticeLevel.choices)
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)


class MeSerializer(Serializer):
    token = TokenSerializer()
    workspace = WorkspaceSerializer()
    service_notices = ServiceNoticeSerializer(many=True, help_text="What the service has to tell everybody now.")


_ME = MeSerializer()


class Me(ApiView):
    reads = tuple(Action)

    @extend_schema(operation_id="get_me", tags=["Me"], summary="The token and its workspace", responses=MeSerializer)
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        token: ApiToken = self.token
        told = {"token": token, "workspace": token.workspace, "service_notices": standing()}
        return Response(_ME.to_representation(told))

"""Exports by the API, for tokens that an owner has made: everything of a workspace is for owners alone."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.pagination import page_of
from avatarsite.api.problems import declare
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer, moment
from avatarsite.api.views import ApiView
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.errors import NotAllowed
from avatarsite.workspaces.models import Role
from studio.lifecycle.export import ask_for_export, cancel_export, link_to
from studio.lifecycle.models import Export, ExportState

TAGS = ["Exports"]
declare("export_refused", 409, "No export can be begun now", "Wait for the one that is made, or cancel it.")


class ExportSerializer(serializers.Serializer[Export]):
    id = serializers.CharField()
    state = serializers.ChoiceField(choices=ExportState.choices)
    bytes = serializers.IntegerField(help_text="Of the ZIP; 0 until it is ready.")
    files = serializers.IntegerField()
    rows = serializers.IntegerField()
    url = serializers.URLField(allow_null=True, help_text="The ZIP, for an hour; ask again for another link.")
    why = serializers.CharField(help_text="Of one that failed.", allow_blank=True)
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When the ZIP is deleted.")


def serialize_export(export: Export) -> dict[str, Any]:
    return {
        "id": export.pk,
        "state": export.state,
        "bytes": export.bytes,
        "files": export.files,
        "rows": export.rows,
        "url": _absolute(link_to(export)) if export.state == ExportState.READY else None,
        "why": export.why,
        "created_at": moment(export.created_at),
        "ended_at": moment(export.ended_at),
        "expires_at": moment(export.expires_at),
    }


def _absolute(link: str) -> str:
    return f"{settings.SITE_URL}{link}" if link.startswith("/") else link


class OwnersView(ApiView):
    reads = writes = (Action.MANAGE_WORKSPACE,)

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.token.maker is None or self.token.maker.role != Role.OWNER:
            raise NotAllowed("An export is for owners. Use a token that an owner of the workspace has made.")


class Exports(OwnersView):
    @extend_schema(
        operation_id="list_exports",
        tags=TAGS,
        summary="List the exports of everything, newest first",
        parameters=[PageQuery],
        responses=list_serializer(ExportSerializer),
    )
    def get(self, _request: Any) -> Response:
        asked = self.query(PageQuery)
        rows = Export.objects.for_workspace(self.workspace).select_related("workspace")
        return Response(page_of(rows, serialize_export, cursor=asked.get("cursor", ""), limit=asked["limit"]))

    @extend_schema(
        operation_id="export_everything",
        tags=TAGS,
        summary="Make a ZIP of everything that the workspace has",
        request=None,
        responses={202: ExportSerializer},
    )
    def post(self, _request: Any) -> HttpResponseBase:
        self.query(NoQuery)

        def operation() -> Response:
            export = ask_for_export(self.workspace, user=self.user)
            return Response(serialize_export(export), status=202)

        return self.run_once(operation)


class OneExport(OwnersView):
    @extend_schema(operation_id="get_export", tags=TAGS, summary="Get an export", responses=ExportSerializer)
    def get(self, _request: Any, export: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_export(self._export(export)))

    @extend_schema(
        operation_id="cancel_export",
        tags=TAGS,
        summary="Stop an export, or delete its ZIP before its time",
        responses={200: ExportSerializer},
    )
    def delete(self, _request: Any, export: str) -> HttpResponseBase:
        self.query(NoQuery)

        def operation() -> Response:
            one = self._export(export)
            cancel_export(one)
            one.refresh_from_db()
            return Response(serialize_export(one))

        return self.run_once(operation)

    def _export(self, export: str) -> Export:
        return get_object_or_404(Export.objects.for_workspace(self.workspace).select_related("workspace"), pk=export)


urlpatterns = [
    path("exports", Exports.as_view(), name="api_exports"),
    path("exports/<slug:export>", OneExport.as_view(), name="api_export"),
]

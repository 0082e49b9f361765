"""Storage: how much room a workspace has."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.serializers import NoQuery
from avatarsite.api.views import ApiView
from studio.storage.ledger import room_of
from studio.videos.retention import retention_of


class StorageSerializer(serializers.Serializer[Any]):
    used_bytes = serializers.IntegerField(
        source="used", help_text="Of all files: uploads, videos, what is made of them, and what is being uploaded."
    )
    quota_bytes = serializers.IntegerField(
        source="quota", allow_null=True, help_text="Beyond it no upload is taken; videos always are. Null: no limit."
    )
    kept_days = serializers.IntegerField(
        allow_null=True,
        help_text="Videos are deleted so many days after they have ended, unused uploads after they came.",
    )


class Storage(ApiView):
    @extend_schema(
        operation_id="get_storage", tags=["Uploads"], summary="The room for files", responses=StorageSerializer
    )
    def get(self, _request: Any) -> Response:
        self.query(NoQuery)
        room, kept = room_of(self.workspace), retention_of(self.workspace)
        facts = {"used": room.used, "quota": room.quota, "kept_days": kept.days if kept else None}
        return Response(StorageSerializer().to_representation(facts))

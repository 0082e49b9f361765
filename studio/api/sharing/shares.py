"""Share links of a video: made, listed, revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from avatarsite.api.fields import Body, StrictBoolean, StrictInteger, StrictString
from avatarsite.api.pagination import page_of
from avatarsite.api.serializers import NoQuery, PageQuery, list_serializer, moment
from avatarsite.api.views import ApiView
from studio.models import Render, ShareLink
from studio.sharing.links import MAX_ORIGINS, PASSWORD_LENGTH, Terms, address_of, embed_snippet, make_link, revoke_link

TAGS = ["Shares"]
MAX_SECONDS = 3650 * 24 * 3600


class ShareInput(Body):
    expires_in_seconds = StrictInteger(
        required=False, min_value=60, max_value=MAX_SECONDS, help_text="Left out: it works until it is revoked."
    )
    password = StrictString(
        required=False, min_length=1, max_length=PASSWORD_LENGTH, help_text="Guests are asked for it."
    )
    allow_download = StrictBoolean(required=False, help_text="Whether guests may save the file. Usually false.")
    allow_review = StrictBoolean(
        required=False, help_text="Whether guests may comment, approve or ask for a change. Usually false."
    )
    embed_origins = serializers.ListField(
        child=StrictString(max_length=300),
        required=False,
        max_length=MAX_ORIGINS,
        help_text="Sites whose pages may show the player in a frame, as `https://www.example.com`; `*` is every page.",
    )


class ShareSerializer(serializers.Serializer[ShareLink]):
    id = serializers.CharField()
    render = serializers.CharField()
    url = serializers.URLField(help_text="The page that guests open.")
    embed_url = serializers.URLField(allow_null=True, help_text="The player alone; null if nobody may embed it.")
    embed_html = serializers.CharField(allow_null=True, help_text="What goes into the page that embeds it.")
    embed_origins = serializers.ListField(child=serializers.CharField())
    has_password = serializers.BooleanField()
    allow_download = serializers.BooleanField()
    allow_review = serializers.BooleanField()
    views = serializers.IntegerField()
    last_viewed_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


def serialize_share(link: ShareLink) -> dict[str, Any]:
    return {
        "id": link.pk,
        "render": link.render_id,
        "url": address_of(link),
        "embed_url": address_of(link, "embedded") if link.embed_origins else None,
        "embed_html": embed_snippet(link) if link.embed_origins else None,
        "embed_origins": link.embed_origins,
        "has_password": bool(link.password),
        "allow_download": link.allow_download,
        "allow_review": link.allow_review,
        "views": link.views,
        "last_viewed_at": moment(link.last_viewed_at),
        "expires_at": moment(link.expires_at),
        "revoked_at": moment(link.revoked_at),
        "created_at": moment(link.created_at),
    }


class RenderShares(ApiView):
    @extend_schema(
        operation_id="list_render_shares",
        tags=TAGS,
        summary="List the share links of a render, newest first",
        parameters=[PageQuery],
        responses=list_serializer(ShareSerializer),
    )
    def get(self, _request: Any, render: str) -> Response:
        asked = self.query(PageQuery)
        one = get_object_or_404(Render.objects.for_workspace(self.workspace), pk=render)
        rows = ShareLink.objects.filter(render=one).select_related("render")
        return Response(page_of(rows, serialize_share, cursor=asked.get("cursor", ""), limit=asked["limit"]))

    @extend_schema(
        operation_id="share_render",
        tags=TAGS,
        summary="Make a link by which anybody may watch a render that is ready",
        request=ShareInput,
        responses={201: ShareSerializer},
    )
    def post(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        asked = self.body(ShareInput)
        seconds = asked.get("expires_in_seconds")
        terms = Terms(
            expires_at=timezone.now() + timedelta(seconds=seconds) if seconds else None,
            password=asked.get("password", ""),
            allow_download=asked.get("allow_download", False),
            allow_review=asked.get("allow_review", False),
            embed_origins=tuple(asked.get("embed_origins", ())),
        )

        def operation() -> Response:
            one = get_object_or_404(Render.objects.for_workspace(self.workspace), pk=render)
            link = make_link(one, terms, user=self.user)
            location = reverse("api_share", kwargs={"share": link.pk})
            return Response(serialize_share(link), status=201, headers={"Location": location})

        return self.run_once(operation)


class OneShare(ApiView):
    @extend_schema(operation_id="get_share", tags=TAGS, summary="Get a share link", responses=ShareSerializer)
    def get(self, _request: Any, share: str) -> Response:
        self.query(NoQuery)
        return Response(serialize_share(self._share(share)))

    @extend_schema(
        operation_id="revoke_share",
        tags=TAGS,
        summary="Revoke a share link: it leads nowhere at once",
        responses=ShareSerializer,
    )
    def delete(self, _request: Any, share: str) -> HttpResponseBase:
        self.query(NoQuery)

        def operation() -> Response:
            link = self._share(share)
            revoke_link(link)
            link.refresh_from_db()
            return Response(serialize_share(link))

        return self.run_once(operation)

    def _share(self, share: str) -> ShareLink:
        links = ShareLink.objects.for_workspace(self.workspace).select_related("render", "workspace")
        return get_object_or_404(links, pk=share)

"""Captions of a render: set, read and deleted, while it is made and afterwards."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from avatarsite.api.serializers import NoQuery
from studio.api.inputs import CaptionsInput
from studio.api.renders import TAGS, RenderView
from studio.api.serializers import FullCaptionsSerializer
from studio.captions.change import remove_captions, set_captions
from studio.captions.wish import wish_of
from studio.models import Render
from studio.pipeline.request.spoken import heard_in
from studio.representation import captions_of, captions_row


class RenderCaptions(RenderView):
    http_method_names: ClassVar[list[str]] = ["get", "head", "put", "delete"]  # type: ignore[misc]

    @extend_schema(
        operation_id="get_render_captions",
        tags=TAGS,
        summary="The captions of a render, with their texts and times",
        responses=FullCaptionsSerializer,
    )
    def get(self, _request: Any, render: str) -> Response:
        self.query(NoQuery)
        return Response(_serialized(self._row(render)))

    @extend_schema(
        operation_id="set_render_captions",
        tags=TAGS,
        summary="Set the captions of a render, in place of those it has",
        description="They are made at once if the video is ready, and otherwise with it. They cost nothing; what can’t "
        "be made of them is said in `failure`, and the video stays as it is.",
        request=CaptionsInput,
        responses=FullCaptionsSerializer,
    )
    def put(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row, asked = self._row(render), self.body(CaptionsInput)
        self.demand_unchanged(_serialized(row) if captions_row(row) else None)
        # A file is read in another process, which is no work for a transaction.
        voice = heard_in(row)
        wish = wish_of(asked, voice, length_ms=row.measured_ms or voice.duration_ms or 0)

        def operation() -> Response:
            set_captions(row, wish)
            return Response(_serialized(self._row(render)))

        return self.run_once(operation)

    @extend_schema(
        operation_id="delete_render_captions",
        tags=TAGS,
        summary="Delete the captions of a render and their files",
        responses={204: None},
    )
    def delete(self, _request: Any, render: str) -> HttpResponseBase:
        self.query(NoQuery)
        row = self._row(render)
        self.demand_unchanged(_serialized(row))

        def operation() -> Response:
            remove_captions(row)
            return Response(status=204)

        return self.run_once(operation)

    def _row(self, render: str) -> Render:
        return get_object_or_404(self.renders().select_related("voice", "captions"), pk=render)


def _serialized(render: Render) -> dict[str, Any]:
    """Raises Http404 where there are none."""
    captions = captions_row(render)
    if captions is None:
        raise Http404
    cues = [{"start_ms": start, "end_ms": end, "text": text} for start, end, text in captions.cues]
    return {**(captions_of(render) or {}), "cues": cues}

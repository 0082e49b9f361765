"""Parts of a long render: the file of each that is made, also when the whole can't be."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema

from avatarsite.api.serializers import NoQuery
from avatarsite.api.views import LeadsToFile
from studio.api.renders import TAGS, RenderView, life_of
from studio.models import Part
from studio.pipeline.expire import delete_if_due
from studio.storage.local import signed_link


class RenderPart(RenderView):
    content_negotiation_class = LeadsToFile

    @extend_schema(
        operation_id="get_render_part",
        tags=TAGS,
        summary="The video of one part of a long render",
        responses={302: OpenApiResponse(description="Leads to the file, by a link that ends.")},
    )
    def get(self, _request: Any, render: str, number: int) -> HttpResponseBase:
        self.query(NoQuery)
        whole = get_object_or_404(self.renders(), pk=render)
        made = get_object_or_404(Part.objects.select_related("render"), whole=whole, number=number).render
        if not made.given_out or whole.withheld_at or delete_if_due(made):
            raise Http404
        return HttpResponseRedirect(signed_link(made.video.name or "", seconds=life_of(made)))

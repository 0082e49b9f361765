"""The site's addresses, and two bare views of DRF: one inserts a row, one reads a row."""

from __future__ import annotations

from typing import Any

from django.urls import path
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from avatarsite.urls import urlpatterns as site
from studio.models import Render, RenderGroup


class Bare(APIView):
    authentication_classes = ()
    permission_classes = ()
    renderer_classes = (JSONRenderer,)

    def post(self, request: Any) -> Response:
        row = RenderGroup.objects.create(workspace_id=request.data["workspace"])
        return Response({"id": row.pk, "created_at": row.created_at}, status=201)

    def get(self, request: Any) -> Response:
        row = Render.objects.get(pk=request.query_params["id"])
        return Response({"id": row.pk, "state": row.state, "created_at": row.created_at})


urlpatterns = [path("bare", Bare.as_view()), *site]

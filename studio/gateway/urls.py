"""Routes below /compat/: the three protocols, and the files that their responses link to."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from studio.gateway.aimlapi import urls as aimlapi
from studio.gateway.fal import urls as fal
from studio.gateway.files import video
from studio.gateway.runware import urls as runware

urlpatterns: list[URLPattern | URLResolver] = [
    path("videos/<str:signature>/<slug:render_id>.<str:ending>", video, name="gateway_video"),
    path("runware/", include(runware.urlpatterns)),
    path("fal/run/", include(fal.run)),
    path("fal/rest/", include(fal.rest)),
    path("fal/cdn/", include(fal.cdn)),
    path("fal/platform/", include(fal.platform_api)),
    path("fal/", include(fal.queue)),
    path("aimlapi/", include(aimlapi.urlpatterns)),
]

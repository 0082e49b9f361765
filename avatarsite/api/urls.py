"""Routes below ``/api/``. Each app brings its resources; a new one adds its list to RESOURCES."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from avatarsite.api import reference, tokens
from avatarsite.api.me import Me
from avatarsite.api.views import Missing
from avatarsite.outbox import api as outbox
from billing.api import urls as billing
from studio.api import urls as studio
from studio.lifecycle import api as lifecycle

RESOURCES: list[URLPattern | URLResolver] = [
    path("me", Me.as_view(), name="api_me"),
    path("tokens", tokens.Tokens.as_view(), name="api_tokens"),
    path("tokens/<slug:token>", tokens.OneToken.as_view(), name="api_token"),
    *studio.urlpatterns,
    *billing.urlpatterns,
    *outbox.urlpatterns,
    *lifecycle.urlpatterns,
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/", reference.reference, name="api_reference"),
    path("api/operations/<slug:operation>/", reference.operation, name="api_operation"),
    path("api/openapi.json", reference.Document.as_view(), name="api_document"),
    path("api/errors", reference.errors, name="api_errors"),
    path("api/v1/", include(RESOURCES)),
    re_path(r"^api/", Missing.as_view(), name="api_missing"),
]

"""Track of a player: WebVTT from the page's own site, because a player takes none that a bucket's link leads to."""

from __future__ import annotations

from django.core.files.storage import default_storage
from django.http import HttpResponse


def track(name: str) -> HttpResponse:
    with default_storage.open(name, "rb") as file:
        return HttpResponse(file.read(), content_type="text/vtt; charset=utf-8")

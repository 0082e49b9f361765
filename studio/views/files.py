"""View of a stored file, for whoever holds a signed link to it."""

from __future__ import annotations

import time

from django.http import HttpRequest, HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_safe

from studio.storage.local import link_expires
from studio.storage.serve import sentence, serve_local

NOT_OURS = "This link is not valid. Open the page that you found it on and use the link there."
ENDED = "This link has expired. Reload the page that you found it on; its links are fresh."


@require_safe
def file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    download_as = request.GET.get("as", "")
    expires = link_expires(token, name, download_as)
    if expires is None:
        return sentence(NOT_OURS, 404)
    left = expires - int(time.time())
    if left <= 0:
        return sentence(ENDED, 403)
    return serve_local(request, name, download_as=download_as, seconds=left)


file_urlpatterns = [path("files/<str:token>/<path:name>", file, name="file")]

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from avatarsite.api.problems import Problem
from avatarsite.api.views import ADDRESS

# More than the largest upload that we take, and its form.
MOST_BYTES = 130_000_000
TOO_LARGE = "This is more than we take in one upload: 20 MB for a portrait, 120 MB for a voice. Send a smaller file.\n"


def limit_request_size(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Refuse what is too large by its announced length, before a byte of it is written to a disk.

    A body without a length is read as empty by Django, so nothing slips through.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > MOST_BYTES:
            return _refusal(request)
        return get_response(request)

    return middleware


def _refusal(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(ADDRESS):
        return Problem("body_too_large", TOO_LARGE.strip()).finished()
    return HttpResponse(TOO_LARGE, status=413, content_type="text/plain; charset=utf-8")

from __future__ import annotations

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from avatarsite.inbox.receive import MAX_BODY, is_flooding, store_event
from avatarsite.inbox.sources import SOURCES


@csrf_exempt
@require_http_methods(["POST", "HEAD"])
def hook(request: HttpRequest, source: str) -> HttpResponseBase:
    """A webhook comes in: stored and answered at once, believed and handled later."""
    if source not in SOURCES:
        raise Http404
    if request.method == "HEAD":  # some senders probe an address before they use it
        return HttpResponse(status=200)
    if int(request.headers.get("Content-Length") or 0) > MAX_BODY:
        return HttpResponse("Too large.\n", status=413, content_type="text/plain")
    try:
        body = request.body
    except RequestDataTooBig:
        return HttpResponse("Too large.\n", status=413, content_type="text/plain")
    if not body:
        return HttpResponse("The body is empty.\n", status=400, content_type="text/plain")
    address = _address(request)
    if is_flooding(address):
        return HttpResponse("Too many.\n", status=429, content_type="text/plain", headers={"Retry-After": "600"})
    store_event(source, headers=request.headers, query=request.GET.dict(), body=body, address=address)
    return HttpResponse("Filed.\n", status=200, content_type="text/plain")


def _address(request: HttpRequest) -> str | None:
    """The sender's, behind as many proxies as TRUSTED_PROXIES says; None over a socket without addresses."""
    try:
        return str(get_adapter().get_client_ip(request))
    except PermissionDenied:
        return None


urlpatterns = [path("hooks/<slug:source>/", hook, name="hook")]

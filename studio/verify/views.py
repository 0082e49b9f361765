"""What a video is, for anybody who has the file or a link: no account is asked for."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as show
from django.urls import path
from django.views.decorators.http import require_http_methods

from avatarsite.audit.actor import current
from avatarsite.errors import DomainError
from studio.papers.verify import Finding, NotVerified, TooManyFiles, count_try, verify_render, verify_upload
from studio.sharing.links import video_named

UNPROCESSABLE, TOO_MANY = 422, 429


@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return show(request, "studio/verify.html", {"link": request.GET.get("link", "")[:400]})
    link = request.POST.get("link", "").strip()[:400]
    try:
        count_try(current().address or "")
        finding = _found(request, link)
    except DomainError as refusal:
        status = TOO_MANY if isinstance(refusal, TooManyFiles) else UNPROCESSABLE
        told = {"link": link, "refusal": str(refusal), "field": refusal.field}
        return show(request, "studio/verify.html", told, status=status)
    return show(request, "studio/verify.html", {"finding": finding, "link": link})


def _found(request: HttpRequest, link: str) -> Finding:
    if file := request.FILES.get("file"):
        return verify_upload(file, request.FILES.get("papers"))
    if link:
        return verify_render(video_named(link))
    told = "There is nothing to look at yet."
    raise NotVerified("nothing_to_verify", told, field="file", remedy="Choose a file, or paste a link.")


verify_urlpatterns = [path("verify", verify, name="verify")]

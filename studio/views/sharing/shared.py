"""What a guest sees behind a share link: the page with the player, the file, the player in somebody's frame.

A link that does not work, whatever the reason, is the same 404. Nothing of it is kept by caches on the way, so a
link that is revoked leads nowhere at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Concatenate
from urllib.parse import quote, unquote

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.shortcuts import render as show
from django.urls import path, reverse
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_POST, require_safe

from avatarsite.audit.actor import current
from avatarsite.errors import DomainError
from avatarsite.mail.messages import absolute
from studio.models import ShareLink, Verdict
from studio.representation import captions_row
from studio.sharing.guests import PASS_SECONDS, TooManyTries, count_view, is_let_in, let_in
from studio.sharing.links import address_of, embed_snippet, key_of, link_at, link_of
from studio.sharing.review import MAX_NAME, TooManyComments, add_comment, comments_behind
from studio.storage.filenames import download_name
from studio.storage.local import PrivateFiles, signed_link
from studio.storage.serve import serve_local, serve_track
from studio.views.query_values import word

COOKIE, NAME_COOKIE = "share", "reviewer"
MOMENT = re.compile(r"(?:(?P<minutes>\d{1,3}):)?(?P<seconds>\d{1,5}(?:\.\d{1,3})?)", re.ASCII)
MIN_FILE_SECONDS = 60
HEADERS = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex, nofollow"}


def of_link(
    view: Callable[Concatenate[HttpRequest, ShareLink, ...], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Guard a view whose URL has ``key``; the view gets the link that it leads to."""

    @wraps(view)
    def guarded(request: HttpRequest, key: str, **kwargs: str) -> HttpResponseBase:
        link = link_of(key)
        answer = _gone(request) if link is None else view(request, link, **kwargs)
        for header, value in HEADERS.items():
            answer.headers[header] = value
        return answer

    return guarded


@of_link
def shared(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    if not is_let_in(link, request.COOKIES.get(COOKIE, "")):
        return _ask_for_password(request, link)
    if request.method == "POST":  # a form that was sent after the password had been given elsewhere
        return redirect(request.path)
    if request.method == "GET":
        count_view(link)
    return _page(request, link)


@require_POST
@of_link
def shared_review(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """A comment, a yes or a wish for a change; then the page again, with it."""
    if not is_let_in(link, request.COOKIES.get(COOKIE, "")):
        return _gone(request)
    said = {name: word(request.POST, name) for name in ("author", "at", "verdict")} | {"text": text_of(request.POST)}
    try:
        add_comment(
            link,
            author=said["author"],
            text=said["text"],
            verdict=Verdict(said["verdict"]) if said["verdict"] in Verdict else Verdict.NONE,
            at_ms=moment_of(said["at"]),
            address=current().address or "",
        )
    except DomainError as refusal:
        return _page(request, link, said=said, refusal=refusal)
    answer = redirect(f"{reverse('shared', kwargs={'key': key_of(link)})}#review")
    secure, path = settings.SESSION_COOKIE_SECURE, reverse("shared", kwargs={"key": key_of(link)})
    name = quote(said["author"][:MAX_NAME])
    answer.set_cookie(NAME_COOKIE, name, PASS_SECONDS, path=path, httponly=True, samesite="Lax", secure=secure)
    return answer


def _page(
    request: HttpRequest, link: ShareLink, *, said: dict[str, str] | None = None, refusal: DomainError | None = None
) -> HttpResponse:
    facts = {"link": link, "render": link.render, "address": address_of(link, site=_site(request))}
    if link.allow_review:
        author = unquote(request.COOKIES.get(NAME_COOKIE, ""))
        facts |= {"comments": comments_behind(link), "said": said or {"author": author}, "refusal": refusal}
    status = 200 if refusal is None else 429 if isinstance(refusal, TooManyComments) else 422
    return show(request, "studio/shared.html", facts, status=status)


def text_of(post: QueryDict) -> str:
    """As a form gives it: a line break there is two characters."""
    return post.get("text", "").replace("\r\n", "\n").replace("\0", "")


def moment_of(written: str) -> int | None:
    """``1:05`` or ``65`` or ``65.4`` in milliseconds; None for nothing and for what is no moment."""
    match = MOMENT.fullmatch(written.strip())
    if match is None:
        return None
    return round((int(match["minutes"] or 0) * 60 + float(match["seconds"])) * 1000)


@require_safe
@of_link
def shared_file(request: HttpRequest, link: ShareLink, kind: str) -> HttpResponseBase:
    """The video or its poster. A bucket's own link to it lasts as long as the video does, a minute at least."""
    stored = getattr(link.render, kind).name or ""
    if not stored or not is_let_in(link, request.COOKIES.get(COOKIE, "")):
        return _gone(request)
    name = ""
    if request.GET.get("download") and link.allow_download and kind == "video":
        name = download_name(f"{link.render.title}.{stored.rsplit('.', 1)[-1]}")
    if isinstance(default_storage, PrivateFiles):
        return serve_local(request, stored, download_as=name)
    seconds = max(MIN_FILE_SECONDS, (link.render.measured_ms or 0) // 1000)
    return redirect(signed_link(stored, download_as=name or None, seconds=seconds))


@require_safe
@of_link
def shared_captions(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """The captions, for the player."""
    captions = captions_row(link.render)
    if captions is None or not captions.vtt.name or not is_let_in(link, request.COOKIES.get(COOKIE, "")):
        return _gone(request)
    return serve_track(captions.vtt.name)


@require_safe
@xframe_options_exempt
@of_link
def embedded(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """The player alone, for a frame in the pages that the link names and in no other."""
    if not link.embed_origins:
        return _gone(request)
    if request.method == "GET":
        count_view(link)
    answer = show(request, "studio/embedded.html", {"render": link.render, "key": key_of(link)})
    media = " ".join(map(str, settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["media-src"]))
    ancestors = " ".join(link.embed_origins)
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'self'; img-src {media}; media-src {media}; base-uri 'none'; "
        f"form-action 'none'; frame-ancestors {ancestors}"
    )
    return answer


@require_safe
def oembed(request: HttpRequest) -> HttpResponse:
    """Answer of oEmbed 1.0 for a link that may be embedded, so that editors turn a pasted address into the player."""
    if request.GET.get("format", "json") != "json":
        return HttpResponse("Only JSON is spoken here.", status=501, content_type="text/plain")
    site = _site(request)
    link = link_at(request.GET.get("url", ""), site=site)
    if link is None or not link.embed_origins:
        return JsonResponse({"error": "There is no video here that may be embedded."}, status=404, headers=HEADERS)
    video = link.render
    found = {
        "version": "1.0",
        "type": "video",
        "provider_name": "Avatar Studio",
        "provider_url": site,
        "title": video.title,
        "width": video.width,
        "height": video.height,
        "html": embed_snippet(link, site=site),
    }
    return JsonResponse(found, headers=HEADERS)


def _ask_for_password(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    wrong = ""
    if request.method == "POST":
        try:
            given = let_in(link, request.POST.get("password", ""), current().address or "")
        except TooManyTries as refusal:
            return show(request, "studio/share_password.html", {"wrong": str(refusal)}, status=429)
        if given:
            answer = redirect(request.path)
            secure = settings.SESSION_COOKIE_SECURE
            answer.set_cookie(
                COOKIE, given, PASS_SECONDS, path=request.path, httponly=True, samesite="Lax", secure=secure
            )
            return answer
        wrong = "This is not the password. Ask whoever sent you the link."
    return show(request, "studio/share_password.html", {"wrong": wrong}, status=403 if wrong else 200)


def _site(request: HttpRequest) -> str:
    return absolute(request, "/").removesuffix("/")


def _gone(request: HttpRequest) -> HttpResponse:
    return show(request, "studio/share_gone.html", status=404)


share_urlpatterns = [
    path("s/<str:key>/", shared, name="shared"),
    path("s/<str:key>/review", shared_review, name="shared_review"),
    path("s/<str:key>/video", shared_file, {"kind": "video"}, name="shared_video"),
    path("s/<str:key>/poster", shared_file, {"kind": "poster"}, name="shared_poster"),
    path("s/<str:key>/captions.vtt", shared_captions, name="shared_captions"),
    path("embed/<str:key>/", embedded, name="embedded"),
    path("oembed", oembed, name="oembed"),
]

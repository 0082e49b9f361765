"""Front page, for somebody who has not signed in: what this is, and what a video of theirs would cost."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from avatarsite.audit.actor import current
from avatarsite.errors import DomainError
from avatarsite.http.tries import TooManyTries
from avatarsite.web.places import NoPlace
from avatarsite.workspaces.views.home import home
from studio.uploads.guests import MAX_BYTES, length_of
from studio.views.estimates import estimates

INITIAL_SECONDS = 30
MIN_SECONDS, MAX_SECONDS, STEP_SECONDS = 5, 300, 5
UNPROCESSABLE, TOO_MANY, BUSY = 422, 429, 503
MISSING = "Choose a recording, or set the length with the slider."


@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Who has signed in goes to where they were last."""
    if request.user.is_authenticated:
        return home(request)
    return _page(request, _at(_seconds(request)))


@csrf_exempt  # nobody is asked who they are, and nothing is written
@require_http_methods(["GET", "HEAD", "POST"])
def estimate(request: HttpRequest) -> HttpResponse:
    """The prices of a length, or of a recording that is listened to and forgotten."""
    if request.method != "POST":
        if not _asks_for_part(request):
            return redirect(f"/?seconds={_seconds(request)}#prices")
        return render(request, "studio/partials/estimate.html", _at(_seconds(request)))
    answer, status = _of_recording(request)
    if _asks_for_part(request):
        return render(request, "studio/partials/estimate.html", answer, status=UNPROCESSABLE if status else 200)
    return _page(request, answer, status=status or 200)


def _of_recording(request: HttpRequest) -> tuple[dict[str, Any], int]:
    """What the page shows, and the status of a refusal."""
    recording = request.FILES.get("recording")
    if recording is None:
        return _at(_seconds(request)) | {"refusal": MISSING}, UNPROCESSABLE
    try:
        found = length_of(recording, current().address or "")
    except DomainError as refusal:
        status = TOO_MANY if isinstance(refusal, TooManyTries) else BUSY if isinstance(refusal, NoPlace) else None
        return _at(_seconds(request)) | {"refusal": str(refusal)}, status or UNPROCESSABLE
    return {"voice_ms": found, "recording": recording.name, "estimates": partial(estimates, found)}, 0


def _at(seconds: int) -> dict[str, Any]:
    # Called by the template, and only when what it keeps of the prices is too old.
    return {"seconds": seconds, "voice_ms": seconds * 1000, "estimates": partial(estimates, seconds * 1000)}


def _seconds(request: HttpRequest) -> int:
    """What the slider says; of an address that says something else, what is nearest to it."""
    said = request.POST.get("seconds", "") if request.method == "POST" else request.GET.get("seconds", "")
    wanted = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else INITIAL_SECONDS
    return min(max(wanted - wanted % STEP_SECONDS, MIN_SECONDS), MAX_SECONDS)


def _asks_for_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    slider = {
        "from": MIN_SECONDS,
        "to": MAX_SECONDS,
        "step": STEP_SECONDS,
        "at": context.get("seconds", INITIAL_SECONDS),
    }
    return render(request, "studio/front.html", {**context, "slider": slider, "max_bytes": MAX_BYTES}, status=status)

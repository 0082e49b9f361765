"""Front page, for somebody who has not signed in: what this is, and what a video of theirs would cost."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
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
from studio.views.query_values import word

INITIAL_SECONDS = 30
MIN_SECONDS, MAX_SECONDS, STEP_SECONDS = 5, 300, 5  # of the slider
MAX_TYPED_SECONDS = 3_600
LENGTH = re.compile(r"(?:(?P<minutes>\d{1,2}):(?=[0-5]\d$))?(?P<seconds>\d{1,4})", re.ASCII)
UNPROCESSABLE, TOO_MANY, BUSY = 422, 429, 503
ALLOWED = "Type it as 1:30, or in seconds as 90: from 0:05 to 60:00."
MISSING = "Choose a recording, or set the length with the slider."


@require_safe
def front(request: HttpRequest) -> HttpResponseBase:
    """Who has signed in goes to where they were last."""
    if request.user.is_authenticated:
        return home(request)
    return _page(request, _asked(request.GET))


@csrf_exempt  # nobody is asked who they are, and nothing is written
@require_http_methods(["GET", "HEAD", "POST"])
def estimate(request: HttpRequest) -> HttpResponse:
    """The prices of a length, or of a recording that is listened to and forgotten."""
    if request.method != "POST":
        if not _asks_for_part(request):
            typed = word(request.GET, "length")
            return redirect(f"/?{urlencode({'length': typed} if typed else {'seconds': _slid(request.GET)})}#prices")
        answer = _asked(request.GET)
        status = UNPROCESSABLE if answer["refusal"] else 200
        return render(request, "studio/partials/estimate.html", answer, status=status)
    answer, status = _of_recording(request)
    if _asks_for_part(request):
        return render(request, "studio/partials/estimate.html", answer, status=UNPROCESSABLE if status else 200)
    return _page(request, answer, status=status or 200)


def _of_recording(request: HttpRequest) -> tuple[dict[str, Any], int]:
    """What the page shows, and the status of a refusal."""
    recording = request.FILES.get("recording")
    if recording is None:
        return _asked(request.POST) | {"refusal": MISSING}, UNPROCESSABLE
    try:
        found = length_of(recording, current().address or "")
    except DomainError as refusal:
        status = TOO_MANY if isinstance(refusal, TooManyTries) else BUSY if isinstance(refusal, NoPlace) else None
        return _asked(request.POST) | {"refusal": str(refusal)}, status or UNPROCESSABLE
    return {"voice_ms": found, "recording": recording.name, "estimates": partial(estimates, found)}, 0


def _asked(said: QueryDict) -> dict[str, Any]:
    """The prices of the length that was typed, else of what the slider says; and why not, of what is no length."""
    typed = word(said, "length").strip()
    found = _typed(typed)
    seconds = found or _slid(said)
    # Called by the template, and only when what it keeps of the prices is too old.
    facts = {"seconds": seconds, "voice_ms": seconds * 1000, "estimates": partial(estimates, seconds * 1000)}
    told = f"“{typed[:20]}” is no length that has a price. {ALLOWED}" if typed and not found else ""
    return facts | {"typed": typed, "refusal": told}


def _typed(text: str) -> int | None:
    """The seconds of ``1:30`` or ``90``; None for what is neither, or too short or too long."""
    match = LENGTH.fullmatch(text)
    seconds = int(match["minutes"] or 0) * 60 + int(match["seconds"]) if match else 0
    return seconds if MIN_SECONDS <= seconds <= MAX_TYPED_SECONDS else None


def _slid(values: QueryDict) -> int:
    """What the slider says; of an address that says something else, what is nearest to it."""
    said = values.get("seconds", "")
    wanted = int(said) if said.isascii() and said.isdecimal() and len(said) < 6 else INITIAL_SECONDS
    return min(max(wanted - wanted % STEP_SECONDS, MIN_SECONDS), MAX_SECONDS)


def _asks_for_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _page(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    slider = {
        "from": MIN_SECONDS,
        "to": MAX_SECONDS,
        "typed": MAX_TYPED_SECONDS,
        "step": STEP_SECONDS,
        "at": context.get("seconds", INITIAL_SECONDS),
    }
    facts = {**context, "slider": slider, "max_bytes": MAX_BYTES, "allowed": ALLOWED}
    return render(request, "studio/front.html", facts, status=status)

"""Entry points of programs, called doors: each has a limit of its own for bodies, and its own form of errors.

``settings.DOORS`` lists them. What has no door of its own is a page for people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string

Respond = Callable[[HttpRequest], HttpResponseBase]
Say = Callable[[HttpRequest, int, str], HttpResponse]

# In a request's environment: the status, and the reason if it is ours, of a server that could not read the request.
REFUSAL = "avatarsite.refusal"
NOT_READ = "avatarsite.http.doors.as_text"
# More than the largest upload that we take, and its form.
MAX_BYTES = 130_000_000
TOO_LARGE = "This is more than we take in one upload: 20 MB for a portrait, 120 MB for a voice. Send a smaller file."
NO_LENGTH = "The body came without a length, and this server can’t read it so. Send a Content-Length."
ENCODED = "The body is compressed or encoded ({}), which is not read here. Send it as it is, without Content-Encoding."
SENTENCES = {
    400: "The request can’t be read. Send it as HTTP/1.1 writes it.",
    403: "This address does not take this request.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is larger than this address takes.",
    501: "The Transfer-Encoding is not understood. Send the body chunked, or with a Content-Length.",
}


@dataclass(frozen=True, slots=True)
class Door:
    """``say`` is the dotted path of a function that makes an answer of a status and a sentence."""

    prefix: str
    say: str
    max_bytes: int = MAX_BYTES

    def answer(self, request: HttpRequest, status: int, sentence: str) -> HttpResponse:
        said = _say(self.say)(request, status, sentence)
        said.headers["Content-Length"] = str(len(said.content))
        return said


def answer_as_the_door(get_response: Respond) -> Respond:
    """Refuse what can't be read as it came, and let no page for people out at a door of programs."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        door = door_of(request)
        refusal = _refusal_of(request, door)
        if refusal is not None:
            return (door or Door("", NOT_READ)).answer(request, *refusal)
        response = get_response(request)
        return _own(door, request, response) if door and _is_page(response) else response

    return middleware


def door_at(path: str) -> Door | None:
    return next((door for door in _doors() if f"{path}/".startswith(f"{door.prefix}/")), None)


def door_of(request: HttpRequest) -> Door | None:
    """The door by the address; a host that is a door by itself is one at every address."""
    return door_at(getattr(request, "door", request.path_info))


def max_bytes(path: str) -> int:
    """The most that a body may have at an address."""
    door = door_at(path)
    return door.max_bytes if door else MAX_BYTES


def as_text(_request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """For people, and for programs of no form."""
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")


def _refusal_of(request: HttpRequest, door: Door | None) -> tuple[int, str] | None:
    """Status and sentence for a body that nobody may take for read."""
    meta = request.META
    if REFUSAL in meta:
        status, reason = meta[REFUSAL]
        return status, _too_large(door) if status == 413 else reason or SENTENCES[status]
    length, encoding = meta.get("CONTENT_LENGTH") or "", meta.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    most = door.max_bytes if door else MAX_BYTES
    if length.isdecimal() and int(length) > most:
        return 413, _too_large(door)
    # A server that reads chunks tells how much there was; another would let an empty body pass for what came.
    if not length and meta.get("HTTP_TRANSFER_ENCODING"):
        return 411, NO_LENGTH
    if encoding not in ("", "identity"):
        return 415, ENCODED.format(encoding[:40])
    return None


def _too_large(door: Door | None) -> str:
    if door is None or door.max_bytes == MAX_BYTES:
        return TOO_LARGE
    most = f"{door.max_bytes // 1_000_000} MB" if door.max_bytes >= 1_000_000 else f"{door.max_bytes // 1024} KB"
    return f"The body is larger than this address takes: {most}. Send less."


def _is_page(response: HttpResponseBase) -> bool:
    """Whether it is what the framework, and not a door, has answered to what is wrong."""
    return response.status_code in SENTENCES and (
        response.headers.get("Content-Type", "text/html").startswith("text/html")
    )


def _own(door: Door, request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    if status == 403:  # a form's token is asked for where nothing is to be written
        status = 405
    answer = door.answer(request, status, SENTENCES[status])
    if "Allow" in response.headers:
        answer.headers["Allow"] = response.headers["Allow"]
    return answer


@cache
def _doors() -> tuple[Door, ...]:
    return tuple(Door(*door) for door in settings.DOORS)


@cache
def _say(path: str) -> Say:
    found: Say = import_string(path)
    return found

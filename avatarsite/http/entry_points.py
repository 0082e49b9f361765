"""Entry points of programs: each has a limit of its own for bodies, and its own form of errors.

``settings.ENTRY_POINTS`` lists them. What has none is a page for people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string

Respond = Callable[[HttpRequest], HttpResponseBase]
RefusalResponse = Callable[[HttpRequest, int, str], HttpResponse]

# In a request's environment: the status, and the reason if it is ours, of a server that could not read the request.
REFUSAL = "avatarsite.refusal"
NOT_READ = "avatarsite.http.entry_points.as_text"
# More than the largest upload that we take, and its form.
MAX_BYTES = 710_000_000
TOO_LARGE = "This is more than we take in one upload: 20 MB for a portrait, 700 MB for a voice. Send a smaller file."
NO_LENGTH = "The body came without a length, and this server can’t read it so. Send a Content-Length."
ENCODED = "The body is compressed or encoded ({}), which is not read here. Send it as it is, without Content-Encoding."
RETRY_AFTER = 30
SENTENCES = {
    400: "The request can’t be read. Send it as HTTP/1.1 writes it.",
    403: "This address does not take this request.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is larger than this address takes.",
    501: "The Transfer-Encoding is not understood. Send the body chunked, or with a Content-Length.",
}


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """``refusal_response`` is the dotted path of a function that makes an answer of a status and a sentence."""

    prefix: str
    refusal_response: str
    max_bytes: int = MAX_BYTES

    def answer(self, request: HttpRequest, status: int, sentence: str) -> HttpResponse:
        answer = _refusal_response(self.refusal_response)(request, status, sentence)
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer


def answer_as_the_entry_point(get_response: Respond) -> Respond:
    """Refuse what can't be read as it came, and let no page for people out at one of programs."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        entry = entry_point_of(request)
        refusal = _refusal_of(request, entry)
        if refusal is not None:
            answer = (entry or EntryPoint("", NOT_READ)).answer(request, *refusal)
            if refusal[0] == 503:
                answer["Retry-After"] = str(RETRY_AFTER)
            return answer
        response = get_response(request)
        return _own(entry, request, response) if entry and _is_page(response) else response

    return middleware


def entry_point_at(path: str) -> EntryPoint | None:
    return next((entry for entry in _entry_points() if f"{path}/".startswith(f"{entry.prefix}/")), None)


def entry_point_of(request: HttpRequest) -> EntryPoint | None:
    """The entry point by the address; a host that is one by itself is one at every address."""
    return entry_point_at(getattr(request, "entry_point", request.path_info))


def max_bytes(path: str) -> int:
    """The most that a body may have at an address."""
    entry = entry_point_at(path)
    return entry.max_bytes if entry else MAX_BYTES


def as_text(_request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """For people, and for programs of no form."""
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")


def _refusal_of(request: HttpRequest, entry: EntryPoint | None) -> tuple[int, str] | None:
    """Status and sentence for a body that nobody may take for read."""
    meta = request.META
    if REFUSAL in meta:
        status, reason = meta[REFUSAL]
        return status, _too_large(entry) if status == 413 else reason or SENTENCES[status]
    length, encoding = meta.get("CONTENT_LENGTH") or "", meta.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    most = entry.max_bytes if entry else MAX_BYTES
    if length.isdecimal() and int(length) > most:
        return 413, _too_large(entry)
    # A server that reads chunks tells how much there was; another would let an empty body pass for what came.
    if not length and meta.get("HTTP_TRANSFER_ENCODING"):
        return 411, NO_LENGTH
    if encoding not in ("", "identity"):
        return 415, ENCODED.format(encoding[:40])
    return None


def _too_large(entry: EntryPoint | None) -> str:
    if entry is None or entry.max_bytes == MAX_BYTES:
        return TOO_LARGE
    most = f"{entry.max_bytes // 1_000_000} MB" if entry.max_bytes >= 1_000_000 else f"{entry.max_bytes // 1024} KB"
    return f"The body is larger than this address takes: {most}. Send less."


def _is_page(response: HttpResponseBase) -> bool:
    """Whether it is what the framework, and not an entry point, has answered to what is wrong."""
    return response.status_code in SENTENCES and (
        response.headers.get("Content-Type", "text/html").startswith("text/html")
    )


def _own(entry: EntryPoint, request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    if status == 403:  # a form's token is asked for where nothing is to be written
        status = 405
    answer = entry.answer(request, status, SENTENCES[status])
    if "Allow" in response.headers:
        answer.headers["Allow"] = response.headers["Allow"]
    return answer


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(EntryPoint(*entry) for entry in settings.ENTRY_POINTS)


@cache
def _refusal_response(path: str) -> RefusalResponse:
    found: RefusalResponse = import_string(path)
    return found

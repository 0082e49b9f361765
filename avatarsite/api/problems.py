"""Problem documents of RFC 9457: each refusal has a code that never changes its meaning; docs/api.md lists them.

Every app declares the codes of its own refusals and says how its exceptions become problems, so that this room knows
no render and no price.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFilesSent
from django.core.signals import got_request_exception
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from avatarsite.errors import DomainError
from avatarsite.ids import new_id
from avatarsite.outages.answers import outage_of
from avatarsite.web.places import RETRY_AFTER, NoPlace
from avatarsite.workspaces.errors import NotAllowed, Suspended

log = logging.getLogger(__name__)
E = TypeVar("E", bound=Exception)

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means: the HTTP status, a title that never varies, and what to do about it."""

    code: str
    status: int
    title: str
    remedy: str


CODES: dict[str, Code] = {}
# What the server and the framework refuse, and under which code.
OF_STATUS = {
    400: "malformed_body",
    403: "method_not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    411: "length_required",
    413: "body_too_large",
    415: "unsupported_media_type",
    500: "server_error",
    501: "malformed_body",
    503: "unavailable",
}
_TRANSLATIONS: dict[type[Exception], Callable[[Any], Problem]] = {}


class Problem(Exception):
    """A refusal with one of the declared codes; ``more`` are further members of the document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        remedy: str = "",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.meaning = CODES[code]
        self.detail, self.field, self.remedy = detail, field, remedy or self.meaning.remedy
        self.headers, self.more = dict(headers or {}), more

    def document(self) -> dict[str, Any]:
        where = docs_of(self.meaning.code)
        return {
            "type": where,
            "title": self.meaning.title,
            "status": self.meaning.status,
            "code": self.meaning.code,
            "detail": self.detail,
            "field": self.field,
            "remedy": self.remedy,
            "docs": where,
            # A refused request has had no effect at all, so it has charged nothing either.
            "charged": False,
            **self.more,
        }

    def response(self) -> Response:
        return Response(self.document(), status=self.meaning.status, headers=self.headers, content_type=CONTENT_TYPE)

    def finished(self) -> HttpResponse:
        """As ``response``, for what answers before a view of the API does."""
        body = JSONRenderer().render(self.document())
        return HttpResponse(body, status=self.meaning.status, headers=self.headers, content_type=CONTENT_TYPE)


def refusal_response(_request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """What a request is refused with before a view of the API sees it."""
    return Problem(OF_STATUS[status], sentence).finished()


def declare(code: str, status: int, title: str, remedy: str) -> None:
    CODES[code] = Code(code, status, title, remedy)


def translates(refusal: type[E]) -> Callable[[Callable[[E], Problem]], Callable[[E], Problem]]:
    """Mark the function that makes a Problem of an exception and of those that derive from it."""

    def register(translate: Callable[[E], Problem]) -> Callable[[E], Problem]:
        _TRANSLATIONS[refusal] = translate
        return translate

    return register


def docs_of(code: str) -> str:
    return f"{settings.SITE_URL}{reverse('api_errors')}#{code}"


def problem_of(error: Exception) -> Problem | None:
    """The problem that an exception is, or None for a defect of ours."""
    if isinstance(error, Problem):
        return error
    for kind in type(error).__mro__:
        if kind in _TRANSLATIONS:
            return _TRANSLATIONS[kind](error)
    outage = outage_of(error)
    return Problem("unavailable", outage.sentence, headers=outage.headers) if outage else None


def answer_exception(error: Exception, context: Mapping[str, Any]) -> Response:
    """The API's EXCEPTION_HANDLER. What is no problem is a defect, and is logged under the reference in its answer."""
    request = context["request"]._request  # noqa: SLF001 -- DRF wraps Django's
    return problem_at_last(request, error).response()


def problem_at_last(request: HttpRequest, error: BaseException | None) -> Problem:
    """The problem that an error is, which may be an outage or a defect of ours."""
    problem = problem_of(error) if isinstance(error, Exception) else None
    if problem is None:
        got_request_exception.send(sender=None, request=request)
        problem = _broken(request, error)
    return problem


def _broken(request: HttpRequest, error: BaseException | None) -> Problem:
    """The answer to an error that nobody expected. Our log has it under the reference that it names."""
    reference = new_id("err")
    log.error("%s %s failed; its answer names %s", request.method, request.path, reference, exc_info=error)
    detail = f"The request could not be finished. Our log has it under {reference}."
    return Problem("server_error", detail, reference=reference)


declare("invalid_request", 400, "The request does not have the form that is documented", "Correct the named field.")
declare("malformed_body", 400, "The body can’t be read", "Send a JSON object in UTF-8, or a multipart form.")
declare("unauthenticated", 401, "No valid token came with the request", "Send Authorization: Bearer <token>.")
declare("workspace_suspended", 403, "The workspace is suspended or closed", "Write to support.")
declare("scope_missing", 403, "The token may not do this", "Use a token with the scope that the detail names.")
declare("not_found", 404, "There is nothing here for this token", "Check the id, and the workspace of the token.")
declare("method_not_allowed", 405, "This address does not take this method", "Use a method that Allow names.")
declare("not_acceptable", 406, "The answer can’t be given as Accept asks", "Accept application/json.")
declare("length_required", 411, "The length of the body is not known", "Send a Content-Length.")
declare("precondition_failed", 412, "It has changed since you read it", "Read it again, then decide anew.")
declare("body_too_large", 413, "The body is too large", "Send less, or use an upload slot for a large file.")
declare("unsupported_media_type", 415, "The body’s media type is not understood", "Send application/json.")
declare("rate_limited", 429, "Too many requests with this token", "Wait as long as Retry-After says.")
declare("unavailable", 503, "A part of the service is away", "Repeat it with the same key after Retry-After seconds.")
declare("busy", 503, "Too many requests of this kind are under way", "Try again as soon as Retry-After says.")
declare("server_error", 500, "Something broke on our side", "Try again with the same Idempotency-Key.")
declare(
    "idempotency_key_reused",
    409,
    "This Idempotency-Key came before with another request",
    "Send each new request with a new key, and a repeat with the same body.",
)
declare(
    "idempotency_key_invalid",
    400,
    "The Idempotency-Key can’t be used",
    "Send 1 to 200 visible ASCII characters, such as a UUID.",
)


def problem_in_words(refusal: DomainError, **more: Any) -> Problem:
    """The refusal's own words as a problem. Its code has been declared; what has not is a defect."""
    if refusal.retry_after is not None:
        more |= {"headers": {"Retry-After": str(refusal.retry_after)}, "retry_after_seconds": refusal.retry_after}
    return Problem(refusal.code, refusal.message, field=refusal.field or None, remedy=refusal.remedy, **more)


@translates(DomainError)
def _refused(refusal: DomainError) -> Problem:
    return problem_in_words(refusal)


@translates(NoPlace)
def _no_place(refusal: NoPlace) -> Problem:
    headers = {"Retry-After": str(RETRY_AFTER)}
    return problem_in_words(refusal, headers=headers, retry_after_seconds=RETRY_AFTER)


@translates(Suspended)
def _suspended(refusal: Suspended) -> Problem:
    return Problem("workspace_suspended", refusal.sentence)


@translates(NotAllowed)
def _not_allowed(refusal: NotAllowed) -> Problem:
    return Problem("scope_missing", refusal.sentence)


@translates(exceptions.PermissionDenied)
def _denied(_refusal: exceptions.PermissionDenied) -> Problem:
    return Problem("scope_missing", "The token may not do this.")


@translates(PermissionDenied)
def _denied_by_django(_refusal: PermissionDenied) -> Problem:
    return Problem("scope_missing", "The token may not do this.")


@translates(exceptions.NotFound)
def _not_found(_refusal: exceptions.NotFound) -> Problem:
    return Problem("not_found", "There is no such thing in the workspace of this token.")


@translates(Http404)
def _not_found_by_django(_refusal: Http404) -> Problem:
    return Problem("not_found", "There is no such thing in the workspace of this token.")


@translates(exceptions.NotAuthenticated)
def _no_token(refusal: exceptions.NotAuthenticated) -> Problem:
    return _unauthenticated(refusal)


@translates(exceptions.AuthenticationFailed)
def _wrong_token(refusal: exceptions.AuthenticationFailed) -> Problem:
    return _unauthenticated(refusal)


def _unauthenticated(refusal: exceptions.APIException) -> Problem:
    challenge = getattr(refusal, "auth_header", "")  # set by DRF when an authenticator has looked
    detail = str(refusal.detail) if challenge else "This address needs a token."
    return Problem("unauthenticated", detail, headers={"WWW-Authenticate": challenge or "Bearer"})


@translates(exceptions.MethodNotAllowed)
def _method_not_allowed(refusal: exceptions.MethodNotAllowed) -> Problem:
    return Problem("method_not_allowed", str(refusal.detail))


@translates(exceptions.NotAcceptable)
def _not_acceptable(_refusal: exceptions.NotAcceptable) -> Problem:
    return Problem("not_acceptable", "This API answers in JSON, and the request’s Accept has no place for it.")


@translates(exceptions.UnsupportedMediaType)
def _unsupported(refusal: exceptions.UnsupportedMediaType) -> Problem:
    return Problem("unsupported_media_type", str(refusal.detail))


@translates(exceptions.ParseError)
def _malformed(refusal: exceptions.ParseError) -> Problem:
    return Problem("malformed_body", str(refusal.detail))


@translates(RequestDataTooBig)
def _too_large(_refusal: RequestDataTooBig) -> Problem:
    return Problem("body_too_large", "The body is larger than this address takes.")


@translates(TooManyFilesSent)
def _too_many(_refusal: TooManyFilesSent) -> Problem:
    return Problem("body_too_large", "The body has more files than this address takes.")


@translates(exceptions.Throttled)
def _throttled(refusal: exceptions.Throttled) -> Problem:
    seconds = max(1, round(getattr(refusal, "wait", None) or 1))
    detail = f"This token has used up its requests for now. They come back in {seconds} s."
    return Problem("rate_limited", detail, headers={"Retry-After": str(seconds)}, retry_after_seconds=seconds)


@translates(exceptions.ValidationError)
def _invalid(refusal: exceptions.ValidationError) -> Problem:
    errors = [{"field": field, "detail": sentence} for field, sentence in _flat("", refusal.detail)]
    first = errors[0]
    return Problem("invalid_request", first["detail"], field=first["field"] or None, errors=errors)


def _flat(prefix: str, detail: Any) -> list[tuple[str, str]]:
    """DRF's nested errors as (path, sentence): ``items.3.portrait``."""
    if isinstance(detail, Mapping):
        entries = list(detail.items())
    elif isinstance(detail, list) and any(isinstance(part, (Mapping, list)) for part in detail):
        entries = list(enumerate(detail))
    elif isinstance(detail, list):
        return [(prefix, str(part)) for part in detail]
    else:
        return [(prefix, str(detail))]
    found = []
    for name, inner in entries:
        path = prefix if name == "non_field_errors" else f"{prefix}.{name}".strip(".")
        found += _flat(path, inner)
    return found

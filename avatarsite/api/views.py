"""The base of every view of the API: token, scope, rate, repeats, conditions; a view itself only translates."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified, QueryDict
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_etags
from django.views import defaults
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from avatarsite.api.authentication import SAFE, BearerToken, MayDoThis
from avatarsite.api.fields import Body, Query
from avatarsite.api.idempotency import IdempotentRequest, Operation, idempotent_request
from avatarsite.api.parsers import StrictJSON
from avatarsite.api.problems import Problem, problem_at_last
from avatarsite.api.throttles import TokenThrottle
from avatarsite.http.entry_points import entry_point_of
from avatarsite.outages.answers import answer_outage, outage_of
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.models import ApiToken, User, Workspace

ADDRESS = "/api/v1/"


class Negotiation(BaseContentNegotiation):
    """There is one representation. Who accepts neither JSON nor anything gets 406, in JSON."""

    accepted = frozenset({"application/json", "application/problem+json", "application/*", "*/*"})

    def select_parser(self, request: Request, parsers: Any) -> Any:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self,
        request: Request,
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002 -- DRF's signature
    ) -> tuple[BaseRenderer, str]:
        wanted = request.headers.get("Accept", "*/*").split(",")
        if not self.accepted & {media.partition(";")[0].strip().lower() for media in wanted}:
            raise NotAcceptable
        return renderers[0], "application/json"


class LeadsToFile(Negotiation):
    """For addresses that lead to a file: what Accept says is about the file."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:  # noqa: ARG002
        return renderers[0], "application/json"


class Replayed(Exception):
    """The write was done before; the answer is what it was then."""

    def __init__(self, answer: HttpResponse) -> None:
        super().__init__()
        self.answer = answer


class ApiView(APIView):
    # A docstring would become the description of every operation that has no words of its own.
    authentication_classes = (BearerToken,)
    permission_classes = (MayDoThis,)
    renderer_classes = (JSONRenderer,)
    parser_classes: ClassVar[tuple[type[BaseParser], ...]] = (StrictJSON,)  # type: ignore[misc]
    content_negotiation_class = Negotiation
    http_method_names: ClassVar[list[str]] = ["get", "head", "post", "patch", "delete"]  # type: ignore[misc]
    # The actions of which the token needs one, for safe methods and for the others.
    reads: ClassVar[tuple[Action, ...]] = (Action.VIEW,)
    writes: ClassVar[tuple[Action, ...]] = (Action.RENDER,)
    idempotent: IdempotentRequest | None = None
    throttle: TokenThrottle | None = None

    @property
    def token(self) -> ApiToken:
        found = self.request.auth
        assert isinstance(found, ApiToken)  # noqa: S101 -- nobody comes this far without one
        return found

    @property
    def workspace(self) -> Workspace:
        return self.token.workspace

    @property
    def user(self) -> User | None:
        """Whoever made the token: what it does is done in their name."""
        return self.token.made_by

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        name = (request.method or "").lower()
        if name not in self.http_method_names or not hasattr(self, name):
            raise MethodNotAllowed(request.method or "")
        super().initial(request, *args, **kwargs)
        if request.method not in SAFE and isinstance(request.auth, ApiToken):
            self.idempotent = idempotent_request(request)
            answer = self.idempotent.stored_response() if self.idempotent else None
            if answer is not None:
                raise Replayed(answer)

    def get_throttles(self) -> list[Any]:
        self.throttle = TokenThrottle()
        return [self.throttle]

    def handle_exception(self, exc: Exception) -> Any:
        return exc.answer if isinstance(exc, Replayed) else super().handle_exception(exc)

    def query(self, kind: type[Query]) -> dict[str, Any]:
        """The checked query. Raises ValidationError, which becomes a 400 that names the parameter."""
        if not self.request.query_params:
            return dict(_unasked(kind))
        return _checked(kind, self.request.query_params)

    def body(self, kind: type[Body]) -> dict[str, Any]:
        return _checked(kind, self.request.data)

    def run_once(self, operation: Operation) -> HttpResponseBase:
        """Do what writes, in one transaction, and once if the request has a key. No network call belongs inside."""
        if self.idempotent:
            return self.idempotent.run_once(operation)
        with transaction.atomic():
            return operation()

    def demand_unchanged(self, data: Any) -> None:
        """Nothing if the request has no If-Match, or one of what ``data`` is now; else 412."""
        wanted = self.request.headers.get("If-Match")
        if wanted is None or wanted.strip() == "*":
            return
        if etag_of(JSONRenderer().render(data)) not in {tag.strip() for tag in wanted.split(",")}:
            raise Problem("precondition_failed", "It has changed since you read it.", field="If-Match")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_cache_control(response, private=True, no_cache=True)
        patch_vary_headers(response, ["Authorization"])
        if self.throttle:
            self.throttle.describe(response)
        if request.method in SAFE and isinstance(response, Response) and response.status_code == 200:
            response.add_post_render_callback(_conditional(request))
        return response


def _checked(kind: type[Body | Query], data: Any) -> dict[str, Any]:
    checked: dict[str, Any] = _form(kind).run_validation(data)
    return checked


@cache
def _form(kind: type[Body | Query]) -> Body | Query:
    """To copy a form's fields takes longer than to check them, and they keep nothing of what they have checked."""
    return kind()


@cache
def _unasked(kind: type[Query]) -> dict[str, Any]:
    """What a query is when nothing is asked, as most are."""
    return _checked(kind, QueryDict())


def etag_of(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def _conditional(request: Request) -> Callable[[Any], Any]:
    """Tag what was rendered, and answer 304 to whoever has it."""

    def answer(response: Any) -> Any:
        etag = etag_of(response.content)
        response.headers["ETag"] = etag
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" not in known and etag not in {tag.removeprefix("W/") for tag in known}:
            return None
        headers = {name: value for name, value in response.headers.items() if not name.startswith("Content-")}
        return HttpResponseNotModified(headers=headers)

    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """The site's ``handler500``: a page for people, its own form for programs, and 503 where a part is away."""
    error = sys.exception()
    if request.path.startswith(ADDRESS):
        return problem_at_last(request, error).finished()
    if outage := outage_of(error):
        return answer_outage(request, outage)
    entry = entry_point_of(request)
    return (
        entry.answer(request, 500, problem_at_last(request, error).detail) if entry else defaults.server_error(request)
    )


class Missing(ApiView):
    """Whatever else is below the API's address."""

    throttle_classes = ()
    authentication_classes = ()  # type: ignore[assignment]  # nobody is asked who they are
    permission_classes = ()  # type: ignore[assignment]
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.args, self.kwargs, self.headers = args, kwargs, {}
        self.request = self.initialize_request(request, *args, **kwargs)
        answer = Problem("not_found", f"There is no address {request.path} in this API.").response()
        self.response = self.finalize_response(self.request, answer)
        return self.response

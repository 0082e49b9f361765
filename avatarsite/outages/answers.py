"""The answer to an outage: 503 with ``Retry-After``, in words that name the part."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import loader

from avatarsite.http.entry_points import entry_point_of
from avatarsite.outages.disk import is_full


@dataclass(frozen=True, slots=True)
class Outage:
    """``part`` is named to people; ``retry_after`` are the seconds after which it's worth asking again."""

    part: str
    retry_after: int = 5
    how: str = "does not answer"

    @property
    def sentence(self) -> str:
        return f"The {self.part} of this service {self.how} now. Nothing was changed and nothing is charged."

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


_KINDS: dict[type[BaseException], Outage] = {}


def means_outage(kind: type[BaseException], outage: Outage) -> None:
    """Every ``kind`` that nobody has handled says that this part is away."""
    _KINDS[kind] = outage


def outage_of(error: BaseException | None) -> Outage | None:
    """The outage that an error is, or None for a defect of ours."""
    if is_full(error):
        return DISK
    return next((_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS), None)


def answer_outage(request: HttpRequest, outage: Outage) -> HttpResponse:
    """A page, or what the entry point speaks. Asks nothing of the database, which may be what is away."""
    entry = entry_point_of(request)
    response = entry.answer(request, 503, outage.sentence) if entry else _page(outage)
    for name, value in outage.headers.items():
        response[name] = value
    return response


def _page(outage: Outage) -> HttpResponse:
    return HttpResponse(loader.render_to_string("503.html", {"outage": outage}), status=503)


DATABASE = Outage("database")
DISK = Outage("disk", retry_after=30, how="is full")
means_outage(OperationalError, DATABASE)
means_outage(InterfaceError, DATABASE)

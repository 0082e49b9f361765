"""Too many wait for the web server: 503 in each door's form, and it counts how many were turned away so."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from avatarsite.monitoring.metrics import counter
from avatarsite.outages.answers import Outage, answer_outage

# In a request's environment, which of the two it is.
TURNED_AWAY = "avatarsite.turned_away"
MANY, LONG = "many", "long"
BUSY = Outage("web server", how="has more to do than it can take")
COUNTED = counter("requests_turned_away", "Requests for which no thread was free: too many waited, or too long.", "why")


def turn_away(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """The middleware that answers whom the server's line (``avatarsite/web/waiting.py``) has no room for."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        why = request.META.get(TURNED_AWAY)
        if why is None:
            return get_response(request)
        COUNTED.labels(why).inc()
        return answer_outage(request, BUSY)

    return middleware


def is_no_turning_away(record: logging.LogRecord) -> bool:
    """For Django's log, which would have two lines for each, while there are too many already."""
    return TURNED_AWAY not in getattr(getattr(record, "request", None), "META", ())

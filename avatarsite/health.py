from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from avatarsite.outages.breaker import Breaker
from avatarsite.queue import heartbeat, jobs

SILENT_SECONDS = 60
UNREACHABLE = {"database": "unreachable"}


def healthz(_request: HttpRequest) -> JsonResponse:
    """For load balancers and alarms: 200 while the database answers; ``clusters`` says who is working."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        ages = heartbeat.ages()
    except DatabaseError:
        return JsonResponse(UNREACHABLE, status=503)
    clusters = {name: _word(ages.get(name)) for name in jobs.CLUSTERS}
    away = {part: "away" for part, breaker in Breaker.every.items() if breaker.is_away}
    return JsonResponse({"database": "ok", "clusters": clusters, **away})


def _word(age: float | None) -> str:
    if age is None:
        return "not running"
    return "ok" if age < SILENT_SECONDS else f"silent for {age:.0f} s"

"""Liveness and readiness: whether this process answers, and whether the site can serve a customer."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from avatarsite.monitoring import readiness
from avatarsite.outages.breaker import Breaker
from avatarsite.queue import heartbeat

RETRY_AFTER = 10


def healthz(_request: HttpRequest) -> JsonResponse:
    """Alive: 200 whenever this process answers. The rest tells, and decides nothing; ``/readyz`` decides."""
    found: dict[str, object] = {"status": "alive"}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found |= {"database": "ok", "clusters": heartbeat.words()}
    except DatabaseError:
        found["database"] = "unreachable"
    away = {part: "away" for part, breaker in Breaker.every.items() if breaker.is_away and part not in found}
    return JsonResponse(found | away)


def readyz(_request: HttpRequest) -> JsonResponse:
    """Ready: every part that a customer's video needs is there. 503 otherwise, and a sentence for each that is not."""
    parts = readiness.look()
    reasons = [sentence for sentence in parts.values() if sentence]
    checks = {part: "failing" if sentence else "ok" for part, sentence in parts.items()}
    answer = JsonResponse({"ready": not reasons, "checks": checks, "reasons": reasons}, status=503 if reasons else 200)
    if reasons:
        answer["Retry-After"] = str(RETRY_AFTER)
    return answer

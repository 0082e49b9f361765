"""Rate limits: how often a token may ask, counted in the cache in whole minutes: one number per token, kind and minute.

Reads and writes count apart, so that a program that polls can still make videos.
"""

from __future__ import annotations

import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from avatarsite.api.authentication import SAFE
from avatarsite.workspaces.models import ApiToken

WINDOW = 60


class TokenThrottle(BaseThrottle):
    """Shared by all web processes if the cache is (REDIS_URL); else each process counts its own."""

    kind = ""
    limit = 0
    used = 0
    wait_seconds = 0.0

    def allow_request(self, request: Request, view: object) -> bool:  # noqa: ARG002 -- DRF's signature
        if not isinstance(request.auth, ApiToken):
            return True
        self.kind = "reads" if request.method in SAFE else "writes"
        self.limit = settings.API_READS_PER_MINUTE if self.kind == "reads" else settings.API_WRITES_PER_MINUTE
        now = time.time()
        minute = int(now // WINDOW)
        self.wait_seconds = WINDOW - now % WINDOW
        # By lineage, so that a rotation gives no second allowance.
        self.used = _count(f"api-rate:{request.auth.lineage}:{self.kind}:{minute}")
        return not self.limit or self.used <= self.limit

    def wait(self) -> float:
        return self.wait_seconds

    def describe(self, response: HttpResponseBase) -> None:
        """Add the headers of draft-ietf-httpapi-ratelimit-headers."""
        if not self.limit:
            return
        left = max(self.limit - self.used, 0)
        response.headers["RateLimit-Policy"] = f'"{self.kind}";q={self.limit};w={WINDOW}'
        response.headers["RateLimit"] = f'"{self.kind}";r={left};t={max(1, round(self.wait_seconds))}'


def _count(key: str) -> int:
    try:
        return cache.incr(key)
    except ValueError:
        # Two may find nothing at once; one of them adds, both count.
        cache.add(key, 0, timeout=2 * WINDOW)
        return cache.incr(key)

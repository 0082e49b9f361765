from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def stand_ins(_request: HttpRequest) -> dict[str, bool]:
    """Whether every page has to say that the providers are not the real ones."""
    return {"stand_ins": settings.STAND_INS}

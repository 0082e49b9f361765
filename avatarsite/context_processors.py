from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from avatarsite.service import notices as service_notices


def stand_ins(_request: HttpRequest) -> dict[str, Any]:
    """What every page has to say: that the providers are not the real ones, and what the service has to tell."""
    return {"stand_ins": settings.STAND_INS, "service_notices": SimpleLazyObject(service_notices.standing)}

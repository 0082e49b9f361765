"""Balance of our account at fal. Its platform's documents name the question; what it answers is not confirmed."""

from __future__ import annotations

from django.conf import settings

from studio.providers import http
from studio.providers.fal.codes import why
from studio.providers.remote import dollars_left, told_nothing

NAMES = ("current_balance", "balance", "amount")


async def ask_balance(*, headers: dict[str, str]) -> int | None:
    """In micro-dollars; None for an answer of another shape. Raises ProviderError, as for a key that may not ask."""
    url = f"{settings.FAL_PLATFORM_URL}/account/billing"
    answer = await http.ask("GET", url, headers=headers, params={"expand": "credits"}, repeatable=True)
    if not answer.ok:
        raise told_nothing(answer, why(answer))
    told = dollars_left(answer.body.get("credits"), *NAMES)
    return told if told is not None else dollars_left(answer.body, "credits", *NAMES)

"""What became of a long video's parts, and of the money held for them."""

from __future__ import annotations

from django.db.models import QuerySet

from billing.money import usd
from studio.models import Render, RenderState


def parts_of(whole: Render) -> QuerySet[Render]:
    """The renders that are made for it, or were; without those that it keeps from another."""
    return Render.objects.filter(uses__whole=whole, uses__kept=False).order_by("pk")


def tally_of(whole: Render) -> str:
    """What is kept, what that cost and what came back, once it has failed and none of its parts lives."""
    made = list(parts_of(whole).filter(state=RenderState.READY))
    if not made:
        return "Nothing was charged."
    paid, left = sum(part.charge_micros or 0 for part in made), whole.ceiling_micros
    left -= sum(part.ceiling_micros for part in made)
    one = len(made) == 1
    kept = "The part that was made is kept" if one else f"The {len(made)} parts that were made are kept"
    told = f"{kept}: {'it' if one else 'they'} cost {usd(paid)}, and nothing when you try again."
    return f"{told} The {usd(left)} held for the others came back." if left else told

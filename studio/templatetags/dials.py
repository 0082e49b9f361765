"""Dial of a render: how long its provider has had it, against what is usual there."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from studio.models import Render
from studio.pipeline.lateness.usual import Usual

register = template.Library()


@register.inclusion_tag("components/dial.html")
def dial(render: Render, usual: Usual | None) -> dict[str, Any]:
    """One turn is what nine in ten take, its tinted end the time between half of them and those."""
    if usual is None:
        return {}
    most = max(usual.most, 1)
    gone = (timezone.now() - render.state_since).total_seconds()
    half = round(100 * usual.half / most)
    return {
        "usual": usual,
        "since": render.state_since,
        "late": render.late,
        "half": half,
        "band": 100 - half,
        "gone": round(min(100, 100 * gone / most)),
    }

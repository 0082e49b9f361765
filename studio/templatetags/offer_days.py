"""Charts of the offers' days, as the data that Chart.js draws."""

from __future__ import annotations

import json
from typing import Any

from django import template

from studio.pipeline.desk.offer_days import Days, Sums

register = template.Library()

COLOURS = 6
GREY = "#7c8998"  # read on the light ground and on the dark one


@register.filter
def chart_options(_days: Days) -> str:
    axis = {"ticks": {"color": GREY}, "grid": {}}
    legend = {"position": "bottom", "labels": {"color": GREY, "boxWidth": 12}}
    options = {"responsive": True, "maintainAspectRatio": False, "animation": False}
    return json.dumps(options | {"plugins": {"legend": legend}, "scales": {"x": axis, "y": axis | {"min": 0}}})


@register.filter
def money_chart(days: Days) -> str:
    sums = list(days.by_day.values())
    return _chart(
        days,
        _series("Revenue", 0, [each.revenue_micros / 1e6 for each in sums]),
        _series("Cost", 1, [each.cost_micros / 1e6 for each in sums]),
        _series("Margin", 2, [each.margin_micros / 1e6 for each in sums]) | {"type": "line"},
    )


@register.filter
def success_chart(days: Days) -> str:
    """A line for each offer, as many as there are colours; the table has all."""
    shown = list(days.by_offer)[:COLOURS]
    return _chart(
        days,
        *(
            _series(offer, place, [days.cells.get((offer, day), Sums()).success_percent for day in days.days])
            for place, offer in enumerate(shown)
        ),
    )


def _chart(days: Days, *series: dict[str, Any]) -> str:
    return json.dumps({"labels": [f"{day:%-d %b}" for day in days.days], "datasets": series})


def _series(label: str, place: int, values: list[float | None] | list[float]) -> dict[str, Any]:
    colour = f"var(--chart-{place + 1})"
    return {"label": label, "data": values, "borderColor": colour, "backgroundColor": colour, "spanGaps": True}

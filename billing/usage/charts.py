"""Charts of usage: bars by day as SVG, drawn by the server from design tokens: no script, and both themes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from billing.money import usd

# In units of the drawing; the page scales it.
WIDTH, HEIGHT = 960, 240
LEFT, BOTTOM, TOP = 88, 28, 12
SERIES = 6
OTHERS = "Others"


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``legend`` names the series, the greatest first; what is beyond the last colour goes together as Others."""

    bars: list[Bar]
    heights: list[Tick]
    days: list[Tick]
    legend: list[str]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    floor: int = HEIGHT - BOTTOM


def stacked(days: Sequence[date], series: Mapping[str, Mapping[date, int]]) -> Chart:
    """Micro-dollars by day, one colour for each label of ``series``, which come the greatest first."""
    shown = _gathered(series)
    totals = {day: sum(values.get(day, 0) for values in shown.values()) for day in days}
    top = _rounded_up(max(totals.values(), default=0))
    step = (WIDTH - LEFT) / max(len(days), 1)
    plot = HEIGHT - BOTTOM - TOP
    bars = []
    for place, day in enumerate(days):
        y = float(HEIGHT - BOTTOM)
        for number, (label, values) in enumerate(shown.items()):
            amount = values.get(day, 0)
            if amount <= 0:
                continue
            height = amount / top * plot
            y -= height
            title = f"{day:%-d %b}: {label}, {usd(amount)}"
            bars.append(Bar(_r(LEFT + place * step + step * 0.12), _r(y), _r(step * 0.76), _r(height), number, title))
    lines = [Tick(_r(HEIGHT - BOTTOM - plot * part / 4), usd(top * part // 4)) for part in range(5)] if top else []
    every = max(1, -(-len(days) // 10))
    dates = [
        Tick(_r(LEFT + place * step + step / 2), f"{day:%-d %b}") for place, day in enumerate(days) if not place % every
    ]
    return Chart(bars, lines, dates, list(shown))


def _gathered(series: Mapping[str, Mapping[date, int]]) -> dict[str, Mapping[date, int]]:
    if len(series) <= SERIES:
        return dict(series)
    kept = dict(list(series.items())[: SERIES - 1])
    others: dict[date, int] = {}
    for values in list(series.values())[SERIES - 1 :]:
        for day, amount in values.items():
            others[day] = others.get(day, 0) + amount
    return {**kept, OTHERS: others}


def _rounded_up(micros: int) -> int:
    """The next round number of micro-dollars, with a round quarter: 1, 2, 4 or 8 times a power of 10."""
    if micros <= 0:
        return 0
    power = 1
    while True:
        for digit in (1, 2, 4, 8):
            if digit * power >= micros and digit * power % 4 == 0:
                return digit * power
        power *= 10


def _r(number: float) -> float:
    return round(number, 2)

"""Parts of a long video as pages show them: those of a plan, and those that are made."""

from __future__ import annotations

from dataclasses import dataclass

from billing.money import charge_micros
from studio.models import Render, RenderState
from studio.pipeline.long.plan import Plan
from studio.pipeline.request.quote import Quote

TONES = {RenderState.READY: "done", RenderState.FAILED: "failed", RenderState.CANCELLED: "waiting"}
WORDS = {
    RenderState.QUEUED: "Waits",
    RenderState.SUBMITTING: "Being sent",
    RenderState.RENDERING: "Being made",
    RenderState.INGESTING: "Being copied",
    RenderState.READY: "Made",
    RenderState.FAILED: "Could not be made",
    RenderState.CANCELLED: "Stopped",
}


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A stretch of the voice. ``micros`` is the most that it may cost, or once it is made what it did."""

    number: int
    from_ms: int
    to_ms: int
    micros: int | None
    kept: bool
    tone: str = ""
    words: str = ""
    failure: str = ""


def planned_parts(quote: Quote | None) -> list[ShownPart]:
    """Those of a plan; none of a quote for a video that is made at once."""
    if not isinstance(quote, Plan):
        return []
    return [
        ShownPart(
            part.number,
            part.begin * 1000 // quote.rate,
            part.end * 1000 // quote.rate,
            part.ceiling_micros,
            bool(part.kept),
        )
        for part in quote.parts
    ]


def likely_micros(quote: Quote, price_micros_per_second: int) -> int:
    """What a video exactly as long as the voice is charged: without the parts that were made before."""
    lengths = [part.ms for part in quote.missing] if isinstance(quote, Plan) else [quote.voice_ms]
    return sum(charge_micros(ms, price_micros_per_second) for ms in lengths)


def made_parts(render: Render) -> list[ShownPart]:
    """Those of a long video, with what has become of each; none of one that is made at once."""
    if not render.is_whole:
        return []
    rate, shown = render.work.rate, []
    for part in render.parts.select_related("render").order_by("number"):
        made = part.render
        shown.append(
            ShownPart(
                part.number,
                part.begin * 1000 // rate,
                part.end * 1000 // rate,
                made.ceiling_micros if made.charge_micros is None and not made.ended else made.charge_micros,
                part.kept,
                TONES.get(RenderState(made.state), "waiting" if made.state == RenderState.QUEUED else "now"),
                "Kept from before" if part.kept else WORDS.get(RenderState(made.state), ""),
                made.failure_message,
            )
        )
    return shown

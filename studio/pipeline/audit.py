"""The studio's part of ``verify_ledger``: what renders say of money is what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from billing.models import HoldState, Usage
from billing.verify.verification import Finding
from studio.models import Render, RenderState

MAX_SHOWN = 100  # findings of each kind


def renders_agree_with_the_ledger() -> Iterator[Finding]:
    for code, wrong, sentence in _rules():
        for render in wrong.select_related("hold").order_by("pk")[:MAX_SHOWN]:
            yield Finding(code, sentence.format(render=render, hold=render.hold))


def _rules() -> list[tuple[str, QuerySet[Render], str]]:
    used = Usage.objects.filter(
        subject=Concat(Value("render:"), OuterRef("pk"), output_field=CharField()),
        amount_micros=OuterRef("charge_micros"),
        measured_ms=OuterRef("measured_ms"),
    )
    ready = Render.objects.filter(state=RenderState.READY)
    without = Render.objects.filter(state__in=(RenderState.FAILED, RenderState.CANCELLED))
    settled = Q(hold__state=HoldState.SETTLED, hold__settled_micros=F("charge_micros"))
    return [
        (
            "render_charge_not_settled",
            ready.exclude(settled),
            "{render.pk} is ready and charged {render.charge_micros}, but its hold is {hold.state}.",
        ),
        (
            "render_without_usage",
            ready.exclude(Exists(used)),
            "{render.pk} is ready, and no usage has its length and its charge.",
        ),
        (
            "render_returned_differs",
            Render.objects.exclude(returned_micros=F("hold__returned_micros")),
            "{render.pk} says {render.returned_micros} given back, and its hold {hold.returned_micros}.",
        ),
        (
            "render_hold_not_released",
            without.exclude(hold__state=HoldState.RELEASED),
            "{render.pk} is {render.state}, but its hold is {hold.state}.",
        ),
        (
            "render_hold_closed_early",
            Render.objects.exclude(state__in=(RenderState.READY, RenderState.FAILED, RenderState.CANCELLED)).exclude(
                hold__state=HoldState.OPEN
            ),
            "{render.pk} is still {render.state}, but its hold is {hold.state}.",
        ),
    ]

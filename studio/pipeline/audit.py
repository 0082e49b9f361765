"""The studio's part of ``verify_ledger``: what renders say of money is what the ledger says."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Concat

from billing.models import HoldState, Usage
from billing.verify.verification import Finding
from studio.models import Render, RenderState
from studio.models.renders import ENDED

MAX_SHOWN = 100  # findings of each kind


def renders_agree_with_the_ledger() -> Iterator[Finding]:
    for code, wrong, sentence in _rules():
        for render in wrong.select_related("hold").order_by("pk")[:MAX_SHOWN]:
            yield Finding(code, sentence.format(render=render, hold=render.hold))


def _rules_of_wholes() -> list[tuple[str, QuerySet[Render], str]]:
    """A video of several parts has a hold of nothing, and says of money what its own parts say together."""
    own = Render.objects.filter(uses__whole=OuterRef("pk"), uses__kept=False).order_by().values("uses__whole")
    sums = {
        name: own.annotate(sum=Sum(name)).values("sum")
        for name in ("charge_micros", "returned_micros", "ceiling_micros")
    }
    wholes = Render.objects.filter(parts_total__isnull=False).annotate(
        **{f"parts_{name}": Coalesce(Subquery(rows), 0) for name, rows in sums.items()},
        said=Coalesce("charge_micros", 0),
    )
    ended = wholes.filter(state__in=ENDED)
    return [
        (
            "whole_held",
            wholes.exclude(hold__amount_micros=0),
            "{render.pk} has parts, and its own hold is of {hold.amount_micros}.",
        ),
        (
            "whole_charge_differs",
            ended.exclude(said=F("parts_charge_micros")),
            "{render.pk} says that {render.charge_micros} was charged, and its parts something else.",
        ),
        (
            "whole_return_differs",
            ended.exclude(returned_micros=F("parts_returned_micros")),
            "{render.pk} says that {render.returned_micros} was given back, and its parts something else.",
        ),
        (
            "whole_ceiling_differs",
            wholes.exclude(ceiling_micros=F("parts_ceiling_micros")),
            "{render.pk} has a ceiling of {render.ceiling_micros}, and its parts another.",
        ),
        (
            "whole_hold_closed_early",
            wholes.exclude(state__in=ENDED).exclude(hold__state=HoldState.OPEN),
            "{render.pk} is still {render.state}, but its hold is {hold.state}.",
        ),
    ]


def _rules() -> list[tuple[str, QuerySet[Render], str]]:
    used = Usage.objects.filter(
        subject=Concat(Value("render:"), OuterRef("pk"), output_field=CharField()),
        amount_micros=OuterRef("charge_micros"),
        measured_ms=OuterRef("measured_ms"),
    )
    ready = Render.objects.single().filter(state=RenderState.READY)
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
        *_rules_of_wholes(),
        (
            "render_returned_differs",
            Render.objects.single().exclude(returned_micros=F("hold__returned_micros")),
            "{render.pk} says {render.returned_micros} given back, and its hold {hold.returned_micros}.",
        ),
        (
            "render_hold_not_released",
            without.exclude(hold__state=HoldState.RELEASED),
            "{render.pk} is {render.state}, but its hold is {hold.state}.",
        ),
        (
            "render_hold_closed_early",
            Render.objects.single()
            .exclude(state__in=(RenderState.READY, RenderState.FAILED, RenderState.CANCELLED))
            .exclude(hold__state=HoldState.OPEN),
            "{render.pk} is still {render.state}, but its hold is {hold.state}.",
        ),
    ]

"""Plans of long videos: which parts, what each costs, which were made before, and the most that all of them cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.models import Part, Render, RenderState, Upload
from studio.pipeline.long.sound import MAX_PART_MS, sound_of
from studio.pipeline.request.options import DEFAULTS
from studio.pipeline.request.quote import Quote, QuoteLine, quote_render, resized
from studio.uploads.listening import needs_parts

# What a part is made with, whatever is done with the whole: it is joined first, then converted, sent and ended.
PART_OPTIONS = {
    name: DEFAULTS[name] for name in ("output_format", "takes", "ttl_seconds", "upload_endpoint", "visible_label")
}


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A stretch of the voice. ``kept`` is the render that has it from before; then it costs nothing."""

    number: int
    begin: int
    end: int
    ms: int
    sound: str
    key: str
    quote: Quote
    kept: str | None = None

    @property
    def ceiling_micros(self) -> int:
        return 0 if self.kept else self.quote.ceiling_micros

    @property
    def ceiling_ms(self) -> int:
        return 0 if self.kept else self.quote.ceiling_ms


@dataclass(frozen=True, slots=True)
class Plan(Quote):
    """The quote of a long video: that of its parts, added up. ``chain`` has the offers that may make each of them."""

    rate: int
    parts: tuple[PlannedPart, ...]

    @property
    def ceiling_micros(self) -> int:
        return sum(part.ceiling_micros for part in self.parts)

    @property
    def ceiling_ms(self) -> int:
        return sum(part.ceiling_ms for part in self.parts)

    @property
    def missing(self) -> tuple[PlannedPart, ...]:
        return tuple(part for part in self.parts if not part.kept)

    def within(self, most: int) -> Plan:
        """With those offers alone that keep all of it within ``most`` micro-dollars; the first stays as it is."""
        plan = self
        while plan.ceiling_micros > most and len(plan.chain) > 1:
            dearest = max(plan.chain[1:], key=lambda line: line.ceiling_micros)
            plan = plan._of([line.offer for line in plan.chain if line is not dearest])
        return plan

    def _of(self, offers: Sequence[str]) -> Plan:
        parts = [replace(part, quote=replace(part.quote, chain=_only(part.quote.chain, offers))) for part in self.parts]
        return replace(self, chain=_only(self.chain, offers), parts=tuple(parts))


def quote_video(  # noqa: PLR0913 -- the parts of a request that bear on its price
    *,
    voice: Upload,
    model: str,
    portrait: Upload | None = None,
    prompt: str = "",
    options: Mapping[str, Any] | None = None,
    test: bool = False,
    **chosen: Any,
) -> Quote:
    """The quote of a voice by ``quote_render``, or its plan if it needs parts; ``chosen`` is what bears on the offer.

    Without a portrait nothing is known to be made before, and what is not spoken yet has even parts. Raises
    UploadRefused for a voice that can't be split, BeingListenedTo for one whose parts nobody knows yet.
    """
    quoted = partial(quote_render, model=model, test=test, **chosen)
    if not needs_parts(model, voice.duration_ms or 0):
        return quoted(voice_ms=voice.duration_ms or 0)
    if not voice.file:
        return quote_seconds(model=model, voice_ms=voice.duration_ms or 0, test=test, **chosen)
    sound = sound_of(voice)
    look = [portrait.sha256 if portrait else "", model, prompt.strip(), test, _made_with(options or {})]
    keys = [_key(look, stretch.sha256) for stretch in sound.stretches]
    made = _made(voice.workspace, keys) if portrait else {}
    lengths = [sound.ms(stretch) for stretch in sound.stretches]
    longest = quoted(voice_ms=max(lengths))
    parts = [
        PlannedPart(number, stretch.begin, stretch.end, ms, stretch.sha256, key, resized(longest, ms), made.get(key))
        for number, (stretch, ms, key) in enumerate(zip(sound.stretches, lengths, keys, strict=True), 1)
    ]
    return _added_up(longest, voice.duration_ms or 0, sound.rate, parts)


def quote_seconds(*, model: str, voice_ms: int, **chosen: Any) -> Quote:
    """As ``quote_video``, of nobody's voice: in even parts, so many that a real voice seldom has more."""
    if not needs_parts(model, voice_ms):
        return quote_render(model=model, voice_ms=voice_ms, **chosen)
    count = -(-2 * voice_ms // MAX_PART_MS)
    edges = [voice_ms * number // count for number in range(count + 1)]
    stretches = list(pairwise(edges))
    longest = quote_render(model=model, voice_ms=max(end - begin for begin, end in stretches), **chosen)
    parts = [
        PlannedPart(number, begin, end, end - begin, "", "", resized(longest, end - begin))
        for number, (begin, end) in enumerate(stretches, 1)
    ]
    return _added_up(longest, voice_ms, 1_000, parts)


def _added_up(longest: Quote, voice_ms: int, rate: int, parts: list[PlannedPart]) -> Plan:
    """Each offer's line with the sum of what it would ask for the parts that are to be made."""
    missing = [part for part in parts if not part.kept]
    sums = {
        line.offer: replace(
            line,
            voice_ms=voice_ms,
            ceiling_ms=sum(_line(part.quote, line.offer).ceiling_ms for part in missing),
            ceiling_micros=sum(_line(part.quote, line.offer).ceiling_micros for part in missing),
        )
        for line in longest.lines
    }
    return Plan(
        model=longest.model,
        voice_ms=voice_ms,
        lines=list(sums.values()),
        chain=[sums[line.offer] for line in longest.chain],
        why=longest.why,
        again_at=longest.again_at,
        rate=rate,
        parts=tuple(parts),
    )


def _line(quote: Quote, offer: str) -> QuoteLine:
    return next(line for line in quote.lines if line.offer == offer)


def _only(chain: Sequence[QuoteLine], offers: Sequence[str]) -> list[QuoteLine]:
    return [line for line in chain if line.offer in offers]


def _made_with(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that bear on how a part looks, or on what is known of it."""
    full = DEFAULTS | dict(options)
    return {name: value for name, value in sorted(full.items()) if name not in {*PART_OPTIONS, "if_flagged"}}


def _key(look: Sequence[Any], sound: str) -> str:
    return sha256(json.dumps([*look, sound]).encode()).hexdigest()


def _made(workspace: Workspace, keys: Sequence[str]) -> dict[str, str]:
    """The renders that have these parts already, by key; the newest of each."""
    renders = there_still(Render.objects.with_parts(workspace))
    found = Part.objects.filter(key__in=set(keys), render__in=renders).order_by("pk")
    return dict(found.values_list("key", "render_id"))


def there_still(renders: QuerySet[Render]) -> QuerySet[Render]:
    """Those that are ready and whose files nobody is about to delete."""
    lives = Q(delete_at=None) | Q(delete_at__gt=timezone.now())
    return renders.filter(lives, state=RenderState.READY, files_deleted_at=None)


def refuse_takes(options: Mapping[str, Any]) -> None:
    if options["takes"] != 1:
        found = "A video of several parts is made once; it can’t be asked for in takes."
        raise RequestRefused("takes", "bad_option", found, "Ask for one take.")

"""Batches: many requests at once, of which all are taken or none, and each refusal has its item's number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import Count, F, QuerySet, Sum

from avatarsite.errors import DomainError
from avatarsite.workspaces.models import User, Workspace
from billing.money import usd, usd_at_most
from studio.errors import RequestRefused
from studio.models import Render, RenderGroup, RenderState
from studio.models.renders import ALIVE
from studio.pipeline.long.write import write_video
from studio.pipeline.request import limits
from studio.pipeline.request.consent import demand_consent
from studio.pipeline.request.quote import Quote
from studio.pipeline.request.render_request import TITLE_LIMIT, RenderRequest, check_warnings, speech_micros, validate
from studio.pipeline.request.rights import check_rights
from studio.pipeline.request.take import price_request
from studio.pipeline.request.titles import title_for
from studio.uploads.listening import needs_parts

MAX_ITEMS = 1_000


@dataclass(frozen=True, slots=True)
class ItemRefused:
    """Why one item can't be made; ``index`` counts from 0."""

    index: int
    refusal: RequestRefused


class BatchRefused(DomainError):
    """At least one item can't be made. Nothing was written and nothing is held."""

    def __init__(self, items: Sequence[ItemRefused], size: int) -> None:
        count = "One item" if len(items) == 1 else f"{len(items)} items"
        told = f"{count} of {size} can’t be made; none was. The first: {items[0].refusal}"
        super().__init__("batch_refused", told, field="items")
        self.items = list(items)


@dataclass(frozen=True, slots=True)
class Priced:
    """A request with its complete options and what it would cost."""

    request: RenderRequest
    options: Mapping[str, Any]
    quote: Quote


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How far a batch is; amounts in micro-dollars."""

    group: RenderGroup
    states: dict[str, int]
    ceiling_micros: int
    charged_micros: int

    @property
    def size(self) -> int:
        return sum(self.states.values())

    @property
    def ended(self) -> bool:
        return not any(self.states[state] for state in ALIVE)


def price_batch(requests: Sequence[RenderRequest]) -> list[Priced]:
    """What each would cost; writes nothing. Raises BatchRefused with every item that can't be made."""
    priced, refused = [], []
    quotes: dict[Any, Quote] = {}
    for index, request in enumerate(requests):
        try:
            priced.append(_priced(request, quotes))
        except RequestRefused as refusal:
            refused.append(ItemRefused(index, refusal))
    if refused:
        raise BatchRefused(refused, len(requests))
    return priced


def total_micros(priced: Sequence[Priced]) -> int:
    """The ceiling of a whole batch."""
    return sum(one.quote.ceiling_micros for one in priced) + speech_micros([one.request for one in priced])


def request_batch(
    workspace: Workspace, requests: Sequence[RenderRequest], *, user: User | None, max_amount_micros: int | None = None
) -> RenderGroup:
    """Take them all, each with a hold of its own, in one transaction.

    Raises BatchRefused, RequestRefused, DraftsLimited, holds.InsufficientCredit, holds.WalletFrozen or
    holds.BudgetReached; then nothing was written.
    """
    priced = price_batch(requests)
    total = total_micros(priced)
    if max_amount_micros is not None and total > max_amount_micros:
        raise RequestRefused(
            "max_amount_micros",
            "price_changed",
            f"The batch costs up to {usd_at_most(total)}, more than the {usd(max_amount_micros)} that you allow.",
            "Ask for a quote again, or allow more.",
        )
    demand_consent([one.request for one in priced], total, is_batch=True)
    with transaction.atomic():
        group = RenderGroup.objects.create(workspace=workspace, is_batch=True)
        _write_all(group, priced, user)
    return group


def add_to_batch(group: RenderGroup, requests: Sequence[RenderRequest], *, user: User | None) -> list[Render]:
    """Take more into a batch, all or none, in the caller's transaction, which must end with a refusal.

    Raises what ``request_batch`` does.
    """
    return _write_all(group, price_batch(requests), user)


def _write_all(group: RenderGroup, priced: Sequence[Priced], user: User | None) -> list[Render]:
    limits.admit(group.workspace, priced[0].request.token if priced else None, [one.quote for one in priced])
    return [_write(one, user, group) for one in priced]


def _write(one: Priced, user: User | None, group: RenderGroup) -> Render:
    return write_video(one.request, dict(one.options), one.quote, user, None, group)


def batches_of(workspace: Workspace) -> QuerySet[RenderGroup]:
    return RenderGroup.objects.for_workspace(workspace).filter(is_batch=True)


def status_of(group: RenderGroup) -> BatchStatus:
    return statuses_of([group])[0]


def statuses_of(groups: Sequence[RenderGroup]) -> list[BatchStatus]:
    """One query, however many."""
    renders = Render.objects.filter(group__in=groups, purge_at=None).order_by()
    rows = renders.values_list("group_id", "state").annotate(
        Count("pk"), ceiling=Sum("ceiling_micros"), charged=Sum(F("charge_micros") - F("returned_micros"), default=0)
    )
    found = {group.pk: (dict.fromkeys(RenderState.values, 0), [0, 0]) for group in groups}
    for group_id, state, count, ceiling, charged in rows:
        states, sums = found[str(group_id)]
        states[state] = count
        sums[0] += ceiling
        sums[1] += charged
    return [BatchStatus(group, found[group.pk][0], *found[group.pk][1]) for group in groups]


def _priced(request: RenderRequest, quotes: dict[Any, Quote]) -> Priced:
    options = validate(request)
    if options["takes"] != 1:
        raise RequestRefused("takes", "bad_option", "An item of a batch is one take.", "Repeat the item instead.")
    # A thousand items are seldom more than a few different prices.
    same: tuple[Any, ...] = (
        *(request.model, request.voice.duration_ms, request.offer, request.routing, request.fallback, request.terms),
        options["content_check"],
    )
    if needs_parts(request.model, request.voice.duration_ms or 0):
        same = (*same, request.portrait.pk, request.voice.pk, request.prompt, options["output_quality"])
    if same not in quotes:
        quotes[same] = price_request(request, options)
    check_warnings(request, quotes[same].ceiling_micros)
    check_rights(request, quotes[same].ceiling_micros)
    title = request.title.strip() or title_for(request.portrait, request.voice)
    return Priced(replace(request, title=title[:TITLE_LIMIT]), options, quotes[same])

"""Concurrency limits of providers: each has so many places for jobs of ours, and they go round by workspace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum, Value, Window
from django.db.models.functions import Left, RowNumber, StrIndex
from django.utils import timezone

from studio.models import Render, RenderState, Turn
from studio.pipeline.health import record_of

SENT = (RenderState.SUBMITTING, RenderState.RENDERING)
SELLER = Left("offer", StrIndex("offer", Value(":")) - 1)
LOOKED_AT = 1_000  # rows that one choice weighs: the first ones of each workspace
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
Share = tuple[str, str]  # a provider, and the id of a workspace


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the line, from 1, and about how many seconds it takes until its turn, if our records tell.

    Those that are sent are taken to be half done, and each workspace to leave one place to the others.
    """

    number: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class _Waiting:
    pk: str
    share: Share
    place: int  # among those of its workspace that wait for the same provider, from 1
    in_doubt: bool  # sent before, and to be asked about: that needs no place


def has_place(seller: str) -> bool:
    """Whether the provider has room for one more of ours.

    Two that ask at once may both be let in: the limit is a courtesy, and the provider's own answer is what counts.
    """
    most = settings.PROVIDERS_AT_ONCE.get(seller, 0)
    return not most or _sent().filter(offer__startswith=f"{seller}:").count() < most


def next_in_turn(
    due: QuerySet[Render], room: int, sending: Mapping[str, int] = MappingProxyType({})
) -> tuple[list[str], bool]:
    """Of the renders that are ``due`` those that may go, in turn and no more than have places; and whether any was due.

    At each provider ``room`` are sent at once, less the ``sending`` that are: one that is slow holds up no other's.
    First is the workspace with the fewest jobs at the provider, of these the one whose last turn is longest ago, and of
    its renders the oldest. No workspace has the last of several places: whoever comes waits for nobody's long job.
    """
    taken: Counter[Share] = Counter()
    if due.exists():
        taken.update(_taken())
    left = _left(taken)
    full = Q(state=RenderState.QUEUED, seller__in=[seller for seller, places in left.items() if places <= 0])
    waiting = _in_turn(_first_of_each(due.annotate(seller=SELLER).exclude(full), max(room, 1)), taken)
    chosen, going = [], Counter(sending)
    for one in waiting:
        seller = one.share[0]
        if going[seller] >= room or not (one.in_doubt or _may_have_one_more(one.share, taken, left)):
            continue
        chosen.append(one.pk)
        going[seller] += 1
        if not one.in_doubt:
            taken[one.share] += 1
            left[seller] = left.get(seller, 0) - 1
    return chosen, bool(waiting)


def _may_have_one_more(share: Share, taken: Counter[Share], left: Mapping[str, int]) -> bool:
    most = settings.PROVIDERS_AT_ONCE.get(share[0], 0)
    return not most or (left[share[0]] > 0 and taken[share] < max(1, most - 1))


def place_in_line(render: Render) -> Place | None:
    """Where it stands among those that wait for the same provider, in the order in which they are sent.

    None for a provider that takes as many as come, and for who stands too far behind to be counted.
    """
    seller = render.offer.partition(":")[0]
    most = settings.PROVIDERS_AT_ONCE.get(seller, 0)
    if not most:
        return None
    of_seller = Render.objects.filter(offer__startswith=f"{seller}:", deadline_at__gt=NEVER)
    waiting = of_seller.filter(state=RenderState.QUEUED).annotate(seller=SELLER)
    line = [one.pk for one in _in_turn(_first_of_each(waiting, LOOKED_AT), Counter(_taken()))]
    if render.pk not in line:
        return None
    before = line[: line.index(render.pk)]
    ahead_ms = of_seller.filter(pk__in=before).aggregate(ms=Sum("ceiling_ms", default=0))["ms"]
    ahead_ms += of_seller.filter(state__in=SENT).aggregate(ms=Sum("ceiling_ms", default=0))["ms"] / 2
    seconds = record_of(render.offer).expected_seconds(ahead_ms)
    return Place(len(before) + 1, None if seconds is None else seconds / max(1, most - 1))


def _in_turn(waiting: list[_Waiting], taken: Counter[Share]) -> list[_Waiting]:
    turns = _turns({one.share[1] for one in waiting})
    return sorted(waiting, key=lambda one: (taken[one.share] + one.place, turns.get(one.share, NEVER), one.pk))


def take_turn(workspace_id: str, seller: str) -> None:
    Turn.objects.bulk_create(
        [Turn(workspace_id=workspace_id, provider=seller, taken_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["workspace", "provider"],
        update_fields=["taken_at"],
    )


def _sent() -> QuerySet[Render]:
    # Whoever lives has a deadline, and by that SQLite finds the index of them; else it would read all that ever were.
    return Render.objects.single().filter(state__in=SENT, deadline_at__gt=NEVER)


def _taken() -> dict[Share, int]:
    rows = _sent().order_by().values_list(SELLER, "workspace_id").annotate(Count("pk"))
    return {(seller, workspace): count for seller, workspace, count in rows}


def _left(taken: Counter[Share]) -> dict[str, int]:
    """Places that are free, by provider; one without a limit is not named."""
    limits = {seller: most for seller, most in settings.PROVIDERS_AT_ONCE.items() if most}
    return {seller: most - sum(n for (at, _), n in taken.items() if at == seller) for seller, most in limits.items()}


def _first_of_each(due: QuerySet[Render], room: int) -> list[_Waiting]:
    """The oldest of each workspace at each provider, as many as could be sent now."""
    # A long video's parts are many: what else its workspace asks for goes before those that still wait.
    turn = [F("whole").asc(nulls_first=True), F("pk").asc()]
    place = Window(RowNumber(), partition_by=["seller", "workspace_id"], order_by=turn)
    rows = due.annotate(place=place).filter(place__lte=room).order_by("place", "pk")
    columns = rows.values_list("pk", "seller", "workspace_id", "place", "state")[:LOOKED_AT]
    return [
        _Waiting(pk, (seller, workspace), place, state == RenderState.SUBMITTING)
        for pk, seller, workspace, place, state in columns
    ]


def _turns(workspaces: Collection[str]) -> dict[Share, datetime]:
    rows: Iterable[tuple[str, str, datetime]] = Turn.objects.filter(workspace__in=workspaces).values_list(
        "provider", "workspace_id", "taken_at"
    )
    return {(provider, workspace): at for provider, workspace, at in rows}

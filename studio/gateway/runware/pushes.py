"""Pushes: results that open connections get without having asked, read from the rows of all of them together."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from avatarsite.queue.sweeping import each
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import is_live
from studio.gateway.models import GatewayRequest, RequestState
from studio.gateway.runware.responses import Item, success
from studio.gateway.status import Phase, status_of
from studio.models import Render
from studio.models.renders import ENDED

MAX_PUSHES = 20  # of one session, so that one with thousands keeps nobody else waiting
_UNENDED = Render.objects.filter(group_id=OuterRef("render__group_id")).exclude(state__in=ENDED)
_OVER = (
    Q(state__in=(RequestState.REFUSED, RequestState.CANCELLED))
    | Q(state=RequestState.SUBMITTED, render=None)  # deleted since
    | (Q(render__state__in=ENDED) & ~Exists(_UNENDED))
)


@dataclass(frozen=True, slots=True)
class Push:
    """An ended request of a session. ``items`` are its videos.

    There are none if it has failed: clients take an error about a task that they no longer wait for as everybody's, so
    that is for whoever asks.
    """

    request_id: str
    session: UUID
    workspace_id: str
    items: list[Item]


def pushes(sessions: Iterable[UUID], delivered: Collection[str]) -> list[Push]:
    """What there is to push, but for the requests whose results were delivered already."""
    rows = (
        GatewayRequest.objects.filter(_OVER, session__in=list(sessions))
        .exclude(pk__in=list(delivered))
        .annotate(nth=Window(RowNumber(), partition_by=[F("session"), F("workspace")], order_by="pk"))
        .filter(nth__lte=MAX_PUSHES)
        .select_related("render")
        .order_by("pk")
    )
    return each(rows, _push, "Telling a connection of a result")


def forget(request_ids: Collection[str]) -> None:
    """Their results have surely been delivered."""
    GatewayRequest.objects.filter(pk__in=list(request_ids)).update(session=None)


def dead_tokens(token_ids: Collection[str]) -> set[str]:
    """Those that have been revoked, have expired or are gone, or whose maker is."""
    tokens = ApiToken.objects.select_related("made_by", "maker").filter(pk__in=list(token_ids))
    return set(token_ids) - {token.pk for token in tokens if is_live(token)}


def may_read(token: ApiToken) -> bool:
    try:
        demand_of_token(token, Action.VIEW)
    except NotAllowed:
        return False
    return True


def _push(row: GatewayRequest) -> Push:
    status = status_of(row)
    takes = [take for take in status.takes if take.phase == Phase.READY] if status else []
    assert row.session is not None  # noqa: S101 -- by it the row was found
    return Push(row.pk, row.session, row.workspace_id, [success(row, take) for take in takes])

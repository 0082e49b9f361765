"""Search for videos: the one question that the dashboard's list and the API's ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Exists, Func, IntegerField, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast
from django.db.models.lookups import GreaterThan

from avatarsite.db.compiled import Compiled
from avatarsite.workspaces.models import Workspace
from studio.models import Project, Render, RenderState, Tag
from studio.models.renders import ALIVE

MAX_WORDS = 8
# The states that the list of videos can be narrowed to.
STATE_FILTERS: dict[str, tuple[str, ...]] = {
    "running": ALIVE,
    "ready": (RenderState.READY,),
    "failed": (RenderState.FAILED,),
    "cancelled": (RenderState.CANCELLED,),
}


def find_videos(
    workspace: Workspace, *, state: str = "", project: Project | None = None, words: str = "", tag: str = ""
) -> QuerySet[Render]:
    """Newest first. ``state`` is a key of STATE_FILTERS or nothing; ``words`` are looked for by ``matching``."""
    found = Render.objects.for_workspace(workspace).select_related("portrait", "project", "hold").order_by("-id")
    if state in STATE_FILTERS:
        found = found.filter(state__in=STATE_FILTERS[state])
    if project:
        found = found.filter(project=project)
    return found.filter(matching(words), with_tag(tag) if tag else Q())


# What a card of a video shows.
CARD = (
    "id", "workspace_id", "title", "model", "state", "cancel_requested_at", "created_at", "measured_ms", "video",
    "poster", "withheld_at", "portrait_id",
)  # fmt: skip
CARD_OF_PORTRAIT = ("id", "file", "details")


def for_cards(found: QuerySet[Render]) -> QuerySet[Render]:
    """As found, with no more than what cards show: all that hangs on a video takes longer to read than to draw."""
    portraits = (f"portrait__{column}" for column in CARD_OF_PORTRAIT)
    return found.select_related(None).select_related("portrait").only(*CARD, *portraits)


def newest_cards(workspace: Workspace, most: int) -> list[Render]:
    """The newest of its videos, with what their cards show: what its people come to see most often."""
    return list(_newest(most)(workspace=workspace.pk))


def cards(workspace: Workspace, ids: Sequence[str]) -> list[Render]:
    """The videos of these ids, newest first, with what their cards show."""
    asked = {f"id{at}": pk for at, pk in enumerate(ids)}
    return list(_cards(len(ids))(workspace=workspace.pk, **asked)) if asked else []


@lru_cache(maxsize=10)
def _newest(most: int) -> Compiled[Render]:
    def found(workspace: str) -> QuerySet[Render]:
        return Render.objects.for_workspace(Workspace(pk=workspace)).order_by("-id")[:most]

    return Compiled(Render, found, columns=CARD, joined={"portrait": CARD_OF_PORTRAIT})


@lru_cache(maxsize=100)
def _cards(_count: int) -> Compiled[Render]:
    """A page asks again and again for those that are being made, so the query is compiled once for each number."""

    def found(workspace: str, **ids: str) -> QuerySet[Render]:
        return Render.objects.for_workspace(Workspace(pk=workspace)).filter(pk__in=list(ids.values())).order_by("-id")

    return Compiled(Render, found, columns=CARD, joined={"portrait": CARD_OF_PORTRAIT})


# What a program asks for, and what of a render it is.
COLUMNS = {
    "state": "state",
    "project": "project_id",
    "group": "group_id",
    "reference": "reference",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
    "cursor": "id__lt",
}


def wanted(asked: Mapping[str, Any]) -> Q:
    """Of renders: those that fit all that is ``asked``, by COLUMNS, ``q`` (words), ``tag`` and ``metadata``."""
    found = Q(**{column: asked[name] for name, column in COLUMNS.items() if name in asked})
    found &= matching(asked.get("q", ""))
    if "tag" in asked:
        found &= with_tag(asked["tag"])
    for name, value in asked.get("metadata", {}).items():
        found &= _noted(name, value)
    return found


def _noted(name: str, value: str) -> Q:
    """That the metadata has just this entry."""
    if connection.vendor == "postgresql":
        return Q(metadata__contains={name: value})
    # SQLite keeps the text that was written, and quotes within a name or a value are escaped there.
    at = Func(
        Cast("metadata", TextField()),
        Value(json.dumps({name: value})[1:-1]),
        function="INSTR",
        output_field=IntegerField(),
    )
    return Q(GreaterThan(at, 0))


def matching(words: str) -> Q:
    """Of renders: every word has to be in the title, the voice's script, the prompt, reference, metadata or a tag."""
    wanted = Q()
    for word in words.replace("\0", " ").split()[:MAX_WORDS]:
        tagged = Exists(Tag.objects.filter(renders=OuterRef("pk"), word__icontains=word))
        texts = Q(title__icontains=word) | Q(prompt__icontains=word) | Q(reference__icontains=word)
        # SQLite keeps what is not ASCII as JSON escapes it.
        notes = Q(metadata__icontains=word) | Q(metadata__icontains=json.dumps(word)[1:-1])
        wanted &= texts | notes | Q(voice__script__icontains=word) | Q(tagged)
    return wanted


def with_tag(word: str) -> Q:
    return Q(Exists(Tag.objects.filter(renders=OuterRef("pk"), word=word.casefold())))

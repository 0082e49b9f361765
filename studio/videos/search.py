"""Search for videos: the one question that the dashboard's list and the API's ask."""

from __future__ import annotations

import json

from django.db.models import Exists, OuterRef, Q, QuerySet

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

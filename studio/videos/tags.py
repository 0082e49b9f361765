"""Tags of videos: words that a workspace shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet

from avatarsite.db.compiled import Compiled
from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.models import Render, Tag
from studio.models.tags import WORD_LENGTH

MAX_TAGS = 20
MAX_LISTED = 40  # that a page lists


def tidy(words: Iterable[str]) -> list[str]:
    """The words as they are kept: in lower case, each once, in order. Raises RequestRefused."""
    kept = sorted({" ".join(word.casefold().split()) for word in words} - {""})
    for word in kept:
        if len(word) > WORD_LENGTH or "\0" in word or "," in word:
            found = f"The tag {word[:WORD_LENGTH]!r} is longer than {WORD_LENGTH} characters or has a comma in it."
            raise RequestRefused("tags", "bad_tag", found, "Shorten it.")
    _check_number(len(kept))
    return kept


def set_tags(render: Render, words: Iterable[str]) -> list[str]:
    """Give a video exactly these tags; returns them as kept. Raises RequestRefused."""
    kept = tidy(words)
    with transaction.atomic():
        render.tags.set(_rows(render.workspace, kept))
        _forget_unused(render.workspace)
    return kept


def add_tags(workspace: Workspace, renders: Sequence[Render], words: Iterable[str]) -> None:
    """Give all of these videos these tags besides their own. Raises RequestRefused; then none has got any."""
    kept = tidy(words)
    with transaction.atomic():
        tags = _rows(workspace, kept)
        for render in renders:
            render.tags.add(*tags)
            _check_number(render.tags.count())


def remove_tags(workspace: Workspace, renders: Sequence[Render], words: Iterable[str]) -> None:
    gone = Tag.objects.for_workspace(workspace).filter(word__in=tidy(words))
    with transaction.atomic():
        Render.tags.through.objects.filter(render__in=renders, tag__in=gone).delete()
        _forget_unused(workspace)


def _seen(workspace: str) -> QuerySet[Tag]:
    seen = Count("renders", filter=Q(renders__purge_at=None))
    found = Tag.objects.filter(workspace=workspace).annotate(videos=seen).filter(videos__gt=0)
    return found.order_by("word")[:MAX_LISTED]


_listed = Compiled(Tag, _seen, more={"videos": F("videos")})


def tags_in(workspace: Workspace) -> list[Tag]:
    """The first words that its videos have, in order, each with ``videos``, their number."""
    return list(_listed(workspace=workspace.pk))


def _rows(workspace: Workspace, words: Sequence[str]) -> list[Tag]:
    Tag.objects.bulk_create([Tag(workspace=workspace, word=word) for word in words], ignore_conflicts=True)
    return list(Tag.objects.for_workspace(workspace).filter(word__in=words))


def _forget_unused(workspace: Workspace) -> None:
    Tag.objects.for_workspace(workspace).filter(renders=None).delete()


def _check_number(count: int) -> None:
    if count > MAX_TAGS:
        found = f"A video has at most {MAX_TAGS} tags; this would be {count}."
        raise RequestRefused("tags", "too_many_tags", found, "Leave some out.")

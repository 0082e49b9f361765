"""One search over everything: an identifier leads to its page, a name to a list by kind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest

from avatarsite import desk
from avatarsite.admin.acts import row_url

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

MAX_QUERY = 200
MAX_HITS = 20  # of one kind


@dataclass(frozen=True, slots=True)
class Hit:
    title: str
    link: str
    owner: str


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    hits: list[Hit]
    more: bool


def look_up(site: AdminSite, request: HttpRequest, query: str) -> list[Kind]:
    """What this person may see of what is meant."""
    query = query.strip().replace("\0", "")[:MAX_QUERY]
    if not query:
        return []
    shaped = [finder for finder in desk.finders if finder.shape and finder.shape.fullmatch(query)]
    for finder in shaped:
        if found := _asked(site, request, finder, query):
            return [found]
    named = [finder for finder in desk.finders if not finder.shape]
    return [found for finder in named if (found := _asked(site, request, finder, query))]


def identified(site: AdminSite, request: HttpRequest, word: str) -> list[Hit]:
    """What an identifier names; nothing for what is none."""
    shaped = [finder for finder in desk.finders if finder.shape and finder.shape.fullmatch(word)]
    kinds = [found for finder in shaped if (found := _asked(site, request, finder, word))]
    return [hit for kind in kinds for hit in kind.hits]


def _asked(site: AdminSite, request: HttpRequest, finder: desk.Finder, query: str) -> Kind | None:
    model = apps.get_model(finder.model)
    if not site.get_model_admin(model).has_view_permission(request):
        return None
    rows = list(islice(finder.find(query), MAX_HITS + 1))
    name = str(model._meta.verbose_name_plural)  # noqa: SLF001 -- as Django's own tags
    return Kind(name, [_hit(row) for row in rows[:MAX_HITS]], len(rows) > MAX_HITS) if rows else None


def _hit(row: Model) -> Hit:
    told = [tell(row) for tell in desk.hints.get(row._meta.label, ())]  # noqa: SLF001 -- as Django's own tags
    owner = str(getattr(row, "workspace", ""))
    return Hit(str(row), row_url(row), ", ".join(filter(None, [owner, *told])))

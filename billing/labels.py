"""Labels and addresses of what billing knows only as a string: ``render:rnd_…``, ``project:prj_…``, ``member:12``.

Whoever owns the things registers how they are called; a page asks once for all that it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from avatarsite.workspaces.models import ApiToken, Member, User, Workspace
from avatarsite.workspaces.tokens import live_tokens


@dataclass(frozen=True, slots=True)
class Named:
    """What a thing is called on a page, and where it is shown, when it's shown anywhere."""

    label: str
    url: str = ""


# What can have a budget of its own, in words.
KINDS = {"project": "project", "member": "member", "token": "API token"}

Namer = Callable[[Workspace, Collection[str]], Mapping[str, Named]]
_namers: dict[str, Namer] = {}


def register_names(kind: str, namer: Namer) -> None:
    """Let ``namer`` name the things written ``kind:id``: it gets ids, and leaves out those that it doesn't know."""
    _namers[kind] = namer


def names_of(workspace: Workspace, texts: Iterable[str]) -> dict[str, Named]:
    """The names of those that are known, by the whole text; one call for each kind."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        kind, _, name = text.partition(":")
        if name and kind in _namers:
            wanted[kind].add(name)
    found = {kind: _namers[kind](workspace, names) for kind, names in wanted.items()}
    return {f"{kind}:{name}": named for kind, each in found.items() for name, named in each.items()}


def people(_workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    """Whoever has asked for something in the workspace, also when they have left it since."""
    known = User.objects.filter(pk__in=[name for name in ids if name.isdecimal()])
    return {str(user.pk): Named(user.get_full_name()) for user in known}


def in_words(scope: str, label: str) -> str:
    """``this workspace``, ``the project “Autumn”``, ``Emil Example``: whose budget it is, within a sentence."""
    kind = scope.partition(":")[0]
    if kind == "workspace":
        return "this workspace"
    return label if kind == "member" else f"the {KINDS[kind]} “{label}”"


def name_of(workspace: Workspace, scope: str) -> str:
    """As ``in_words``, looking up what the scope is called."""
    named = names_of(workspace, [scope]).get(scope)
    return in_words(scope, named.label if named else scope.partition(":")[2])


# --- What there is to choose from -------------------------------------------------------------------------------------

Lister = Callable[[Workspace], Mapping[str, Named]]
_listers: dict[str, Lister] = {}


def register_list(kind: str, lister: Lister) -> None:
    """Let ``lister`` give the things of a kind that a budget can be set for now, by id, in the order to show them."""
    _listers[kind] = lister


def list_of(workspace: Workspace, kind: str) -> dict[str, Named]:
    """As ``kind:id``; nothing for a kind that nobody has registered."""
    return {f"{kind}:{name}": named for name, named in _listers[kind](workspace).items()} if kind in _listers else {}


def is_known(workspace: Workspace, scope: str) -> bool:
    """Whether there is such a thing in the workspace, also when nothing can be set for it any more."""
    if scope == "workspace":
        return True
    kind, _, name = scope.partition(":")
    if kind not in KINDS or not 0 < len(name) <= 40:
        return False
    if kind == "member":
        return scope in list_of(workspace, kind)
    return scope in list_of(workspace, kind) or scope in names_of(workspace, [scope])


def members(workspace: Workspace) -> dict[str, Named]:
    found = Member.objects.filter(workspace=workspace).select_related("user").order_by("created_at")
    return {str(member.user_id): Named(member.user.get_full_name()) for member in found}


def tokens(workspace: Workspace, ids: Collection[str]) -> dict[str, Named]:
    """Tokens go by their lineage, so that a rotated one stays the same; the newest says how it's called."""
    known = ApiToken.objects.filter(workspace=workspace, lineage__in=ids).order_by("pk")
    return {lineage: Named(name) for lineage, name in known.values_list("lineage", "name")}


def paying_tokens(workspace: Workspace) -> dict[str, Named]:
    """Those that work and move money."""
    live = live_tokens(workspace).filter(test=False).order_by("pk")
    return {lineage: Named(name) for lineage, name in live.values_list("lineage", "name")}

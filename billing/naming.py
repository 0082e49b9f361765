"""Names and addresses of what billing knows only as a string: ``render:rnd_…``, ``project:prj_…``, ``member:12``.

Whoever owns the things registers how they are called; a page asks once for all that it shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from avatarsite.workspaces.models import User, Workspace


@dataclass(frozen=True, slots=True)
class Named:
    """What a thing is called on a page, and where it is shown, when it's shown anywhere."""

    label: str
    url: str = ""


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

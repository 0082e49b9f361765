"""A customer's page in the admin site: panels and acts, each said by the app whose it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from avatarsite.workspaces.models import Workspace

Context = Callable[[Workspace], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Panel:
    """``template`` shows what ``context`` finds, to those who have the ``permission``."""

    place: int
    title: str
    permission: str
    template: str
    context: Context


@dataclass(frozen=True, slots=True)
class CustomerAct:
    """A button: ``url`` leads to its page, "" where the act makes no sense for this customer."""

    place: int
    label: str
    permission: str
    url: Callable[[Workspace], str] = field(repr=False)


_panels: list[Panel] = []
_acts: list[CustomerAct] = []


def add_panel(panel: Panel) -> None:
    _panels.append(panel)


def add_act(act: CustomerAct) -> None:
    _acts.append(act)


def panels_for(request: HttpRequest, workspace: Workspace) -> list[tuple[str, SafeString]]:
    """Each panel that this person may see: its title, and its content."""
    user = request.user
    seen = [panel for panel in sorted(_panels, key=lambda one: one.place) if user.has_perm(panel.permission)]
    return [(panel.title, _content(panel, request, workspace)) for panel in seen]


def _content(panel: Panel, request: HttpRequest, workspace: Workspace) -> SafeString:
    context = {"workspace": workspace, "perms_of": request.user, **panel.context(workspace)}
    return render_to_string(panel.template, context, request=request)


def acts_for(request: HttpRequest, workspace: Workspace) -> list[dict[str, str]]:
    """The buttons that this person may press."""
    mine = [act for act in sorted(_acts, key=lambda one: one.place) if request.user.has_perm(act.permission)]
    found = [{"label": act.label, "url": act.url(workspace)} for act in mine]
    return [act for act in found if act["url"]]

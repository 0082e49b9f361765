"""First page of the admin site: what waits for a person, then how the service stands."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import slugify

from avatarsite import desk

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShownCard:
    title: str
    link: str
    waiting: desk.Waiting


@dataclass(frozen=True, slots=True)
class ShownPanel:
    title: str
    template: str
    asked: Any


@dataclass(frozen=True, slots=True)
class FirstPage:
    cards: list[ShownCard]
    panels: list[ShownPanel]
    silent: list[str]  # parts that could not be asked: never shown as if all were well


def first_page(site: AdminSite, request: HttpRequest) -> FirstPage:
    shown = FirstPage([], [], [])
    for card in desk.cards:
        if _may_see(site, request, card.model) and (waiting := _asked(card, shown)) and waiting.count:
            shown.cards.append(ShownCard(card.title, _link(card), waiting))
    for panel in desk.panels:
        if _may_see(site, request, panel.model) and (asked := _asked(panel, shown)) is not None:
            shown.panels.append(ShownPanel(panel.title, panel.template, asked))
    return shown


def _link(card: desk.Card) -> str:
    if card.query.startswith("#"):
        return f"#{slugify(card.query)}"
    opts = apps.get_model(card.model)._meta  # noqa: SLF001 -- as Django's own tags
    return f"{reverse(admin_urlname(opts, SafeString('changelist')))}?{card.query}"


def _asked(part: desk.Card | desk.Panel, shown: FirstPage) -> Any:
    try:
        return part.ask()
    except Exception:
        logger.exception("%s could not be asked for the first page", part.title)
        shown.silent.append(part.title)
        return None


def _may_see(site: AdminSite, request: HttpRequest, model: str) -> bool:
    return site.get_model_admin(apps.get_model(model)).has_view_permission(request)

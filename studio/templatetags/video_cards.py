"""Card of a video. A page asks for its news every few seconds, so each is drawn once and kept while it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from studio.models import Render
from studio.templatetags.dashboard import clock, drafted, state_badge, when
from studio.templatetags.private_files import signed, thumbnail

register = template.Library()

MAX_KEPT = 5_000  # some two kilobytes each


@dataclass(frozen=True, slots=True)
class Card:
    """All that a card shows: another card is drawn as soon as anything of it is different."""

    workspace: str
    render: str
    title: str
    picture: str
    is_still: bool
    plays: bool
    drafted: bool
    length: str
    badge: SafeString
    asked: SafeString | str
    in_place: bool  # put by htmx where the last one stands


@register.simple_tag(takes_context=True)
def video_card(context: template.Context, render: Render, *, oob: bool = False) -> SafeString:
    still = render.still
    return _drawn(
        Card(
            workspace=context["workspace"].slug,
            render=render.pk,
            title=render.title,
            picture=signed(still) if still else thumbnail(render.portrait),
            is_still=bool(still),
            plays=render.given_out,
            drafted=drafted(render),
            length=clock(render.measured_ms) if render.measured_ms else "",
            badge=state_badge(render),
            asked=when(render.created_at),
            in_place=oob,
        )
    )


@lru_cache(MAX_KEPT)
def _drawn(card: Card) -> SafeString:
    return render_to_string("studio/partials/video_card.html", {"card": card})

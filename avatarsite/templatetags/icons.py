"""Icons. A page has dozens of a few, so each is drawn once in a process and then only put in."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()

MAX_KEPT = 500


@register.simple_tag
def icon(name: str, *, small: object = False, spin: object = False) -> SafeString:
    """The icon of this name as an SVG."""
    return _drawn(name, small=bool(small), spin=bool(spin))


@lru_cache(MAX_KEPT)
def _drawn(name: str, *, small: bool, spin: bool) -> SafeString:
    return render_to_string("components/icon.html", {"name": name, "small": small, "spin": spin})

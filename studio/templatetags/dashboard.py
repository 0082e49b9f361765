"""What templates of the dashboard need and HTML alone can't say."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()

# A page lights up the rail's entry that it belongs to.
BELONGS_TO = {"video": "videos", "project": "projects"}


@register.inclusion_tag("components/rail_link.html", takes_context=True)
def rail_link(context: template.Context, name: str, label: str, icon: str) -> dict[str, Any]:
    """One entry of the rail, or nothing where the page doesn't exist or there is no workspace."""
    workspace = context.get("workspace")
    match = getattr(context.get("request"), "resolver_match", None)
    here = match.url_name if match else ""
    try:
        href = reverse(name, kwargs={"workspace": workspace.slug}) if workspace else ""
    except NoReverseMatch:
        href = ""
    return {"href": href, "label": label, "icon": icon, "current": BELONGS_TO.get(here, here) == name}

"""Links to private files."""

from __future__ import annotations

from django import template
from django.db.models.fields.files import FieldFile

from studio.storage import signed_link

register = template.Library()


@register.filter
def signed(file: FieldFile | str | None) -> str:
    """A link to a private file that lasts some hours; nothing for no file."""
    name = file.name if isinstance(file, FieldFile) else file
    return signed_link(name) if name else ""

"""Links to private files."""

from __future__ import annotations

from django import template
from django.db.models.fields.files import FieldFile

from studio.models import Upload
from studio.storage.local import signed_link
from studio.uploads.thumbnails import thumbnail_name

register = template.Library()


@register.filter
def thumbnail(portrait: Upload) -> str:
    """A link to the small picture of a portrait, for lists."""
    return signed_link(thumbnail_name(portrait))


@register.filter
def signed(file: FieldFile | str | None) -> str:
    """A link to a private file that lasts some hours; nothing for no file."""
    name = file.name if isinstance(file, FieldFile) else file
    return signed_link(name) if name else ""

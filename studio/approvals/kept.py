"""Requests as they are kept until somebody decides, and made whole again then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

from django.apps import apps
from django.db.models import Model

from studio.errors import RequestRefused
from studio.models import Approval
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import spoken_of
from studio.speech.plan import SpeechWish

GIVEN_AGAIN = frozenset({"workspace", "token", "approved", "max_amount_micros", "spoken"})


@cache
def _kind(name: str) -> Any:
    """What writes and reads a field, by its type."""
    from pydantic import TypeAdapter  # noqa: PLC0415 -- few processes ever ask

    return TypeAdapter(get_type_hints(RenderRequest)[name])


def written(request: RenderRequest) -> dict[str, Any]:
    """Rows by their ids, a script by its words, and the rest as JSON has it."""
    kept: dict[str, Any] = {"rows": {}, "plain": {}}
    if spoken := request.spoken:
        kept["words"] = {"script": spoken.wish.script, "voice": spoken.wish.voice, "pace": spoken.wish.pace}
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name in GIVEN_AGAIN or value is None or (spoken and field.name == "voice"):
            continue
        if isinstance(value, Model):
            kept["rows"][field.name] = [value._meta.label, value.pk]  # noqa: SLF001 -- Django's own API
        else:
            kept["plain"][field.name] = _kind(field.name).dump_python(value, mode="json")
    return kept


def read(approval: Approval, kept: Mapping[str, Any]) -> RenderRequest:
    """The request, approved, for at most what the person has read. Raises RequestRefused where something has gone."""
    rows = {name: _row(approval, name, *named) for name, named in kept["rows"].items()}
    plain = {name: _kind(name).validate_python(value) for name, value in kept["plain"].items()}
    if words := kept.get("words"):
        wish = SpeechWish(approval.workspace, user=approval.asked_for, token=approval.token, **words)
        rows["spoken"], rows["voice"] = spoken_of(wish)
    return RenderRequest(
        workspace=approval.workspace,
        token=approval.token,
        approved=True,
        max_amount_micros=None if approval.is_batch else approval.ceiling_micros,
        **rows,
        **plain,
    )


def _row(approval: Approval, name: str, label: str, pk: str) -> Any:
    found = apps.get_model(label).objects.filter(workspace=approval.workspace, pk=pk).first()
    if found is None:
        raise RequestRefused(name, "no_such_upload", f"The {name} is not there any more.", "Decline it.")
    return found

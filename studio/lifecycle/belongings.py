"""Belongings of a workspace: every model with rows of it, found by its relations, and how each is exported.

A model that somebody adds tomorrow is found, too: it is exported and deleted unless it is named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import QuerySet

from avatarsite.workspaces.models import Workspace

# Where several relations lead to a workspace, the one that says whose the row is.
PATHS = {"billing.Transfer": "owner__workspace", "billing.HoldLot": "hold__account__workspace"}
# What a workspace's people may not see of their own rows.
NARROWED: Mapping[str, Mapping[str, Any]] = {"audit.AuditEntry": {"shown": True}}
NOT_EXPORTED = {
    "api.IdempotencyRecord": "answers that are kept for a day, so that a repeat does nothing twice",
    "misuse.MisuseReport": "what others have reported, with their addresses",
    "outbox.RequestSigning": "a secret, and nothing else",
    "staff.StaffNote": "notes of the people who run the service",
    "studio.ProviderJob": "our dealings with the providers; what came of them is with each video",
}
# Columns that are left out of an export: secrets by their names, and what concerns us alone.
SECRET = re.compile(r"secret|password|(^|_)hash$|handle|session")
NO_SECRET = frozenset({"billing.Transfer.owner_hash"})
OURS = frozenset(
    {
        "billing.Usage.cost_micros",
        "billing.Usage.reported_cost_micros",
        "mail.MailMessage.text",
        "studio.SpeechPart.result_url",
    }
)


@dataclass(frozen=True, slots=True)
class Belonging:
    """A model, and the lookup that leads from its rows to their workspace."""

    model: type[models.Model]
    path: str

    @property
    def label(self) -> str:
        return str(self.model._meta.label)  # noqa: SLF001 -- documented by Django

    def rows_of(self, workspace: Workspace) -> QuerySet[Any]:
        return self.model._base_manager.filter(**{self.path: workspace})  # noqa: SLF001 -- as above

    def exported_of(self, workspace: Workspace) -> QuerySet[Any]:
        """The rows that its people may have, oldest first."""
        return self.rows_of(workspace).filter(**NARROWED.get(self.label, {})).order_by("pk")

    def columns(self) -> list[str]:
        return [field.attname for field in self.model._meta.concrete_fields if self._may_be_seen(field)]  # noqa: SLF001

    def _may_be_seen(self, field: models.Field[Any, Any]) -> bool:
        name = f"{self.label}.{field.name}"
        return name in NO_SECRET or (name not in OURS and not SECRET.search(field.name))


@cache
def belongings() -> tuple[Belonging, ...]:
    """Of every model whose rows lead to a workspace, by as few relations as can be; in the order of the labels."""
    paths: dict[type[models.Model], str] = {}
    there = [each for each in apps.get_models(include_auto_created=True) if not each._meta.proxy]  # noqa: SLF001
    while new := {model: path for model in there if model not in paths and (path := _path_of(model, paths))}:
        paths |= new
    named = {model: PATHS.get(model._meta.label, path) for model, path in paths.items()}  # noqa: SLF001
    return tuple(sorted((Belonging(*each) for each in named.items()), key=lambda each: each.label))


def exported() -> Iterator[Belonging]:
    return (each for each in belongings() if each.label not in NOT_EXPORTED)


def _path_of(model: type[models.Model], known: Mapping[type[models.Model], str]) -> str:
    """What always leads there before what may be empty."""
    found = sorted(
        (field.null, field.name, known.get(field.related_model, ""))
        for field in model._meta.concrete_fields  # noqa: SLF001 -- documented by Django
        if isinstance(field, models.ForeignKey) and field.related_model in {Workspace, *known}
    )
    direct = [name for _, name, path in found if not path]
    if direct:
        return direct[0]
    return f"{found[0][1]}__{found[0][2]}" if found else ""

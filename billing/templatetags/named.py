from __future__ import annotations

from collections.abc import Mapping

from django import template

from billing.labels import Named
from billing.statements.statements import StatementLine

register = template.Library()


@register.simple_tag
def named(names: Mapping[str, Named], text: str) -> Named | None:
    """``{% named names line.subject as cause %}``: what ``names_of`` has found for a text, if anything."""
    return names.get(text)


@register.filter
def parties(line: StatementLine) -> list[str]:
    """For whom a line is, as ``project:…``, ``member:…`` and ``token:…``."""
    parties = (("project", line.project), ("member", line.member), ("token", line.token))
    return [f"{kind}:{name}" for kind, name in parties if name]

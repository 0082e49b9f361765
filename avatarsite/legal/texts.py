"""Wording of the legal pages: the newest that was published, or the draft that came with the code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from markdown_it import MarkdownIt

from avatarsite.legal.models import LegalText, Page

DRAFTS = Path(__file__).with_name("drafts")
# Neither HTML nor pictures of the writer's: what stands there is text.
_markdown = MarkdownIt("commonmark", {"html": False}).disable("image")


@dataclass(frozen=True, slots=True)
class Wording:
    """What a page says. ``row`` is None for a draft."""

    page: Page
    body: str
    row: LegalText | None

    @property
    def html(self) -> str:
        return str(_markdown.render(self.body))

    @property
    def digest(self) -> str:
        return sha256(self.body.encode()).hexdigest()


def wording_of(page: Page) -> Wording:
    row = LegalText.objects.filter(page=page).order_by("-id").first()
    return Wording(page, row.body if row else draft_of(page), row)


@cache
def draft_of(page: Page) -> str:
    return (DRAFTS / f"{page}.md").read_text()

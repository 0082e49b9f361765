"""Pronunciations of a workspace: how its words are said, in every script."""

from __future__ import annotations

from django.db.models import QuerySet

from avatarsite.workspaces.models import Workspace
from studio.errors import RequestRefused
from studio.models import Pronunciation

MAX_WORDS = 500
MAX_WORD, MAX_SAID = 80, 200


def pronunciations_of(workspace: Workspace) -> QuerySet[Pronunciation]:
    return Pronunciation.objects.for_workspace(workspace).order_by("word")


def pronounce(workspace: Workspace, word: str, said: str) -> Pronunciation:
    """Say ``word`` as ``said`` from now on; the last one counts. Raises RequestRefused."""
    word, said = " ".join(word.split()), " ".join(said.split())
    for field, text, most in (("word", word, MAX_WORD), ("said", said, MAX_SAID)):
        if not any(character.isalnum() for character in text):
            raise RequestRefused(field, "bad_pronunciation", f"The {field} has no letter and no digit.", "Write words.")
        if len(text) > most or "\0" in text:
            found = f"The {field} has {len(text)} characters; the limit is {most}."
            raise RequestRefused(field, "bad_pronunciation", found, "Shorten it.")
    known = pronunciations_of(workspace).filter(word__iexact=word).first()
    if known is None and pronunciations_of(workspace).count() >= MAX_WORDS:
        found = f"The list has {MAX_WORDS} words, which is as many as it may."
        raise RequestRefused("word", "too_many_pronunciations", found, "Delete some first.")
    if known is None:
        return Pronunciation.objects.create(workspace=workspace, word=word, said=said)
    known.word, known.said = word, said
    known.save(update_fields=["word", "said"])
    return known

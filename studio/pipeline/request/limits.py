"""Limits of drafts: how many may wait, and how many seconds of video are free a day, of a workspace and of a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.utils import timezone

from avatarsite.errors import DomainError
from avatarsite.workspaces.models import ApiToken, Workspace
from studio.models import ProviderJob, Render, RenderState
from studio.pipeline.long.plan import Plan
from studio.pipeline.request.quote import Quote
from studio.providers import registry

DRAFTS = f"{registry.offer(registry.TEST_OFFER).provider}:"
DRAFT_SECONDS = 5  # what one takes, about: for saying when there is room again
MAX_WAIT = 3_600


class DraftsLimited(DomainError):
    """More drafts than may wait, or more free video than a day has; ``retry_after`` says when there is some again."""


@dataclass(frozen=True, slots=True)
class Party:
    """Whose limit it is: ``word`` is its name in the settings, ``whose`` its name in a sentence."""

    word: str
    whose: str
    rows: Q


def admit(workspace: Workspace, token: ApiToken | None, quotes: Sequence[Quote]) -> None:
    """Let drafts in, within the transaction that writes them. Raises DraftsLimited.

    Others who ask for drafts of this workspace wait for its commit: else each would count without the other.
    """
    waiting, free = any(settings.DRAFTS_WAITING.values()), any(settings.FREE_SECONDS_A_DAY.values())
    if any((waiting and _is_draft(quote)) or (free and _is_free(quote)) for quote in quotes):
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        check(workspace, token, quotes)


def check(workspace: Workspace, token: ApiToken | None, quotes: Sequence[Quote]) -> None:
    """Whether drafts could be let in now. ``quotes`` has one for each video. Raises DraftsLimited."""
    quotes = [one for quote in quotes for one in _each(quote)]
    drafts = sum(map(_is_draft, quotes))
    free_ms = sum(quote.ceiling_ms for quote in quotes if _is_free(quote))
    whole = Party("workspace", "this workspace", Q(workspace=workspace))
    parties = [Party("token", "this token", Q(token=token)), whole] if token else [whole]
    if drafts:
        _check_waiting(workspace, parties, drafts)
    if free_ms:
        _check_free(workspace, parties, free_ms)


def _each(quote: Quote) -> list[Quote]:
    """Of a long video each part that is to be made waits for itself."""
    return [part.quote for part in quote.missing] if isinstance(quote, Plan) else [quote]


def _is_draft(quote: Quote) -> bool:
    return quote.chosen is not None and quote.chosen.offer.startswith(DRAFTS)


def _is_free(quote: Quote) -> bool:
    return quote.chosen is not None and quote.ceiling_micros == 0


def _check_waiting(workspace: Workspace, parties: Sequence[Party], drafts: int) -> None:
    waiting = (RenderState.QUEUED, RenderState.SUBMITTING)
    # That something is to be tried is what lets SQLite use the index of those that live.
    rows = Render.objects.with_parts(workspace).filter(
        next_try_at__isnull=False, state__in=waiting, offer__startswith=DRAFTS
    )
    found = rows.aggregate(**{party.word: Count("pk", filter=party.rows) for party in parties})
    for party in parties:
        most = settings.DRAFTS_WAITING[party.word]
        if most and found[party.word] + drafts > most:
            raise _too_many(party, most, found[party.word], drafts)


def _too_many(party: Party, most: int, waiting: int, drafts: int) -> DraftsLimited:
    wait = min(max(waiting + drafts - most, 1) * DRAFT_SECONDS, MAX_WAIT)
    room = "1 draft" if most == 1 else f"{most:,} drafts"
    told = f"At most {room} of {party.whose} may wait; with {waiting:,} waiting now, this asks for {drafts:,} more."
    remedy = f"Ask for at most {most:,} at once." if drafts > most else f"Ask again in {wait:,} s."
    return DraftsLimited("drafts_waiting", told, remedy=remedy, retry_after=wait)


def _check_free(workspace: Workspace, parties: Sequence[Party], free_ms: int) -> None:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    # What was taken back before it was begun has cost nobody anything.
    begun = ~Q(state=RenderState.CANCELLED) | Exists(ProviderJob.objects.filter(render=OuterRef("pk")))
    rows = Render.objects.with_parts(workspace).single().filter(begun, ceiling_micros=0, created_at__gte=today)
    found = rows.aggregate(**{party.word: Sum("ceiling_ms", filter=party.rows, default=0) for party in parties})
    for party in parties:
        most = settings.FREE_SECONDS_A_DAY[party.word]
        if most and found[party.word] + free_ms > most * 1000:
            until = today + timedelta(days=1) - timezone.now()
            raise _used_up(party, most, found[party.word], free_ms, until)


def _used_up(party: Party, most: int, used_ms: int, free_ms: int, until: timedelta) -> DraftsLimited:
    left, minutes = max(most - used_ms / 1000, 0), int(until.total_seconds()) // 60 + 1
    told = (
        f"Free videos of {party.whose} have {most:,} seconds a day, of which {left:,.0f} are left, "
        f"and this needs {free_ms / 1000:,.0f}."
    )
    again = f"They come back at midnight UTC, in {minutes // 60} h {minutes % 60} min."
    remedy = f"Ask for at most {most:,} seconds at once." if free_ms > most * 1000 else again
    return DraftsLimited("free_seconds_used", told, remedy=remedy, retry_after=minutes * 60)

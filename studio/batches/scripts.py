"""Scripts of a table: each is spoken before its video is asked for, so that the video's price is of its very voice."""

from __future__ import annotations

from studio.batches.captions import check_captions
from studio.batches.check import plan_of, wish_of
from studio.errors import RequestRefused
from studio.models import BatchRow, BatchTable, RowState, SpeechState
from studio.pipeline.request.scopes import scopes_of
from studio.speech.speak import speak


def have_spoken(table: BatchTable, size: int) -> int:
    """Have some scripts spoken, and take what has been. How many rows came further. Raises what ``speak`` does.

    The same words again are the same speech, so a worker that dies between two rows has nothing spoken twice.
    """
    waiting = table.rows.filter(state=RowState.GOOD, by_script=True, voice=None)
    begun = list(waiting.exclude(speech=None).select_related("speech__upload").order_by("number"))
    ended = [row for row in begun if row.speech and row.speech.ended]
    for row in ended:
        _take(row)
    BatchRow.objects.bulk_update(ended, ["voice", "state", "errors"])
    new = list(waiting.filter(speech=None).order_by("number")[:size])
    return len(ended) + sum(_begin(table, row) for row in new)


def _take(row: BatchRow) -> None:
    assert row.speech is not None  # noqa: S101 -- the caller has looked
    if row.speech.state == SpeechState.READY and row.speech.upload is not None:
        row.voice = row.speech.upload
        check_captions(row)
        if row.errors:
            row.state = RowState.REFUSED
        return
    row.state, row.errors = RowState.REFUSED, [["script", row.speech.failure_message or "Its voice was deleted."]]


def _begin(table: BatchTable, row: BatchRow) -> bool:
    """False when so many wait to be spoken that this one has to wait as well."""
    plan = plan_of(table, row)
    try:
        if plan is not None:
            budgets = scopes_of(table.project, table.made_by)
            row.speech = speak(wish_of(table, row), budgets=budgets, plan=plan, max_micros=row.speech_micros)
    except RequestRefused as refusal:
        if refusal.code == "too_many_speeches":
            return False
        row.errors = [["script", str(refusal)]]
    if row.errors:
        row.state = RowState.REFUSED
    row.save(update_fields=["speech", "state", "errors"])
    return True

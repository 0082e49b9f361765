"""Checks of a table's rows: each gets its portrait, voice and price, or sentences that name a column and a remedy."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from avatarsite.errors import DomainError
from avatarsite.queue import jobs
from avatarsite.queue.due_rows import Kind
from billing.money import charge_micros
from studio.batches.captions import captions_of, check_captions
from studio.errors import RequestRefused
from studio.models import BatchRow, BatchTable, RowState, TableState, Upload, UploadKind
from studio.pipeline.long.sound import prepare, unheard
from studio.pipeline.request.batches import BatchRefused, Priced, price_batch
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.spoken import stand_in
from studio.pipeline.request.usual import usual_of
from studio.speech.plan import SpeechPlan, SpeechWish, plan_speech
from studio.uploads.fetch import fetch_upload, is_address
from studio.uploads.listening import BeingListenedTo

CHECK = "studio.check_table"
CHUNK = 50
ROUND_SECONDS = 40.0
LEASE = timedelta(minutes=5)
FETCH_SECONDS = 20.0
MAX_TRIES = 5
CHECKED_FIELDS = ("state", "errors", "likely_micros", "ceiling_micros", "speech_micros")
BROKEN = "Its rows could not be checked. Bring the table again, and tell us if that does not help."
# Columns by the names that refusals of the pipeline have for them.
COLUMN_OF = {"max_amount_micros": "model", "metadata": "reference", "routing": "model", "project": "model"}


@dataclass(slots=True)
class Shelf:
    """What a table's cells name: the library's uploads by id and by name, and what was fetched, by address."""

    table: BatchTable
    by_id: dict[str, Upload] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[Upload]] = field(default_factory=lambda: defaultdict(list))
    fetched: dict[tuple[str, str], Upload | str] = field(default_factory=dict)

    @classmethod
    def of(cls, table: BatchTable, rows: Iterable[BatchRow]) -> Shelf:
        shelf = cls(table)
        named = {row.cells.get(kind.value, "") for row in rows for kind in UploadKind} - {""}
        uploads = Upload.objects.for_workspace(table.workspace)
        for upload in uploads.filter(pk__in=named):
            shelf.by_id[upload.pk] = upload
        for upload in uploads.filter(name__in=named):
            shelf.by_name[upload.kind, upload.name].append(upload)
        return shelf

    def find(self, kind: UploadKind, text: str) -> Upload:
        """The upload that a cell means. Raises CellRefused. An address is fetched once for a whole chunk."""
        if is_address(text):
            return self._fetch(kind, text)
        known = self.by_id.get(text)
        if known is not None and known.kind == kind:
            return known
        if known is not None or self.by_name.get((_other(kind), text)):
            raise CellRefused(f"“{text[:80]}” is a {_other(kind)}. Name a {kind}.")
        match self.by_name.get((kind, text), []):
            case [only]:
                return only
            case []:
                raise CellRefused(f"There is no {kind} “{text[:80]}” in Uploads. Upload it first, or correct the name.")
            case several:
                raise CellRefused(
                    f"{len(several)} {kind}s are called “{text[:80]}”. Write the id of one, such as {several[0].pk}."
                )

    def _fetch(self, kind: UploadKind, url: str) -> Upload:
        if (kind, url) not in self.fetched:
            try:
                user = self.table.made_by
                found = fetch_upload(self.table.workspace, kind=kind, url=url, user=user, seconds=FETCH_SECONDS)
            except DomainError as refusal:
                self.fetched[kind, url] = str(refusal)
            else:
                self.fetched[kind, url] = found
        known = self.fetched[kind, url]
        if isinstance(known, str):
            raise CellRefused(known)
        return known


class CellRefused(Exception):
    """What is wrong with one cell, and what to do about it."""


def check_table(table_id: str) -> bool:
    """Check its rows for a while, if that is due. True once all are. Safe to repeat, and at once."""
    table = BatchTable.objects.select_related("workspace", "project", "made_by").filter(pk=table_id).first()
    if table is None or table.state != TableState.CHECKING or not table.claim(LEASE):
        return False
    if table.tries > MAX_TRIES:
        return table.finish(state=TableState.STOPPED, why=BROKEN)
    try:
        return check_for(table, ROUND_SECONDS)
    except OSError as error:
        if table.waits_out(error):
            return False
        raise


def check_for(table: BatchTable, seconds: float) -> bool:
    """Check rows of a table that the caller has claimed, for about so many seconds."""
    ends = time.monotonic() + seconds
    while rows := list(table.rows.filter(state=RowState.NEW).order_by("number")[:CHUNK]):
        wait = check_rows(table, rows)
        if wait:
            table.put_off(timedelta(seconds=wait.retry_after or 0), tries=0, why=wait.message)
            return False
        # Each chunk is done for good, so a row that kills its worker is known by the tries since.
        if not table.put_off(LEASE, tries=0, why=""):
            return False
        if time.monotonic() > ends:
            table.put_off(timedelta())
            jobs.enqueue(CHECK, table_id=table.pk)
            return False
    return table.finish(state=TableState.CHECKED, tries=0, why="")


def check_rows(table: BatchTable, rows: Sequence[BatchRow]) -> BeingListenedTo | None:
    """Write for each of these rows whether it can be made, and for how much. May go out to the network.

    Those whose voices are being listened to stay as they are; what is waited for longest is given.
    """
    shelf = Shelf.of(table, rows)
    for row in rows:
        _resolve(row, shelf)
        check_captions(row)
    waits = {row.number: wait for row in rows if not row.errors and (wait := _wait_for(row))}
    known = [row for row in rows if row.number not in waits]
    price_rows(table, known)
    BatchRow.objects.bulk_update(known, ["portrait", "voice", *CHECKED_FIELDS])
    return max(waits.values(), key=lambda wait: wait.retry_after or 0, default=None)


def _wait_for(row: BatchRow) -> BeingListenedTo | None:
    return unheard(row.voice, _model(row)) if row.voice else None


def prepare_rows(rows: Iterable[BatchRow]) -> None:
    """As ``prepare``, for the voices of rows. Raises BeingListenedTo."""
    prepare(*((row.voice, _model(row)) for row in rows if row.voice))


def price_rows(table: BatchTable, rows: Sequence[BatchRow]) -> None:
    """Price what has no error, and say of each whether it can be made; writes nothing."""
    plans = {row.number: plan for row in rows if row.by_script and not row.voice and (plan := plan_of(table, row))}
    good = [row for row in rows if not row.errors]
    priced: list[Priced] = []
    while good and not priced:
        requests = [_request(table, row, row.voice or stand_in(wish_of(table, row), plans[row.number])) for row in good]
        try:
            priced = price_batch(requests)
        except BatchRefused as refused:
            note_refusals(good, refused)
            good = [row for row in good if not row.errors]
    for row, one in zip(good, priced, strict=True):
        plan = plans.get(row.number)
        rate = one.quote.chosen.price_micros_per_second if one.quote.chosen else 0
        likely = charge_micros(plan.estimate.ms if plan else one.quote.voice_ms, rate)
        row.speech_micros = plan.ceiling_micros if plan else 0
        row.ceiling_micros = one.quote.ceiling_micros + row.speech_micros
        row.likely_micros = min(likely + row.speech_micros, row.ceiling_micros)
    for row in rows:
        row.state = RowState.BAD if row.errors else RowState.GOOD


def wish_of(table: BatchTable, row: BatchRow) -> SpeechWish:
    script, speaker = row.cells.get("script", ""), row.cells.get("speaker", "")
    return SpeechWish(table.workspace, script, voice=speaker, user=table.made_by)


def plan_of(table: BatchTable, row: BatchRow) -> SpeechPlan | None:
    """How its script would be spoken; without a plan the row has got the reason."""
    if row.errors:
        return None
    try:
        return plan_speech(wish_of(table, row))
    except RequestRefused as refusal:
        row.errors = [["speaker" if refusal.field == "voice" else "script", str(refusal)]]
        return None


def requests_of(table: BatchTable, rows: Iterable[BatchRow]) -> list[RenderRequest]:
    """Rows that have their portrait and voice as the pipeline takes them, each bound to the price that was shown."""
    return [
        replace(
            _request(table, row, row.voice),
            max_amount_micros=row.ceiling_micros - row.speech_micros,
            captions=captions_of(row, row.voice),
        )
        for row in rows
        if row.voice is not None
    ]


def note_refusals(rows: Sequence[BatchRow], refused: BatchRefused, state: RowState = RowState.BAD) -> None:
    """Write into the rows why the pipeline refused them."""
    for item in refused.items:
        column = COLUMN_OF.get(item.refusal.field, item.refusal.field)
        rows[item.index].errors = [[column, str(item.refusal)]]
        rows[item.index].state = state


def _request(table: BatchTable, row: BatchRow, voice: Upload) -> RenderRequest:
    assert row.portrait is not None  # noqa: S101 -- a row without one has an error
    usual = usual_of(table.workspace)
    return RenderRequest(
        workspace=table.workspace,
        project=table.project,
        portrait=row.portrait,
        voice=voice,
        model=_model(row),
        routing=usual.routing,
        fallback=usual.fallback,
        prompt=row.cells.get("prompt", ""),
        title=row.cells.get("title", ""),
        reference=row.cells.get("reference", ""),
    )


def _model(row: BatchRow) -> str:
    return row.cells.get("model") or "draft"


def _resolve(row: BatchRow, shelf: Shelf) -> None:
    found: dict[UploadKind, Upload] = {}
    for kind in UploadKind:
        text = row.cells.get(kind.value, "")
        told = any(column == kind.value for column, _ in row.errors)
        if not text or told:
            continue
        try:
            found[kind] = shelf.find(kind, text)
        except CellRefused as refusal:
            row.errors = [*row.errors, [kind.value, str(refusal)]]
    row.portrait, row.voice = found.get(UploadKind.PORTRAIT), found.get(UploadKind.VOICE)


def _other(kind: UploadKind) -> UploadKind:
    return UploadKind.VOICE if kind == UploadKind.PORTRAIT else UploadKind.PORTRAIT


KIND = Kind(
    "table_check",
    BatchTable.objects.filter(state=TableState.CHECKING).all,
    task=CHECK,
    argument="table_id",
    prompt=True,
)

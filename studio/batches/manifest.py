"""Manifest of a table: what has become of each row, as a table that a program or a spreadsheet reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from avatarsite.csv_files import csv_lines, text_cell
from billing.money import usd
from studio.models import BatchRow, BatchTable, RenderState, RowState
from studio.storage.filenames import download_name

FIELDS = (
    *("row", "state", "title", "reference", "model", "portrait", "voice"),
    *("video", "file", "seconds", "charge", "error", "created_at", "finished_at"),
)


def entries(table: BatchTable) -> Iterator[dict[str, Any]]:
    """A line for each row, in the order of the file."""
    rows = table.rows.select_related("render", "portrait", "voice").order_by("number")
    for row in rows.iterator(chunk_size=500):
        yield _entry(row)


def file_name(row: BatchRow) -> str:
    """Of its video, in the ZIP: in the order of the table, and telling."""
    assert row.render is not None  # noqa: S101 -- only a row with a video has a file
    ending = (row.render.video.name or "").rsplit(".", 1)[-1]
    return download_name(f"{row.number:04} {row.render.title}.{ending}")


def as_csv(table: BatchTable) -> Iterator[str]:
    yield "\ufeff"  # without it Excel takes it for another encoding
    yield from csv_lines(FIELDS, ([_plain(value) for value in entry.values()] for entry in entries(table)))


def as_json(table: BatchTable) -> Iterator[str]:
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    yield '{"table": ' + encode(table.name) + ', "rows": ['
    for number, entry in enumerate(entries(table)):
        yield (",\n" if number else "\n") + encode(entry)
    yield "\n]}\n"


def _entry(row: BatchRow) -> dict[str, Any]:
    render = row.render
    has_file = render is not None and render.state == RenderState.READY and render.given_out
    values = (
        row.number,
        render.state if render else {RowState.ASKED: "deleted"}.get(RowState(row.state), row.state),
        render.title if render else row.cells.get("title", ""),
        row.cells.get("reference", ""),
        row.cells.get("model") or "draft",
        row.portrait_id or row.cells.get("portrait", ""),
        row.voice_id or row.cells.get("voice", ""),
        render.pk if render else "",
        file_name(row) if has_file else "",
        render.measured_ms / 1000 if render and render.measured_ms else None,
        usd(render.paid_micros) if render and render.charge_micros is not None else "",
        _error(row),
        render.created_at if render else None,
        render.finished_at if render else None,
    )
    return dict(zip(FIELDS, values, strict=True))


def _error(row: BatchRow) -> str:
    if row.render is not None and row.render.state == RenderState.FAILED:
        return row.render.failure_message
    return " ".join(f"{column}: {sentence}" for column, sentence in row.errors)


def _plain(value: Any) -> str:
    return "" if value is None else text_cell(str(value))

"""Archive of a workspace: the pieces of one ZIP with its files, its rows, its books, and a manifest of them all.

Written while it is sent away: of the files a chunk at a time is in memory, of the rows some hundred.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC
from typing import IO, Any

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.utils import timezone
from zipstream import ZIP_DEFLATED, ZIP_STORED, ZipStream

from avatarsite.audit.export import audit_csv
from avatarsite.audit.models import AuditEntry
from avatarsite.csv_files import csv_lines, text_cell
from avatarsite.workspaces.models import Member, Workspace
from billing.models import TopUp
from billing.statements.csv_export import dollars_cell, statement_csv
from billing.statements.statements import Narrowing, span_of
from studio.lifecycle.belongings import NOT_EXPORTED, Belonging, exported
from studio.models import FileKind, FileState, Render, StoredFile
from studio.storage.serve import CHUNK_BYTES

FORMAT = 1
ROWS_AT_ONCE = 500
# Copies of what is there anyway, and what is on its way to be something.
NOT_TAKEN = (FileKind.EXPORT, FileKind.COPY, FileKind.SLOT, FileKind.PART)
VIDEO_COLUMNS = (
    *("id", "title", "state", "model", "project", "made_at_utc", "seconds", "charged_usd", "given_back_usd"),
    *("portrait", "voice", "video", "poster"),
)
TOP_UP_COLUMNS = ("id", "state", "made_at_utc", "paid_at_utc", "credit_usd", "total_with_tax_usd", "invoice", "payment")
README = """\
Everything that {name} has, as it was on {day}.

manifest.json   what is in here: the rows of each table, and each file with its size and SHA-256
files/          portraits, voices, videos, posters, captions and what else is stored, under the names that rows have
rows/           the rows of each table, one JSON object a line
videos.csv      your videos, with the files of each
money/          the statement to its first line, and what was paid
audit.csv       who did what

Keys of tokens, secrets of webhooks and passwords of links are kept as hashes or encrypted, and are not in here.
"""


class Archive:
    """``chunks`` are its bytes; once they have all been read, ``files`` and ``rows`` say how much is in it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._zip = ZipStream(compress_type=ZIP_STORED)  # pictures, sound and videos do not get smaller
        self.files = self.rows = 0

    def chunks(self) -> Iterator[bytes]:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as listing:
            tables: dict[str, Any] = {}
            yield from self._text("README.txt", [README.format(name=self._workspace, day=timezone.now().date())])
            for belonging in exported():
                yield from self._table(belonging, tables)
            yield from self._books()
            for stored in self._stored():
                yield from self._file(stored, listing)
            yield from self._text("manifest.json", self._manifest(tables, listing))
            yield from self._zip.finalize()

    def _text(self, name: str, pieces: Iterable[str]) -> Iterator[bytes]:
        self._zip.add((piece.encode() for piece in pieces), name, compress_type=ZIP_DEFLATED)
        yield from self._zip.all_files()

    def _table(self, belonging: Belonging, tables: dict[str, Any]) -> Iterator[bytes]:
        told: dict[str, Any] = {"rows": 0, "file": f"rows/{belonging.label.lower()}.jsonl"}
        tables[belonging.label] = told
        yield from self._text(told["file"], _lines(belonging, self._workspace, told))
        self.rows += told["rows"]

    def _books(self) -> Iterator[bytes]:
        whole = span_of(self._workspace, Narrowing())
        yield from self._text("money/statement.csv", statement_csv(self._workspace, whole))
        top_ups = TopUp.objects.filter(workspace=self._workspace).order_by("pk")
        yield from self._text("money/top-ups.csv", csv_lines(TOP_UP_COLUMNS, map(_top_up_row, _each(top_ups))))
        entries = AuditEntry.objects.filter(workspace=self._workspace, shown=True).order_by("pk")
        yield from self._text("audit.csv", audit_csv(entries))
        videos = Render.objects.with_binned(self._workspace).select_related("project").order_by("pk")
        yield from self._text("videos.csv", csv_lines(VIDEO_COLUMNS, (self._video_row(each) for each in _each(videos))))

    def _stored(self) -> Iterator[StoredFile]:
        kept = StoredFile.objects.for_workspace(self._workspace).filter(state=FileState.KEPT)
        return _each(kept.exclude(kind__in=NOT_TAKEN).order_by("pk"))

    def _file(self, stored: StoredFile, listing: IO[str]) -> Iterator[bytes]:
        try:
            file = default_storage.open(stored.pk, "rb")
        except OSError:
            return  # it has just been deleted
        digest, told = hashlib.sha256(), {"path": self._path_of(stored.pk), "name": stored.pk, "kind": stored.kind}
        with closing(file):
            size = yield from self._sized(file, told["path"], digest)
        entry = told | {"bytes": size, "sha256": digest.hexdigest()}
        listing.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.files += 1

    def _sized(self, file: Any, path: str, digest: Any) -> Any:
        read = 0

        def pieces() -> Iterator[bytes]:
            nonlocal read
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
                read += len(chunk)
                yield chunk

        self._zip.add(pieces(), path)
        yield from self._zip.all_files()
        return read

    def _path_of(self, name: str) -> str:
        """Where in the ZIP a file with this storage name is."""
        return f"files/{name.removeprefix(f'w/{self._workspace.pk}/')}" if name else ""

    def _manifest(self, tables: dict[str, Any], listing: IO[str]) -> Iterator[str]:
        encode = DjangoJSONEncoder(ensure_ascii=False, indent=1).encode
        workspace = self._workspace
        facts = {"id": workspace.pk, "name": workspace.name, "slug": workspace.slug, "created_at": workspace.created_at}
        members = Member.objects.filter(workspace=workspace).select_related("user").order_by("pk")
        people = [{"user": m.user_id, "email": m.user.email, "name": m.user.name, "role": m.role} for m in members]
        head = {"format": FORMAT, "made_at": timezone.now(), "workspace": facts, "people": people, "tables": tables}
        head |= {"not_in_here": NOT_EXPORTED}
        yield encode(head).removesuffix("\n}") + ',\n "files": ['
        listing.seek(0)
        for number, line in enumerate(listing):
            yield ("," if number else "") + "\n  " + line.rstrip("\n")
        yield "\n ]\n}\n"

    def _video_row(self, render: Render) -> tuple[object, ...]:
        names = [
            upload.file.name if upload else ""
            for upload in (render.portrait if render.portrait_id else None, render.voice)
        ]
        files = (*names, render.video.name, render.poster.name)
        return (
            render.pk,
            text_cell(render.title),
            render.state,
            render.model,
            text_cell(render.project.name),
            _moment(render.created_at),
            render.measured_ms / 1000 if render.measured_ms else "",
            dollars_cell(render.charge_micros or 0),
            dollars_cell(render.returned_micros),
            *(self._path_of(name or "") for name in files),
        )


def _lines(belonging: Belonging, workspace: Workspace, told: dict[str, Any]) -> Iterator[str]:
    encode = DjangoJSONEncoder(ensure_ascii=False).encode
    rows = belonging.exported_of(workspace).values(*belonging.columns())
    for row in rows.iterator(chunk_size=ROWS_AT_ONCE):
        told["rows"] += 1
        yield encode(row) + "\n"


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    return rows.iterator(chunk_size=ROWS_AT_ONCE)


def _top_up_row(top_up: TopUp) -> tuple[object, ...]:
    return (
        top_up.pk,
        top_up.state,
        _moment(top_up.created_at),
        _moment(top_up.paid_at),
        dollars_cell(top_up.amount_micros),
        dollars_cell(top_up.total_micros or 0),
        top_up.invoice_id,
        top_up.payment_intent_id or "",
    )


def _moment(moment: Any) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else ""

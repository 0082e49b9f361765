"""Taking in of a table: read, kept as rows, and checked as far as a page may wait for it."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from avatarsite.queue import jobs
from avatarsite.workspaces.models import User, Workspace
from studio.batches.check import CHECK, LEASE, check_for
from studio.batches.columns import KNOWN, filled
from studio.batches.reading import Line, Readable, Sheet, TableRefused, read_table
from studio.models import BatchRow, BatchTable, Project, RowState
from studio.uploads.fetch import is_address

MAX_OPEN = 20  # tables of a workspace that wait for somebody's yes
PAGE_SECONDS = 2.0
FORMULA = "The cell holds a formula, and nothing works it out here. Paste its value."


def take_in(workspace: Workspace, project: Project, file: Readable, *, name: str, user: User | None) -> BatchTable:
    """Keep what a file says, and check it: at once if it is short, else by a task. Raises TableRefused."""
    sheet = read_table(file)
    _check_columns(sheet)
    rows = [_row(line) for line in sheet.lines]
    with transaction.atomic():
        table = BatchTable.objects.create(
            workspace=workspace,
            project=project,
            made_by=user,
            name=(name or "table")[-200:].replace("\0", ""),
            next_try_at=timezone.now(),
        )
        for row in rows:
            row.table = table
        BatchRow.objects.bulk_create(rows, batch_size=500)
        _forget_old(workspace)
        jobs.enqueue(CHECK, table_id=table.pk)
    # An address may be slow, and whoever waits for a page should not.
    slow = any(is_address(row.cells.get(column, "")) for row in rows for column in ("portrait", "voice"))
    if not slow and table.claim(LEASE):
        check_for(table, PAGE_SECONDS)
    return table


def _check_columns(sheet: Sheet) -> None:
    if not set(KNOWN) & set(sheet.columns):
        found = "The first row names none of the columns that are known here."
        raise TableRefused(found, f"Start from the template; it has {', '.join(KNOWN)}.")


def _row(line: Line) -> BatchRow:
    cells, errors = filled(line)
    errors += [[column, FORMULA] for column in line.formulas]
    if not cells.get("portrait"):
        errors.append(["portrait", "There is no portrait. Name an upload or an address."])
    if cells.get("voice") and cells.get("script"):
        errors.append(["script", "There are both a voice and a script. Leave one of them out."])
    elif not cells.get("script") and not cells.get("voice"):
        errors.append(["voice", "There is neither a voice nor a script. Write one of them."])
    state = RowState.BAD if errors else RowState.NEW
    by_script = not cells.get("voice") and bool(cells.get("script"))
    return BatchRow(number=line.number, cells=cells, errors=errors, state=state, by_script=by_script)


def _forget_old(workspace: Workspace) -> None:
    """Of the tables that nobody has said yes to, only the newest are kept."""
    open_ones = BatchTable.objects.for_workspace(workspace).filter(group=None).order_by("-id")
    BatchTable.objects.filter(pk__in=list(open_ones.values_list("pk", flat=True)[MAX_OPEN:])).delete()

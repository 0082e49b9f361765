"""Many videos at once: a table is brought, looked at, made, followed and taken home."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from avatarsite.csv_files import csv_response
from avatarsite.errors import DomainError
from avatarsite.legal.rights import OF_A_TABLE
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.views.confirm import confirm
from billing.ledger import accounts
from studio.batches import manifest
from studio.batches.columns import CONTENT_TYPES, KNOWN, template
from studio.batches.make import ask_for, rights_to_state, try_failed_again
from studio.batches.progress import is_moving, progress_of, progress_of_all, tables_of
from studio.batches.reading import MAX_BYTES, MAX_ROWS
from studio.batches.take_in import take_in
from studio.models import BatchRow, BatchTable, Project, RenderState, RowState, TableState
from studio.projects import open_projects, project_for_new_video, projects_to_choose
from studio.storage.filenames import clean_name, download_name
from studio.videos.archive import zip_response
from studio.views.paging import page_of
from studio.views.query_values import named, word

PAGE = 20
MAX_SHOWN = 200
UNPROCESSABLE = 422


@workspace_view(Action.VIEW, post=Action.RENDER)
def batches(request: WorkspaceRequest) -> HttpResponse:
    """The tables of a workspace, newest first; and the door for another."""
    error = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        project = named(open_projects(request.workspace), word(request.POST, "project"))
        if file is None:
            error = "No file came with this. Choose one."
        else:
            name = clean_name(file.name or "", otherwise="table")
            try:
                goes_to: Project = project or project_for_new_video(request.workspace)
                table = take_in(request.workspace, goes_to, file, name=name, user=request.user)
                return redirect("batch", workspace=request.workspace.slug, table=table.pk)
            except DomainError as refusal:
                error = str(refusal)
    page = page_of(tables_of(request.workspace).order_by("-id"), before=word(request.GET, "before"), size=PAGE)
    found = progress_of_all(page.rows)
    context = {
        "page": page,
        "tables": [(table, found[table.pk]) for table in page.rows],
        "error": error,
        "columns": KNOWN,
        "projects": projects_to_choose(request.workspace),
        "max_rows": MAX_ROWS,
        "max_mb": MAX_BYTES // 1_000_000,
    }
    return render(request, "studio/batches.html", context, status=UNPROCESSABLE if error else 200)


@workspace_view(Action.VIEW)
@require_safe
def batch_template(request: WorkspaceRequest, kind: str) -> HttpResponse:  # noqa: ARG001 -- the same for everybody
    headers = {"Content-Disposition": f'attachment; filename="videos.{kind}"'}
    return HttpResponse(template(kind), content_type=CONTENT_TYPES[kind], headers=headers)


@workspace_view(Action.VIEW)
@require_safe
def batch(request: WorkspaceRequest, table: str) -> HttpResponse:
    return render(request, "studio/batch.html", _context(request, _table(request, table)))


@workspace_view(Action.VIEW)
@require_safe
def batch_status(request: WorkspaceRequest, table: str) -> HttpResponse:
    """The middle of its page, which asks no more once nothing moves."""
    return render(request, "studio/partials/batch.html", _context(request, _table(request, table)))


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def batch_make(request: WorkspaceRequest, table: str) -> HttpResponse:
    one = _table(request, table)
    shown = word(request.POST, "ceiling_micros")
    try:
        ceiling = int(shown) if shown.isdecimal() and shown.isascii() else -1
        ask_for(one, ceiling_micros=ceiling, rights=word(request.POST, "rights") == "yes")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("batch", workspace=request.workspace.slug, table=one.pk)


@workspace_view(Action.VIEW, post=Action.RENDER)
@require_POST
def batch_retry(request: WorkspaceRequest, table: str) -> HttpResponse:
    one = _table(request, table)
    try:
        if not try_failed_again(one):
            messages.error(request, "Nothing of it has failed that could be tried again.")
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("batch", workspace=request.workspace.slug, table=one.pk)


@workspace_view(Action.RENDER)
@require_http_methods(["GET", "HEAD", "POST"])
def batch_discard(request: WorkspaceRequest, table: str) -> HttpResponse:
    """Forget a table of which nothing was made: what it ends, first; then the deed."""
    one = _table(request, table)
    if request.method != "POST":
        return confirm(
            request,
            f"Discard {one}?",
            "Its rows go, with what was found out about them. Nothing of it is made or charged.",
            deed="Discard",
            keep=reverse("batch", kwargs={"workspace": request.workspace.slug, "table": one.pk}),
        )
    if BatchTable.objects.filter(pk=one.pk, group=None).delete()[0]:
        messages.success(request, "The table is forgotten.")
    return redirect("batches", workspace=request.workspace.slug)


@workspace_view(Action.VIEW)
@require_safe
def batch_manifest(request: WorkspaceRequest, table: str, kind: str) -> HttpResponseBase:
    one = _table(request, table)
    if kind == "csv":
        return csv_response("manifest.csv", manifest.as_csv(one))
    if kind != "json":
        raise Http404
    answer = StreamingHttpResponse(manifest.as_json(one), content_type="application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="manifest.json"'
    return answer


@workspace_view(Action.VIEW)
@require_safe
def batch_videos(request: WorkspaceRequest, table: str) -> HttpResponseBase:
    """All its videos and the manifest as one ZIP."""
    one = _table(request, table)
    ready = one.rows.filter(render__state=RenderState.READY, render__purge_at=None, render__withheld_at=None).exclude(
        render__video=""
    )
    rows = ready.select_related("render").order_by("number")
    videos = ((manifest.file_name(row), row.render) for row in rows.iterator(chunk_size=200) if row.render)
    texts = (("manifest.csv", manifest.as_csv(one)), ("manifest.json", manifest.as_json(one)))
    stem = one.name.rsplit(".", 1)[0]
    try:
        return zip_response(request.workspace, download_name(f"{stem}.zip"), videos, texts)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("batch", workspace=request.workspace.slug, table=one.pk)


def _table(request: WorkspaceRequest, table_id: str) -> BatchTable:
    return get_object_or_404(tables_of(request.workspace).select_related("workspace"), pk=table_id)


def _context(request: WorkspaceRequest, table: BatchTable) -> dict[str, Any]:
    progress = progress_of(table)
    available = accounts.balance(request.workspace).available_micros
    bad = table.rows.filter(state=RowState.BAD).order_by("number")
    ended_badly = Q(state=RowState.ASKED, render__state__in=(RenderState.FAILED, RenderState.CANCELLED))
    failed = table.rows.filter(ended_badly | Q(state=RowState.REFUSED))
    asks = table.state in (TableState.CHECKED, TableState.STOPPED) and progress.to_make > 0
    return {
        "table": table,
        "progress": progress,
        "moving": is_moving(table, progress),
        "asks": asks,
        "rights_wording": OF_A_TABLE if asks and rights_to_state(table) else "",
        "may_retry": table.state in (TableState.MADE, TableState.STOPPED) and not asks and progress.failed > 0,
        "available_micros": available,
        "after_micros": available - progress.ceiling_micros,
        "missing_micros": max(progress.ceiling_micros - available, 0),
        "bad_rows": list(bad[:MAX_SHOWN]),
        "more_bad": max(progress.bad - MAX_SHOWN, 0),
        "failed_rows": list(failed.select_related("render").order_by("number")[:MAX_SHOWN]),
        "good_rows": _first_good(table) if asks else [],
    }


def _first_good(table: BatchTable) -> list[BatchRow]:
    good = table.rows.filter(state=RowState.GOOD).select_related("portrait", "voice")
    return list(good.order_by("number")[:5])

"""Storage audit: the count of files held against the store and the rows that name files, workspace by workspace.

Rows are read before the store is listed, and what differs is looked at once more, so that work that goes on meanwhile
is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, groupby

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from avatarsite.alerts import close_alert, raise_alert
from avatarsite.models import Alert
from avatarsite.queue.sweeping import each
from avatarsite.workspaces.models import Workspace
from studio.gateway.models import GatewayFile
from studio.lifecycle.models import Export
from studio.models import Captions, FileKind, FileState, Papers, Render, Rendition, StorageUse, StoredFile, Upload
from studio.pipeline import inputs
from studio.storage import ledger
from studio.storage.ledger import spelt
from studio.storage.local import listed
from studio.storage.types import Listed
from studio.uploads import thumbnails

KIND = "storage"
MAX_SHOWN = 20
# Bytes of a row that is being written by a process without a count, such as an older version's while it is replaced.
YOUNG = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """What differs: ``code`` is one of row_without_file, file_without_row, size_differs, not_named, sum_differs."""

    code: str
    workspace: str
    name: str
    sentence: str
    bytes: int = 0


def verify_storage(*, mend: bool = False) -> list[Finding]:
    """Everything that differs. With ``mend`` the count is brought to what the store holds.

    A file that no row of ours names is then counted as one that was begun and left, and goes with those a day later.
    A file that a row names and that is not in the store can't be mended, and is found again.
    """
    ids = sorted({*Workspace.objects.values_list("pk", flat=True), *_folders()})
    look = f"Verifying the files of a workspace{', and mending their count' if mend else ''}"
    return list(chain.from_iterable(each(ids, lambda one: _verified(one, mend=mend), look)))


def check_storage() -> int:
    """Verify and mend, and raise an alert for each kind of difference; close those that are no more. How many."""
    findings = sorted(verify_storage(mend=True), key=lambda finding: finding.code)
    found = set()
    for code, group in groupby(findings, key=lambda finding: finding.code):
        sentences = [finding.sentence for finding in group]
        more = f" There are {len(sentences) - 1} more of this kind." if len(sentences) > 1 else ""
        raise_alert(KIND, code, sentences[0] + more, findings=len(sentences), sentences=sentences[:MAX_SHOWN])
        found.add(code)
    for code in Alert.objects.filter(kind=KIND, closed_at=None).exclude(key__in=found).values_list("key", flat=True):
        close_alert(KIND, code)
    return len(findings)


def _verified(workspace_id: str, *, mend: bool) -> list[Finding]:
    findings = [*_files(workspace_id), *_sums(workspace_id)]
    if mend:
        for finding in findings:
            MENDING.get(finding.code, lambda _finding: None)(finding)
        _set_sum(workspace_id)
    return findings


def _files(workspace_id: str) -> Iterator[Finding]:
    rows = {row.pk: row for row in StoredFile.objects.filter(workspace=workspace_id)}
    named = _names(workspace_id)
    there = {file.name: file for file in listed(f"w/{workspace_id}")}
    for row in rows.values():
        if row.state == FileState.KEPT and (row.pk not in there or row.pk not in named or _differs(row, there)):
            yield from _of_row(row, named)
    for name in there.keys() - rows.keys():
        yield from _of_file(workspace_id, there[name], named)
    for name in named.keys() - rows.keys() - there.keys():
        if name in _names(workspace_id) and not default_storage.exists(name):
            yield Finding("row_without_file", workspace_id, name, f"{named[name]} names {name}, which is not stored.")


def _of_row(row: StoredFile, named: dict[str, str]) -> Iterator[Finding]:
    """Looked at once more: it may have gone, or come anew, since it was read."""
    now = StoredFile.objects.filter(pk=row.pk, state=FileState.KEPT, touched_at=row.touched_at).first()
    if now is None or now.workspace_id is None:
        return
    whose, name = now.workspace_id, now.pk
    if not default_storage.exists(name):
        yield Finding("row_without_file", whose, name, f"{name} is counted, and is not stored.", now.bytes)
    elif name not in named and name not in _names(whose):
        yield Finding("not_named", whose, name, f"{name} is kept, and nothing names it.", now.bytes)
    elif (size := default_storage.size(name)) != now.bytes:
        yield Finding("size_differs", whose, name, f"{name} has {size} bytes, and {now.bytes} are counted.", size)


def _of_file(workspace_id: str, file: Listed, named: dict[str, str]) -> Iterator[Finding]:
    young = file.written_at > timezone.now() - YOUNG
    if (young and file.name not in named) or StoredFile.objects.filter(pk=file.name).exists():
        return
    if default_storage.exists(file.name):
        said = f"{file.name} is stored ({spelt(file.bytes)}), and not counted."
        yield Finding("file_without_row", workspace_id, file.name, said, file.bytes)


def _differs(row: StoredFile, there: dict[str, Listed]) -> bool:
    return there[row.pk].bytes != row.bytes


def _sums(workspace_id: str) -> Iterator[Finding]:
    with transaction.atomic():
        kept, real = _sum_kept(workspace_id), _sum_real(workspace_id)
    if kept != real:
        said = f"The files of {workspace_id} have {real} bytes, and their sum says {kept}."
        yield Finding("sum_differs", workspace_id, "", said, real)


def _sum_kept(workspace_id: str) -> int:
    use = StorageUse.objects.select_for_update().filter(workspace=workspace_id).first()
    return use.bytes if use else 0


def _sum_real(workspace_id: str) -> int:
    return int(StoredFile.objects.filter(workspace=workspace_id).aggregate(sum=Sum("bytes"))["sum"] or 0)


# --- Mending


def _count(finding: Finding) -> None:
    """Count a stored file: kept if something names it, and else as begun and left."""
    named = _names(finding.workspace)
    StoredFile.objects.get_or_create(
        pk=finding.name,
        defaults={
            "workspace": Workspace.objects.filter(pk=finding.workspace).first(),
            "kind": _kind_of(finding.name),
            "state": FileState.KEPT if finding.name in named else FileState.COMING,
            "bytes": finding.bytes,
            "touched_at": timezone.now(),
        },
    )


def _resize(finding: Finding) -> None:
    StoredFile.objects.filter(pk=finding.name).update(bytes=finding.bytes)


def _forget_unnamed(finding: Finding) -> None:
    if finding.name not in _names(finding.workspace):
        StoredFile.objects.filter(pk=finding.name, state=FileState.KEPT).delete()


def _leave(finding: Finding) -> None:
    StoredFile.objects.filter(pk=finding.name, state=FileState.KEPT).update(
        state=FileState.COMING, touched_at=timezone.now()
    )


OF_RENDERS = {
    "poster": FileKind.POSTER,
    "captions": FileKind.CAPTIONS,
    "captioned": FileKind.CAPTIONED,
    "rendition": FileKind.RENDITION,
}
MENDING = {
    "file_without_row": _count,
    "size_differs": _resize,
    "row_without_file": _forget_unnamed,
    "not_named": _leave,
}


def _set_sum(workspace_id: str) -> None:
    with transaction.atomic():
        if _sum_kept(workspace_id) != (real := _sum_real(workspace_id)):
            ledger.set_sum(workspace_id, real)


# --- What there is


def _folders() -> list[str]:
    try:
        return default_storage.listdir("w")[0]
    except FileNotFoundError:
        return []


def _names(workspace_id: str) -> dict[str, str]:
    """The names of files that rows of the workspace hold, and what each is of."""
    found: dict[str, str] = {}
    for upload in Upload.objects.filter(workspace=workspace_id).only("pk", "file", "details"):
        sent = upload.details.get(inputs.DETAILS_KEY, {}).get("name")
        for name in (upload.file.name, sent, upload.details.get(thumbnails.DETAILS_KEY)):
            found[name or ""] = f"Upload {upload.pk}"
    for pk, *names in Render.objects.filter(workspace=workspace_id).values_list("pk", "video", "poster"):
        found |= {name or "": f"Render {pk}" for name in names}
    for name, beside in Papers.objects.filter(render__workspace=workspace_id).values_list("pk", "beside"):
        found[beside or ""] = f"Papers of {name}"
    for captions in Captions.objects.filter(render__workspace=workspace_id).only("pk", "srt", "vtt", "video"):
        found |= dict.fromkeys(captions.files, f"Captions of {captions.pk}")
    for pk, name in Rendition.objects.filter(render__workspace=workspace_id).values_list("pk", "file"):
        found[name or ""] = f"Rendition {pk}"
    for file_id, name in GatewayFile.objects.filter(workspace=workspace_id).values_list("pk", "file"):
        found[name or ""] = f"Gateway file {file_id}"
    for export_id, name in Export.objects.filter(workspace=workspace_id).values_list("pk", "file"):
        found[name] = f"Export {export_id}"
    found.pop("", None)
    return found


def _kind_of(name: str) -> FileKind:
    """By the folders and endings that our names have."""
    _, _, folder, rest = (*name.split("/", 3), "", "", "")[:4]
    if folder == "renders" and rest.endswith(".c2pa"):
        return FileKind.PAPERS
    if folder == "renders":
        own = rest.rsplit("/", 1)[-1].partition("-")[0].partition(".")[0]
        return OF_RENDERS.get(own, FileKind.VIDEO)
    if folder == "gateway":
        return FileKind.PART if ".parts/" in rest else FileKind.GATEWAY
    if folder == "exports":
        return FileKind.EXPORT
    if folder == "slots":
        return FileKind.SLOT
    if ".thumb." in rest:
        return FileKind.THUMBNAIL
    return FileKind.COPY if ".sent." in rest or ".cut." in rest else FileKind.UPLOAD

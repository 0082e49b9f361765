"""Archive of many videos: one ZIP, written while it is sent, of which a chunk at a time is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from zipstream import ZIP_STORED, ZipStream

from avatarsite.web.places import Place
from avatarsite.workspaces.models import Workspace
from studio.models import Render
from studio.storage.filenames import download_name
from studio.storage.serve import CHUNK_BYTES

Texts = Iterable[tuple[str, Iterable[str]]]


def zip_response(
    workspace: Workspace, name: str, videos: Iterable[tuple[str, Render]], texts: Texts = ()
) -> StreamingHttpResponse:
    """The videos under their names, and texts beside them. Raises NoPlace when too many are being sent already."""
    sending = _Sending(Place(str(workspace.pk)), _archived(videos, texts))
    response = StreamingHttpResponse(sending, content_type="application/zip")
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Cache-Control"] = "no-store"
    return response


def titled(renders: Iterable[Render]) -> Iterator[tuple[str, Render]]:
    """Those that have a file, each under its title; of the same title a second one gets a number."""
    taken: dict[str, int] = {}
    for render in renders:
        if not render.given_out:
            continue
        ending = (render.video.name or "").rsplit(".", 1)[-1]
        name = download_name(f"{render.title}.{ending}")
        taken[name.casefold()] = count = taken.get(name.casefold(), 0) + 1
        yield (download_name(f"{render.title} ({count}).{ending}") if count > 1 else name), render


class _Sending:
    """The bytes of an archive, and the place of whoever reads them: it holds a thread for as long as they do."""

    def __init__(self, place: Place, chunks: Iterator[bytes]) -> None:
        self._place, self._chunks = place, chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if self._place.is_over:
                return
            yield chunk

    def close(self) -> None:
        self._place.close()


def _archived(videos: Iterable[tuple[str, Render]], texts: Texts) -> Iterator[bytes]:
    archive = ZipStream(compress_type=ZIP_STORED)  # a video does not get smaller
    for name, text in texts:
        archive.add((piece.encode() for piece in text), name)
    for name, render in videos:
        try:
            file = default_storage.open(render.video.name or "", "rb")
        except OSError:
            continue  # it has just been deleted
        with closing(file):
            archive.add(_chunks(file), name)
            yield from archive.all_files()
    yield from archive.finalize()


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk

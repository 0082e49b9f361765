"""Local storage of files: private, and reached only by signed links that end.

Links are rounded: the same file gives the same link for a quarter of its life, so that browsers can keep what they
have fetched and a page that polls doesn't restart its player.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.crypto import get_random_string

from studio.storage.filenames import download_name
from studio.storage.types import Listed, StoreFailed, Window

if TYPE_CHECKING:
    from studio.media.video.growing_file import Growing
    from studio.storage.s3 import PrivateBucket
    from studio.storage.s3_parts import Parts

LINK_SALT = "studio.storage.local.link"
MIN_FREE_BYTES = 200_000_000  # a long video and what is made of it
STAMP = re.compile("[0-9a-f]{1,12}")


def signed_link(file_name: str, *, download_as: str | None = None, seconds: int | None = None) -> str:
    """A link to a stored file: a path on this site, or an address at the bucket.

    ``download_as`` makes the browser save the file under that name instead of showing it. The link works for at
    least ``seconds`` (FILE_LINK_SECONDS unless given) and at most a quarter more.
    """
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    name = download_name(download_as) if download_as else ""
    return storage.signed_link(file_name, download_as=name, seconds=seconds or settings.FILE_LINK_SECONDS)


def store_file(path: Path, name: str) -> str:
    """Store a finished file of ours under exactly this name; ``path`` may be gone afterwards."""
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    return storage.take_in(path, name)


def store_stream(chunks: Iterable[bytes], name: str) -> int:
    """Store what comes in pieces, of which few are in memory at once, under exactly this name; how many bytes it was.

    Whatever ends the pieces early leaves nothing.
    """
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    return storage.take_in_stream(chunks, name)


def store_early(growing: Growing, name: str) -> AbstractContextManager[Parts | None]:
    """Begin to store a file that still comes, where that helps; see ``studio.storage.s3_parts``."""
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    return storage.take_in_early(growing, name)


def clear_forgotten() -> int:
    """Take out what killed processes have left of their uploads. Returns how many there were."""
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    return storage.clear_forgotten()


def hurry(path: Path) -> None:
    """Bring the file to the disk already, if storing it will wait for that."""
    if getattr(default_storage, "durable", False):
        flush(path)


def flush(path: Path) -> None:
    """Come back once the file's bytes, or the folder's names, are on the disk."""
    place = os.open(path, os.O_RDONLY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def warm_up() -> None:
    """Load what a bucket's client needs before processes are forked, which then share it."""
    cast("PrivateFiles | PrivateBucket", default_storage).warm_up()


def reach() -> None:
    """Raises StoreFailed when what is stored can't be had now, at the cost of a question every half second or none."""
    cast("PrivateFiles | PrivateBucket", default_storage).reach()


def why_away() -> str:
    """Why nothing can be stored now, as a sentence; "" when it can. Known within two seconds, whatever hangs."""
    try:
        cast("PrivateFiles | PrivateBucket", default_storage).knock()
    except StoreFailed as error:
        return str(error)
    return ""


def place_of(name: str) -> str:
    """Where a stored file is, as whoever runs the service would look for it: its path, or its ``s3://`` address."""
    return cast("PrivateFiles | PrivateBucket", default_storage).place(name)


def listed(folder: str) -> Iterator[Listed]:
    """Everything that is stored under a folder, at any depth."""
    storage = cast("PrivateFiles | PrivateBucket", default_storage)
    return storage.listed(folder)


class PrivateFiles(FileSystemStorage):
    """Files on this machine, readable by us alone, linked through ``studio.views.files``.

    A file that has been stored is on the disk, and so is its name: what a row says is there survives a power cut.
    Without ``durable`` the disk is not waited for, where nothing has to survive: in tests.
    """

    def __init__(
        self, location: str | os.PathLike[str] | None = None, *, allow_overwrite: bool = False, durable: bool = True
    ) -> None:
        self.durable = durable
        super().__init__(
            location=location,
            file_permissions_mode=0o640,
            directory_permissions_mode=0o750,
            allow_overwrite=allow_overwrite,
        )

    def warm_up(self) -> None:
        """Nothing has to be loaded."""

    def place(self, name: str) -> str:
        return self.path(name)

    def knock(self) -> None:
        """Raises StoreFailed when no file could be written."""
        place = Path(self.location)
        while not place.exists():
            place = place.parent  # it is made with the first file
        if not os.access(place, os.W_OK | os.X_OK):
            raise StoreFailed(f"The folder of stored files can't be written to: {place}.")
        if shutil.disk_usage(place).free < MIN_FREE_BYTES:
            raise StoreFailed(f"The disk of the stored files is full: less than {MIN_FREE_BYTES // 1_000_000} MB free.")

    def reach(self) -> None:
        """A disk of this machine is there."""

    def _save(self, name: str, content: File[Any]) -> str:
        """Written beside and moved into place, so that nobody ever reads half a file."""
        partial = f"{name}.{get_random_string(8)}.part"
        try:
            super()._save(partial, content)  # type: ignore[misc]  # the stubs leave it out
            self._put_in_place(Path(self.path(partial)), name)
        except BaseException:
            self.delete(partial)
            raise
        return name

    def take_in(self, path: Path, name: str) -> str:
        """Move the file in; from another file system it's copied."""
        place = Path(self.path(name))
        if not place.parent.is_dir() or path.stat().st_dev != place.parent.stat().st_dev:
            with path.open("rb") as file:
                return self.save(name, File(file))
        path.chmod(self.file_permissions_mode or 0o640)
        self._put_in_place(path, name)
        return name

    def take_in_stream(self, chunks: Iterable[bytes], name: str) -> int:
        place = Path(self.path(f"{name}.{get_random_string(8)}.part"))
        place.parent.mkdir(mode=self.directory_permissions_mode or 0o750, parents=True, exist_ok=True)
        try:
            with place.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                size = file.tell()
            place.chmod(self.file_permissions_mode or 0o640)
            self._put_in_place(place, name)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        return size

    def take_in_early(self, growing: Growing, name: str) -> AbstractContextManager[None]:  # noqa: ARG002
        """It's moved in when it's whole, which takes no time."""
        return nullcontext()

    def clear_forgotten(self) -> int:
        return 0

    def listed(self, folder: str) -> Iterator[Listed]:
        root = Path(self.location)
        for path in (root / folder).rglob("*"):
            with suppress(FileNotFoundError):
                facts = path.stat()
                if stat.S_ISREG(facts.st_mode):
                    written_at = datetime.fromtimestamp(facts.st_mtime, UTC)
                    yield Listed(path.relative_to(root).as_posix(), facts.st_size, written_at)

    def _put_in_place(self, path: Path, name: str) -> None:
        """The bytes first, so that after a power cut no name leads to half a file."""
        place = Path(self.path(name))
        if self.durable:
            flush(path)
        path.replace(place)
        if self.durable:
            flush(place.parent)

    def url(self, name: str | None) -> str:
        return self.signed_link(name or "", download_as="", seconds=settings.FILE_LINK_SECONDS)

    def signed_link(self, name: str, *, download_as: str, seconds: int) -> str:
        expires = Window.around_now(seconds).end
        token = f"{expires:x}.{_signature(name, expires, download_as)}"
        query = f"?{urlencode({'as': download_as})}" if download_as else ""
        return reverse("file", kwargs={"token": token, "name": name}) + query


def link_expires(token: str, name: str, download_as: str) -> int | None:
    """When the link ends or ended, in seconds since 1970; None if we never made it."""
    stamp, _, signature = token.partition(".")
    expires = int(stamp, 16) if STAMP.fullmatch(stamp) else 0
    try:
        Signer(salt=LINK_SALT).unsign(f"{_signed_text(name, expires, download_as)}:{signature}")
    except BadSignature:
        return None
    return expires


def _signed_text(name: str, expires: int, download_as: str) -> str:
    return f"{expires}\n{download_as}\n{name}"


def _signature(name: str, expires: int, download_as: str) -> str:
    return Signer(salt=LINK_SALT).signature(_signed_text(name, expires, download_as))

"""Multipart upload of a file while it comes; it is there only once somebody says it is good."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from s3transfer.utils import ReadFileChunk

from avatarsite.queue.sweeping import each
from studio.media.video.faststart import has_table_in_front
from studio.media.video.growing_file import Growing
from studio.storage.s3_errors import in_our_words
from studio.storage.types import StoreFailed

logger = logging.getLogger(__name__)

PART = 8 << 20
AT_ONCE = 2
FORGOTTEN = timedelta(days=1)  # longer than a copy may take with all its repeats


class Parts:
    """Unless ``finish`` is called nothing stays in the bucket, whatever ends the block.

    What kills the process keeps it from clearing up: ``clear_forgotten`` does it then.
    """

    def __init__(self, client: Any, place: Mapping[str, str], extra: Mapping[str, str], growing: Growing) -> None:
        self._client, self._place, self._extra, self._growing = client, dict(place), dict(extra), growing
        self._upload: str | None = None
        self._unwanted = threading.Event()
        self._sent: list[Future[dict[str, Any]]] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._abort)
            self._beside = stack.enter_context(ThreadPoolExecutor(1 + AT_ONCE))
            stack.callback(self._unwanted.set)
            self._sending = self._beside.submit(self._send_all)
            self._left = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._left.__exit__(kind, error, at)

    def finish(self) -> bool:
        """Make one file of the parts. False if there are none: it's too small, or can't be judged on its way.

        Raises StoreFailed.
        """
        self._sending.result()
        if self._upload is None:
            return False
        parts = [part.result() for part in self._sent]
        with in_our_words():
            self._client.complete_multipart_upload(
                **self._place, UploadId=self._upload, MultipartUpload={"Parts": parts}
            )
        self._upload = None
        return True

    def _send_all(self) -> None:
        if not has_table_in_front(self._growing):
            return
        start = 0
        while not self._unwanted.is_set():
            there = self._growing.wait_for(start + PART)
            size = min(there - start, PART)
            if size < PART and not (size and start):
                return
            if self._upload is None:
                self._begin()
            self._sent.append(self._beside.submit(self._send, start, size))
            start += size

    def _begin(self) -> None:
        with in_our_words():
            self._upload = self._client.create_multipart_upload(**self._place, **self._extra)["UploadId"]

    def _send(self, start: int, size: int) -> dict[str, Any]:
        if self._unwanted.is_set():
            raise StoreFailed("The file is not wanted any more.")
        number = start // PART + 1
        with (
            in_our_words(),
            # Read as it goes out, as boto3 does it: a part in memory would be there twice.
            ReadFileChunk.from_filename(str(self._growing.path), start, size) as body,
        ):
            told = self._client.upload_part(**self._place, UploadId=self._upload, PartNumber=number, Body=body)
        return {"PartNumber": number, **{name: told[name] for name in ("ETag", "ChecksumCRC32") if name in told}}

    def _abort(self) -> None:
        """Once nobody sends any more: a part that came later would stay."""
        if self._upload is not None:
            abort(self._client, self._place, self._upload)


def abort(client: Any, place: Mapping[str, str], upload: str) -> bool:
    try:
        with in_our_words():
            client.abort_multipart_upload(**place, UploadId=upload)
    except StoreFailed:
        logger.warning(
            "The parts of %s could not be taken out of the bucket; they are cleared away later", place["Key"]
        )
        return False
    return True


def clear_forgotten(client: Any, bucket: str, prefix: str = "", *, now: datetime | None = None) -> int:
    """Take out of the bucket what processes that were killed have left of their uploads. Returns how many."""
    before = (now or datetime.now(UTC)) - FORGOTTEN
    with in_our_words():
        pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
        left = [upload for page in pages for upload in page.get("Uploads", ()) if upload["Initiated"] < before]
        named = [(upload["Key"], upload["UploadId"]) for upload in left]
        what = "Aborting an upload that was left in the bucket"
        return sum(each(named, lambda one: abort(client, {"Bucket": bucket, "Key": one[0]}, one[1]), what))

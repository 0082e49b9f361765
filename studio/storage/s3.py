"""S3 storage: files in a private bucket, reached by presigned links.

Apart from ``studio.storage.local``, so that only a site with a bucket loads the client of one: it is a tenth of a
second and some 25 MB in every process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from boto3.s3.transfer import TransferConfig
from botocore import UNSIGNED
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.base import File
from django.utils.encoding import force_bytes
from django.utils.http import content_disposition_header
from storages.backends.s3 import S3Storage
from storages.utils import clean_name, safe_join

from studio.media.video.growing_file import Growing
from studio.storage.s3_errors import in_our_words
from studio.storage.s3_parts import PART, Parts, clear_forgotten
from studio.storage.stream import Stream
from studio.storage.types import Listed, StoreFailed, Window, content_type_of

STREAM_PART = 32 << 20  # of at most 10,000 parts
MAX_PRESIGNED = 7 * 24 * 3600
MAX_LINKS = 4_096  # kept by a process, half a kilobyte each
PATIENCE = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
# A bucket that hangs takes a connection and says nothing: for how long a sign of life is believed, and waited for.
SIGN_SECONDS = 0.5
KNOCK = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1, "mode": "standard"})
_knocking = threading.Lock()


class PrivateBucket(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """A private bucket, linked by presigned addresses. Also takes ``public_endpoint_url`` in its OPTIONS."""

    client_config: Config

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.client_config = self.client_config.merge(PATIENCE)
        self._seen = -SIGN_SECONDS
        if (self.endpoint_url or "").startswith("http:"):
            # Without TLS a body's SHA-256 is signed: a CRC beside it would read every byte once more for nothing.
            self.client_config = self.client_config.merge(Config(request_checksum_calculation="when_required"))

    def get_default_settings(self) -> dict[str, Any]:
        ours = {"public_endpoint_url": getattr(settings, "S3_PUBLIC_ENDPOINT_URL", "")}
        return {**super().get_default_settings(), **ours}

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        state.pop("_linker", None)
        state.pop("_link", None)
        state.pop("_knocker", None)
        return state

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        return {**super().get_object_parameters(name), "ContentType": content_type_of(name)}

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Raises StoreFailed, within a second or two if nobody is there."""
        with _knocking:  # of two threads that come together one knocks
            if time.monotonic() - self._seen > SIGN_SECONDS:
                with in_our_words():
                    self._knock()
                self._seen = time.monotonic()
        with in_our_words():
            yield

    def _knock(self) -> None:
        """Whatever it answers, it lives; but for one that says itself that it can't serve."""
        try:
            self._knocker.head_bucket(Bucket=self.bucket_name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
                raise

    def warm_up(self) -> None:
        """Make the clients, which talk to nobody yet: 40 MB in each process that makes its own."""
        with suppress(StoreFailed), in_our_words():  # who needs them says why they can't be made
            _ = self._client, self._knocker, self._linker

    def place(self, name: str) -> str:
        return f"s3://{self.bucket_name}/{self._key(name)}"

    def knock(self) -> None:
        """Raises StoreFailed when the bucket does not answer."""
        with self._reached():
            pass

    def reach(self) -> None:
        """Raises StoreFailed when the bucket does not answer; what it has answered for a moment ago counts."""
        self.knock()

    def _open(self, name: str, mode: str = "rb") -> Any:
        """Comes whole before anybody reads it: a bucket that breaks off is no end of a file."""
        with self._reached():
            opened = super()._open(name, mode)
            if "r" in mode:
                opened.file.seek(0)
            return opened

    def _save(self, name: str, content: File[Any]) -> str:
        """What fits into one request goes as it is: the base class's way costs twice as much before a byte goes."""
        with self._reached():
            if content.size >= PART:
                return str(super()._save(name, content))
            content.seek(0)
            place, extra = self._place_of(name)
            self._client.put_object(**place, **extra, Body=force_bytes(content.read()))
        return str(clean_name(name))

    def delete(self, name: str) -> None:
        with self._reached():
            super().delete(name)

    def exists(self, name: str) -> bool:
        with self._reached():
            return bool(super().exists(name))

    def size(self, name: str) -> int:
        with self._reached():
            return int(super().size(name))

    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        with self._reached():
            folders, files = super().listdir(name)
            return folders, files

    def take_in(self, path: Path, name: str) -> str:
        """By its path, of which each part is read as it goes out; of an open file ten parts would wait in memory."""
        place, extra = self._place_of(name)
        with self._reached():
            if path.stat().st_size < PART:
                with path.open("rb") as file:
                    self._client.put_object(**place, **extra, Body=file)
            else:
                self._client.upload_file(
                    str(path), place["Bucket"], place["Key"], ExtraArgs=extra, Config=self.transfer_config
                )
        return str(clean_name(name))

    def take_in_stream(self, chunks: Iterable[bytes], name: str) -> int:
        """In parts, one after the other: who reads faster than the bucket takes would keep them in memory."""
        place, extra = self._place_of(name)
        config = TransferConfig(multipart_threshold=STREAM_PART, multipart_chunksize=STREAM_PART, use_threads=False)
        stream = Stream(chunks)
        with self._reached():
            self._client.upload_fileobj(stream, place["Bucket"], place["Key"], ExtraArgs=extra, Config=config)
        return stream.size

    def take_in_early(self, growing: Growing, name: str) -> Parts:
        return Parts(self._client, *self._place_of(name), growing)

    def clear_forgotten(self) -> int:
        return clear_forgotten(self._client, self.bucket_name, self._key(""))

    def listed(self, folder: str) -> Iterator[Listed]:
        place = {"Bucket": self.bucket_name, "Prefix": self._key(f"{folder}/")}
        root = len(self._key(""))
        with self._reached():
            for page in self._client.get_paginator("list_objects_v2").paginate(**place):
                for found in page.get("Contents", ()):
                    yield Listed(found["Key"][root:].lstrip("/"), found["Size"], found["LastModified"])

    def _place_of(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """Where the object is, and what is said of it when it's written."""
        key = self._key(name)
        return {"Bucket": self.bucket_name, "Key": key}, self.get_object_parameters(key)

    def _key(self, name: str) -> str:
        return str(safe_join(self.location, clean_name(name)))

    def _session(self) -> boto3.Session:
        return boto3.Session(self.access_key, self.secret_key, self.security_token)

    @cached_property
    def _knocker(self) -> Any:
        """A client that asks for signs of life, with little patience."""
        config = self.client_config.merge(KNOCK)
        return self._session().client("s3", region_name=self.region_name, endpoint_url=self.endpoint_url, config=config)

    @property
    def _client(self) -> Any:
        """The one of the process: it may be used by many threads, and to make one takes a tenth of a second."""
        return self.bucket.meta.client

    def url(self, name: str, parameters: Any = None, expire: int | None = None, http_method: Any = None) -> str:  # noqa: ARG002
        """Presigned for GET by our own rules; ``parameters`` and ``http_method`` of the base class have no use here."""
        return self.signed_link(name, download_as="", seconds=expire or self.querystring_expire)

    def signed_link(self, name: str, *, download_as: str, seconds: int, content_type: str = "") -> str:
        """``content_type`` where it is another than the name's ending says."""
        window = Window.around_now(min(seconds, MAX_PRESIGNED * 4 // 5))
        answered = {"ResponseContentDisposition": content_disposition_header(True, download_as)} if download_as else {}
        if content_type:
            answered["ResponseContentType"] = content_type
        _, credentials, region = self._linker
        return self._link(
            self._key(name), tuple(answered.items()), credentials.get_frozen_credentials(), region, window
        )

    @cached_property
    def _link(self) -> Callable[..., str]:
        """Half a millisecond of processor time, and a page has dozens that are the same for an hour and a half."""
        client, _, _ = self._linker

        @lru_cache(MAX_LINKS)
        def spelt(
            key: str, answered: tuple[tuple[str, str], ...], credentials: Any, region: str, window: Window
        ) -> str:
            params = {"Bucket": self.bucket_name, "Key": key, **dict(answered)}
            return _presigned(client.generate_presigned_url("get_object", Params=params), credentials, region, window)

        return spelt

    def upload_link(self, name: str, *, size: int, seconds: int) -> str:
        """An address that for so long takes a PUT of this file with exactly so many bytes."""
        client, credentials, region = self._linker
        key = self._key(name)
        address = client.generate_presigned_url("put_object", Params={"Bucket": self.bucket_name, "Key": key})
        # Signed, so that the bucket refuses a body of any other length.
        request = AWSRequest(method="PUT", url=address, headers={"Content-Length": str(size)})
        S3SigV4QueryAuth(credentials.get_frozen_credentials(), "s3", region, expires=seconds).add_auth(request)
        return str(request.url)

    @cached_property
    def _linker(self) -> tuple[Any, Any, str]:
        """A client that only spells addresses, the credentials and the region. It never talks to the network."""
        session = self._session()
        config = self.client_config.merge(Config(signature_version=UNSIGNED))
        region = self.region_name or session.region_name or "us-east-1"
        endpoint = self.public_endpoint_url or self.endpoint_url
        client = session.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        return client, session.get_credentials(), region


def _presigned(address: str, credentials: Any, region: str, window: Window) -> str:
    """The address signed for GET, with the window's beginning as the date.

    botocore's ``add_auth`` takes this moment, and each link would be another one. Kept in the cache they would be as
    many as there are processes, whose own memory that is without a ``REDIS_URL``.
    """
    signer = S3SigV4QueryAuth(credentials, "s3", region)
    request = AWSRequest(method="GET", url=address)
    request.context["timestamp"] = datetime.fromtimestamp(window.start, UTC).strftime(SIGV4_TIMESTAMP)
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": signer.scope(request),
        "X-Amz-Date": request.context["timestamp"],
        "X-Amz-Expires": window.end - window.start,
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token:
        query["X-Amz-Security-Token"] = credentials.token
    joint = "&" if "?" in address else "?"
    request.url = f"{address}{joint}{urlencode(query, quote_via=quote, safe='')}"
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return f"{request.url}&X-Amz-Signature={signature}"

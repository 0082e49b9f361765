"""Downloads and uploads at addresses that a provider gave us: looked at first, and never with our key."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpcore
import httpx
from asgiref.sync import async_to_sync

from avatarsite.http.client import BEFORE_SENDING, BROKEN, new_blocking_client, new_client, send_blocking
from avatarsite.http.encodings import BadCoding, Decoder
from avatarsite.http.get import MAX_REDIRECTS, REDIRECTS
from avatarsite.http.pinning import opened, pinned
from avatarsite.http.public_addresses import joined
from studio.providers.http.addresses import AddressRefused, Bases, in_our_words
from studio.providers.http.answers import Answer
from studio.providers.http.asking import unanswered
from studio.providers.types import Failure, Fault, ProviderError

CHUNK = 1 << 18
SECONDS = 600.0  # in all: a link that drips must not hold a worker
TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=30.0)
GONE = frozenset({401, 403, 404, 410})
# The bytes as they are: a coding would hide their number, and videos do not shrink.
HEADERS = {"Accept-Encoding": "identity"}


@contextmanager
def download(url: str, bases: Bases, *, seconds: float = SECONDS) -> Iterator[Iterator[bytes]]:
    """Open ``url`` as chunks. Raises ProviderError when it can't be had, on opening or while it is read.

    It waits in the caller's thread: an event loop takes four times the processor's time for the same bytes.
    """
    stop_at = time.monotonic() + seconds
    with ExitStack() as stack:
        client = stack.enter_context(new_blocking_client(timeout=TIMEOUT))
        stack.enter_context(_ended_after(seconds, client))
        response = stack.enter_context(_follow(client, url, bases))
        if response.status_code != 200:
            raise _refused(response)
        yield _chunks(response, stop_at)


@contextmanager
def _ended_after(seconds: float, client: httpx.Client) -> Iterator[None]:
    """A head that drips never runs into the limit of a single read."""
    alarm = threading.Timer(seconds, client.close)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


@contextmanager
def _follow(client: httpx.Client, url: str, bases: Bases) -> Iterator[httpx.Response]:
    for _ in range(MAX_REDIRECTS + 1):
        response = _open(client, url, bases)
        try:
            if response.status_code not in REDIRECTS:
                yield response
                return
        finally:
            response.close()
        with in_our_words(url):
            url = joined(url, response.headers.get("location", ""))
    raise AddressRefused(url, f"it leads on more than {MAX_REDIRECTS} times.")


def _open(client: httpx.Client, url: str, bases: Bases) -> httpx.Response:
    """Connect to one of the addresses that were looked at, in their order, in the name of the host."""
    addresses = async_to_sync(bases.addresses_of)(url)
    failure: Exception | None = None
    for request in pinned(client.build_request("GET", url, headers=HEADERS), addresses):
        try:
            return send_blocking(client, request)
        except BEFORE_SENDING as error:
            failure = error
        except (*BROKEN, RuntimeError) as error:
            raise unanswered(error) from error
    assert failure is not None  # noqa: S101 -- there is at least one address
    raise unanswered(failure) from failure


def _chunks(response: httpx.Response, stop_at: float) -> Iterator[bytes]:
    try:
        for chunk in _decoded(response):
            if time.monotonic() > stop_at:
                raise httpx.ReadTimeout("The file did not come in time.")
            yield chunk
    except httpcore.TimeoutException as error:
        raise unanswered(httpx.ReadTimeout(str(error))) from error
    except (*BROKEN, BadCoding, httpcore.NetworkError) as error:
        raise unanswered(error) from error


def _decoded(response: httpx.Response) -> Iterator[bytes]:
    """Asked for plain, a file may come coded all the same."""
    decoder = Decoder(response.headers.get("content-encoding", ""))
    if decoder.is_plain:
        yield from _body(response)
        return
    for chunk in response.iter_raw():
        yield from decoder.feed(chunk)
    yield from decoder.end()


def _body(response: httpx.Response) -> Iterator[bytes]:
    """What came with the head as httpx has read it; the rest, where its length is known, straight from the connection.

    To take each piece of a body apart takes twice as long as to receive it.
    """
    pieces = response.iter_raw()
    first = next(pieces, b"")
    yield first
    left = _length(response) - len(first)
    if left < 0:
        yield from pieces
        return
    connection = response.extensions["network_stream"]
    while left > 0:
        chunk = connection.read(min(CHUNK, left), TIMEOUT.read)
        if not chunk:
            raise httpx.RemoteProtocolError(f"The connection was closed {left:,} bytes before the end of the file.")
        left -= len(chunk)
        yield chunk


def _length(response: httpx.Response) -> int:
    """How long the body is, where nothing but that says where it ends; else -1."""
    length = response.headers.get("content-length", "")
    is_plain = response.http_version == "HTTP/1.1" and "transfer-encoding" not in response.headers
    return int(length) if is_plain and length.isdecimal() else -1


def _refused(response: httpx.Response) -> ProviderError:
    status = response.status_code
    message = f"{response.request.headers.get('Host')} answered {status} for the file."
    fault = Fault.NOT_FOUND if status in GONE else Fault.RATE_LIMIT if status == 429 else Fault.PROVIDER
    answer = Answer(status, {"retry-after": response.headers.get("retry-after", "")}, b"")
    return ProviderError(
        Failure(fault, f"http_{status}", message, retryable=True), retry_after_seconds=answer.retry_after_seconds
    )


async def put(url: str, content: bytes, content_type: str, bases: Bases) -> None:
    """Put a file to an address that a provider gave us, without a key. Raises ProviderError."""
    addresses = await bases.addresses_of(url)
    async with new_client(connections=1, timeout=TIMEOUT) as client:
        request = client.build_request("PUT", url, headers={"Content-Type": content_type}, content=content)
        try:
            async with opened(client, request, addresses) as response:
                if not response.is_success:
                    raise _refused(response)
        except BROKEN as error:
            raise unanswered(error) from error

"""Files to and from addresses that a provider gave us: looked at first, and never with our key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from studio.providers.http.addresses import AddressRefused, Bases
from studio.providers.http.answers import Answer
from studio.providers.http.asking import NotSent, unanswered
from studio.providers.http.pool import new_client
from studio.providers.types import Failure, Fault, ProviderError

CHUNK = 1 << 18
MOST_REDIRECTS = 5
TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=30.0)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
GONE = frozenset({401, 403, 404, 410})
# The bytes as they are: a coding would hide their number, and videos do not shrink.
HEADERS = {"Accept-Encoding": "identity"}


@asynccontextmanager
async def download(url: str, bases: Bases) -> AsyncIterator[AsyncIterator[bytes]]:
    """Open ``url`` as chunks. Raises ProviderError when it can't be had, on opening or while it is read."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(new_client(connections=2, timeout=TIMEOUT))
        response = await _follow(client, url, bases)
        stack.push_async_callback(response.aclose)
        if response.status_code != 200:
            raise _refused(response)
        yield _chunks(response)


async def _follow(client: httpx.AsyncClient, url: str, bases: Bases) -> httpx.Response:
    for _ in range(MOST_REDIRECTS + 1):
        response = await _open(client, "GET", url, bases, headers=HEADERS)
        if response.status_code not in REDIRECTS:
            return response
        await response.aclose()
        try:
            url = str(httpx.URL(url).join(response.headers.get("location", "")))
        except httpx.InvalidURL as error:
            raise AddressRefused(url, "it leads to what is no address.") from error
    raise AddressRefused(url, f"it leads on more than {MOST_REDIRECTS} times.")


async def _open(  # noqa: PLR0913 -- the parts of a request
    client: httpx.AsyncClient,
    method: str,
    url: str,
    bases: Bases,
    *,
    headers: dict[str, str],
    content: bytes | None = None,
) -> httpx.Response:
    """Connect to one of the addresses that were looked at, in their order, in the name of the host."""
    named = httpx.URL(url)
    addresses = await bases.addresses_of(url)
    failure: ProviderError | None = None
    for target in [named.copy_with(host=address) for address in addresses] or [named]:
        headers = headers | {"Host": named.netloc.decode("ascii")}
        extensions = {"sni_hostname": named.raw_host.decode("ascii")} if named.scheme == "https" else {}
        try:
            request = client.build_request(method, target, headers=headers, content=content, extensions=extensions)
            return await client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            failure = unanswered(error)
            if not isinstance(failure, NotSent):
                break
    raise failure or AddressRefused(url, "it has no address.")


async def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw(CHUNK):
            yield chunk
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise unanswered(error) from error


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
    async with new_client(connections=2, timeout=TIMEOUT) as client:
        response = await _open(client, "PUT", url, bases, content=content, headers={"Content-Type": content_type})
        await response.aclose()
    if not response.is_success:
        raise _refused(response)

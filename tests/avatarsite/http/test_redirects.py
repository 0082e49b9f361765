"""Where a redirect leads is read by whoever follows it and nobody else: what is no address there breaks no request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO

import pytest

from avatarsite.http.client import new_blocking_client, new_client, send, send_blocking
from avatarsite.http.get import get_public
from avatarsite.http.post import new_post_client, post_public
from avatarsite.http.public_addresses import AddressRefused
from avatarsite.http.put import Parcel, put_file
from tests.studio.providers.wire import answer, wire

# What httpx would break on, in each way that it does.
UNREADABLE = ["javascript:alert(1)", "http://[::1", "http://a:b/", "http://xn--/", "http://﷽.example/"]


async def by_post(url: str) -> int:
    async with new_post_client() as client, post_public(client, url, b"{}", {}, trusted=True) as response:
        return response.status_code


async def by_put(url: str) -> int:
    async def alive() -> None:
        """Nobody is told."""

    return await put_file(url, Parcel(lambda: BytesIO(b"video"), 5, "video/mp4"), trusted=True, alive=alive)


async def by_hand(url: str) -> int:
    async with new_client() as client:
        response = await send(client, client.build_request("POST", url))
        await response.aclose()
        assert response.is_redirect
        return response.status_code


async def by_blocking(url: str) -> int:
    def ask() -> int:
        with new_blocking_client() as client:
            response = send_blocking(client, client.build_request("GET", url))
            response.close()
            assert response.is_redirect
            return response.status_code

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("where", [*UNREADABLE, "http:relative"])
@pytest.mark.parametrize("way", [by_post, by_put, by_hand, by_blocking])
def test_what_is_not_followed_is_not_read(way: Callable[[str], Awaitable[int]], where: str) -> None:
    async def asked(url: str) -> int:
        return await way(url)

    with wire(answer(b"", "302 Found", f"Location: {where}")) as server:
        assert asyncio.run(asked(server.url)) == 302
        assert len(server.heads) == 1


@pytest.mark.parametrize("where", UNREADABLE)
def test_what_can_not_be_followed_is_refused_with_a_sentence(where: str) -> None:
    async def fetched(url: str) -> None:
        async with get_public(url, lambda _: True):
            raise AssertionError("unreachable")

    with wire(answer(b"", "302 Found", f"Location: {where}")) as server:
        with pytest.raises(AddressRefused) as refused:
            asyncio.run(fetched(server.url))
        assert len(server.heads) == 1
    assert refused.value.of_link.startswith("The link to ")
    assert refused.value.of_link.endswith(".")

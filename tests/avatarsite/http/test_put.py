"""A file that goes to a customer's own store: what each kind of presigned address wants to be told."""

from __future__ import annotations

import asyncio
from io import BytesIO

import pytest

from avatarsite.http.put import Parcel, put_file
from tests.studio.providers.wire import answer, wire

PLAIN = {"content-type": "video/mp4", "content-length": "5"}
AZURE = PLAIN | {"x-ms-blob-type": "BlockBlob"}
UNTYPED = {"content-length": "5"}
S3_V4 = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-SignedHeaders=host&X-Amz-Signature=b"


async def nobody() -> None:
    """Nobody has to be told that it is alive."""


def told(query: str, host: str = "127.0.0.1") -> dict[str, str]:
    """The headers about the file that came with it."""

    with wire(answer(b"", "201 Created")) as server:
        url = f"http://{host}:{server.port}/box/video.mp4?{query}"
        parcel = Parcel(lambda: BytesIO(b"video"), 5, "video/mp4")
        assert asyncio.run(put_file(url, parcel, trusted=True, alive=nobody)) == 201
    lines = server.heads[0].decode().lower().split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    assert "transfer-encoding" not in headers
    found = {name: headers[name] for name in ("content-type", "content-length", "x-ms-blob-type") if name in headers}
    return {name: {"blockblob": "BlockBlob"}.get(value, value) for name, value in found.items()}


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", PLAIN),
        ("sig=s3cret", PLAIN),
        ("sv=2024-11-04&se=2027-01-01&sr=b&sp=cw&sig=abc%3D", AZURE),
        ("SV=2024-11-04&SIG=abc", AZURE),
        (S3_V4, PLAIN),
        ("X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-SignedHeaders=host&X-Goog-Signature=b", PLAIN),
        ("AWSAccessKeyId=a&Expires=1900000000&Signature=b", UNTYPED),
        ("GoogleAccessId=a&Expires=1900000000&Signature=b", UNTYPED),
        ("Expires=1900000000&Signature=b&Key-Pair-Id=c", PLAIN),
    ],
)
def test_the_store_is_told_what_its_kind_of_address_wants(query: str, headers: dict[str, str]) -> None:
    assert told(query) == headers


def test_azure_is_known_by_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here(*_: object, **__: object) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr("avatarsite.http.put.public_addresses_of", here)
    for cloud in ("core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net"):
        assert told("", host=f"box.blob.{cloud}") == AZURE
    assert told("", host="blob.core.windows.net.example.org") == PLAIN

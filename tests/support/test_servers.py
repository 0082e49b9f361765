"""The servers that other tests rest on: they answer, they're separate, and nothing is left of them."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import psycopg
import pytest
import redis

from tests.support.servers import free_ports, postgres_server, s3_server, valkey_server

pytestmark = pytest.mark.process


def listens(port: int | None) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port or 0)) == 0


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield
        assert list(Path(folder).iterdir()) == []


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not any(listens(port) for port in ports)


def test_postgres_takes_queries_and_leaves_nothing() -> None:
    with postgres_server() as url:
        with psycopg.connect(url) as connection:
            row = connection.execute("select current_setting('server_version_num')::int / 10000").fetchone()
        assert row == (18,)
    assert not listens(urlsplit(url).port)


def test_valkey_keeps_values_and_leaves_nothing() -> None:
    with valkey_server() as url:
        client = redis.Redis.from_url(url)
        client.set("key", "value")
        assert client.get("key") == b"value"
        client.close()
    assert not listens(urlsplit(url).port)


def test_the_s3_server_keeps_objects_and_leaves_nothing() -> None:
    with s3_server() as server:
        client = boto3.client(
            "s3",
            endpoint_url=server.endpoint_url,
            aws_access_key_id=server.access_key,
            aws_secret_access_key=server.secret_key,
            region_name=server.region,
        )
        client.put_object(Bucket=server.bucket, Key="a/b", Body=b"bytes")
        assert client.get_object(Bucket=server.bucket, Key="a/b", Range="bytes=1-2")["Body"].read() == b"yt"
        client.close()
    assert not listens(server.port)

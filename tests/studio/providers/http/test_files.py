from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from avatarsite.http import client
from studio.providers import http
from studio.providers.http.addresses import AddressRefused, is_loopback, is_public_by_name
from studio.providers.http.downloads import CHUNK, put
from studio.providers.types import Failure, Fault, ProviderError
from tests.studio.providers.wire import Act, answer, closed_port, hang_up, in_turn, say_half, wire

REAL = http.Bases(("https://queue.fal.run", "https://rest.fal.ai"))
HERE = http.Bases(("http://127.0.0.1:9000",))


# --- Who may get our key ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://queue.fal.run/fal-ai/kling-video/requests/1/status", True),
        ("https://queue.fal.run:443/x", True),
        ("https://QUEUE.fal.run/x", True),
        ("https://rest.fal.ai/x", True),
        ("http://queue.fal.run/x", False),
        ("https://queue.fal.run:8443/x", False),
        ("https://queue.fal.run.evil.example/x", False),
        ("https://evil.example/queue.fal.run", False),
        ("https://queue.fal.run@evil.example/x", False),
        ("https://evil.example#@queue.fal.run/", False),
        ("https://evil.example\\@queue.fal.run/", False),
        ("https://someone@queue.fal.run/x", False),
        ("//queue.fal.run/x", False),
        ("ftp://queue.fal.run/x", False),
        ("https://", False),
        ("", False),
        ("https://[broken/x", False),
    ],
)
def test_the_key_goes_to_configured_origins_only(url: str, may: bool) -> None:
    assert REAL.may_get_key(url) is may


# --- Where a file may come from ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/video.mp4",
        "ftp://8.8.8.8/video.mp4",
        "file:///etc/passwd",
        "https://someone@8.8.8.8/video.mp4",
        "https:///video.mp4",
        "https://127.0.0.1/video.mp4",
        "https://localhost/video.mp4",
        "https://10.1.2.3/video.mp4",
        "https://172.16.0.1/video.mp4",
        "https://192.168.1.1/video.mp4",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/video.mp4",
        "https://0.0.0.0/video.mp4",
        "https://224.0.0.1/video.mp4",
        "https://240.0.0.1/video.mp4",
        "https://[::1]/video.mp4",
        "https://[fe80::1]/video.mp4",
        "https://[fd00::1]/video.mp4",
        "https://[::ffff:127.0.0.1]/video.mp4",
        "https://[::ffff:169.254.169.254]/video.mp4",
        "https://[64:ff9b::7f00:1]/video.mp4",
        "https://[2002:7f00:1::]/video.mp4",
    ],
)
def test_a_link_that_does_not_lead_to_a_public_https_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        asyncio.run(REAL.addresses_of(url))


@pytest.mark.parametrize("url", ["https://8.8.8.8/video.mp4", "https://[2001:4860:4860::8888]/video.mp4"])
def test_a_public_address_is_followed(url: str) -> None:
    assert asyncio.run(REAL.addresses_of(url)) == [url.split("/")[2].strip("[]")]


def test_with_a_provider_on_this_machine_this_machine_is_followed_and_nothing_else_that_is_private() -> None:
    assert asyncio.run(HERE.addresses_of("http://127.0.0.2:9001/video.mp4")) == ["127.0.0.2"]
    for url in ("http://169.254.169.254/", "http://10.0.0.1/video.mp4"):
        with pytest.raises(AddressRefused):
            asyncio.run(HERE.addresses_of(url))


def test_a_host_that_the_operator_configured_is_followed_wherever_it_is() -> None:
    inside = http.Bases(("http://runware.lan:8080/v1",))
    assert asyncio.run(inside.addresses_of("http://runware.lan:8081/video.mp4")) == []
    with pytest.raises(AddressRefused):
        asyncio.run(inside.addresses_of("http://10.0.0.1/video.mp4"))


def test_of_a_name_only_the_public_addresses_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, {"cdn.example": ["10.0.0.1", "8.8.8.8", "127.0.0.1"], "trap.example": ["169.254.169.254"]})
    assert asyncio.run(REAL.addresses_of("https://cdn.example/v.mp4")) == ["8.8.8.8"]
    with pytest.raises(AddressRefused):
        asyncio.run(REAL.addresses_of("https://trap.example/v.mp4"))


def test_a_name_that_does_not_exist_is_a_failure_that_may_pass() -> None:
    with pytest.raises(ProviderError) as caught:
        asyncio.run(REAL.addresses_of("https://no-such-host.invalid/v.mp4"))
    assert (caught.value.failure.code, caught.value.failure.retryable) == ("no_such_host", True)


def test_behind_a_proxy_names_are_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    assert asyncio.run(REAL.addresses_of("https://cdn.example/v.mp4")) == []
    with pytest.raises(AddressRefused):
        asyncio.run(REAL.addresses_of("https://169.254.169.254/"))


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://studio.example.org", True),
        ("https://8.8.8.8", True),
        ("http://localhost:8000", False),
        ("http://studio.localhost", False),
        ("http://127.0.0.1:8000", False),
        ("http://[::1]:8000", False),
        ("http://192.168.1.5", False),
        ("http://studio", False),
        ("http://studio.lan", False),
        ("http://studio.internal", False),
        ("", False),
        ("http://[broken", False),
    ],
)
def test_an_address_of_ours_is_public_by_its_name(url: str, public: bool) -> None:
    assert is_public_by_name(url) is public


def test_loopback_is_told_by_name_and_number() -> None:
    urls = ("http://localhost:1", "http://127.9.9.9", "http://[::1]:2", "http://10.0.0.1", "http://a.b", "http://[")
    assert [is_loopback(url) for url in urls] == [True, True, True, False, False, False]


# --- Downloads --------------------------------------------------------------------------------------------------------


def fetch(url: str, bases: http.Bases = HERE) -> bytes:
    with http.download(url, bases) as chunks:
        return b"".join(chunks)


def test_a_file_is_fetched_whole_and_without_a_key() -> None:
    with wire(answer(b"video" * 100_000)) as server:
        assert fetch(f"{server.url}/a/video.mp4?x=1") == b"video" * 100_000
    head = server.heads[0].lower()
    assert head.startswith(b"get /a/video.mp4?x=1 http/1.1")
    assert b"authorization" not in head
    assert f"host: 127.0.0.1:{server.port}".encode() in head


@pytest.mark.parametrize(
    ("label", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("gzip, gzip", lambda data: gzip.compress(gzip.compress(data))),
    ],
)
@pytest.mark.parametrize("length", [True, False])
def test_a_file_that_comes_packed_is_unpacked(label: str, pack: Callable[[bytes], bytes], length: bool) -> None:
    packed = pack(b"video" * 100_000)

    def unannounced(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Encoding: {label}\r\n\r\n".encode() + packed)
        connection.close()

    with wire(answer(packed, "200 OK", f"Content-Encoding: {label}") if length else unannounced) as server:
        assert fetch(f"{server.url}/v.mp4") == b"video" * 100_000


def test_a_packed_file_that_breaks_off_is_no_short_file() -> None:
    with wire(answer(gzip.compress(b"video" * 1_000)[:-1], "200 OK", "Content-Encoding: gzip")) as server:
        with pytest.raises(ProviderError) as caught:
            fetch(f"{server.url}/v.mp4")
        assert caught.value.failure.message == "Its gzip coding breaks off before its end."


def test_a_host_is_connected_to_by_number_and_asked_by_name() -> None:
    with wire(answer(b"video")) as server:
        assert fetch(f"http://localhost:{server.port}/v.mp4") == b"video"
    assert f"host: localhost:{server.port}".encode() in server.heads[0].lower()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_followed(status: str) -> None:
    with wire(in_turn(answer(b"", status, "Location: /other.mp4"), answer(b"video"))) as server:
        assert fetch(f"{server.url}/v.mp4") == b"video"
    assert server.heads[1].startswith(b"GET /other.mp4 ")


@pytest.mark.parametrize(
    "to",
    ["http://169.254.169.254/", "file:///etc/passwd", "http://10.0.0.1/v.mp4", "http://a:b/", "https://xn--/", "x:y"],
)
def test_a_redirect_to_where_we_do_not_go_is_refused(to: str) -> None:
    with wire(answer(b"", "302 Found", f"Location: {to}")) as server, pytest.raises(AddressRefused):
        fetch(f"{server.url}/v.mp4")


def test_redirects_in_a_circle_end() -> None:
    with wire(answer(b"", "302 Found", "Location: /again")) as server:
        with pytest.raises(AddressRefused):
            fetch(f"{server.url}/v.mp4")
        assert len(server.heads) == 6


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.NOT_FOUND),
        (403, Fault.NOT_FOUND),
        (404, Fault.NOT_FOUND),
        (410, Fault.NOT_FOUND),
        (429, Fault.RATE_LIMIT),
        (204, Fault.PROVIDER),
        (500, Fault.PROVIDER),
        (503, Fault.PROVIDER),
    ],
)
def test_any_other_status_than_200_is_no_file(status: int, fault: Fault) -> None:
    with wire(answer(b"", f"{status} Oh", "Retry-After: 9")) as server, pytest.raises(ProviderError) as caught:
        fetch(f"{server.url}/v.mp4")
    message = f"127.0.0.1:{server.port} answered {status} for the file."
    assert caught.value.failure == Failure(fault, f"http_{status}", message, retryable=True)
    assert caught.value.retry_after_seconds == 9.0


@pytest.mark.parametrize("act", [hang_up, say_half])
def test_a_file_that_breaks_off_is_a_failure_and_no_short_file(act: Act) -> None:
    with wire(act) as server, pytest.raises(ProviderError):
        fetch(f"{server.url}/v.mp4")


def test_a_server_that_is_gone_is_a_failure() -> None:
    with pytest.raises(ProviderError):
        fetch(f"http://127.0.0.1:{closed_port()}/v.mp4")


def test_a_large_file_needs_no_memory() -> None:
    size = 48_000_000

    def pour(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(size // 1_000_000):
            connection.sendall(bytes(1_000_000))

    def weigh(url: str) -> tuple[int, int]:
        total = largest = 0
        with http.download(url, HERE) as chunks:
            for chunk in chunks:
                total, largest = total + len(chunk), max(largest, len(chunk))
        return total, largest

    with wire(pour) as server:
        tracemalloc.start()
        total, largest = weigh(f"{server.url}/v.mp4")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert total == size
    assert largest <= CHUNK
    assert peak < 8_000_000


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_a_link_that_drips_is_given_up(head: bytes) -> None:
    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head)
        with suppress(OSError):
            while True:
                connection.sendall(b"x")
                time.sleep(0.05)

    began = time.monotonic()
    with (
        wire(drip) as server,
        pytest.raises(ProviderError),
        http.download(f"{server.url}/v.mp4", HERE, seconds=0.5) as it,
    ):
        list(it)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("spoken", ["chunked", "until it closes"])
def test_a_file_of_unknown_length_is_fetched_whole(spoken: str) -> None:
    body = b"video" * 100_000

    def pour(connection: socket.socket, _: bytes) -> None:
        if spoken == "chunked":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        connection.close()

    with wire(pour) as server:
        assert fetch(f"{server.url}/v.mp4") == body


def test_a_file_is_put_where_the_provider_says_without_a_key() -> None:
    with wire(answer(b"")) as server:
        http.run(put, f"{server.url}/upload?signature=s", b"bytes", "audio/mpeg", HERE)
    head = server.heads[0].lower()
    assert head.startswith(b"put /upload?signature=s ")
    assert b"content-type: audio/mpeg" in head
    assert b"authorization" not in head


def test_nothing_is_put_inside_our_network() -> None:
    with pytest.raises(AddressRefused):
        http.run(put, "https://192.168.1.1/upload", b"bytes", "audio/mpeg", REAL)


def test_over_tls_the_certificate_has_to_fit_the_name_and_not_the_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ours, theirs = _tls(tmp_path, "cdn.example")
    monkeypatch.setattr(client, "tls", lambda: ours)
    _names(monkeypatch, {"cdn.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})
    with wire(answer(b"video"), tls=theirs) as server:
        assert fetch(f"https://cdn.example:{server.port}/v.mp4") == b"video"
        with pytest.raises(ProviderError, match="certificate"):
            fetch(f"https://other.example:{server.port}/v.mp4")


def _names(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Make these names lead to these addresses, for whoever looks them up."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host not in names:
            return real(host, port, *args, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def _tls(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's context that trusts one certificate, and the server's that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    ours = ssl.create_default_context(cadata=certificate.public_bytes(serialization.Encoding.PEM).decode())
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(pem)
    return ours, theirs

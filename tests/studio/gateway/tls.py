"""TLS in front of a loopback server, for clients that insist on https."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@contextmanager
def tls_before(url: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """A port that speaks TLS and passes on to ``url``, and the certificate that a client has to trust."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    parts = urlsplit(url)
    target = (parts.hostname or "", parts.port or 80)
    door = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(door, context, target), daemon=True)
    thread.start()
    try:
        yield door.getsockname()[1], certificate
    finally:
        door.shutdown(socket.SHUT_RDWR)
        door.close()
        thread.join()


def _serve(door: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            arrived, _ = door.accept()
            threading.Thread(target=_pass_on, args=(arrived, context, target), daemon=True).start()


def _pass_on(arrived: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    """One request and its answer: the server behind closes the connection after each."""
    with suppress(OSError), arrived, context.wrap_socket(arrived, server_side=True) as client:
        asked = b""
        while b"\r\n\r\n" not in asked and (data := client.recv(65_536)):
            asked += data
        head, _, body = asked.partition(b"\r\n\r\n")
        found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        while found and len(body) < int(found[1]) and (data := client.recv(65_536)):
            body += data
        with socket.create_connection(target) as server:
            server.sendall(head + b"\r\nX-Forwarded-Proto: https\r\n\r\n" + body)
            while data := server.recv(65_536):
                client.sendall(data)
        client.unwrap()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    return paths

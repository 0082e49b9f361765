"""Guard against private addresses (SSRF): which may be connected to, of a customer's and of a provider's links.

A name is looked up once, what it leads to is judged, and whoever asked connects to exactly that (``pinning.py``):
looked up a second time, it could lead elsewhere. Redirects are never followed unseen.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable

import httpx
import idna

from avatarsite.http.networks import Address, is_public

__all__ = [
    "AROUND",
    "AddressRefused",
    "UnknownHost",
    "check_by_name",
    "host_of",
    "is_at_host",
    "is_loopback",
    "is_public",
    "is_public_by_name",
    "joined",
    "parsed",
    "public_addresses_of",
    "trimmed",
    "web_address",
]

Origin = tuple[str, str, int]
AROUND = " \t\r\n\f\v\0\N{NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}"
MAX_NAME, MAX_LABEL = 253, 63
LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
# What the resolver would read as a number: 127.1, 0x7f000001, 0177.0.0.1.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
PORTS = {"https": 443, "http": 80}
# Names that no public resolver answers.
PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home", "test", "invalid", "example", "home.arpa")


class AddressRefused(ValueError):
    """An address that is not connected to; ``host`` is whose, ``why`` a sentence's end such as "it is not https."."""

    def __init__(self, url: str, why: str) -> None:
        url_read = parsed(url)
        self.host = url_read.host if url_read else (_host_as_written(url) or url[:100])
        self.why = why
        super().__init__(f"{self.host} is not connected to: {why}")

    @property
    def of_link(self) -> str:
        """The same of a link that was to be followed."""
        return f"The link to {self.host} is not followed: {self.why}"


class UnknownHost(OSError):
    """A name that leads nowhere, now."""


def trimmed(text: str) -> str:
    """Without what surrounds an address by accident: white space of any kind, and marks that nobody sees."""
    return text.strip(AROUND)


async def public_addresses_of(url: str, *, trusted: bool = False, plain: bool = False) -> list[str]:
    """The IP addresses that may be connected to, directly and as they are, for an address that a customer named.

    https alone unless ``plain``. What is ``trusted`` by the operator is looked up, and may be anything. Raises
    AddressRefused and UnknownHost.
    """
    url_read = web_address(url)
    if url_read.scheme != "https" and not trusted and not plain:
        raise AddressRefused(url, "it is not https.")
    allowed = [str(found) for found in await look_up(url_read) if trusted or is_public(found)]
    if not allowed:
        raise AddressRefused(url, "it does not lead to a public address.")
    return allowed


def joined(url: str, leads_to: str) -> str:
    """Where a redirect leads. Raises AddressRefused."""
    try:
        return str(httpx.URL(url).join(leads_to))
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(url, "it leads to what is no address.") from error


def web_address(url: str) -> httpx.URL:
    """``url``, read. Raises AddressRefused for what is no address of the web, or carries a user name."""
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or not url_read.host:
        raise AddressRefused(url, _why_unreadable(url))
    if url_read.userinfo:
        raise AddressRefused(url, "it carries a user name.")
    if url_read.port is not None and not 0 < url_read.port < 65_536:
        raise AddressRefused(url, "there is no such port.")
    return url_read


def check_by_name(url: str, *, trusted: bool = False, plain: bool = False) -> httpx.URL:
    """``url``, read; for when it is registered: by its spelling alone, before its name is looked up and connected to.

    https alone unless ``plain``; what is ``trusted`` by the operator may be anything. Raises AddressRefused.
    """
    url_read = web_address(url)
    if trusted:
        return url_read
    if url_read.scheme != "https" and not plain:
        raise AddressRefused(url, "it is not https.")
    if not is_public_by_name(url):
        raise AddressRefused(url, "it does not lead to a public address.")
    return url_read


def is_loopback(url: str) -> bool:
    url_read = parsed(url)
    if url_read is None:
        return False
    literal = as_literal(url_read.host)
    return literal.is_loopback if literal else url_read.host == "localhost"


def is_public_by_name(url: str) -> bool:
    """Whether it can be expected to be reached from anywhere, without looking its name up."""
    url_read = parsed(url)
    if url_read is None or not url_read.host:
        return False
    literal = as_literal(url_read.host)
    if literal is not None:
        return is_public(literal)
    host = url_read.host.removesuffix(".")
    return "." in host and not host.endswith(tuple(f".{name}" for name in PRIVATE_NAMES))


def origin_of(url: str) -> Origin | None:
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or url_read.userinfo:
        return None
    return url_read.scheme, url_read.host, url_read.port or PORTS[url_read.scheme]


def host_of(url: str) -> str:
    """What may be shown of an address: what stands behind its host may be a signature."""
    url_read = parsed(url)
    return url_read.host if url_read else "the address"


def is_at_host(url: str, hosts: Iterable[str]) -> bool:
    """Whether ``url`` is at one of ``hosts``: names or numbers, with a port or for all ports."""
    url_read = parsed(url)
    if url_read is None or url_read.scheme not in PORTS or url_read.userinfo:
        return False
    name = f"[{url_read.host}]" if ":" in url_read.host else url_read.host
    return not {name, f"{name}:{url_read.port or PORTS[url_read.scheme]}"}.isdisjoint(host.lower() for host in hosts)


async def look_up(url: httpx.URL) -> list[Address]:
    """Where the name leads, as the system's resolver reads it. Raises UnknownHost."""
    literal = as_literal(url.host)
    if literal is not None:
        return [literal]
    loop = asyncio.get_running_loop()
    try:
        # As it goes on the wire: Python would spell an international name by rules that are older than the client's.
        name = url.raw_host.decode("ascii")
        found = await loop.getaddrinfo(name, url.port or PORTS[url.scheme], type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise UnknownHost(f"{url.host} could not be looked up: {why}.") from error
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def parsed(url: str) -> httpx.URL | None:
    """Read as the client that connects will read it, so that the two can't differ; None for what has no real host."""
    try:
        url_read = httpx.URL(url)
        _check_host(url_read.raw_host.decode("ascii"))
    except (httpx.InvalidURL, TypeError, ValueError):
        return None
    return url_read


def _check_host(host: str) -> None:
    """Raises ValueError, whose text ends a sentence, for a host that is neither a name nor a number."""
    if ":" in host:
        if "%" in host:
            raise ValueError("the zone in its host means something on one machine only.")
        ipaddress.IPv6Address(host)
        return
    if not host or as_literal(host) is not None:
        return  # httpx takes no number but in its one right spelling
    name = host.removesuffix(".")
    labels = name.split(".")
    if NUMBER.fullmatch(labels[-1]):
        raise ValueError("a host in numbers is four of them from 0 to 255, such as 192.0.2.1.")
    if len(name) > MAX_NAME or any(len(label) > MAX_LABEL for label in labels):
        raise ValueError(f"its host is longer than {MAX_NAME} letters, or a part of it than {MAX_LABEL}.")
    if any(label.startswith("xn--") for label in labels):
        idna.decode(name)  # its error is a ValueError, and no sentence
    if not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError("its host is no name: names are letters, digits and hyphens between single dots.")


def _why_unreadable(url: str) -> str:
    try:
        _check_host(httpx.URL(url).raw_host.decode("ascii"))
    except idna.IDNAError:
        return "a part of its host begins with xn-- and spells no name."
    except httpx.InvalidURL:
        return "it is not a web address."
    except (TypeError, ValueError) as error:
        return str(error) if str(error).endswith(".") else "it is not a web address."
    return "it is not a web address."


def _host_as_written(url: str) -> str:
    """What may be shown of an address that can't be read: what stands behind its host may be a secret."""
    found = re.match(r"\s*[a-z]+://(?:[^/?#@]*@)?([^/?#]{1,100})", url, re.IGNORECASE)
    return found[1] if found else ""


def as_literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None

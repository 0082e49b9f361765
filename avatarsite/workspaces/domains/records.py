"""TXT records in DNS, asked of the name servers of this machine or of ``DNS_SERVERS``."""

from __future__ import annotations

import dns.exception
import dns.nameserver
import dns.resolver
from django.conf import settings

from avatarsite.workspaces.errors import DomainRefused

LABEL = "_avatar-studio"
MAX_SECONDS = 5
PORT = 53


def place_of(name: str) -> str:
    """Where the record of a domain stands."""
    return f"{LABEL}.{name}"


def texts_of(name: str) -> list[str]:
    """What stands there for a domain. Raises DomainRefused where no name server answers."""
    resolver = dns.resolver.Resolver(configure=not settings.DNS_SERVERS)
    if settings.DNS_SERVERS:
        resolver.nameservers = [_server(each) for each in settings.DNS_SERVERS]
    try:
        found = resolver.resolve(place_of(name), "TXT", lifetime=MAX_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise DomainRefused(f"The name servers of {name} give no answer. Try again in some minutes.") from error
    return [b"".join(row.strings).decode(errors="replace") for row in found]


def _server(address: str) -> dns.nameserver.Do53Nameserver:
    host, _, port = address.partition(":")
    return dns.nameserver.Do53Nameserver(host, int(port or PORT))

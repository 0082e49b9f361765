"""Public IP addresses, which are anybody's to reach: our own list, so that it is the same under every Python.

From IANA's registries of special-purpose addresses for IPv4 and IPv6 and of IPv6 address space, as of November 2026.
Of IPv6, 2000::/3 alone is given out. What a registry calls reachable and no host can have (the anycast addresses of
the nearest NAT, identifiers that are not routed) is refused like the block it lies in.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SPECIAL_V4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by a provider's customers
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and the clouds' metadata
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4, given up
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and the broadcast address
        ),
    )
)
GIVEN_OUT_V6 = ipaddress.IPv6Network("2000::/3")
SPECIAL_V6 = tuple(
    map(
        ipaddress.IPv6Network,
        (
            "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID, anycast
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, given up: it wraps any IPv4 address
            "3ffe::/16",  # the first test network, returned
            "3fff::/20",  # documentation
        ),
    )
)
# Wrappings that the system or a gateway takes off: what is inside counts.
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether any host of the Internet may have it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in MAPPED or address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return address in GIVEN_OUT_V6 and not any(address in network for network in SPECIAL_V6)
    return not any(address in network for network in SPECIAL_V4)

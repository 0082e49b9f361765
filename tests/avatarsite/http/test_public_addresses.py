"""Hosts that are none, and blocks of addresses that are nobody's, member by member."""

from __future__ import annotations

import ipaddress

import pytest

from avatarsite.http.networks import is_public
from avatarsite.http.public_addresses import AddressRefused, check_by_name, is_public_by_name, web_address

LONG = "a" * 64


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("xn--", "a part of its host begins with xn-- and spells no name."),
        ("xn--.com", "a part of its host begins with xn-- and spells no name."),
        ("www.xn--", "a part of its host begins with xn-- and spells no name."),
        ("xn--a", "a part of its host begins with xn-- and spells no name."),
        ("a.xn--a.com", "a part of its host begins with xn-- and spells no name."),
        ("xn--\N{LATIN SMALL LETTER E WITH ACUTE}.com", "it is not a web address."),
        ("a..com", "its host is no name: names are letters, digits and hyphens between single dots."),
        (".com", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("example.com..", "its host is no name: names are letters, digits and hyphens between single dots."),
        (".", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("-a.com", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("a-.com", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("ex*a.com", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("%31.com", "its host is no name: names are letters, digits and hyphens between single dots."),
        ("exa mple.com", "its host is no name: names are letters, digits and hyphens between single dots."),
        (f"{LONG}.com", "its host is longer than 253 letters, or a part of it than 63."),
        (".".join(["a" * 60] * 5), "its host is longer than 253 letters, or a part of it than 63."),
        ("127.0.0.1.", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8.8.8.", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("134744072", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("0x08080808", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8.8.0x8", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("0x", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8.8.010.", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8.8.8.8", "a host in numbers is four of them from 0 to 255, such as 192.0.2.1."),
        ("8.8.8.010", "it is not a web address."),
        ("8.8.8.256", "it is not a web address."),
        ("\N{FULLWIDTH DIGIT EIGHT}.8.8.8", "it is not a web address."),
        ("\N{ARABIC-INDIC DIGIT EIGHT}.8.8.8", "it is not a web address."),
        ("\N{CIRCLED DIGIT ONE}.com", "it is not a web address."),
        ("[fe80::1%25eth0]", "the zone in its host means something on one machine only."),
        ("[2606:4700::1%eth0]", "the zone in its host means something on one machine only."),
        ("[::1", "it is not a web address."),
        ("[v1.a]", "it is not a web address."),
        ("", "it is not a web address."),
    ],
)
def test_a_host_that_is_none_is_refused_with_a_sentence(host: str, why: str) -> None:
    url = f"https://{host}/face.jpg"
    with pytest.raises(AddressRefused) as refused:
        web_address(url)
    assert (refused.value.why, is_public_by_name(url)) == (why, False)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "EXAMPLE.com.",
        "a_b.s3.amazonaws.com",
        "xn--bcher-kva.example.org",
        "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.de",
        "fa\N{LATIN SMALL LETTER SHARP S}.de",
        "127.0.0.1.nip.io",
        "8.8.8.8",
        "[2606:4700:4700::1111]",
    ],
)
def test_a_host_that_is_one_is_read(host: str) -> None:
    assert check_by_name(f"https://{host}:8443/face.jpg").port == 8443


@pytest.mark.parametrize(
    "network",
    [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32", "192.0.0.10/32", "192.0.0.170/31"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
        *("::/128", "::1/128", "::/96", "::ffff:10.0.0.0/104", "::ffff:127.0.0.0/104", "::ffff:192.88.99.0/120"),
        *("::ffff:0:0:0/96", "64:ff9b::10.0.0.0/104", "64:ff9b::169.254.0.0/112", "64:ff9b::192.0.0.0/120"),
        *("64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001::/32", "2001:1::1/128"),
        *("2001:1::2/128", "2001:1::3/128", "2001:2::/48", "2001:3::/32", "2001:4:112::/48", "2001:10::/28"),
        *("2001:20::/28", "2001:30::/28", "2001:db8::/32", "2002::/16", "2002:808:808::/48", "3ffe::/16", "3fff::/20"),
        *("4000::/3", "5f00::/16", "6000::/3", "8000::/3", "a000::/3", "c000::/3", "e000::/4", "f000::/5"),
        *("fc00::/7", "fe00::/9", "fe80::/10", "fec0::/10", "ff00::/8"),
    ],
)
def test_a_special_block_is_not_public_from_its_first_address_to_its_last(network: str) -> None:
    block = ipaddress.ip_network(network)
    assert [is_public(block[at]) for at in (0, block.num_addresses // 2, -1)] == [False] * 3


@pytest.mark.parametrize(
    "address",
    [
        *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0"),
        *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0"),
        *(
            "192.0.3.0",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.98.255",
            "192.88.100.0",
            "192.175.48.1",
            "198.17.255.255",
        ),
        *("198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:200::", "2001:4860:4860::8888"),
        *("2003::", "2620:4f:8000::1", "2606:4700::1", "3ffd::", "3fff:1000::"),
    ],
)
def test_its_neighbours_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address)) is True


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1./", "https://localhost./", "https://a.local/", "https://[fec0::1]/"]
)
def test_what_nothing_would_reach_is_refused_when_it_is_registered(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_by_name(url, plain=True)

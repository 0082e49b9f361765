"""Where nothing is ever sent: by name, by number in any spelling, and when a name changes its mind."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from avatarsite.http.public_addresses import is_at_host
from avatarsite.outbox.endpoints import EndpointRefused, check_url
from avatarsite.outbox.models import Attempt, Delivery, Endpoint
from avatarsite.workspaces.models import Workspace
from tests.avatarsite.outbox.cast import happen, listen, send
from tests.avatarsite.outbox.receiver import Receiver

Names = dict[str, list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What names lead to, for whoever looks them up; numbers are read as the system reads them."""
    found: Names = {}
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host in found:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found[host]]
        if str(host).rstrip(".").rsplit(".", 1)[-1].isalpha():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hooks",
        "//example.com/",
        "ftp://example.com/",
        "javascript:alert(1)",
        "http://hooks.example.com/",
        "https://",
        "https:///path",
        "https://user:secret@hooks.example.com/",
        "https://hooks.example.com/#here",
        "https://hooks.example.com:99999/",
        "https://[::1/",
        "https://" + "a" * 2_000 + ".com/",
        "https://localhost/",
        "https://localhost./",
        "https://intranet/",
        "https://db.internal/",
        "https://printer.local/",
        "https://127.0.0.2/",
        "https://127.1.1/",
        "https://127.1/",
        "https://2130706434/",
        "https://0x7f000002/",
        "https://0x7f.0.0.2/",
        "https://017700000002/",
        "https://0177.0.0.2/",
        "https://0.0.0.0/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1:8443/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::1]/",
        "https://[::]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[fec0::1]/",
        "https://127.0.0.1./",
        "https://8.8.8.8./",
        "https://xn--/",
        "https://a..example.com/",
        "https://inside.example.com/",
        "https://metadata.example.com/",
    ],
)
def test_a_bad_address_is_refused_when_it_is_given(names: Names, url: str) -> None:
    names |= {"inside.example.com": ["10.0.0.5"], "metadata.example.com": ["169.254.169.254"]}
    with pytest.raises(EndpointRefused) as refused:
        check_url(url)
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "url", ["https://hooks.example.com/in?a=b", "https://not-yet.example.com/", "https://93.184.216.34:8443/"]
)
def test_a_public_address_is_taken_and_one_that_leads_nowhere_yet(names: Names, url: str) -> None:
    names["hooks.example.com"] = ["93.184.216.34"]
    assert (check_url(url), check_url(f" \n{url}\N{NO-BREAK SPACE}")) == (url, url)


@pytest.mark.parametrize("now", ["127.0.0.1", "10.0.0.5", "169.254.169.254"])
@pytest.mark.django_db
def test_a_name_that_leads_inside_later_gets_nothing(
    house: Workspace, there: Receiver, names: Names, settings: Any, now: str
) -> None:
    settings.TRUSTED_WEBHOOK_ENDPOINTS = []
    names["hooks.example.com"] = ["93.184.216.34"]
    url = f"https://hooks.example.com:{there.url.rsplit(':', 1)[1]}/"
    check_url(url)
    listen(house, url)
    names["hooks.example.com"] = [now]
    happen(house)
    send()
    attempt = Attempt.objects.get()
    assert attempt.code is None
    assert attempt.answer == (
        "Nothing was sent. hooks.example.com is not connected to: it does not lead to a public address."
    )
    assert there.got == []


@pytest.mark.django_db
def test_the_name_is_looked_up_once_and_what_was_judged_is_connected_to(
    house: Workspace, there: Receiver, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A resolver that answers well to the first question only finds nobody who asks again."""
    asked: list[str] = []

    def look_up(host: Any, port: Any, *_args: Any, **_kwargs: Any) -> Any:
        asked.append(str(host))
        address = "127.0.0.1" if len(asked) == 1 else "127.0.0.9"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    port = there.url.rsplit(":", 1)[1]
    settings.TRUSTED_WEBHOOK_ENDPOINTS = [f"hooks.example.com:{port}"]
    listen(house, f"http://hooks.example.com:{port}/")
    happen(house)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    send()
    (got,) = there.got
    assert got.headers["host"] == f"hooks.example.com:{port}"
    assert asked == ["hooks.example.com"]


@pytest.mark.django_db
def test_what_was_made_before_the_rules_is_held_to_them_as_well(
    house: Workspace, there: Receiver, settings: Any
) -> None:
    listen(house, there.url)
    settings.TRUSTED_WEBHOOK_ENDPOINTS = []
    happen(house)
    send()
    assert there.got == []
    assert Delivery.objects.get().answer == "Nothing was sent. 127.0.0.1 is not connected to: it is not https."
    assert Endpoint.objects.get().dark_since is not None


@pytest.mark.parametrize(
    ("url", "hosts", "trusted"),
    [
        ("http://127.0.0.1:3000/", ["127.0.0.1"], True),
        ("http://127.0.0.1:3000/", ["127.0.0.1:3000"], True),
        ("http://127.0.0.1:3001/", ["127.0.0.1:3000"], False),
        ("http://127.0.0.1/", ["127.0.0.1:80"], True),
        ("http://[::1]:3000/", ["[::1]"], True),
        ("http://receiver.internal/", ["Receiver.internal"], True),
        ("http://127.0.0.1.evil.com/", ["127.0.0.1"], False),
        ("http://127.0.0.1@evil.com/", ["127.0.0.1"], False),
        ("ftp://127.0.0.1/", ["127.0.0.1"], False),
    ],
)
def test_hosts_that_the_operator_trusts(url: str, hosts: list[str], trusted: bool) -> None:
    assert is_at_host(url, hosts) is trusted

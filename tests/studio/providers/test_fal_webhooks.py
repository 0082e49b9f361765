"""fal's webhooks: whose they are, which job they speak of, and every way in which a signature can be wrong."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.cache import cache

from studio.providers import http
from studio.providers.base import InvalidSignature, webhook_token
from studio.providers.fal import FalProvider, webhook_signature
from studio.providers.types import JobStatus, Outcome, ProviderError, WebhookNews
from tests.simulators.fixture import Inbox, Simulators
from tests.studio.providers.orders import JobHandle, accepted, check, order_for, use
from tests.studio.providers.wire import Wire, answer, closed_port, in_turn, wire

pytest_plugins = ["tests.simulators.fixture"]
PRO = "fal-ai/kling-video/ai-avatar/v2/pro"
QUERY = {"job": "r-1", "token": webhook_token("r-1", key="k")}


@pytest.fixture
def fal(settings: Any, simulators: Simulators) -> FalProvider:
    use(settings, simulators)
    return FalProvider()


def query_of(path: str) -> dict[str, str]:
    return dict(parse_qsl(path.partition("?")[2]))


def read(fal: FalProvider, letter: Any, **changes: Any) -> list[WebhookNews]:
    given = {"headers": letter.headers, "query": query_of(letter.path), "body": letter.body} | changes
    return fal.read_webhook(given["headers"], given["query"], given["body"], received_at=datetime.now(UTC))


# --- With the stand-in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", [False, True])
def test_a_webhook_names_its_job_whether_it_did_well_or_not(
    simulators: Simulators, fal: FalProvider, inbox: Inbox, *, failing: bool
) -> None:
    if failing:
        simulators.fal.fault("fail", code="face_detection_error")
    order = order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/")
    job = accepted(fal, order)
    letter = inbox.wait()[0]
    query = query_of(letter.path)
    assert query == {"job": order.reference, "token": webhook_token(order.reference)}
    event = fal.webhook_event_id(letter.headers, query, letter.body)
    assert read(fal, letter) == [WebhookNews(event, reference=order.reference, provider_job_id=job.provider_job_id)]
    assert event.startswith(f"{job.provider_job_id}:{'ERROR' if failing else 'OK'}:")


def test_a_webhook_brings_home_a_job_whose_submit_was_never_answered(
    simulators: Simulators, fal: FalProvider, inbox: Inbox
) -> None:
    simulators.fal.fault("lost_response", times=1)
    simulators.fal.fault("not_in_ledger")
    order = order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/")
    assert http.run(fal.submit, order).outcome is Outcome.UNKNOWN
    news = read(fal, inbox.wait()[0])[0]
    assert news.reference == order.reference
    assert check(fal, JobHandle(order.reference, PRO, news.provider_job_id)).status is JobStatus.DONE


def test_repeats_of_a_webhook_are_one_event(simulators: Simulators, fal: FalProvider, inbox: Inbox) -> None:
    simulators.fal.fault("webhook_duplicate", copies=2)
    accepted(fal, order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/"))
    letters = inbox.wait(3)
    assert len({fal.webhook_event_id(letter.headers, query_of(letter.path), letter.body) for letter in letters}) == 1


@pytest.mark.parametrize(
    ("fault", "match"), [("webhook_forged", "None of fal's keys"), ("webhook_stale", "300 seconds older or newer")]
)
def test_a_forged_and_a_stale_letter_are_refused(
    simulators: Simulators, fal: FalProvider, inbox: Inbox, *, fault: str, match: str
) -> None:
    simulators.fal.fault(fault)
    accepted(fal, order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/"))
    with pytest.raises(InvalidSignature, match=match):
        read(fal, inbox.wait()[0])


def test_a_letter_that_is_read_much_later_is_judged_by_when_it_came(
    simulators: Simulators, fal: FalProvider, inbox: Inbox
) -> None:
    accepted(fal, order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/"))
    letter, query = inbox.wait()[0], query_of(inbox.letters[0].path)
    came = datetime.now(UTC)
    assert len(fal.read_webhook(letter.headers, query, letter.body, received_at=came)) == 1
    with pytest.raises(InvalidSignature):
        fal.read_webhook(letter.headers, query, letter.body, received_at=came + timedelta(hours=1))


def test_a_signed_webhook_that_can_not_be_read_still_says_that_something_happened(
    simulators: Simulators, fal: FalProvider, inbox: Inbox
) -> None:
    simulators.fal.fault("webhook_garbled")
    order = order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/")
    accepted(fal, order)
    letter = inbox.wait()[0]
    assert read(fal, letter) == [WebhookNews(sha256(letter.body).hexdigest(), reference=order.reference)]


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"{}"},
        {"query": {}},
        {"query": {"job": "another", "token": "x" * 64}},
        {"headers": {}},
    ],
)
def test_a_letter_that_was_tampered_with_is_refused(
    simulators: Simulators, fal: FalProvider, inbox: Inbox, change: dict[str, Any]
) -> None:
    accepted(fal, order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/"))
    letter = inbox.wait()[0]
    assert len(read(fal, letter)) == 1
    with pytest.raises(InvalidSignature):
        read(fal, letter, **change)


def test_keys_are_asked_for_once_a_day_and_not_for_each_letter_that_none_fits(
    simulators: Simulators, fal: FalProvider, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulators.fal.fault("webhook_forged", times=1)
    for _ in range(2):
        accepted(fal, order_for(PRO, simulators=simulators, webhook=f"{inbox.url}/hooks/fal/"))
    letters = inbox.wait(2)

    def asked() -> int:
        return int(simulators.fal.counts()["requests"].get("jwks", 0))

    def good() -> int:
        passed = 0
        for letter in letters:
            try:
                passed += len(read(fal, letter))
            except InvalidSignature:
                continue
        return passed

    assert (asked(), good(), good(), asked()) == (0, 1, 1, 1)
    now = time.time
    monkeypatch.setattr(webhook_signature.time, "time", lambda: now() + 61)
    assert (good(), good(), asked()) == (1, 1, 2)
    monkeypatch.setattr(webhook_signature.time, "time", lambda: now() + 25 * 3600)
    assert (good(), asked()) == (1, 3)


# --- With keys of our own ---------------------------------------------------------------------------------------------


class Sender:
    """Seals letters as fal does, by its documents."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()

    @property
    def public(self) -> dict[str, str]:
        raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}

    def headers(self, body: bytes, *, stamp: str = "") -> dict[str, str]:
        stamp = stamp or str(int(time.time()))
        message = f"q-1\nu-1\n{stamp}\n{sha256(body).hexdigest()}".encode()
        return {
            "X-Fal-Webhook-Request-Id": "q-1",
            "X-Fal-Webhook-User-Id": "u-1",
            "X-Fal-Webhook-Timestamp": stamp,
            "X-Fal-Webhook-Signature": self.key.sign(message).hex(),
        }


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def keys_host(sender: Sender) -> Iterator[Wire]:
    odd = [{"crv": "Ed25519", "x": "short"}, {"crv": "P-256", "x": "x"}, {"crv": "Ed25519", "x": "!"}, 7]
    body = json.dumps({"keys": [*odd, Sender().public, sender.public]}).encode()
    with wire(answer(body)) as host:
        yield host


def checked(sender: Sender, host: str, *, seconds: float = 0.0, **changes: str) -> None:
    body = b'{"request_id": "q-1"}'
    headers = sender.headers(body) | changes
    received_at = datetime.now(UTC) + timedelta(seconds=seconds)
    webhook_signature.check_signature(headers, body, received_at=received_at, rest_url=host)


def test_each_published_key_is_tried_and_odd_ones_are_passed_over(sender: Sender, keys_host: Wire) -> None:
    checked(sender, keys_host.url)
    assert keys_host.heads[0].startswith(b"GET /.well-known/jwks.json ")


@pytest.mark.parametrize("seconds", [-298.0, 298.0])
def test_within_the_window_a_seal_holds(sender: Sender, keys_host: Wire, seconds: float) -> None:
    checked(sender, keys_host.url, seconds=seconds)


@pytest.mark.parametrize("seconds", [-302.0, 302.0])
def test_outside_of_the_window_it_does_not(sender: Sender, keys_host: Wire, seconds: float) -> None:
    with pytest.raises(InvalidSignature, match="300 seconds"):
        checked(sender, keys_host.url, seconds=seconds)


@pytest.mark.parametrize(
    "change",
    [
        {"X-Fal-Webhook-Request-Id": "q-2"},
        {"X-Fal-Webhook-Request-Id": ""},
        {"X-Fal-Webhook-User-Id": "u-2"},
        {"X-Fal-Webhook-Timestamp": ""},
        {"X-Fal-Webhook-Timestamp": "soon"},
        {"X-Fal-Webhook-Timestamp": "9" * 5_000},
        {"X-Fal-Webhook-Timestamp": "-1"},
        {"X-Fal-Webhook-Signature": ""},
        {"X-Fal-Webhook-Signature": "not hex"},
        {"X-Fal-Webhook-Signature": "00" * 64},
    ],
)
def test_any_change_of_a_signed_part_breaks_the_signature(
    sender: Sender, keys_host: Wire, change: dict[str, str]
) -> None:
    with pytest.raises(InvalidSignature):
        checked(sender, keys_host.url, **change)


def test_header_names_may_be_written_in_any_case(sender: Sender, keys_host: Wire) -> None:
    body = b"{}"
    headers = {name.upper(): value for name, value in sender.headers(body).items()}
    webhook_signature.check_signature(headers, body, received_at=datetime.now(UTC), rest_url=keys_host.url)


def test_a_key_that_is_newer_than_what_we_know_is_fetched(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = ({"keys": [key.public]} for key in (Sender(), sender))
    with wire(in_turn(*(answer(json.dumps(body).encode()) for body in (before, after)))) as host:
        assert len(webhook_signature.keys(host.url)) == 1
        now = time.time
        monkeypatch.setattr(webhook_signature.time, "time", lambda: now() + 61)
        checked(sender, host.url)


@pytest.mark.parametrize("body", [b"<html>", b'{"keys": []}', b"{}"])
def test_without_any_key_a_letter_is_not_refused_but_waits(sender: Sender, body: bytes) -> None:
    with wire(answer(body)) as host, pytest.raises(ProviderError):
        checked(sender, host.url)


def test_a_letter_that_no_known_key_fits_waits_while_newer_keys_can_not_be_had(
    sender: Sender, keys_host: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = f"http://127.0.0.1:{closed_port()}"
    cache.set(f"fal-keys:{gone}", {"asked_at": time.time(), "keys": webhook_signature.keys(keys_host.url)})
    checked(sender, gone)
    with pytest.raises(InvalidSignature):
        checked(Sender(), gone)
    now = time.time
    monkeypatch.setattr(webhook_signature.time, "time", lambda: now() + 61)
    checked(sender, gone, seconds=61)
    with pytest.raises(ProviderError):
        checked(Sender(), gone, seconds=61)


def test_the_older_name_of_the_keys_host_is_asked_where_the_newer_one_has_none(
    sender: Sender, keys_host: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire(answer(b"", "404 Not Found")) as newer:
        monkeypatch.setitem(webhook_signature.OTHER_HOST, newer.url, keys_host.url)
        checked(sender, newer.url)
    assert webhook_signature.OTHER_HOST["https://rest.fal.ai"] == "https://rest.alpha.fal.ai"


def test_a_seal_of_fal_alone_is_not_enough_since_anybody_can_make_fal_call_us(
    settings: Any, sender: Sender, keys_host: Wire
) -> None:
    settings.FAL_REST_URL = keys_host.url
    body = b'{"request_id": "q-1", "status": "OK"}'
    good = {"job": "r-1", "token": webhook_token("r-1")}
    now = datetime.now(UTC)
    assert len(FalProvider().read_webhook(sender.headers(body), good, body, received_at=now)) == 1
    for query in ({}, {"job": "r-2", "token": good["token"]}, QUERY):
        with pytest.raises(InvalidSignature):
            FalProvider().read_webhook(sender.headers(body), query, body, received_at=now)

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from avatarsite.http.client import CONNECTIONS, tls
from studio.providers import http
from studio.providers.http.answers import Answer, count_at, objects_at, plain, retry_after_seconds, text_at
from studio.providers.http.asking import unanswered
from studio.providers.types import Failure, Fault, ProviderError
from tests.studio.providers.wire import Act, answer, closed_port, hang_up, in_turn, reset, say_half, say_nothing, wire


def ask(url: str, method: str = "POST", **how: Any) -> Answer:
    return http.run(http.ask, method, url, **how)


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "302 Found", "404 Not Found", "500 Oh"])
def test_an_answer_of_any_status_is_an_answer(status: str) -> None:
    with wire(answer(b'{"a": 1}', status, "X-Fal-Thing: 7", "Location: /elsewhere")) as server:
        got = ask(server.url, json=[])
    headers = {"content-length": "8", "x-fal-thing": "7", "location": "/elsewhere"}
    assert got == Answer(int(status[:3]), headers, b'{"a": 1}')
    assert got.data == {"a": 1}
    assert len(server.heads) == 1


def test_a_port_where_nobody_listens_proves_that_nothing_was_sent() -> None:
    with pytest.raises(http.NotSent) as caught:
        ask(f"http://127.0.0.1:{closed_port()}")
    assert caught.value.failure == Failure(Fault.PROVIDER, "ConnectError", str(caught.value.__cause__), retryable=True)
    assert "All connection attempts failed" in caught.value.failure.message


def test_a_host_that_does_not_exist_proves_that_nothing_was_sent() -> None:
    with pytest.raises(http.NotSent):
        ask("http://no-such-host.invalid")


def test_an_address_that_is_none_proves_that_nothing_was_sent() -> None:
    with pytest.raises(http.NotSent):
        ask("http://[broken")


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_body_of_any_size_says_its_length_and_what_it_is(size: int) -> None:
    with wire(answer()) as server:
        ask(server.url, content=bytes(size), headers={"Content-Type": "audio/mpeg"})
        ask(server.url, json="x" * (size - 2))
    told = [
        dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
        for head in server.heads
    ]
    kinds = [(each["content-length"], each["content-type"], "transfer-encoding" in each) for each in told]
    assert kinds == [(str(size), "audio/mpeg", False), (str(size), "application/json", False)]


@pytest.mark.parametrize("act", [hang_up, reset, say_half])
def test_a_broken_connection_leaves_a_creating_request_in_doubt_and_is_not_tried_again(act: Act) -> None:
    with wire(act) as server:
        with pytest.raises(http.NoAnswer) as caught:
            ask(server.url, json={"create": True})
        assert caught.value.failure.fault is Fault.PROVIDER
        assert len(server.heads) == 1


@pytest.mark.parametrize("act", [hang_up, reset, say_half])
def test_a_question_is_asked_three_times_over_a_broken_connection(act: Act) -> None:
    with wire(act) as server:
        with pytest.raises(http.NoAnswer):
            ask(server.url, json={"question": True}, repeatable=True)
        assert len(server.heads) == 3


def test_a_question_that_is_answered_the_second_time_is_answered() -> None:
    with wire(in_turn(hang_up, answer(b'"yes"'))) as server:
        assert ask(server.url, "GET", repeatable=True).data == "yes"


def test_silence_is_no_answer_and_is_not_asked_again() -> None:
    with wire(say_nothing) as server:
        with pytest.raises(http.NoAnswer) as caught:
            ask(server.url, "GET", repeatable=True, seconds=2)
        assert caught.value.failure == Failure(
            Fault.TIMEOUT, "TimeoutError", "The provider did not answer.", retryable=True
        )
        assert len(server.heads) == 1


def test_an_answer_that_drips_for_ever_ends_with_our_patience() -> None:
    def drip(connection: Any, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.01)

    with wire(drip) as server, pytest.raises(http.NoAnswer):
        ask(server.url, "GET", seconds=0.3)


def test_an_answer_may_not_be_larger_than_allowed() -> None:
    with wire(answer(b"x" * 2_000)) as server:
        assert len(ask(server.url, max_bytes=2_000).content) == 2_000
        with pytest.raises(http.NoAnswer) as caught:
            ask(server.url, max_bytes=1_999)
    assert caught.value.failure.code == "answer_too_large"


@pytest.mark.parametrize(
    ("error", "kind", "fault"),
    [
        (httpx.ConnectError("x"), http.NotSent, Fault.PROVIDER),
        (httpx.ConnectTimeout("x"), http.NotSent, Fault.TIMEOUT),
        (httpx.PoolTimeout("x"), http.NotSent, Fault.TIMEOUT),
        (httpx.ProxyError("x"), http.NotSent, Fault.PROVIDER),
        (httpx.UnsupportedProtocol("x"), http.NotSent, Fault.PROVIDER),
        (httpx.InvalidURL("x"), http.NotSent, Fault.PROVIDER),
        (httpx.ReadTimeout("x"), http.NoAnswer, Fault.TIMEOUT),
        (httpx.WriteTimeout("x"), http.NoAnswer, Fault.TIMEOUT),
        (httpx.ReadError("x"), http.NoAnswer, Fault.PROVIDER),
        (httpx.WriteError("x"), http.NoAnswer, Fault.PROVIDER),
        (httpx.CloseError("x"), http.NoAnswer, Fault.PROVIDER),
        (httpx.RemoteProtocolError("x"), http.NoAnswer, Fault.PROVIDER),
        (httpx.LocalProtocolError("x"), http.NoAnswer, Fault.PROVIDER),
        (httpx.DecodingError("x"), http.NoAnswer, Fault.PROVIDER),
        (TimeoutError("x"), http.NoAnswer, Fault.TIMEOUT),
    ],
)
def test_each_broken_call_proves_what_it_proves(error: Exception, kind: type[ProviderError], fault: Fault) -> None:
    found = unanswered(error)
    assert (type(found), found.failure) == (kind, Failure(fault, type(error).__name__, "x", retryable=True))


@pytest.mark.parametrize("where", ["javascript:alert(1)", "http://a:b/", "http://xn--/", "http:relative"])
def test_a_redirect_to_nowhere_is_an_answer_and_proves_as_much_as_any(where: str) -> None:
    with wire(answer(b"{}", "302 Found", f"Location: {where}")) as server:
        got = ask(server.url, json={"create": True})
        assert (got.status, got.headers["location"], len(server.heads)) == (302, where, 1)


# --- The pool ---------------------------------------------------------------------------------------------------------


def test_questions_about_one_job_share_a_connection_and_a_creating_request_has_its_own() -> None:
    async def several(url: str) -> None:
        for _ in range(3):
            await http.ask("GET", url, repeatable=True)
        await http.ask("POST", url)

    with wire(answer()) as server:
        http.run(several, server.url)
        assert (server.connections, len(server.heads)) == (2, 4)


def test_a_kept_connection_that_breaks_under_a_question_costs_a_second_one_and_no_answer() -> None:
    async def twice(url: str) -> list[Any]:
        return [(await http.ask("GET", url, repeatable=True)).data for _ in range(2)]

    with wire(in_turn(answer(b"1"), hang_up, answer(b"2"))) as server:
        assert http.run(twice, server.url) == [1, 2]
        assert (server.connections, len(server.heads)) == (2, 3)


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used_again() -> None:
    closed = threading.Event()

    def answer_and_close(connection: socket.socket, head: bytes) -> None:
        answer(b"1")(connection, head)
        connection.close()
        closed.set()

    async def twice(url: str) -> list[Any]:
        first = await http.ask("GET", url, repeatable=True)
        assert await asyncio.to_thread(closed.wait, 5)
        return [first.data, (await http.ask("GET", url, repeatable=True)).data]

    with wire(in_turn(answer_and_close, answer(b"2"))) as server:
        assert http.run(twice, server.url) == [1, 2]
        assert (server.connections, len(server.heads)) == (2, 2)


def test_a_creating_request_is_sent_once_whatever_is_kept() -> None:
    async def both(url: str) -> None:
        await http.ask("GET", url, repeatable=True)
        await http.ask("POST", url, json={"create": True})

    with wire(in_turn(answer(), hang_up)) as server:
        with pytest.raises(http.NoAnswer):
            http.run(both, server.url)
        assert (server.connections, len(server.heads)) == (2, 2)


def test_many_questions_open_no_more_connections_than_allowed() -> None:
    async def many(url: str) -> None:
        async with http.open_pool():
            await asyncio.gather(*(http.ask("GET", url, repeatable=True) for _ in range(3 * CONNECTIONS)))

    with wire(answer()) as server:
        http.run(many, server.url)
        assert server.connections <= CONNECTIONS


def test_cookies_are_not_kept() -> None:
    async def twice(url: str) -> None:
        for _ in range(2):
            await http.ask("GET", url, repeatable=True)

    with wire(answer(b"{}", "200 OK", "Set-Cookie: a=b")) as server:
        http.run(twice, server.url)
    assert [b"cookie" in head.lower() for head in server.heads] == [False, False]


def test_all_clients_share_one_tls_context() -> None:
    assert tls() is tls()


def test_a_pool_is_closed_by_whoever_opened_it_first() -> None:
    async def nested() -> tuple[bool, bool, bool]:
        async with http.open_pool() as outer:
            async with http.open_pool() as inner:
                same = outer is inner
            with outer.client() as client:
                still_open = not client.is_closed
        return same, still_open, client.is_closed

    assert asyncio.run(nested()) == (True, True, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_asked_directly_whatever_the_environment_says(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with wire(answer(b"1")) as server:
        assert ask(server.url.replace("127.0.0.1", host)).data == 1


def test_a_provider_elsewhere_is_asked_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with wire(answer(b'"by proxy"')) as server:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, server.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        assert ask("http://provider.example/v1", "GET").data == "by proxy"
    assert server.heads[0].startswith(b"GET http://provider.example/v1 HTTP/1.1")


def test_an_address_goes_out_as_it_was_written_and_what_is_asked_is_added_to_it() -> None:
    with wire(answer()) as server:
        ask(f"{server.url}/a%3Ab?x=%2F", "GET", params={"id": "1:k/2"})
    assert server.heads[0].startswith(b"GET /a%3Ab?x=%2F&id=1%3Ak%2F2 HTTP/1.1")


def test_without_a_pool_a_call_has_a_client_of_its_own_and_leaves_nothing_behind() -> None:
    with wire(answer(b"1")) as server:
        got = asyncio.run(http.ask("GET", server.url))
        gc.collect()  # a socket that was left open would say so now
    assert got.data == 1


# --- Reading ----------------------------------------------------------------------------------------------------------


NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("86400", 900.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30.0),
        ("Wed, 21 Oct 2026 08:28:10 +0100", 10.0),
        ("Wed, 99 Oct 2026 07:28:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


def test_what_is_stored_of_an_answer_is_json_that_every_database_takes() -> None:
    body = b'{"a\\u0000": ["x\\u0000y", "\\ud800", NaN, 1e999, 12, true, null]}'
    assert Answer(200, {}, body).data == {"a\ufffd": ["x\ufffdy", "?", None, None, 12, True, None]}


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"{'a': 1}"])
def test_a_body_that_is_no_json_is_kept_as_text(body: bytes) -> None:
    got = Answer(502, {}, body)
    assert (got.data, got.body) == (None, {})
    assert got.raw == {"http_status": 502, "text": body[:2_000].decode("utf-8", "replace")}


def test_json_that_is_no_object_reads_as_an_empty_one() -> None:
    got = Answer(200, {}, b"[1]")
    assert (got.data, got.body, got.raw) == ([1], {}, {"http_status": 200, "body": [1]})


def test_readers_take_any_json() -> None:
    assert text_at({"a": 1, "b": "", "c": "x"}, "a", "b", "c") == "x"
    assert text_at(["a"], "a") == ""
    assert [count_at({"n": n}, "n", 100) for n in (0, 40, 40.9, 100, 101, -1, "3", True, None)] == [
        0, 40, 40, 100, None, None, None, None, None,
    ]  # fmt: skip
    assert objects_at({"e": [{"a": 1}, 2, None, {"b": 1}]}, "e") == [{"a": 1}, {"b": 1}]
    assert objects_at({"e": {"a": 1}}, "e") == [{"a": 1}]
    assert objects_at(None, "e") == objects_at({"e": "text"}, "e") == []
    assert plain("plain") == "plain"

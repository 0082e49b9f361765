"""Sentry gets errors, scrubbed, if SENTRY_DSN is set; a stand-in of its server says what came."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import brotli
import pytest

from tests.support.sites import fresh_site

pytestmark = pytest.mark.process

BROKEN = """
import logging
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from avatarsite import urls
from avatarsite.monitoring import logs
from avatarsite.wsgi import application

@csrf_exempt
def breaks(request):
    logs.is_about(render="rnd_1")
    prompt = "a violet hippo"
    raise ValueError("https://b.example/v.mp4?signature=abc")

urls.urlpatterns.append(path("breaks", breaks, name="breaks"))
headers = {"cookie": "session=s3cr3t", "authorization": "Bearer t0k3n", "host": "localhost"}
asked = RequestFactory().post("/breaks?key=in-the-query", {"prompt": "a violet hippo"}, headers=headers)
list(application(asked.environ, lambda *_: None))
try:
    import sentry_sdk
    sentry_sdk.flush(10)
    print(json.dumps(sentry_sdk.is_initialized()))
except ImportError:
    print("false")
"""


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        undo = {"gzip": gzip.decompress, "br": brotli.decompress}.get(self.headers.get("Content-Encoding", ""), bytes)
        self.server.got.append(undo(body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def sentry() -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_error_arrives_scrubbed(sentry: Any, tmp_path: Path) -> None:
    dsn = f"http://public@127.0.0.1:{sentry.server_port}/1"
    with fresh_site(tmp_path, SENTRY_DSN=dsn, SENTRY_ENVIRONMENT="test") as site:
        assert site.ask(BROKEN) is True
    events = [json.loads(line) for body in sentry.got for line in body.splitlines() if b'"exception"' in line]
    (event,) = events
    (error,) = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("ValueError", "https://b.example/v.mp4?…")
    assert event["request"] == {"method": "POST", "url": "http://localhost/breaks"}
    assert event["environment"] == "test"
    assert event["tags"]["render"] == "rnd_1"
    assert event["tags"]["request"].startswith("req_")
    whole = b"\n".join(sentry.got).decode()
    for secret in ("s3cr3t", "t0k3n", "in-the-query", "signature=abc", 'violet hippo\\"}'):
        assert secret not in whole
    assert all("vars" not in frame for frame in error["stacktrace"]["frames"])


def test_nothing_is_sent_without_an_address(sentry: Any, tmp_path: Path) -> None:
    with fresh_site(tmp_path) as site:
        assert site.ask(BROKEN) is False
    assert sentry.got == []

"""What never leaves in a log line."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from avatarsite.monitoring import logs
from avatarsite.monitoring.scrub import scrub, scrub_all


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("GET https://b.example/v.mp4?X-Amz-Signature=abc&X=1 failed", "GET https://b.example/v.mp4?… failed"),
        ("Not Found: /files/19a:sig-nature/videos/rnd_1.mp4", "Not Found: /files/…"),
        (
            "/account/password/reset/key/1-abc-def/ and /invitations/xyz/",
            "/account/password/reset/key/… and /invitations/…",
        ),
        ("/account/confirm-email/MQ:abc:def/", "/account/confirm-email/…"),
        ("/api/v1/slots/abc.def.ghi", "/api/v1/slots/…"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: … …"),
        ("Key 0123456789abcdef:fedcba9876543210 was refused", "Key … was refused"),
        ("sk_live_51abc and whsec_abc+/= and ast_live_abcdef and rk_test_1", "… and … and … and …"),
        ("postgresql://studio:hunter2@db.example/studio", "postgresql://…@db.example/studio"),
        ("""{"prompt": "a \\"violet\\" hippo", "seed": 7}""", """{"prompt": …, "seed": 7}"""),
        ("{'positivePrompt': 'a violet hippo', 'seed': 7}", "{'positivePrompt': …, 'seed': 7}"),
        ("data:image/png;base64,iVBORw0KGgo=", "data:…"),
        ("duplicate key\nDETAIL:  Failing row contains (1, a violet hippo).", "duplicate key\nDETAIL: …"),
        ("rnd_01m8jbq99dp8ez2mh5kwawrq2v is ready", "rnd_01m8jbq99dp8ez2mh5kwawrq2v is ready"),
        ("Who? Me. What=that?", "Who? Me. What=that?"),
        ("GET api_renders: 200", "GET api_renders: 200"),
    ],
)
def test_a_text_is_scrubbed(text: str, left: str) -> None:
    assert scrub(text) == left


def test_fields_are_scrubbed_by_their_name() -> None:
    given = {"api_key": "x", "Cookie": ["y"], "note": {"prompt": "z", "url": "/v?a=b"}, "ms": 7}
    assert scrub_all(given) == {"api_key": "…", "Cookie": "…", "note": {"prompt": "…", "url": "/v?…"}, "ms": 7}


def record(message: str, *args: Any, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord("studio.x", logging.INFO, "x.py", 1, message, args, exc_info)


def test_a_line_of_json_has_what_it_is_about() -> None:
    formatter = logs.json_formatter()
    logs.begin(request="req_1")
    logs.is_about(workspace="wsp_1", render="")
    with logs.about(render="rnd_1"):
        said = json.loads(formatter.format(record("%s is ready", "rnd_1")))
    after = json.loads(formatter.format(record("done")))
    logs.begin()
    del said["timestamp"], after["timestamp"]
    about = {"request": "req_1", "workspace": "wsp_1", "level": "info", "logger": "studio.x"}
    assert said == {"event": "rnd_1 is ready", "render": "rnd_1", **about}
    assert after == {"event": "done", **about}


@pytest.mark.parametrize("formatter", [logs.json_formatter(), logs.Lines(logs.LINE, style="{")])
def test_a_trace_is_scrubbed_in_both_formats(formatter: logging.Formatter) -> None:
    error = ValueError("https://b.example/v.mp4?signature=abc")
    line = formatter.format(record("It broke", exc_info=(ValueError, error, None)))
    assert "ValueError: https://b.example/v.mp4?…" in line
    assert "abc" not in line

"""What a customer does from a portrait to a video on their own disk, and how long each step takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx

from tests.support.paths import SAMPLES

STEPS = ("upload", "price", "make", "watch", "download")
MAX_SECONDS = 120.0  # seconds, for all of it
SEEN_FIRST = 65_536  # bytes that a player asks for before it shows a picture


@dataclass
class Journeys:
    """Seconds of each step, a row for each journey that was made."""

    steps: list[dict[str, float]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        return [sum(each.values()) for each in self.steps]

    def median(self, step: str = "") -> float:
        return median(each[step] for each in self.steps) if step else median(self.seconds)

    def go(self, client: httpx.Client) -> None:
        """One more. ``client`` is at the API, with a token that pays. Raises for any answer but a good one."""
        taken: dict[str, float] = {}

        def step(name: str, do: Callable[[], str]) -> str:
            began = time.monotonic()
            found = do()
            taken[name] = time.monotonic() - began
            return found

        wish: dict[str, str] = {"model": "draft"}
        step("upload", lambda: _upload_both(client, wish))
        wish["quote"] = step("price", lambda: _posted(client, "quotes", {"voice": wish["voice"], "model": "draft"}))
        render = step("make", lambda: made(client, wish))
        step("watch", lambda: _watched(client, render))
        step("download", lambda: _downloaded(client, render))
        self.steps.append(taken)


def portrait_bytes() -> bytes:
    """The sample, and no other upload: with a comment that nobody wrote before."""
    sample = (SAMPLES / "portrait.jpg").read_bytes()
    return sample[:2] + b"\xff\xfe\x00\x12" + os.urandom(8).hex().encode() + sample[2:]


def voice_bytes() -> bytes:
    """The sample, and no other upload, as above, by an ID3v1 tag."""
    return (SAMPLES / "voice-welcome.mp3").read_bytes() + b"TAG" + os.urandom(62).hex().encode() + b"\0"


def _upload_both(client: httpx.Client, wish: dict[str, str]) -> str:
    for kind, name, content in (("portrait", "me.jpg", portrait_bytes()), ("voice", "me.mp3", voice_bytes())):
        answer = client.post("uploads", data={"kind": kind}, files={"file": (name, content)})
        assert answer.status_code == 201, answer.text
        wish[kind] = answer.json()["id"]
    return ""


def _posted(client: httpx.Client, path: str, body: Mapping[str, Any]) -> str:
    answer = client.post(path, json=body)
    assert answer.is_success, answer.text
    return str(answer.json()["id"])


def made(client: httpx.Client, wish: Mapping[str, Any]) -> str:
    """The id of the render that was asked for, once it is ready."""
    render, ends = _posted(client, "renders", wish), time.monotonic() + MAX_SECONDS
    while True:
        found = client.get(f"renders/{render}", params={"wait": 10}).raise_for_status().json()
        if found["finished_at"]:
            assert found["state"] == "ready", found
            return render
        assert time.monotonic() < ends, f"not ready within {MAX_SECONDS:.0f} s: {found['state']}"
        time.sleep(0.1)  # it may have been answered early


def _watched(client: httpx.Client, render: str) -> str:
    """As a player begins: a page's worth of what there is, then the first bytes of the film."""
    (video,) = [each for each in client.get(f"renders/{render}").json()["outputs"] if each["kind"] == "video"]
    answer = client.get(video["url"], headers={"Range": f"bytes=0-{SEEN_FIRST - 1}"}, follow_redirects=True)
    assert (answer.status_code, len(answer.content)) == (206, SEEN_FIRST), answer.text[:300]
    return ""


def _downloaded(client: httpx.Client, render: str) -> str:
    outputs = client.get(f"renders/{render}/outputs").raise_for_status().json()["data"]
    (video,) = [each for each in outputs if each["kind"] == "video"]
    answer = httpx.get(video["download_url"], trust_env=False, timeout=30, follow_redirects=True).raise_for_status()
    assert len(answer.content) == int(answer.headers["Content-Length"]) > SEEN_FIRST
    return ""

"""The mix: what customers ask for, how often, and how it is told that the answer is right."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.support.paths import ROOT

MODEL = "kling-avatar-2-pro"
LIVE_AT_ONCE = 8
PORTRAIT = (ROOT / "samples" / "portrait.jpg").read_bytes()
VOICE = (ROOT / "samples" / "voice-welcome.mp3").read_bytes()
BOUNDARY = "load-of-many-requests"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what a right answer to it holds."""

    method: str
    path: str
    headers: Mapping[str, str]
    holds: bytes
    status: int = 200
    body: bytes | None = None


@dataclass
class Customer:
    """What ``customers.py`` made, and the renders that were asked for since."""

    slug: str
    token: str
    session: str
    portrait: str
    voice: str
    renders: list[str]
    made: list[str] = field(default_factory=list)

    def some(self, dice: random.Random) -> str:
        """Half of the looks are at what was asked for last, as a person looks."""
        return dice.choice(self.made[-5:] if self.made and dice.random() < 0.5 else self.renders)


Kind = Callable[[Customer, random.Random], Request]


def _api(path: str, holds: bytes) -> Kind:
    def request(one: Customer, dice: random.Random) -> Request:
        return Request("GET", f"/api/v1/{path.format(render=one.some(dice))}", _token(one), holds)

    return request


def _page(path: str, holds: bytes = b"</html>", *, fragment: bool = False) -> Kind:
    def request(one: Customer, dice: random.Random) -> Request:
        headers = {"Cookie": f"sessionid={one.session}"} | ({"HX-Request": "true"} if fragment else {})
        return Request("GET", f"/w/{one.slug}/{path.format(render=one.some(dice))}", headers, holds)

    return request


def _live(one: Customer, dice: random.Random) -> Request:
    asked = urlencode([("id", pk) for pk in dice.sample(one.renders, LIVE_AT_ONCE)])
    return _page(f"videos/live/?{asked}", b"</article>", fragment=True)(one, dice)


def _create(one: Customer, _dice: random.Random) -> Request:
    wish = {"portrait": one.portrait, "voice": one.voice, "model": MODEL, "rights": True}
    headers = _token(one) | {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)}
    return Request("POST", "/api/v1/renders", headers, b'"id"', 201, json.dumps(wish).encode())


def _upload(kind: str, name: str, changed: Callable[[], bytes]) -> Kind:
    def request(one: Customer, _dice: random.Random) -> Request:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="kind"\r\n\r\n{kind}\r\n'
        head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + changed() + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = _token(one) | {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return Request("POST", "/api/v1/uploads", headers, b'"id"', 201, body)

    return request


def _new_portrait() -> bytes:
    """The sample with another comment, so that it is no file that is there already."""
    return PORTRAIT[:2] + b"\xff\xfe\x00\x12" + secrets.token_hex(8).encode() + PORTRAIT[2:]


def _new_voice() -> bytes:
    """The sample behind a tag of its own, an ID3 frame of private bytes."""
    words = b"load\x00" + secrets.token_hex(8).encode()
    frame = b"PRIV" + len(words).to_bytes(4, "big") + b"\x00\x00" + words
    return b"ID3\x04\x00\x00" + len(frame).to_bytes(4, "big") + frame + VOICE


def _token(one: Customer) -> dict[str, str]:
    return {"Authorization": f"Bearer {one.token}"}


# How many of 200 are of each kind: half are programs that read; while videos are made, a page asks for its news far
# more often than anybody opens another one.
MIX: dict[str, tuple[int, Kind]] = {
    "API: one render": (50, _api("renders/{render}", b'"state"')),
    "API: list": (27, _api("renders", b'"data"')),
    "API: balance": (25, _api("balance", b"micros")),
    "page: videos": (11, _page("videos/")),
    "page: one video": (9, _page("videos/{render}/")),
    "page: the maker": (3, _page("videos/new/")),
    "page: uploads": (3, _page("uploads/")),
    "page: balance": (2, _page("balance/")),
    "page: statement": (1, _page("statement/")),
    "page: usage": (1, _page("usage/")),
    "poll: its stages": (26, _page("videos/{render}/status/", b"<", fragment=True)),
    "poll: cards": (16, _live),
    "poll: header": (20, _page("header-status/", b"header-status", fragment=True)),
    "upload: portrait": (2, _upload("portrait", "face.jpg", _new_portrait)),
    "upload: voice": (2, _upload("voice", "hello.mp3", _new_voice)),
    "create": (2, _create),
}

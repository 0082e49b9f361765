"""Files spelt out in text: what is certain is mended, what is not is refused, and nothing is garbled."""

from __future__ import annotations

import base64
import random
from urllib.parse import quote

import pytest

from studio.uploads.data_uris import Unreadable, read
from studio.uploads.samples import PORTRAIT

FACE = PORTRAIT.read_bytes()
BASE64 = base64.b64encode(FACE).decode()
SAFE = base64.urlsafe_b64encode(FACE).decode()
SPACED = BASE64.replace("+", " ")
assert (len(FACE) % 3, "+" in BASE64) != (0, False)


def lines(text: str, width: int, end: str) -> str:
    return end.join(text[at : at + width] for at in range(0, len(text), width))


@pytest.mark.parametrize(
    "text",
    [
        f"data:image/jpeg;base64,{BASE64}",
        f"data:image/jpeg; base64,{BASE64}",
        f"data:image/jpeg ; base64 , {BASE64}",
        f"data: image/jpeg;base64,{BASE64}",
        f"DATA:IMAGE/JPEG;BASE64,{BASE64}",
        f"data:;base64,{BASE64}",
        f"data:base64,{BASE64}",
        f"data:image/jpeg;charset=utf-8;base64,{BASE64}",
        f"data:image/jpeg;base64;name=a.jpg,{BASE64}",
        f'data:image/jpeg;name="a,b;c.jpg";base64,{BASE64}',
        f"data:image/jpeg,{BASE64}",
        f" \n\tdata:image/jpeg;base64,{BASE64}\r\n",
        f"\N{ZERO WIDTH NO-BREAK SPACE}data:image/jpeg;base64,{BASE64}",
        f"data:image/jpeg;base64,{quote(BASE64, safe='')}",
        f"data:image/jpeg;base64,{quote(quote(BASE64, safe=''), safe='')}",
        f"data:image/jpeg,{quote(FACE)}",
        f"data:image/jpeg;base64,{BASE64.rstrip('=')}",
        f"data:image/jpeg;base64,{BASE64}==",
        f"data:image/jpeg;base64,{SAFE}",
        f"data:image/jpeg;base64,{SAFE.rstrip('=')}",
        f"data:image/jpeg;base64,{SPACED}",
        f"data:image/jpeg;base64,{lines(BASE64, 76, chr(10))}",
        f"data:image/jpeg;base64,{lines(BASE64, 76, chr(13) + chr(10))}",
        f"data:image/jpeg;base64,{lines(BASE64, 64, ' ')}",
        f"data:image/jpeg;base64,{lines(SPACED, 76, chr(10))}",
        BASE64,
        f"  {BASE64}  ",
        SPACED,
    ],
)
def test_a_file_is_read_however_it_is_written(text: str) -> None:
    assert read(text) == FACE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("data:image/jpeg;base64", "without a comma"),
        ("data:image/jpeg;base64,?", "neither an address nor base64"),
        ("data:image/jpeg;base64,/9j/4AA*QSk=", "neither an address nor base64"),
        ("data:image/jpeg;base64,/9j/=4AA", "neither an address nor base64"),
        (r"data:image/jpeg;base64,\/9j\/4AAQ", "neither an address nor base64"),
        ("b'/9j/4AAQ'", "neither an address nor base64"),
        ("www.example.com/face.jpg", "neither an address nor base64"),
        ("ftp://example.com/face.jpg", "neither an address nor base64"),
        ("\u0661\u0662\u0663\u0664", "neither an address nor base64"),
        (BASE64.rstrip("=")[: 4 * 1_000 + 1], "lacks its end"),
        ("/9j/4AB", "lacks its end"),
        (SPACED.rstrip("="), "spaces where"),
    ],
)
def test_what_spells_no_file_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(text)


@pytest.mark.parametrize("seed", range(400))
def test_a_file_whose_pluses_are_gone_is_the_same_or_refused(seed: int) -> None:
    """Of any length, padded or not, with whatever trimming on the way: never other bytes than those that were meant."""
    dice = random.Random(seed)
    content = bytes(dice.choice((251, 239, 190, dice.randrange(256))) for _ in range(dice.randrange(1, 400)))
    meant = base64.b64encode(b"\xff\xd8" + content).decode()
    text = dice.choice((meant, meant.rstrip("="))).replace("+", " ")
    try:
        assert read(text) == b"\xff\xd8" + content
    except Unreadable:
        assert " " in text

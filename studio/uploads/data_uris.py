"""Data URIs, files that are spelt out in text: a data URI, or bare base64, as clients write them.

What is certain is mended. What could be read in two ways is refused: a file with a garbled corner helps nobody.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote, unquote_to_bytes

from avatarsite.http.public_addresses import AROUND, trimmed

# Parameters may be quoted, and a comma inside quotes ends nothing.
HEAD = re.compile(r'data:((?:[^,"]|"(?:[^"\\]|\\.)*")*),', re.IGNORECASE | re.DOTALL)
MARK = re.compile(r";\s*base64\s*(?:;|$)", re.IGNORECASE)
ALPHABET = re.compile(rb"[A-Za-z0-9+/_=\s-]*")
BREAKS = re.compile(r"[\r\n\t\f\v]+")
MAX_LAYERS = 3  # of percent-encoding
MIN_LINE = 16
URL_SAFE = str.maketrans("-_", "+/")
CUT = "is base64 that lacks its end. Send all of it."
LOST_PLUS = "has spaces where “+” may have stood, so its bytes aren’t certain. Send “+” as %2B in a form, or use JSON."


class Unreadable(ValueError):
    """Text that spells no file, or not certainly which; the text is what follows its name in a sentence."""


def is_data_uri(text: str) -> bool:
    return trimmed(text)[:5].lower() == "data:"


def spelt_bytes(text: str) -> int:
    """At least how many bytes it spells, without reading it."""
    spaces = len(text) - len("".join(text.split()))
    return 0 if "%" in text else (len(text) - spaces) * 3 // 4 - 300


def read(text: str) -> bytes:
    """The bytes of a data URI, or of bare base64. Raises Unreadable."""
    text = text.lstrip(AROUND)
    if not is_data_uri(text):
        return _base64(text)
    head = HEAD.match(text)
    if head is None:
        raise Unreadable("is a data URI without a comma, and so without a file.")
    data = text[head.end() :]
    if MARK.search(";" + head[1]):
        return _base64(data)
    plain = unquote_to_bytes(data)
    # A picture or a sound has bytes that no base64 has: what is written in it alone has lost its mark.
    if head[1].strip().lower().startswith(("image/", "audio/", "video/")) and plain and ALPHABET.fullmatch(plain):
        return _base64(data)
    return plain


def _base64(text: str) -> bytes:
    for _ in range(MAX_LAYERS):
        if "%" not in text:
            break
        text = unquote(text)
    text = _without_spaces(BREAKS.sub("", text.lstrip(AROUND).rstrip("\r\n\t\f\v\0")))
    body = text.rstrip("=").translate(URL_SAFE)
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        cut = len(body) % 4 == 1 and ALPHABET.fullmatch(body.encode())
        raise Unreadable(CUT if cut else "is neither an address nor base64.") from error
    # Without the sign that ends it, bits that are left over mean that more was to come.
    left = len(content) % 3
    if left and not text.endswith("=") and base64.b64encode(content[-left:]).decode()[left] != body[-1]:
        raise Unreadable(CUT)
    return content


def _without_spaces(text: str) -> str:
    """Spaces are the ends of lines, or what a form has made of each “+”. Raises Unreadable if that can't be told."""
    inner = text.strip(" ")
    if " " not in inner:
        # At the end of what has no other, a space may still be a lost plus.
        if text != inner and len(inner.rstrip("=")) % 4 and not inner.endswith("="):
            raise Unreadable(LOST_PLUS)
        return inner
    joined = inner.replace(" ", "")
    if any(letter in joined for letter in "+-_") or _is_in_lines(inner):
        return joined
    mended = text.replace(" ", "+")
    if len(mended) % 4 == 0 and (len(joined) % 4 or len(joined) > 1_000):
        return mended
    if len(mended) % 4 and len(joined) % 4 == 0 and joined.endswith("="):
        return joined
    raise Unreadable(LOST_PLUS)


def _is_in_lines(text: str) -> bool:
    """Whether single spaces stand between pieces of one length, and a last one that is not longer."""
    *lines, last = text.split(" ")
    width = len(lines[0])
    return width >= MIN_LINE and all(len(line) == width for line in lines) and 0 < len(last) <= width

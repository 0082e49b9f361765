"""What never leaves in a log line or an error report: secrets, prompts, links that open something."""

from __future__ import annotations

import re
from typing import Any

GONE = "…"
# The name of a field whose value is nobody's business, as our own answers and the providers' write it.
FIELDS = (
    r"(?:api_?key|authorization|cookie|password|secret|token|signature|session|prompt|positive_?prompt|negative_?prompt"
    r"|text_?prompt)"
)
RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Whatever an address asks with: signed links have their signature there.
    (re.compile(r"(?<=[\w/.\-\]])\?[^\s\"'<>]*=[^\s\"'<>]*"), f"?{GONE}"),
    # Parts of addresses that open something by themselves.
    (
        re.compile(
            r"(/(?:files|slots|invitations|no-more|confirm-email|reset/key|compat/videos|cdn/upload|cdn/files/b)/)[^\s\"'<>]+"
        ),
        rf"\1{GONE}",
    ),
    (re.compile(r"://[^\s/@\"'<>]+@"), f"://{GONE}@"),
    (re.compile(r"(?i)\b(bearer|basic|key)\s+[\w.~+/=:-]{12,}"), rf"\1 {GONE}"),
    (re.compile(r"\b(?:[sr]k|pk)_(?:live|test)_\w+|\bwhsec_[\w+/=-]+|\bast_(?:live|test)_\w+"), GONE),
    (re.compile(r"\bdata:[\w/+.-]*;base64,[\w+/=]*"), f"data:{GONE}"),
    # PostgreSQL repeats the whole row that it would not take.
    (re.compile(r"(?s)\bDETAIL:.*"), f"DETAIL: {GONE}"),
    (
        re.compile(rf"(?i)([\"']?\w*{FIELDS}[\"']?\s*[:=]\s*)(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[^\s,;)}}\]]+)"),
        rf"\1{GONE}",
    ),
)


def scrub(text: str) -> str:
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    return text


def scrub_all(node: Any) -> Any:
    """The same, with every text in it scrubbed; the value of a field that is nobody's business is left out whole."""
    if isinstance(node, str):
        return scrub(node)
    if isinstance(node, dict):
        return {name: GONE if _is_private(name) else scrub_all(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [scrub_all(each) for each in node]
    return node


def _is_private(name: object) -> bool:
    return isinstance(name, str) and re.fullmatch(rf"(?i)[\w-]*{FIELDS}s?", name) is not None

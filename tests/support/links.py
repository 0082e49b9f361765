"""Links to stored files, followed to this site or to a bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from django.test import Client


@dataclass(frozen=True)
class Found:
    """What a browser gets behind a link."""

    status: int
    content_type: str
    disposition: str
    content: bytes


def follow(client: Client, link: str, **headers: str) -> Found:
    """What is behind a link, and behind the bucket's own link that it may lead to."""
    if not link.startswith("http"):
        told: Any = client.get(link, headers=headers)
        if told.status_code != 302:
            content = bytes(told.getvalue())
            return Found(told.status_code, told["Content-Type"], told.get("Content-Disposition", ""), content)
        link = told["Location"]
    answer = httpx.get(link, headers=headers, trust_env=False, timeout=60)
    disposition = answer.headers.get("Content-Disposition", "")
    return Found(answer.status_code, answer.headers["Content-Type"], disposition, answer.content)

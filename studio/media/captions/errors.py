"""Refusals of captions, in words."""

from __future__ import annotations

from studio.errors import RequestRefused


class CaptionsRefused(RequestRefused):
    """Captions that can't be made as they are asked for. Nothing has changed."""

    def __init__(self, code: str, message: str, remedy: str, *, field: str) -> None:
        super().__init__(field, code, message, remedy)

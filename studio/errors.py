"""Refusals that several of the studio's rooms raise."""

from __future__ import annotations

from avatarsite.errors import DomainError


class RequestRefused(DomainError):
    """The request can't be taken as it is. Nothing was written and nothing is held."""

    def __init__(
        self, field: str, code: str, message: str, remedy: str = "", *, retry_after: int | None = None
    ) -> None:
        super().__init__(code, message, field=field, remedy=remedy, retry_after=retry_after)

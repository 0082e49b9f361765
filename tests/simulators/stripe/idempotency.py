"""Idempotency keys as Stripe keeps them: the first answer stands, for the same request, and for one at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from tests.simulators.stripe.errors import Refusal

KIND = "idempotency_error"


@dataclass
class Answer:
    """What was answered under a key; ``status`` 0 is not yet."""

    fingerprint: str
    status: int = 0
    body: Any = None
    request_id: str = ""


class Keys:
    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Answer] = {}

    def begin(self, account: str, key: str, fingerprint: str) -> Answer | None:
        """The first answer if there is one; else the key is in use until ``keep`` or ``forget``.

        :raises Refusal: used with other parameters (400), or in use at this moment (409).
        """
        known = self._known.get((account, key))
        if known is None:
            self._known[account, key] = Answer(fingerprint)
            return None
        if known.fingerprint != fingerprint:
            said = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with. Try "
                f"using a key other than '{key}' if you meant to execute a different request."
            )
            raise Refusal(400, said, kind=KIND)
        if not known.status:
            said = (
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}. Please try again later."
            )
            raise Refusal(409, said, kind=KIND, code="idempotency_key_in_use")
        return known

    def keep(self, account: str, key: str, status: int, body: Any, request_id: str) -> None:
        known = self._known[account, key]
        known.status, known.body, known.request_id = status, body, request_id

    def forget(self, account: str, key: str) -> None:
        """A request that was refused before it began leaves no trace."""
        self._known.pop((account, key), None)


def fingerprint(method: str, path: str, raw: bytes) -> str:
    return hashlib.sha256(b"\n".join((method.encode(), path.encode(), raw))).hexdigest()

"""fal's seal on webhooks: ED25519 over request id, user id, time and the hash of the raw body; and its key list."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

USER = "auth0|simulated-user"


class Seal:
    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._older = Ed25519PrivateKey.generate()
        self._stranger = Ed25519PrivateKey.generate()

    def headers(self, request_id: str, body: bytes, *, forged: bool = False, age: float = 0.0) -> dict[str, str]:
        """The four headers. The time is ours, not the provider clock's: receivers compare it with their own."""
        stamp = str(int(time.time() - age))
        message = "\n".join((request_id, USER, stamp, hashlib.sha256(body).hexdigest())).encode()
        key = self._stranger if forged else self._key
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": USER,
            "X-Fal-Webhook-Timestamp": stamp,
            "X-Fal-Webhook-Signature": key.sign(message).hex(),
        }

    def jwks(self) -> dict[str, Any]:
        """Two keys, the one in use last, so that a receiver must try each."""
        return {"keys": [_public(self._older), _public(self._key)]}


def _public(key: Ed25519PrivateKey) -> dict[str, str]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}

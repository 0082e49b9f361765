"""Signature of fal's webhooks: ED25519, with a key that derives from SECRET_KEY and so needs no keeping.

fal's page on webhooks has the text that is signed and the form of the key list.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings


def headers(request_id: str, user_id: str, body: bytes) -> dict[str, str]:
    """The four headers for this body, stamped with the present moment."""
    stamp = str(int(time.time()))
    text = "\n".join((request_id, user_id, stamp, hashlib.sha256(body).hexdigest()))
    return {
        "X-Fal-Webhook-Request-Id": request_id,
        "X-Fal-Webhook-User-Id": user_id,
        "X-Fal-Webhook-Timestamp": stamp,
        "X-Fal-Webhook-Signature": _key(settings.SECRET_KEY).sign(text.encode()).hex(),
    }


def key_list() -> dict[str, Any]:
    """Our public keys as a JWKS: the one in use, and those of secrets that are being replaced."""
    return {"keys": [_public(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]}


def _public(secret: str) -> dict[str, str]:
    raw = _key(secret).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}


def _key(secret: str) -> Ed25519PrivateKey:
    derive = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"studio.gateway.signing")
    return Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))

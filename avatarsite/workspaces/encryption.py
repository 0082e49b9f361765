"""Encryption of what we have to read again, such as seeds of second factors: a copy of the database opens nothing."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_PURPOSE = b"avatarsite.workspaces.encryption"


class Unreadable(ValueError):
    """Encrypted with a key that's neither SECRET_KEY nor among SECRET_KEY_FALLBACKS."""


def encrypt(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """What was encrypted. Raises Unreadable."""
    try:
        return _cipher().decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise Unreadable("Sealed with another SECRET_KEY; add the old one to SECRET_KEY_FALLBACKS.") from error


def _cipher() -> MultiFernet:
    """Encrypts with SECRET_KEY, and reads what was encrypted with it or with the ones before it."""
    return MultiFernet([_fernet(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

pytestmark = pytest.mark.process

PRODUCTION = {
    "PUBLIC_URL": "https://studio.example.com",
    "SECRET_KEY": "wq7D0v3cX9nL2pTzR6mB8yKfH4sJ1aGeU5oNiC-xEdYrVbQh-Mt3Wk8Zp",
    "DATABASE_URL": "postgresql://studio@127.0.0.1/studio",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "EMAIL_URL": "smtps://user:password@mail.example.com",
    "EMAIL_FROM": "Avatar Studio <studio@example.com>",
    "OPERATOR_EMAIL": "ops@example.com",
    "TRUSTED_PROXIES": "1",
}


def check(folder: Path, environment: dict[str, str]) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(
        command,
        env=kept | {"VAR_DIR": str(folder)} | environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def pair() -> dict[str, str]:
    """What signs the videos, of a house that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Studio Example")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = built.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    certificate = dated.sign(key, hashes.SHA256())
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {
        "C2PA_PRIVATE_KEY": key.private_bytes(*plain).decode(),
        "C2PA_CERTIFICATES": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


def test_with_everything_set_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert check(tmp_path, PRODUCTION | pair()) == "System check identified no issues (2 silenced).\n"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    said = check(tmp_path, {"PUBLIC_URL": PRODUCTION["PUBLIC_URL"]})
    assert {"site.W004", "site.W006", "site.W007"} <= {word.strip("():") for word in said.split()}

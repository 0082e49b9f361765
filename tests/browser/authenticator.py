"""An authenticator app."""

from __future__ import annotations

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

STEP_SECONDS = 30


def code(secret: str, *, steps: int = 0) -> str:
    """What the app shows now, or some steps later; the site takes the code after the present one too, but each once."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // STEP_SECONDS + steps)))

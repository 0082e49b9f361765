from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.avatarsite.mail.smtp import MailServer


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """Where the site's mail goes."""
    found = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", found.port, 30
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    found.set("takes")
    yield found
    found.mood = "takes"
    found.stop()

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks

GOOD = {
    "DEBUG": False,
    "PUBLIC_URL": "https://studio.example.org",
    "EMAIL_URL": "smtps://mail.example.org",
    "DEFAULT_FROM_EMAIL": "Avatar Studio <studio@example.org>",
    "ALLAUTH_TRUSTED_PROXY_COUNT": 1,
    "DATABASE_URL": "postgresql://db.example.org/studio",
}


@pytest.fixture
def site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An installation about which there is nothing to say."""
    monkeypatch.setenv("SECRET_KEY", "a secret from the environment")
    for name, value in GOOD.items():
        setattr(settings, name, value)
    return settings


def ours(*, deploy: bool = True) -> list[str]:
    messages = run_checks(include_deployment_checks=deploy)
    found = [message for message in messages if str(message.id).startswith("site.")]
    assert all(message.hint for message in found), "each says what to do"
    return sorted(str(message.id) for message in found)


def test_a_good_installation_is_passed_in_silence(site: Any) -> None:
    assert ours() == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DEBUG", True, "site.W001"),
        ("PUBLIC_URL", "", "site.W002"),
        ("PUBLIC_URL", "http://studio.example.org", "site.W002"),
        ("EMAIL_URL", "", "site.W004"),
        ("DEFAULT_FROM_EMAIL", "Avatar Studio <studio@localhost>", "site.W005"),
        ("ALLAUTH_TRUSTED_PROXY_COUNT", 0, "site.W006"),
        ("DATABASE_URL", "", "site.W007"),
    ],
)
def test_what_a_demo_may_leave_out_is_named(site: Any, name: str, value: object, expected: str) -> None:
    setattr(site, name, value)
    assert ours() == [expected]


def test_a_secret_key_of_this_machine_is_named(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")
    assert ours() == ["site.W003"]
    monkeypatch.setenv("SECRET_KEY_FILE", "/run/secrets/key")
    assert ours() == []


def test_starting_a_demo_says_nothing_of_it(site: Any) -> None:
    site.DEBUG = True
    site.PUBLIC_URL = ""
    assert ours(deploy=False) == []


def test_a_machine_that_cannot_wall_decoders_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[str]:
        ids = [str(one.id) for one in run_checks(include_deployment_checks=True)]
        return sorted(one for one in ids if one.startswith("studio."))

    assert found() == ["studio.W003"]  # the certificate for development, which tests sign with
    monkeypatch.setattr("studio.checks.missing_walls", lambda: ["files", "network"])
    assert found() == ["studio.W001", "studio.W002", "studio.W003"]

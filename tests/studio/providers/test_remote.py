"""What the providers elsewhere share: when they are available, and whether they can reach us."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from studio.pipeline.submit import LEASE
from studio.providers import http, registry
from studio.providers.remote import CREATE_SECONDS, DELIVER_SECONDS, RemoteProvider
from studio.providers.table import capability_table

REMOTE = ("runware", "fal", "aimlapi")
KEYS = {"runware": "RUNWARE_API_KEY", "fal": "FAL_KEY", "aimlapi": "AIMLAPI_KEY"}
GOOD = {"runware": "k", "fal": "id:secret", "aimlapi": "k"}


@pytest.fixture
def reachable(settings: Any) -> None:
    settings.PUBLIC_URL = settings.S3_PUBLIC_ENDPOINT_URL = "https://studio.example.org"


def provider(name: str) -> RemoteProvider:
    found = registry.provider(name)
    assert isinstance(found, RemoteProvider)
    return found


@pytest.mark.parametrize("name", REMOTE)
def test_without_a_key_a_provider_says_so(settings: Any, name: str) -> None:
    setattr(settings, KEYS[name], "")
    assert provider(name).why_unavailable() == f"No key for {registry.PROVIDERS[name][0]} on this server."


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.usefixtures("reachable")
def test_with_a_key_a_provider_is_available(settings: Any, name: str) -> None:
    setattr(settings, KEYS[name], GOOD[name])
    assert provider(name).why_unavailable() == ""


@pytest.mark.parametrize("name", REMOTE)
@pytest.mark.parametrize("spoilt", ["{} {}", "{}\n{}", "{}é", "{}\x7f"])
@pytest.mark.usefixtures("reachable")
def test_a_key_with_characters_that_no_key_has_is_named(settings: Any, name: str, spoilt: str) -> None:
    setattr(settings, KEYS[name], spoilt.format(GOOD[name], "x"))
    assert KEYS[name] in provider(name).why_unavailable()


@pytest.mark.parametrize("key", ["id", "id:", ":secret", ":"])
def test_a_key_for_fal_is_an_id_a_colon_and_a_secret(settings: Any, key: str) -> None:
    settings.FAL_KEY = key
    assert provider("fal").why_unavailable() == "The key for fal is damaged: FAL_KEY is an id, a colon and a secret."


@pytest.mark.parametrize("public_url", ["", "http://127.0.0.1:8000", "http://studio.lan"])
def test_aimlapi_without_a_public_address_says_so_before_money_moves(settings: Any, public_url: str) -> None:
    settings.AIMLAPI_KEY, settings.PUBLIC_URL = "k", public_url
    assert provider("aimlapi").why_unavailable() == (
        "AI/ML API fetches the voice from an address, and this server has none that it could reach."
    )


def test_providers_that_take_uploads_need_no_public_address(settings: Any) -> None:
    settings.RUNWARE_API_KEY, settings.FAL_KEY, settings.PUBLIC_URL = "k", "id:secret", ""
    assert [provider(name).why_unavailable() for name in ("runware", "fal")] == ["", ""]


FILES = [
    # PUBLIC_URL, bucket, its endpoint, its public endpoint, address of the provider: files, webhooks
    ("", "", "", "", "https://api.aimlapi.com", False, False),
    ("https://studio.example.org", "", "", "", "https://api.aimlapi.com", True, True),
    ("http://127.0.0.1:8000", "", "", "", "https://api.aimlapi.com", False, False),
    ("http://127.0.0.1:8000", "", "", "", "http://127.0.0.1:9000", True, True),
    ("http://192.168.1.2", "", "", "", "http://127.0.0.1:9000", False, False),
    ("", "videos", "", "", "https://api.aimlapi.com", True, False),
    ("", "videos", "http://minio:9000", "", "https://api.aimlapi.com", False, False),
    ("", "videos", "http://minio:9000", "https://files.example.org", "https://api.aimlapi.com", True, False),
    ("", "videos", "http://127.0.0.1:9000", "", "http://127.0.0.1:9001", True, False),
    ("https://studio.example.org", "videos", "http://minio:9000", "", "https://api.aimlapi.com", False, True),
]


@pytest.mark.parametrize(("ours", "bucket", "endpoint", "public", "theirs", "files", "calls"), FILES)
def test_whether_a_provider_can_reach_us_follows_from_the_settings(  # noqa: PLR0917
    settings: Any, ours: str, bucket: str, endpoint: str, public: str, theirs: str, files: bool, calls: bool
) -> None:
    settings.PUBLIC_URL, settings.S3_BUCKET = ours, bucket
    settings.S3_ENDPOINT_URL, settings.S3_PUBLIC_ENDPOINT_URL = endpoint, public
    settings.AIMLAPI_URL = theirs
    found = provider("aimlapi")
    assert (found.can_fetch_files(), found.can_call_us()) == (files, calls)


def test_a_submit_with_its_uploads_ends_before_its_lease() -> None:
    assert LEASE.total_seconds() > DELIVER_SECONDS + CREATE_SECONDS


def test_every_remote_provider_is_at_its_real_address_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is asked: the addresses alone are looked at."""
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert {name: provider(name).bases for name in REMOTE} == {
        "runware": http.Bases(("https://api.runware.ai/v1",)),
        "fal": http.Bases(
            ("https://queue.fal.run", "https://rest.fal.ai", "https://api.fal.ai/v1", "https://v3.fal.media")
        ),
        "aimlapi": http.Bases(("https://api.aimlapi.com",)),
    }


def test_the_six_offers_are_on_sale() -> None:
    sold = {offer.id: (registry.MODELS[offer.model].name, offer.provider_model) for offer in registry.for_sale()}
    del sold["local:draft"]
    assert sold == {
        "runware:klingai:avatar@2.0-pro": ("Kling Avatar 2.0 Pro", "klingai:avatar@2.0-pro"),
        "fal:fal-ai/kling-video/ai-avatar/v2/pro": ("Kling Avatar 2.0 Pro", "fal-ai/kling-video/ai-avatar/v2/pro"),
        "runware:klingai:avatar@2.0-standard": ("Kling Avatar 2.0 Standard", "klingai:avatar@2.0-standard"),
        "fal:fal-ai/kling-video/ai-avatar/v2/standard": (
            "Kling Avatar 2.0 Standard",
            "fal-ai/kling-video/ai-avatar/v2/standard",
        ),
        "aimlapi:klingai/avatar-pro": ("Kling Avatar Pro", "klingai/avatar-pro"),
        "aimlapi:klingai/avatar-standard": ("Kling Avatar Standard", "klingai/avatar-standard"),
    }


def test_the_table_in_the_documents_is_what_the_providers_declare(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs" / "providers.md").read_text(encoding="utf-8")
    assert capability_table() in page

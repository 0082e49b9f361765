"""Papers of a video: C2PA's own reader accepts every format that is delivered, and a changed byte is noticed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import c2pa
import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from avatarsite.models import Alert
from studio import storage_audit
from studio.library import delete_video
from studio.media import judge
from studio.media.manifests import NotSigned
from studio.models import Papers, Render, RenderState
from studio.papers.credentials import credentials
from studio.pipeline.drive import drive
from tests.flows.cast import Studio, ask, make_studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
FORMATS = {"mp4": "video/mp4", "mov": "video/quicktime", "webm": "application/octet-stream"}


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Studio:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    return make_studio()


def made(studio: Studio, **options: Any) -> Render:
    render = drive(ask(studio, options=options).pk)
    assert render.state == RenderState.READY, render.failure_message
    return render


def stored(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def verdict(data: bytes, form: str, beside: bytes | None = None, folder: Path = Path("/tmp")) -> tuple[str, Any]:
    """What C2PA's reader says, with our root as the only one that it trusts, and the manifest."""
    path = folder / "asked"
    path.write_bytes(data)
    trust = {"verify": {"remote_manifest_fetch": False}, "trust": {"user_anchors": credentials().root}}
    with c2pa.Context.from_dict(trust) as context, path.open("rb") as file:
        reader = c2pa.Reader(FORMATS[form], file, beside, context=context)
        with reader:
            told = json.loads(reader.json())
            return reader.get_validation_state(), told["manifests"][told["active_manifest"]]


@pytest.mark.parametrize("form", FORMATS)
def test_cs_own_reader_accepts_each_format_and_notices_a_changed_byte(
    form: str, studio: Studio, tmp_path: Path
) -> None:
    render = made(studio, output_format=form)
    papers = Papers.objects.get(render=render)
    assert (papers.file, papers.sha256, papers.failure) == (render.video.name, render.video_sha256, "")
    beside = stored(papers.beside.name or "") if papers.beside else None
    assert (beside is not None) == (form == "webm")
    data = stored(render.video.name or "")

    state, manifest = verdict(data, form, beside, tmp_path)
    assert state == "Trusted"
    assert manifest["claim_generator_info"][0]["name"] == "Avatar Studio"
    assertions = {each["label"]: each["data"] for each in manifest["assertions"]}
    assert assertions["studio.avatar.render"]["render"] == render.pk
    assert assertions["studio.avatar.render"]["model"] == "draft"
    (created,) = assertions["c2pa.actions.v2"]["actions"]
    assert created["digitalSourceType"].rsplit("/", 1)[-1] == "compositeSynthetic"

    changed = bytearray(data)
    changed[-3_000] ^= 1
    assert verdict(bytes(changed), form, beside, tmp_path)[0] == "Invalid"
    assert storage_audit.verify_storage() == []
    delete_video(render)
    assert not default_storage.exists(f"{papers.file}.c2pa")
    assert storage_audit.verify_storage() == []


def test_a_video_that_cant_be_signed_is_delivered_and_told(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> bytes:
        raise NotSigned("The file could not be signed: no.")

    monkeypatch.setattr(judge, "sign", refuse)
    render = made(studio)
    assert Papers.objects.get(render=render).failure == "The file could not be signed: no."
    assert default_storage.size(render.video.name or "") == render.video_bytes
    assert Alert.objects.get(kind="not_signed").key == render.pk


def test_the_development_certificate_says_so_and_is_made_once(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    own = credentials()
    assert own.is_for_development
    assert "DEVELOPMENT ONLY" in own.certificate.subject.rfc4514_string()
    assert (tmp_path / "c2pa-development.pem").stat().st_mode & 0o777 == 0o600

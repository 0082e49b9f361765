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
from studio.captions.change import set_captions
from studio.captions.make import make_captions
from studio.captions.wish import Wish
from studio.library import delete_video
from studio.media import judge
from studio.media.captions.cues import Cue
from studio.media.manifests import NotSigned
from studio.models import Captions, CaptionSource, Papers, Render, RenderState, RenditionFormat
from studio.papers.credentials import credentials
from studio.pipeline.drive import drive
from studio.renditions.ask import ask_for
from studio.renditions.make import make_rendition
from tests.flows.cast import Studio, ask, make_studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
FORMATS = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "gif": "image/gif",
    "webm": "application/octet-stream",
}
ASKED_FOR = ("mp4", "mov", "webm")


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


@pytest.mark.parametrize("form", ASKED_FOR)
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


@pytest.mark.parametrize("form", RenditionFormat.values)
def test_what_is_made_of_it_afterwards_keeps_its_papers(form: str, studio: Studio, tmp_path: Path) -> None:
    render = made(studio, output_format="mov" if form == "mp4" else "mp4")
    rendition = ask_for(render, RenditionFormat(form))
    assert make_rendition(rendition.pk)
    rendition.refresh_from_db()
    papers = Papers.objects.get(pk=rendition.file.name)
    beside = stored(papers.beside.name or "") if papers.beside else None
    assert (beside is not None) == (form == "webm")
    data = stored(papers.file)
    state, manifest = verdict(data, form, beside, tmp_path)
    assert state == "Trusted"
    (parent,) = manifest["ingredients"]
    assert parent["relationship"] == "parentOf"
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    assert verdict(bytes(changed), form, beside, tmp_path)[0] == "Invalid"
    assert storage_audit.verify_storage() == []


def test_a_copy_with_captions_keeps_its_papers(studio: Studio, tmp_path: Path) -> None:
    render = made(studio)
    set_captions(render, Wish(CaptionSource.CUES, cues=(Cue(0, 1_000, "Hello"),), burn="box"))
    assert make_captions(render.pk)
    name = Captions.objects.get(pk=render.pk).video.name or ""
    state, manifest = verdict(stored(name), "mp4", folder=tmp_path)
    assert (state, len(manifest["ingredients"])) == ("Trusted", 1)
    assert Papers.objects.get(pk=name).failure == ""

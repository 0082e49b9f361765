"""What a video is, in words: as it was made, changed since, signed by somebody else, or without papers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from avatarsite.workspaces.models import Member, Role, Scope, User
from avatarsite.workspaces.tokens import make_token
from studio.models import Papers, Render, SigningCertificate
from studio.papers import credentials as papers_credentials
from studio.papers.verify import TRIES, WORDS, Verdict
from studio.pipeline.drive import drive
from studio.pipeline.expire import delete_if_due
from studio.sharing.links import Terms, address_of, make_link
from tests.corpus import films
from tests.flows.cast import Studio, ask, make_studio

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def studio(settings: Settings, tmp_path: Path) -> Studio:
    settings.LOCAL_ENGINE_DIR = tmp_path / "engine"
    settings.VAR_DIR = tmp_path
    return make_studio()


def made(studio: Studio, form: str = "mp4") -> Render:
    render = drive(ask(studio, options={"output_format": form}).pk)
    assert render.video, render.failure_message
    return render


def stored(render: Render) -> bytes:
    with default_storage.open(render.video.name or "") as file:
        return bytes(file.read())


def asked(client: Client, data: bytes | None = None, papers: bytes | None = None, **form: str) -> Any:
    files: dict[str, Any] = {}
    if data is not None:
        files["file"] = SimpleUploadedFile("video.mp4", data)
    if papers is not None:
        files["papers"] = SimpleUploadedFile("video.c2pa", papers)
    return client.post("/verify", {**files, **form})


def verdict(answer: Any) -> Verdict:
    assert answer.status_code == 200, answer.content.decode()
    finding = answer.context["finding"]
    title, sentence = WORDS[finding.verdict]
    page = answer.content.decode()
    assert title in page
    assert sentence.partition("’")[0] in page
    return Verdict(finding.verdict)


def changed(data: bytes) -> bytes:
    """One byte of the pictures is another."""
    other = bytearray(data)
    other[-3_000] ^= 1
    return bytes(other)


def test_a_file_says_what_it_is_without_an_account(studio: Studio, client: Client) -> None:
    render = made(studio)
    data = stored(render)
    answer = asked(client, data)
    assert verdict(answer) is Verdict.UNCHANGED
    assert all(word in answer.content.decode() for word in (render.pk, "Draft", "DEVELOPMENT ONLY"))
    assert verdict(asked(client, changed(data))) is Verdict.CHANGED
    assert verdict(asked(client, films.film())) is Verdict.NO_PAPERS
    assert verdict(asked(client, b"no video at all")) is Verdict.NO_PAPERS
    Papers.objects.all().delete()  # of a video that was deleted here its own papers speak
    answer = asked(client, data)
    assert verdict(answer) is Verdict.UNCHANGED
    assert render.pk in answer.content.decode()


def test_papers_that_were_altered_are_not_believed(studio: Studio, client: Client) -> None:
    data = stored(made(studio))
    forged = data.replace(b"compositeSynthetic", b"humanEdits--------", 1)
    assert forged != data
    answer = asked(client, forged)
    assert verdict(answer) is Verdict.UNRELIABLE
    assert "rnd_" not in answer.content.decode()


def test_a_webm_is_known_by_the_papers_beside_it(studio: Studio, client: Client) -> None:
    render = made(studio, "webm")
    papers = Papers.objects.get(render=render)
    with default_storage.open(papers.beside.name or "") as file:
        beside = file.read()
    data = stored(render)
    assert verdict(asked(client, data)) is Verdict.UNCHANGED  # by our records
    papers.delete()
    assert verdict(asked(client, data)) is Verdict.NO_PAPERS
    assert verdict(asked(client, data, beside)) is Verdict.UNCHANGED
    assert verdict(asked(client, changed(data), beside)) is Verdict.CHANGED


def test_what_somebody_else_has_signed_is_not_ours(
    studio: Studio, client: Client, settings: Settings, tmp_path: Path
) -> None:
    data = stored(made(studio))
    Papers.objects.all().delete()
    settings.VAR_DIR = tmp_path / "other"  # another service, with a pair of its own
    settings.VAR_DIR.mkdir()
    other = make_studio(slug="other")
    assert verdict(asked(client, data)) is Verdict.UNCHANGED, "an earlier certificate of ours still counts"
    theirs = stored(made(other))
    Papers.objects.all().delete()
    serial = str(papers_credentials.credentials().certificate.serial_number)
    SigningCertificate.objects.filter(pk=serial).delete()
    assert verdict(asked(client, theirs)) is Verdict.ELSEWHERE
    assert verdict(asked(client, changed(theirs))) is Verdict.ELSEWHERE_CHANGED


def test_a_link_or_an_id_leads_to_a_video_of_ours_and_to_nothing_else(studio: Studio, client: Client) -> None:
    render = made(studio)
    link = make_link(render, Terms(), user=None)
    for text in (address_of(link), address_of(link, "embedded"), render.pk, f"https://here/videos/{render.pk}/"):
        assert verdict(asked(client, link=text)) is Verdict.UNCHANGED
    for text in ("https://example.org/video.mp4", "rnd_00000000000000000000000000", "http://127.0.0.1/"):
        answer = asked(client, link=text)
        assert answer.status_code == 422
        assert "leads to no video of ours" in answer.content.decode()
    assert asked(client).status_code == asked(client, b"").status_code == 422
    render.delete_at = datetime.now(UTC) - timedelta(days=1)
    render.save()
    assert delete_if_due(render)
    assert asked(client, link=render.pk).status_code == 422


def test_whoever_asks_too_often_waits(studio: Studio, client: Client) -> None:
    for _ in range(TRIES):
        assert asked(client, link="rnd_no").status_code == 422
    answer = asked(client, link="rnd_no")
    assert (answer.status_code, "ten minutes" in answer.content.decode()) == (429, True)
    cache.clear()
    assert asked(client, link="rnd_no").status_code == 422


def test_the_api_says_the_same(studio: Studio, client: Client) -> None:
    render = made(studio)
    user = User.objects.create_user("ada@example.org", "correct horse battery", name="Ada")
    Member.objects.create(workspace=studio.workspace, user=user, role=Role.OWNER)
    secret = make_token(studio.workspace, user=user, name="ours", scopes=[Scope.READ])[1]
    headers = {"Authorization": f"Bearer {secret}"}
    answer = client.post("/api/v1/verify", {"file": BytesIO(stored(render))}, headers=headers)
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["verdict"], told["made_here"]) == ("unchanged", True)
    assert (told["render"], told["model"]) == (render.pk, "draft")
    answer = client.post("/api/v1/verify", {"link": render.pk}, content_type="application/json", headers=headers)
    assert answer.json()["verdict"] == "unchanged"
    answer = client.post("/api/v1/verify", {"link": "x"}, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "no_such_video", "link")
    assert client.post("/api/v1/verify").status_code == 401

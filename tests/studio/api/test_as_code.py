"""The form's draft as code, and a client made from our document: each is run, and a video comes of it."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.urls import reverse

from studio.uploads.samples import add_samples
from tests.conftest import Cast
from tests.studio.api.live import LiveApi, live_api
from tests.support.node import NODE

PROMPT = "calm, \"nods\" & 'smiles' \\ </code> {x} $HOME"
CHOICES = {"model": "draft", "prompt": PROMPT, "title": "A title", "fallback": "no", "output_quality": "60"}
CODE = re.compile(r'<code id="code-(\w+)">(.*?)</code>', re.DOTALL)
PROGRAM = """
import os, sys
sys.path.insert(0, "made")
from avatar_studio_client import AuthenticatedClient
from avatar_studio_client.api.renders import create_render, get_render, list_render_outputs
from avatar_studio_client.models import RenderBodyRequest

portrait, voice = sys.argv[1:]
client = AuthenticatedClient(base_url=os.environ["ADDRESS"], token=os.environ["AVATAR_STUDIO_TOKEN"], timeout=60)
with client:
    wish = RenderBodyRequest(portrait=portrait, voice=voice, model="draft", reference="typed")
    render = create_render.sync(client=client, body=wish, idempotency_key="typed")
    while render.finished_at is None:
        render = get_render.sync(render.id, client=client, wait=20)
    outputs = list_render_outputs.sync(render.id, client=client)
print(render.state, render.charge.amount_micros, outputs.data[0].download_url)
"""


@pytest.fixture
def drafted(cast: Cast) -> dict[str, str]:
    """The snippets of a draft with awkward words in it."""
    portrait, voice = add_samples(cast.workspace)
    url = reverse("video_code", kwargs={"workspace": cast.workspace.slug})
    answer = cast.browser(cast.alice).post(url, {**CHOICES, "portrait": portrait.pk, "voice": voice.pk})
    found = {name: html.unescape(code) for name, code in CODE.findall(answer.content.decode())}
    return {name: code.replace(portrait.pk, "PORTRAIT").replace(voice.pk, "VOICE") for name, code in found.items()}


def test_without_uploads_the_reader_fills_them_in(cast: Cast) -> None:
    url = reverse("video_code", kwargs={"workspace": cast.workspace.slug})
    answer = cast.browser(cast.alice).post(url, {"routing": "nowhere"})
    assert answer.status_code == 200
    assert answer.content.decode().count("upl_PORTRAIT") == 3


@pytest.mark.parametrize(("look", "captions"), [("", {}), ("none", None), ("karaoke", {"burn": "karaoke"})])
def test_typed_words_and_captions_are_in_it(cast: Cast, look: str, captions: dict[str, str] | None) -> None:
    url = reverse("video_code", kwargs={"workspace": cast.workspace.slug})
    typed = {"script": " Hello there. ", "speaker": "local:en_US-joe-medium", "pace": "1.2", "captions": look}
    page = cast.browser(cast.alice).post(url, typed).content.decode()
    code = {name: html.unescape(text) for name, text in CODE.findall(page)}["curl"]
    body = json.loads(code.partition("<<'JSON'\n")[2].removesuffix("\nJSON"))
    assert body.pop("captions", None) == (None if captions is None else {"from": "script"} | captions)
    assert body == {
        "portrait": "upl_PORTRAIT",
        "voice": {"script": "Hello there.", "voice": "local:en_US-joe-medium", "pace": 1.2},
        "model": "draft",
    }


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    with live_api(tmp_path_factory.mktemp("as-code"), worker=True) as opened:
        yield opened


def run(live: LiveApi, folder: Path, *command: str) -> str:
    environment = os.environ | {"AVATAR_STUDIO_TOKEN": live.alice["token"], "ADDRESS": live.address}
    environment["NO_PROXY"] = "127.0.0.1"
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.process
@pytest.mark.xdist_group("api-live")
@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
def test_the_draft_runs_as(language: str, drafted: dict[str, str], live: LiveApi, tmp_path: Path) -> None:
    commands = {"curl": "bash", "python": sys.executable, "javascript": NODE}
    endings = {"curl": "sh", "python": "py", "javascript": "mjs"}
    code = drafted[language].replace("http://127.0.0.1:8000", live.address)
    code = code.replace("PORTRAIT", live.alice["portrait"]).replace("VOICE", live.alice["voice"])
    program = tmp_path / f"video.{endings[language]}"
    program.write_text(code, encoding="utf-8")
    out = run(live, tmp_path, commands[language], str(program))
    made: dict[str, Any]
    if language == "curl":
        made = json.loads(out)
    else:
        price, link = out.split()
        assert price.startswith("$0.08")
        assert httpx.get(link, trust_env=False, follow_redirects=True).content[4:8] == b"ftyp"
        with live.client() as client:
            made = client.get("/renders", params={"limit": 1}).json()["data"][0]
    assert (made["prompt"], made["title"], made["fallback"]) == (PROMPT, "A title", False)
    assert made["options"]["output_quality"] == 60


@pytest.mark.process
@pytest.mark.xdist_group("api-live")
def test_a_client_that_is_generated_from_the_document_renders_a_video(live: LiveApi, tmp_path: Path) -> None:
    document = httpx.get(f"{live.address}/api/openapi.json", trust_env=False)
    (tmp_path / "openapi.json").write_bytes(document.content)
    generator = str(Path(sys.executable).parent / "openapi-python-client")
    config = tmp_path / "config.yml"
    config.write_text("post_hooks: []\n", encoding="utf-8")
    told = run(
        live, tmp_path, generator, "generate", "--path", "openapi.json", "--meta", "none", "--config", str(config),
        "--output-path", "made/avatar_studio_client", "--fail-on-warning",
    )  # fmt: skip
    assert "WARNING" not in told
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    out = run(live, tmp_path, sys.executable, "program.py", live.alice["portrait"], live.alice["voice"])
    state, charged, link = out.split()
    assert (state, int(charged) > 0) == ("ready", True)
    assert httpx.get(link, trust_env=False, follow_redirects=True).content[4:8] == b"ftyp"

"""docs/api.md: its program runs as it stands, and its table has every code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from drf_spectacular.generators import SchemaGenerator

from avatarsite.management.commands.api_codes import PAGE, table
from studio.uploads.samples import PORTRAIT, VOICE
from tests.studio.api.live import live_api

EXAMPLE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXT = PAGE.read_text(encoding="utf-8")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def files_at_an_address(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.process
@pytest.mark.xdist_group("api-live")
def test_the_program_in_the_document_runs(tmp_path: Path) -> None:
    shutil.copy(PORTRAIT, tmp_path / "portrait.jpg")
    shutil.copy(VOICE, tmp_path / "voice.mp3")
    with (
        files_at_an_address(tmp_path) as files,
        live_api(tmp_path / "site", worker=True, TRUSTED_MEDIA_SOURCES=files) as live,
    ):
        program = "\n".join(EXAMPLE.findall(TEXT))
        program = program.replace("https://studio.example.com", live.address)
        program = program.replace("https://files.example.com", files)
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        environment = os.environ | {"AVATAR_STUDIO_TOKEN": live.alice["token"], "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, "-W", "error", "program.py"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stderr[-3000:] + live.log()[-2000:]
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_table_has_every_code() -> None:
    assert TEXT.endswith(table()), "run `manage.py api_codes`"


def test_no_word_of_the_code_is_published() -> None:
    """An operation without words of its own would be given those of the class that it descends from."""
    document = json.dumps(SchemaGenerator().get_schema(request=None, public=True))
    assert re.findall(r"[^.`\"]*``[^.\"]*", document) == []

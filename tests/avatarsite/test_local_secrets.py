"""Secrets that a machine makes for itself, by processes that start together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sites import ROOT

TOLD = {
    "secret_key": "from django.conf import settings\nprint(settings.SECRET_KEY)",
    "demo_password": "import django\ndjango.setup()\nfrom studio import demo\nprint(demo._password())",
}
TOGETHER = (
    "import sys\nfrom pathlib import Path\nfrom avatarsite.local_secrets import kept_secret\n"
    "print('ready', flush=True)\nsys.stdin.readline()\n"
    "for number in range(200):\n"
    "    print(kept_secret(Path(sys.argv[1]) / str(number), lambda: __import__('secrets').token_hex(8)))"
)


@pytest.mark.process
@pytest.mark.parametrize("name", TOLD)
def test_an_empty_file_that_another_process_has_just_opened_is_no_secret(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    told = [_told(tmp_path, TOLD[name]) for _ in range(2)]
    assert told == [(tmp_path / name).read_text(encoding="utf-8")] * 2
    assert len(told[0]) >= 8


@pytest.mark.process
def test_processes_that_start_together_have_the_same_secret(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TOGETHER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    started = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60)[0].split() for process in started]
    assert told == [[(tmp_path / str(number)).read_text(encoding="utf-8") for number in range(200)]] * 4
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def _told(folder: Path, code: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SECRET_KEY")}
    environment |= {"VAR_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()

"""What a killed process leaves behind is swept, and what is in use is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from avatarsite.temporary_files import sweep_temporary, temporary_file, temporary_folder

pytestmark = pytest.mark.django_db  # what can't be swept is an alert
HOLD = """
import sys, django
django.setup()
from avatarsite.temporary_files import temporary_file, temporary_folder
with temporary_file("held-") as file, temporary_folder("held-") as folder:
    (folder / "inside").write_bytes(b"bytes")
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def room(tmp_path: Path, settings: Any) -> Path:
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "tmp"
    return tmp_path / "tmp"


def make_old(room: Path) -> None:
    long_ago = time.time() - 7200
    for path in room.iterdir():
        os.utime(path, (long_ago, long_ago))


def test_files_and_folders_are_gone_at_the_end_and_kept_while_used(room: Path) -> None:
    with temporary_file("one-") as file, temporary_folder("two-") as folder:
        file.write(b"bytes")
        make_old(room)
        assert sweep_temporary() == 0
        assert sorted(path.name.split("-")[0] for path in room.iterdir()) == ["one", "two"]
        assert folder.is_dir()
    assert [*room.iterdir()] == []


@pytest.mark.process
def test_what_a_killed_process_left_is_swept(tmp_path: Path, settings: Any) -> None:
    own = os.environ | {"VAR_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "avatarsite.settings"}
    process = subprocess.Popen([sys.executable, "-c", HOLD], env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdin
    assert process.stdout.readline() == b"held\n"
    room = settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "tmp"
    make_old(room)
    assert (sweep_temporary(), len([*room.iterdir()])) == (0, 2)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert (sweep_temporary(), [*room.iterdir()]) == (2, [])


def test_what_is_young_is_left(room: Path) -> None:
    room.mkdir()
    (room / "young").touch()
    (room / "coming.upload").touch()
    assert sweep_temporary() == 0
    make_old(room)
    assert sweep_temporary() == 2

"""The older official client ``runware`` shares its import name with ``runware-sdk``: it gets a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.paths import ROOT

PINS = Path(__file__).with_name("clients-runware-0.5.24.lock")
FOLDER = ROOT / "var" / "clients" / "runware-0.5.24"
INSTALL_SECONDS = 900


class InstallError(RuntimeError):
    """The package registry could not be reached, or the pins no longer fit."""


def older_runware() -> Path:
    """The folder to put first on ``PYTHONPATH``; installed once, safely from several processes at a time."""
    if FOLDER.exists():
        return FOLDER
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".runware-", dir=FOLDER.parent))
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = [uv, "pip", "install", "-q", "--python", sys.executable, "--target", str(fresh), "-r", str(PINS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise InstallError(f"runware 0.5.24 could not be installed: {done.stderr.strip()}")
    try:
        fresh.rename(FOLDER)
    except OSError:  # another process was faster
        shutil.rmtree(fresh, ignore_errors=True)
    return FOLDER


def run_with_older_runware(script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of ours that imports the older ``runware``."""
    settings = os.environ | environment | {"PYTHONPATH": str(older_runware())}
    # -P keeps our own runware.py, beside the script, out of the way.
    command = [sys.executable, "-P", str(script), *arguments]
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)

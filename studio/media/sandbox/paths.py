"""Socket path at which the sandbox of this site is found: one socket for a folder of code and its state."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

CODE = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """A folder that nobody else may enter, another one for other code: a server never outlives an upgrade.

    Not under ``var/``: the path of a socket may have 107 characters at most.
    """
    newest = max(path.stat().st_mtime_ns for path in (CODE / "media").rglob("*.py"))
    word = hashlib.sha256(f"{CODE} {newest} {os.environ.get('VAR_DIR', '')}".encode()).hexdigest()[:16]
    made = Path(tempfile.gettempdir()) / f"avatar-sandbox-{os.getuid()}-{word}"
    made.mkdir(mode=0o700, exist_ok=True)
    if made.stat().st_uid != os.getuid():
        raise PermissionError(f"{made} belongs to somebody else.")
    return made

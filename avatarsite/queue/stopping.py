from __future__ import annotations

import os
from pathlib import Path

STOP_FILE = "SUPERVISOR_STOP_FILE"


def stopping() -> bool:
    """Whether the supervisor of this process has been told to stop; asked by the long watch."""
    path = os.environ.get(STOP_FILE, "")
    return path != "" and Path(path).exists()

"""Launcher of Piper's own program, confined first: ``python -m studio.speech.engines.launch FOLDER MODEL SCALE MB``.

Piper is GPL, so no process of ours imports it: this one ends where that one begins. It reads a line, writes a WAV into
FOLDER, says ``Wrote …``, and ends with its standard input.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from studio.media.sandbox.confine import DENIED, confine
from studio.media.sandbox.limits import Limits

CPU_SECONDS, FILE_MB = 3_600, 100  # for as long as it is kept warm: many scripts
NICENESS = 5  # pages and calls go first


def main() -> None:
    folder, model, scale, memory_mb = sys.argv[1:]
    os.nice(NICENESS)
    python = Path(sys.executable)
    programs = {str(path) for path in (python.parent, python.resolve().parent, python.parent.parent / "pyvenv.cfg")}
    denied = [call for call in DENIED if not call.startswith("execve")]
    limits = Limits(cpu_seconds=CPU_SECONDS, memory_mb=int(memory_mb), file_mb=FILE_MB)
    confine(limits, [*programs, str(Path(model).parent)], [folder], denied)
    os.execv(  # noqa: S606 -- a fixed argument list
        sys.executable,
        [sys.executable, "-m", "piper", "-m", model, "--length-scale", scale, "--output-dir", folder],
    )


if __name__ == "__main__":
    main()

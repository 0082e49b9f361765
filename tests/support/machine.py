"""What the tests need of the machine and no wheel carries.

``python -m tests.support.machine`` installs it, or says how.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium-headless-shell")  # takes a third less of a processor than the whole browser
PGBOUNCER = Path("/usr/sbin/pgbouncer")  # not on everybody's path
# Program: the package that brings it.
NEEDED = {
    str(CHROMIUM): "chromium-headless-shell",
    "curl": "curl",
    "bash": "bash",
    str(PGBOUNCER): "pgbouncer",
    "promtool": "prometheus",
    "systemd-analyze": "systemd",
}


def main() -> int:
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if not missing:
        return 0
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"The tests need programs that are not here: apt-get install {' '.join(missing)}", file=sys.stderr)
        return 1
    print(f"Installing {', '.join(missing)} for the tests …")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run(command, env=quiet, check=False, capture_output=True, text=True)
        if done.returncode:
            print(done.stdout[-2000:], done.stderr[-2000:], sep="\n", file=sys.stderr)
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A clock that a test steps: of all processes of a site at once, while they run. Servers beside it keep theirs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


@dataclass(frozen=True)
class SteppedClock:
    """Of whoever is started with ``environment``."""

    folder: Path

    def __post_init__(self) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        assert compiler, "A clock is stepped by a few lines of C: install gcc."
        self.folder.mkdir(parents=True, exist_ok=True)
        self.step_to(0)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE, "-ldl"], check=True)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "STEPPED_CLOCK": str(self._offset)}

    def step_to(self, seconds: int) -> None:
        """So many seconds from the true time, from now on."""
        mode = "r+b" if self._offset.exists() else "wb"
        with self._offset.open(mode) as file:
            file.write(struct.pack("=q", seconds))

    @property
    def _library(self) -> Path:
        return self.folder / "stepped_clock.so"

    @property
    def _offset(self) -> Path:
        return self.folder / "offset"

"""What a page makes a browser load before anybody presses anything, and how far it jumps meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

MAX_BYTES = 600_000  # beside media
MAX_BYTES_OF = {"/": 250_000, "/api/": 400_000}
MAX_SHIFT = 0.01
# Chromium tells both of what has been, and of what it had in its cache, too. Media is what people brought or made.
MEASURED = """() => new Promise((done) => {
    const files = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const isMedia = ({ name, initiatorType }) => ["video", "audio"].includes(initiatorType) || /\\/files\\//.test(name);
    const bytes = files.filter((each) => !isMedia(each)).reduce((sum, each) => sum + each.encodedBodySize, 0);
    let shift = 0;
    new PerformanceObserver((list) => {
        for (const each of list.getEntries()) if (!each.hadRecentInput) shift += each.value;
    }).observe({ type: "layout-shift", buffered: true });
    setTimeout(() => done([location.pathname, bytes, shift]), 60);
})"""


@dataclass(frozen=True, slots=True)
class Weight:
    """Of one page; ``bytes`` are as they came, so compressed where they were."""

    path: str
    bytes: int
    shift: float

    @property
    def faults(self) -> list[str]:
        most = MAX_BYTES_OF.get(self.path, MAX_BYTES)
        heavy = [f"{self.bytes:,} bytes, where {most:,} is the most"] if self.bytes > most else []
        return heavy + ([f"it jumps by {self.shift:.3f}"] if self.shift > MAX_SHIFT else [])

    def __str__(self) -> str:
        return f"{self.bytes / 1000:.0f} KB, jumps by {self.shift:.3f}"


def weigh(page: Page) -> Weight:
    """Call it before anything is pressed or resized."""
    path, loaded, shift = page.evaluate(MEASURED)
    return Weight(str(path), int(loaded), float(shift))

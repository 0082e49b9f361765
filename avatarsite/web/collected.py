"""Whether static files have been collected; read by the settings, so it needs no Django."""

from __future__ import annotations

from pathlib import Path


def is_collected(root: Path, sources: Path) -> bool:
    """Whether ``collectstatic`` has written its manifest into ``root`` since the last change below ``sources``."""
    manifest = root / "staticfiles.json"
    return manifest.exists() and manifest.stat().st_mtime >= max(
        path.stat().st_mtime for path in sources.rglob("*") if path.is_file()
    )

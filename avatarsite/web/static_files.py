"""Static files: which are collected, and by what name they are served."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(StaticFilesConfig):
    # Of packages what no page of ours loads; it would take most of the time.
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "rest_framework", "ext"]


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Files by a name with their hash, which browsers keep for ever, compressed beforehand."""

    support_js_module_import_aggregation = True  # our modules import each other by name

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._urls: dict[str, str] = {}

    def url(self, name: str, force: bool = False) -> str:
        """Spelt once in a process: a page names two dozen, and none changes before the next collectstatic."""
        if force:
            return str(super().url(name, force))
        if name not in self._urls:
            self._urls[name] = super().url(name)
        return self._urls[name]

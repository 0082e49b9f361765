"""Static files: which are collected, and by what name they are served."""

from __future__ import annotations

from django.contrib.staticfiles.apps import StaticFilesConfig
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(StaticFilesConfig):
    # Of packages what no page of ours loads; it would take most of the time.
    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "rest_framework", "ext"]


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """Files by a name with their hash, which browsers keep for ever, compressed beforehand."""

    support_js_module_import_aggregation = True  # our modules import each other by name

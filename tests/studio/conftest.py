from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.support.servers import s3 as s3  # noqa: PLC0414  # a fixture, shared by importing it

PlaceFile = Callable[[bytes], Path]


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    """Stored files go to this empty folder."""
    folder = tmp_path / "media"
    use_storage(settings, "studio.storage.local.PrivateFiles", {"location": str(folder), "allow_overwrite": True})
    return folder


@pytest.fixture
def place(tmp_path: Path) -> PlaceFile:
    """Writes bytes to a file whose name says nothing of them."""

    def write(data: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(data)
        return path

    return write


def use_storage(settings: Settings, backend: str, options: dict[str, Any]) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": backend, "OPTIONS": options}}


def files_in(folder: Path) -> list[str]:
    """The names of all files below, as the storage calls them."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

"""Wording of the statement of rights, which is kept by its version with whatever was made under it."""

from __future__ import annotations

RIGHTS_VERSION = "2026-11"
OF_ONE_VIDEO = (
    "I have the right to use this face and this voice, and whoever they belong to agrees to a video being made of them."
)
OF_A_TABLE = (
    "I have the right to use each face and voice of this table, and whoever they belong to agrees to videos being made "
    "of them."
)
OF_A_PROGRAM = (
    "I have the right to use each face and voice that is sent with this token, and whoever they belong to agrees to "
    "videos being made of them."
)

from __future__ import annotations


def canary() -> None:
    """Do nothing: that it was done is the message (avatarsite/canary.py)."""

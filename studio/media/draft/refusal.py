from __future__ import annotations


class DraftInputError(ValueError):
    """The portrait or the voice cannot be used; the message says which, and what to do."""

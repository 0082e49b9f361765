"""A disk that takes nothing more. Needs no Django: who reads and writes media asks it, too."""

from __future__ import annotations

import errno

TAKES_NOTHING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
# As SQLite and PostgreSQL say it, by their drivers.
SQLITE_FULL, POSTGRESQL_FULL = "SQLITE_FULL", "53100"


def is_full(error: BaseException | None) -> bool:
    """Whether this error, or one that it came of, says so: a library may have taken it for a fault of the file."""
    while error is not None:
        named = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None)
        if named in (SQLITE_FULL, POSTGRESQL_FULL) or getattr(error, "errno", None) in TAKES_NOTHING:
            return True
        error = error.__cause__ or error.__context__
    return False

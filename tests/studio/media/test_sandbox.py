"""The sandbox holds what a decoder might do to the house, says what was too much, and lets owners take turns."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.media import judge
from studio.media.errors import Refusal, UploadRefused
from studio.media.sandbox import Excess, Limits, OverLimit, client, paths, run
from studio.media.sandbox.confine import missing_walls
from studio.media.sandbox.limits import Lane
from studio.media.sandbox.server import AT_ONCE
from tests.studio.media import sandboxed
from tests.support.paths import ROOT, SAMPLES

ROOM = ROOT / "tests"
QUICK = Limits(cpu_seconds=1, wall_seconds=30, memory_mb=100)


def do(job: Callable[..., Any], *args: object, **given: Any) -> Any:
    return run(job, *args, reads=[ROOM, *given.pop("reads", [])], **given)


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One that no other test uses, so that it can be killed."""
    folder = tmp_path / "s"
    folder.mkdir()
    monkeypatch.setattr(client, "_folder", lambda: folder)
    monkeypatch.setattr(client, "_kept", {})
    yield folder
    for connection in client._kept.values():
        connection.close()
    for server in servers(folder):
        with suppress(psutil.NoSuchProcess):  # it may be ending by itself
            server.kill()


def servers(folder: Path) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline", "ppid"]) if str(folder) in (one.info["cmdline"] or [])]


def main_server(folder: Path) -> psutil.Process:
    everyone = servers(folder)
    (found,) = [one for one in everyone if one.info["ppid"] not in {other.pid for other in everyone}]
    return found


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_this_machine_has_every_wall() -> None:
    assert missing_walls() == []


def test_results_and_refusals_come_back_as_they_are() -> None:
    assert do(sandboxed.add, 2, 3) == 5
    with pytest.raises(UploadRefused) as caught:
        do(sandboxed.refuse)
    refused = caught.value
    assert (refused.code, refused.field, str(refused)) == (
        Refusal.VOICE_SILENT,
        "voice",
        "The voice is silent. Record it again.",
    )
    with pytest.raises(RuntimeError, match=r"^Odd: ab$"):
        do(sandboxed.fail_oddly)


def test_a_job_opens_its_own_files_and_no_others(tmp_path: Path) -> None:
    own, foreign, folder = tmp_path / "own", tmp_path / "foreign", tmp_path / "folder"
    own.write_bytes(b"mine")
    foreign.write_bytes(b"theirs")
    folder.mkdir()
    assert do(sandboxed.read, own, reads=[own]) == b"mine"
    for path in (foreign, Path("/etc/passwd"), Path("/proc/self/environ"), Path.cwd() / "pyproject.toml"):
        with pytest.raises(PermissionError):
            do(sandboxed.read, path, reads=[own])
    with pytest.raises(PermissionError):
        do(sandboxed.write, own, reads=[own])
    do(sandboxed.write, folder / "made", writes=[folder])
    assert (folder / "made").read_bytes() == b"\0\0\0"
    with pytest.raises(OSError, match="File too large"):
        do(sandboxed.write, folder / "made", 2_000_000, writes=[folder], limits=Limits(file_mb=1))


def test_a_job_reaches_no_network_no_program_and_no_other_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(PermissionError):
        do(sandboxed.connect, door.getsockname()[1])
    with pytest.raises(PermissionError):
        do(sandboxed.run_a_program)
    with pytest.raises(PermissionError):
        do(sandboxed.kill, os.getpid())


@pytest.mark.parametrize(
    ("job", "args", "limits", "excess", "words"),
    [
        (sandboxed.eat, (300,), QUICK, Excess.MEMORY, "takes more than 100 MB of memory to read"),
        (sandboxed.run_out_in_opencv, (), QUICK, Excess.MEMORY, "takes more than 100 MB of memory to read"),
        (sandboxed.spin, (), QUICK, Excess.TIME, "takes more than 1 s of computing to read"),
        (sandboxed.sleep, (60,), Limits(wall_seconds=1), Excess.TIME, "takes more than 15 s of computing to read"),
        (sandboxed.abort, (), QUICK, Excess.CRASH, "ends its decoder"),
    ],
    ids=["memory", "memory of C++", "processor", "clock", "crash"],
)
def test_what_is_over_a_limit_is_said(
    job: Callable[..., Any], args: tuple[object, ...], limits: Limits, excess: Excess, words: str
) -> None:
    with pytest.raises(OverLimit) as caught:
        do(job, *args, limits=limits)
    assert (caught.value.excess, str(caught.value)) == (excess, words)


@pytest.mark.parametrize(
    ("judged", "code", "remedy"),
    [
        (judge.voice, Refusal.VOICE_OVER_LIMITS, "Export it again, as MP3 or WAV."),
        (
            judge.portrait,
            Refusal.PORTRAIT_OVER_LIMITS,
            "Open it in a picture program and save it as a plain JPEG or PNG.",
        ),
    ],
)
def test_an_upload_over_a_limit_is_a_refusal_with_a_remedy(
    judged: Callable[..., object], code: Refusal, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(*_: object, limits: Limits, **__: object) -> None:
        raise OverLimit(Excess.MEMORY, limits)

    monkeypatch.setattr(judge, "run", over)
    with pytest.raises(UploadRefused) as caught:
        judged(SAMPLES / "portrait.jpg", owner="w")
    kind = code.value.split("_")[0]
    assert (caught.value.code, str(caught.value)) == (
        code,
        f"The {kind} takes more than 450 MB of memory to read. {remedy}",
    )


def test_news_of_a_job_arrives_and_whoever_refuses_it_ends_the_job(own_sandbox: Path) -> None:
    heard: list[object] = []
    assert do(sandboxed.count, 3, progress=heard.append) == 3
    assert heard == [0, 1, 2]

    def stop(pid: object) -> None:
        heard.append(pid)
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        do(sandboxed.say_pid_and_sleep, 60, progress=stop)
    wait_until(lambda: not psutil.pid_exists(int(str(heard[-1]))))


def test_one_owner_leaves_a_place_for_others(tmp_path: Path) -> None:
    begun: list[object] = []
    places = AT_ONCE[Lane.JUDGE]
    go = {"owner": "crowd", "reads": [tmp_path], "progress": begun.append}
    with ThreadPoolExecutor(2 * places) as crowd:
        mine = [crowd.submit(do, sandboxed.wait_for, tmp_path / "go", **go) for _ in range(2 * places)]
        try:
            wait_until(lambda: len(begun) == places - 1)
            assert do(sandboxed.add, 1, 1, owner="other") == 2
            assert [one.done() for one in mine] == [False] * 2 * places
        finally:
            (tmp_path / "go").touch()
        assert [one.result() for one in mine] == [None] * 2 * places


def test_a_sandbox_that_is_killed_is_started_again_and_leaves_no_child(own_sandbox: Path, tmp_path: Path) -> None:
    assert do(sandboxed.add, 1, 1) == 2
    pids: list[int] = []
    with ThreadPoolExecutor(1) as crowd:
        go = tmp_path / "go"
        told = {"reads": [tmp_path], "progress": lambda pid: pids.append(int(str(pid)))}
        job = crowd.submit(do, sandboxed.wait_for, go, **told)
        wait_until(lambda: bool(pids))
        main_server(own_sandbox).kill()
        wait_until(lambda: not psutil.pid_exists(pids[0]))
        go.touch()
        assert job.result() is None
    assert len(pids) == 2


def test_whoever_has_waited_for_a_turn_looks_once(own_sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as late:
        late.setattr(client, "START_SECONDS", -1.0)  # others took all of it
        with pytest.raises(client.SandboxGone, match="does not start"):
            do(sandboxed.add, 1, 1)
    assert do(sandboxed.add, 1, 1) == 2
    with monkeypatch.context() as late:
        late.setattr(client, "START_SECONDS", -1.0)
        client._started(str(own_sandbox / "socket")).close()


def test_many_who_find_nobody_start_one(own_sandbox: Path) -> None:
    with ThreadPoolExecutor(8) as crowd:
        assert [*crowd.map(lambda one: do(sandboxed.add, one, 1), range(8))] == [*range(1, 9)]
    assert main_server(own_sandbox).pid


@pytest.mark.process
def test_a_job_ends_with_the_process_that_asked_and_the_sandbox_with_the_last(tmp_path: Path) -> None:
    code = (
        "from tests.studio.media import sandboxed; from studio.media.sandbox import run; from pathlib import Path\n"
        "run(sandboxed.say_pid_and_sleep, 60, reads=[Path('tests')], progress=lambda pid: print(pid, flush=True))"
    )
    own = os.environ | {"VAR_DIR": str(tmp_path)}
    asking = subprocess.Popen([sys.executable, "-c", code], cwd=ROOM.parent, env=own, stdout=subprocess.PIPE)
    assert asking.stdout
    pid = int(asking.stdout.readline())
    server = psutil.Process(psutil.Process(pid).ppid())
    asking.send_signal(signal.SIGKILL)
    asking.wait()
    asking.stdout.close()
    wait_until(lambda: not psutil.pid_exists(pid))
    wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE, 30)


def test_the_folder_of_a_sandbox_is_closed_to_others() -> None:
    assert paths.folder().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "call", [os.mkdir, subprocess.Popen, Path.mkdir, setattr, judge.portrait], ids=lambda call: call.__qualname__
)
def test_an_answer_runs_nothing_where_it_is_read(tmp_path: Path, call: Callable[..., Any]) -> None:
    path = tmp_path / "made"
    with pytest.raises(OverLimit) as over:
        do(sandboxed.answer_with, call, path)
    assert (over.value.excess, path.exists()) == (Excess.CRASH, False)


def test_an_answer_has_its_size() -> None:
    with pytest.raises(OverLimit) as over:
        do(sandboxed.much, 65)
    assert over.value.excess is Excess.CRASH
    assert len(do(sandboxed.much, 60)) == 60_000_000

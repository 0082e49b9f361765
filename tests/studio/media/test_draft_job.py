"""A draft as a job: it ends once, with its worker, within its limits, and hands out nothing but its own drawing."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.media.draft import job
from studio.media.sandbox import Excess, OverLimit
from studio.uploads.samples import PORTRAIT
from tests.flows.cast import speech
from tests.support.until import until

WITHIN = 60.0


def lay(folder: Path, seconds: float) -> Path:
    folder.mkdir()
    (folder / "voice.wav").write_bytes(speech(seconds))
    shutil.copy(PORTRAIT, folder / "portrait.jpg")
    job.write_order(folder, job.JobOrder("portrait.jpg", "voice.wav", "", "mp4", 60))
    return folder


@pytest.fixture
def short(tmp_path: Path) -> Path:
    return lay(tmp_path / "short", 1)


@pytest.fixture
def long(tmp_path: Path) -> Path:
    return lay(tmp_path / "long", 120)


def nobody_is_at(folder: Path) -> bool:
    with job._lock(folder / "lock") as free:
        return free


def test_a_job_is_drawn_once_and_its_end_stays(short: Path) -> None:
    assert (job.read_state(short).word, job.result_path(short)) == (job.ABANDONED, None)
    job.run_job(short)
    done = job.read_state(short)
    assert (done.word, done.percent, done.duration_ms, done.code) == (job.DONE, 100, 1_000, "")
    video = job.result_path(short)
    assert video is not None
    assert video.read_bytes()[4:8] == b"ftyp"
    before = video.stat().st_mtime_ns
    job.run_job(short)
    assert job.cancel(short) is False
    assert (job.read_state(short), video.stat().st_mtime_ns, (short / "starts").read_bytes()) == (done, before, b".")


def test_a_cancelled_job_lets_go_of_its_place_at_once(long: Path) -> None:
    job.start_job(long)
    until(lambda: job.read_state(long).percent, WITHIN)
    assert (job.cancel(long), job.cancel(long)) == (True, True)
    until(lambda: nobody_is_at(long), WITHIN)
    assert (job.read_state(long).word, job.result_path(long)) == (job.CANCELLED, None)


def test_a_job_whose_folder_is_deleted_ends_without_a_word(long: Path, capfd: pytest.CaptureFixture[str]) -> None:
    job.start_job(long)
    until(lambda: job.read_state(long).percent, WITHIN)
    with (long / "lock").open("ab"):
        shutil.rmtree(long, ignore_errors=True)
    time.sleep(2 * 0.25)
    until(lambda: not any(f"draft {long.name}" == thread.name for thread in job.threading.enumerate()), WITHIN)
    assert (long.exists(), capfd.readouterr().err) == (False, "")


@pytest.mark.parametrize("limit", [{"cpu_seconds": 1}, {"wall_seconds": 1}, {"memory_mb": 10}])
def test_a_job_over_a_limit_says_so_and_what_to_do(
    limit: dict[str, int], long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "LIMITS", replace(job.LIMITS, **limit))
    job.run_job(long)
    state = job.read_state(long)
    assert (state.word, state.code, state.message) == (job.FAILED, "over_limits", job.TOO_MUCH)


def test_a_drawing_that_crashes_is_not_tried_again(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, limits: Any, **__: Any) -> None:
        raise OverLimit(Excess.CRASH, limits)

    monkeypatch.setattr(job, "run", crash)
    job.run_job(short)
    assert (job.read_state(short).word, job.read_state(short).code) == (job.FAILED, "engine_died")


def test_workers_that_die_at_a_job_are_counted(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "run", die)
    for _ in range(job.MAX_STARTS):
        assert job.read_state(short).word == job.ABANDONED
        with pytest.raises(KeyboardInterrupt):
            job.run_job(short)
    assert (job.read_state(short).word, job.read_state(short).code) == (job.FAILED, "engine_died")


def test_a_link_in_place_of_a_drawing_leads_nowhere(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"another's")

    def link(*args: Any, **_: Any) -> int:
        args[3].symlink_to(secret)
        return 1_000

    monkeypatch.setattr(job, "run", link)
    job.run_job(short)
    assert (job.read_state(short).word, job.result_path(short)) == (job.FAILED, None)


def test_an_order_of_an_older_version_is_read(short: Path) -> None:
    kept = job._read(short / "order.json") | {"slots": 2}
    job._write(short / "order.json", kept)
    job.run_job(short)
    assert job.read_state(short).word == job.DONE

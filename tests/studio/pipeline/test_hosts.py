"""Several hosts on one database and one bucket: what one has made is there for all, and what it lost is made anew.

A host is its ``LOCAL_ENGINE_DIR``: nothing else of the pipeline lies on a disk.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from billing.verify import verification
from studio.media.draft import job as engine
from studio.models import ProviderJob, Render, RenderState
from studio.pipeline.drive import drive
from studio.pipeline.ingest.receive import ingest_render
from studio.pipeline.submit import submit_render
from studio.pipeline.watch.loop import check_now
from studio.providers import handover, http
from studio.providers.types import JobHandle, JobStatus
from studio.speech.engines.local import LocalSpeech
from studio.storage.local import listed
from studio.storage_audit import verify_storage
from tests.flows.cast import ask, make_studio
from tests.studio.conftest import use_storage
from tests.support.servers import S3Server

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.process,
    pytest.mark.xdist_group("s3"),
    pytest.mark.usefixtures("bucket"),
]


@pytest.fixture
def bucket(s3: S3Server, settings: Any, tmp_path: Path) -> None:
    settings.S3_BUCKET = s3.bucket
    place = {"location": f"hosts-{tmp_path.name}"}
    use_storage(settings, "studio.storage.s3.PrivateBucket", s3.storage_options | place)


def on_host(name: str, settings: Any, tmp_path: Path) -> None:
    settings.LOCAL_ENGINE_DIR = tmp_path / name


def handed() -> list[str]:
    return [found.name for found in listed("handover")]


def drawn(render: Render) -> ProviderJob:
    """Its job, once this host has drawn it."""
    ends = timezone.now() + timedelta(seconds=60)
    while (job := render.jobs.get()).status != JobStatus.DONE:
        check_now(job)
        assert timezone.now() < ends
    return job


def test_what_one_host_has_drawn_another_brings_home(settings: Any, tmp_path: Path) -> None:
    on_host("first", settings, tmp_path)
    render = ask(make_studio())
    submit_render(render.pk)
    job = drawn(render)
    assert handed() == [f"handover/{job.provider_job_id}"]
    on_host("second", settings, tmp_path)
    assert ingest_render(render.pk) is True
    render.refresh_from_db()
    assert (render.state, render.jobs.count()) == (RenderState.READY, 1)
    assert default_storage.size(render.video.name or "") == render.video_bytes
    assert (handed(), verify_storage(), verification.verify()) == ([], [], [])


def test_a_draft_of_a_host_that_died_is_made_again_by_another(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host("first", settings, tmp_path)
    render = ask(make_studio())
    with monkeypatch.context() as dying:
        dying.setattr(engine, "start_job", lambda _folder: None)
        submit_render(render.pk)
    on_host("second", settings, tmp_path)
    render = drive(render.pk)
    assert (render.state, [job.status for job in render.jobs.order_by("attempt")]) == (
        RenderState.READY,
        [JobStatus.FAILED, JobStatus.DONE],
    )
    assert verification.verify() == []


def test_a_host_that_hung_up_after_its_work_is_not_needed(settings: Any, tmp_path: Path) -> None:
    """Handed over, and gone before anybody had written that it is done."""
    on_host("first", settings, tmp_path)
    render = ask(make_studio())
    submit_render(render.pk)
    job = drawn(render)
    ProviderJob.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING, finished_at=None)
    Render.objects.filter(pk=render.pk).update(state=RenderState.RENDERING, next_try_at=None)
    ProviderJob.objects.filter(pk=job.pk).update(next_check_at=timezone.now())
    on_host("second", settings, tmp_path)
    assert (drive(render.pk).state, render.jobs.count()) == (RenderState.READY, 1)


def test_the_sound_of_a_script_is_there_for_all(settings: Any, tmp_path: Path) -> None:
    on_host("first", settings, tmp_path)
    folder = tmp_path / "first" / "speech" / "part-1"
    folder.mkdir(parents=True)
    (folder / "part.wav").write_bytes(b"sound")
    (folder / "spans.json").write_text("[[0, 5]]")
    mouth, job = LocalSpeech(), JobHandle("part-1", "speech", "part-1")
    report = http.run(mouth.check, job)
    assert (report.status, report.raw) == (JobStatus.DONE, {"spans": [[0, 5]]})
    on_host("second", settings, tmp_path)
    with mouth.stream(report.result_url) as chunks:
        assert b"".join(chunks) == b"sound"
    http.run(mouth.forget, job)
    assert handed() == []


def test_what_nobody_fetched_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").write_bytes(b"x")
    handover.hand_over(tmp_path / "made", "left")
    assert (handover.clear_handed(), handed()) == (0, ["handover/left"])
    monkeypatch.setattr(handover, "KEPT", timedelta(seconds=-5))
    assert (handover.clear_handed(), handed()) == (1, [])

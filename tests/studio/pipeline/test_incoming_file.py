"""A finished video on its way in: judged when it is there, into the bucket by parts, and nothing left of a bad one."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.storage import default_storage
from django.utils import timezone
from pytest_django import Settings

from avatarsite.queue import due_rows
from billing.prices import price_book
from studio.media.video.growing_file import BrokenOff, Growing
from studio.media.video.videos import UnreadableVideo
from studio.models import Render, RenderState
from studio.pipeline.ingest import receive
from studio.pipeline.ingest.incoming_file import IncomingFile
from studio.storage.local import clear_forgotten, listed
from tests.corpus import films
from tests.flows.cast import ask, done_at_provider, make_studio
from tests.studio.conftest import PlaceFile, use_storage
from tests.studio.providers.wire import Act, answer, wire
from tests.support.servers import S3Server
from tests.support.videos import measure_video

FAST = "+faststart"
PIECE = 100_000
LARGE = 20_000_000
Bring = Callable[..., Render]


def large(data: bytes, size: int = LARGE) -> bytes:
    """The same film with room behind it, as some programs leave it."""
    return data + size.to_bytes(4) + b"free" + bytes(size - 8)


@pytest.fixture
def good() -> bytes:
    return large(films.film(movflags=FAST))


@pytest.fixture
def bad() -> bytes:
    data = bytearray(films.film(movflags=FAST))
    pictures_at = data.index(b"mdat") + 4
    data[pictures_at:] = b"\x55" * (len(data) - pictures_at)
    return large(bytes(data))


# --- Judged when it is there ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 2000, 20_000])
def test_a_video_whose_end_is_missing_is_found_out(missing: int, media: Path, tmp_path: Path) -> None:
    with IncomingFile(tmp_path / "came", owner="w") as incoming:
        incoming.add(films.film(movflags=FAST)[:-missing])
        with pytest.raises(UnreadableVideo, match="the end of its file is missing"):
            incoming.check()


@pytest.mark.parametrize("options", [{"movflags": "frag_keyframe+empty_moov"}, {"movflags": FAST}, {}])
def test_a_video_of_any_make_is_measured_as_ever(options: dict[str, str], media: Path, tmp_path: Path) -> None:
    data = films.film(seconds=2, **options)
    with IncomingFile(tmp_path / "came", owner="w") as incoming:
        incoming.add(data)
        path, facts, _ = incoming.check()
    assert facts == measure_video(path)


def test_who_waits_for_more_is_told_when_nothing_more_comes(tmp_path: Path) -> None:
    growing = Growing(tmp_path / "other")
    with growing.kept():
        growing.add(b"half")
    with pytest.raises(BrokenOff):
        growing.wait_for(5)
    growing.close()


def test_a_table_behind_the_pictures_is_moved_and_hashed_where_it_is_then(media: Path, tmp_path: Path) -> None:
    data = films.film()
    with IncomingFile(tmp_path / "came", owner="w") as incoming:
        incoming.add(data)
        path, facts, _ = incoming.check()
    kept = path.read_bytes()
    assert kept.index(b"moov") < kept.index(b"mdat")
    assert (facts.sha256, facts.bytes) == (hashlib.sha256(kept).hexdigest(), len(kept))


@pytest.mark.parametrize("size", [1_000_000, 60_000_000])
def test_a_large_video_takes_no_more_memory_than_a_small_one(size: int, media: Path, tmp_path: Path) -> None:
    head, left = large(films.film(movflags=FAST), size), bytes(PIECE)
    data = memoryview(head)
    tracemalloc.start()
    with IncomingFile(tmp_path / "came", owner="w") as incoming:
        for start in range(0, len(data), len(left)):
            incoming.add(bytes(data[start : start + PIECE]))
        incoming.check()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


# --- Into a bucket ----------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(s3: S3Server, settings: Settings) -> Iterator[S3Server]:
    use_storage(settings, "studio.storage.s3.PrivateBucket", dict(s3.storage_options))
    yield s3
    assert unfinished() == []


def client() -> Any:
    storage: Any = default_storage
    return storage.bucket.meta.client


def unfinished() -> list[str]:
    storage: Any = default_storage
    told = client().list_multipart_uploads(Bucket=storage.bucket_name)
    return [upload["Key"] for upload in told.get("Uploads", ())]


@pytest.fixture
def bring(db: None, settings: Settings, tmp_path: Path) -> Bring:
    """A render whose provider is done, after its copy was tried once from a server that acts like this."""
    settings.VAR_DIR = tmp_path
    settings.RUNWARE_API_KEY = "very-secret"

    def once(act: Act, *, is_part: bool = False) -> Render:
        with wire(act) as server:
            settings.RUNWARE_URL = server.url
            render = waiting(f"{server.url}/video.mp4?token=very-secret", is_part=is_part)
            receive.ingest_render(render.pk)
        return Render.objects.get(pk=render.pk)

    return once


def waiting(url: str, *, is_part: bool) -> Render:
    price_book.seed_prices()
    studio = make_studio(balance_micros=100_000_000)
    asked = {"model": "kling-avatar-2-pro", "offer": "runware:klingai:avatar@2.0-pro"}
    render = ask(studio, **asked)
    if is_part:
        Render.objects.filter(pk=render.pk).update(whole=ask(studio, **asked))
    done_at_provider(render, url)
    return render


def videos_of(render: Render) -> list[str]:
    """The names of what is stored of it, without the poster."""
    files = listed(f"w/{render.workspace_id}/renders/{render.pk}")
    return [file.name for file in files if not file.name.endswith("poster.jpg")]


def why(render: Render, reason: str = "the copy failed and is tried again") -> str:
    last = render.events.get(reason=reason)
    assert "secret" not in str(last.detail)
    assert render.state == RenderState.INGESTING
    return str(last.detail["why"])


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_a_part_of_a_long_video_goes_into_the_bucket_by_parts(
    bucket: S3Server, bring: Bring, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever people get is signed first, and signing changes the file."""
    again = "studio.pipeline.ingest.incoming_file.store_file"
    monkeypatch.setattr(again, lambda *_: pytest.fail("It was sent a second time."))
    render = bring(answer(good), is_part=True)
    assert render.state == RenderState.READY, [event.detail for event in render.events.all()]
    name = f"w/{render.workspace_id}/renders/{render.pk}/video.mp4"
    assert (render.video.name, render.video_bytes) == (name, len(good))
    with default_storage.open(name) as stored:
        assert hashlib.sha256(stored.read()).hexdigest() == render.video_sha256 == hashlib.sha256(good).hexdigest()
    head = client().head_object(Bucket=bucket.bucket, Key=name)
    assert head["ContentType"] == "video/mp4"


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_a_video_that_holds_its_papers_goes_there_signed(bucket: S3Server, bring: Bring, good: bytes) -> None:
    render = bring(answer(good))
    assert render.state == RenderState.READY, [event.detail for event in render.events.all()]
    with default_storage.open(render.video.name or "") as stored:
        data = stored.read()
    assert len(data) == render.video_bytes > len(good)
    assert hashlib.sha256(data).hexdigest() == render.video_sha256
    assert videos_of(render) == [render.video.name]


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_of_a_bad_video_nothing_stays_in_the_bucket(bucket: S3Server, bring: Bring, bad: bytes) -> None:
    render = bring(answer(bad))
    assert why(render) == "The video is damaged: some of its pictures can’t be decoded."
    assert videos_of(render) == []


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_of_a_video_that_breaks_off_nothing_stays_in_the_bucket(bucket: S3Server, bring: Bring, good: bytes) -> None:
    def break_off(connection: Any, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(good))
        connection.sendall(good[: LARGE // 2])
        connection.close()

    render = bring(break_off)
    assert "before the end of the file" in why(render)
    assert videos_of(render) == []


@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_who_has_lost_the_copy_to_another_stores_nothing(
    bucket: S3Server, bring: Bring, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_off = Render.put_off
    monkeypatch.setattr(Render, "put_off", lambda row, wait: wait != receive.LEASE and put_off(row, wait))
    render = bring(answer(good))
    assert why(render) == "Somebody else has taken the copy over."
    assert videos_of(render) == []
    monkeypatch.setattr(due_rows, "RENEW_SECONDS", 0.0)
    Render.objects.filter(pk=render.pk).delete()
    assert videos_of(bring(answer(good))) == []


@pytest.mark.process
@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"secret_key": "very-secret"}, "The bucket did not take the file: SignatureDoesNotMatch."),
        ({"endpoint_url": "http://127.0.0.1:9"}, "The bucket could not be reached: EndpointConnectionError."),
    ],
    ids=["wrong key", "not there"],
)
def test_a_bucket_that_does_not_take_the_file_is_waited_for_with_a_reason(
    wrong: dict[str, str], sentence: str, *, is_large: bool, s3: S3Server, settings: Settings, bring: Bring, good: bytes
) -> None:
    options = {"location": str(settings.VAR_DIR), "allow_overwrite": True}
    use_storage(settings, "studio.storage.local.PrivateFiles", options)
    render = bring(answer(b"", "500 Oh"))
    once = Config(retries={"total_max_attempts": 1})
    use_storage(settings, "studio.storage.s3.PrivateBucket", s3.storage_options | wrong | {"client_config": once})
    with wire(answer(good if is_large else films.film(movflags=FAST))) as server:
        render.jobs.update(result_url=f"{server.url}/video.mp4?token=very-secret")
        Render.objects.filter(pk=render.pk).update(next_try_at=timezone.now())
        render.events.all().delete()
        receive.ingest_render(render.pk)
    render.refresh_from_db()
    assert (why(render, "the copy waits: the file storage does not answer"), render.tries) == (sentence, 1)


@pytest.mark.django_db
@pytest.mark.process
@pytest.mark.xdist_group("s3")
def test_what_killed_processes_left_is_cleared_away_after_a_day(bucket: S3Server, place: PlaceFile) -> None:
    from studio.storage.s3_parts import clear_forgotten as clear  # noqa: PLC0415 -- loads the bucket's client

    place_of = {"Bucket": bucket.bucket, "Key": "w/ws_1/renders/rnd_1/video.mp4"}
    client().create_multipart_upload(**place_of)
    assert clear_forgotten() == 0
    assert unfinished() == [place_of["Key"]]
    assert clear(client(), bucket.bucket, now=datetime.now(UTC) + timedelta(days=2)) == 1

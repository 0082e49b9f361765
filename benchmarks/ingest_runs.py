"""One run of ``benchmarks.ingest`` in a process of its own: ``plain`` or ``ours``, the file, and a small one before."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any
from uuid import uuid4

CHUNK = 1 << 18
OFFER = "runware:klingai:avatar@2.0-pro"
MODEL = "kling-avatar-2-pro"


def plain(url: str) -> dict[str, float]:
    """Stream into storage, and nothing else."""
    if os.environ.get("S3_BUCKET"):
        return _to_bucket(url)
    folder = Path(os.environ["VAR_DIR"])
    path = folder / f"{uuid4()}.plain"
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer, path.open("wb") as file:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    place = os.open(folder, os.O_RDONLY)
    os.fsync(place)
    os.close(place)
    seconds = time.perf_counter() - began
    path.unlink()
    return {"seconds": seconds}


def _to_bucket(url: str) -> dict[str, float]:
    import boto3  # noqa: PLC0415 -- only where there is a bucket

    client = boto3.client(
        "s3",
        endpoint_url=os.environ["S3_ENDPOINT_URL"],
        aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
        region_name=os.environ.get("S3_REGION", "us-east-1"),
    )
    bucket, key = os.environ["S3_BUCKET"], f"plain/{uuid4()}"
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        client.upload_fileobj(answer, bucket, key)
    seconds = time.perf_counter() - began
    client.delete_object(Bucket=bucket, Key=key)
    return {"seconds": seconds}


def ours(url: str) -> dict[str, float]:
    """``ingest_render`` of a render whose provider is done."""
    import django  # noqa: PLC0415 -- needs the settings of this run

    django.setup()
    from studio.models import Render, RenderState  # noqa: PLC0415
    from studio.pipeline.ingest.receive import ingest_render  # noqa: PLC0415

    render = _waiting(url)
    before = _peak()
    began = time.perf_counter()
    done = ingest_render(render)
    seconds = time.perf_counter() - began
    stored = Render.objects.get(pk=render)
    assert done, [(event.reason, event.detail) for event in stored.events.all()][-2:]
    assert stored.state == RenderState.READY
    stored.video.delete(save=False)
    return {"seconds": seconds, "peak": _peak(), "above": _peak() - before}


def _waiting(url: str) -> Any:
    """A render as it stands once its provider has said where its video is."""
    from billing.prices import price_book  # noqa: PLC0415
    from tests.flows.cast import ask, done_at_provider, make_studio  # noqa: PLC0415

    price_book.seed_prices()
    render = ask(make_studio(balance_micros=1_000_000_000, slug=uuid4().hex[:12]), model=MODEL, offer=OFFER)
    done_at_provider(render, url)
    return render.pk


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main(way: str, url: str, first: str) -> dict[str, float]:
    """A worker lives for hundreds of videos: what either way loads is loaded, and used once, before it's measured."""
    run = {"plain": plain, "ours": ours}[way]
    cold = run(first)["seconds"]
    return run(url) | {"first": cold}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

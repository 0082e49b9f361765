from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
from django.conf import settings
from django.core.management.base import BaseCommand
from PIL import Image

from studio.media import thumbnails
from studio.media.draft.engine import render_draft
from studio.media.video.loops import cut_loop
from studio.media.voices.waveform import Waveform, samples_of
from studio.templatetags.waveform import HEIGHT, STEP, louder, path_of
from studio.uploads.samples import PORTRAIT, VOICE

FOLDER = Path(settings.BASE_DIR) / "static/front"
MODELS = Path(settings.BASE_DIR) / "static/models"
# The face of the sample, in pixels of the portrait and of the video: what the cards of the models show.
FACE = (10, 0, 410, 250)
QUALITY = 60
POSTER_QUALITY = 72
BARS = 60


class Command(BaseCommand):
    help = (
        "Makes the front page's video anew from the samples, with the draft engine, and the clip of the draft's card; "
        "their files are shipped in static/front and static/models. For who changes the samples or the engine: what is "
        "said is in welcome.vtt, and written by hand."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        video = FOLDER / "welcome.mp4"
        facts = render_draft(PORTRAIT, VOICE, video, output_quality=QUALITY)
        (FOLDER / "welcome.webp").write_bytes(_poster(video))
        (FOLDER / "portrait.webp").write_bytes(thumbnails.read_thumbnail(PORTRAIT))
        (FOLDER / "voice.svg").write_text(_drawing(), encoding="utf-8")
        cut_loop(video, MODELS / "draft.mp4", seconds=2, box=FACE)
        with Image.open(PORTRAIT) as portrait:
            portrait.crop(FACE).save(MODELS / "still.webp", "WEBP", quality=POSTER_QUALITY, method=6)
        self.stdout.write(f"{video.name}: {facts.duration_ms / 1000:g} s, {video.stat().st_size:,} bytes")


def _poster(video: Path) -> bytes:
    with av.open(str(video)) as container:
        picture = Image.fromarray(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=POSTER_QUALITY, method=6)
    return buffer.getvalue()


def _drawing() -> str:
    """The voice as bars, for a mask: the page gives the colour."""
    waveform = Waveform()
    with av.open(str(VOICE)) as container:
        for frame in container.decode(audio=0):
            waveform.add(samples_of(frame), frame.sample_rate)
    path = path_of(louder(waveform.peaks(BARS)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {BARS * STEP} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="{path}" stroke="#000" stroke-width="1.7" stroke-linecap="round"/></svg>\n'
    )

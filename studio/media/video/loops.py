"""A loop: a few seconds of a video without its sound, small, that begin and end as alike as they can."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from studio.media.draft.encode import BIT_EXACT, THREADS

QUALITY = "27"  # on the encoder's own scale
STRIDE = 4  # of the pixels that are compared


def cut_loop(source: Path, target: Path, *, seconds: int, box: tuple[int, int, int, int]) -> None:
    """Write the ``seconds`` of the video whose end leads best into their beginning; ``box`` is what of it is shown.

    ``box`` is left, top, right and bottom in its pixels, with even sides.
    """
    with av.open(str(source)) as container:
        fps = container.streams.video[0].average_rate or Fraction(25)
        left, top, right, bottom = box
        shown = np.s_[top:bottom, left:right]
        pictures = [frame.to_ndarray(format="rgb24")[shown] for frame in container.decode(video=0)]
    count = round(seconds * fps)
    begin = _smoothest(pictures, count)
    with av.open(str(target), "w", format="mp4", options={"fflags": BIT_EXACT, "movflags": "+faststart"}) as output:
        options = {"crf": QUALITY, "preset": "veryslow", "threads": str(THREADS)}
        track = output.add_stream("libx264", rate=fps, options=options)
        track.width, track.height, track.pix_fmt = right - left, bottom - top, "yuv420p"
        for picture in pictures[begin : begin + count]:
            output.mux(track.encode(VideoFrame.from_ndarray(np.ascontiguousarray(picture, np.uint8), format="rgb24")))
        output.mux(track.encode(None))


def _smoothest(pictures: list[np.ndarray], count: int) -> int:
    """Where to begin so that the picture after the last one is most like the first."""
    small = [each[::STRIDE, ::STRIDE].astype(np.int16) for each in pictures]

    def jump(first: int) -> int:
        return int(np.abs(small[first] - small[first + count]).sum())

    return min(range(max(len(small) - count, 0)), key=jump, default=0)

"""The still picture that stands for a video until it is played."""

from __future__ import annotations

import io
from pathlib import Path

import av
from av.error import FFmpegError
from PIL import Image

from studio.media.videos import UnreadableVideo, VideoFault, opened, picture_of

LONGEST_SIDE = 960
MOMENT_SECONDS = 1.0  # the first frames may still be black, or the mouth not open yet
MOST_FRAMES = 240
JPEG_QUALITY = 85


def make_poster(path: Path) -> bytes:
    """A JPEG of the picture one second in, or of the last one of a shorter video; longest side at most 960 pixels.

    Raises UnreadableVideo.
    """
    try:
        frame = _frame(path)
    except FFmpegError as error:
        raise UnreadableVideo(VideoFault.UNREADABLE, f"The video can’t be read: {error.strerror}.") from error
    if frame is None:
        raise UnreadableVideo(VideoFault.DAMAGED, "The video is damaged: none of its pictures can be decoded.")
    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return buffer.getvalue()


def _frame(path: Path) -> av.VideoFrame | None:
    last = None
    with opened(path) as container:
        for count, frame in enumerate(container.decode(picture_of(container))):
            last = frame
            if count >= MOST_FRAMES or (frame.time or 0) >= MOMENT_SECONDS:
                break
    return last

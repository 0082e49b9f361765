"""Draws frames ahead of the encoder, in a thread of its own: OpenCV and FFmpeg both let go of the interpreter."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from av.video.frame import VideoFrame

from studio.media.draft.encode import new_frame
from studio.media.draft.mark import Mark
from studio.media.draft.planes import Planes

AHEAD = 6  # frames, at most; this is all the pictures that a render holds


class Scene(Protocol):
    def expect(self, frame: int) -> None:
        """Told some frames before one is drawn, for what can be made ready beside those."""

    def draw(self, frame: int, onto: Planes) -> None:
        """Draw the whole of a frame. Frames are asked for in order, each once, by one thread."""


def drawn_ahead(scene: Scene, size: tuple[int, int], frames: int) -> Generator[VideoFrame]:
    """The scene's frames in order, marked as a draft. What goes wrong in drawing is raised where they are taken."""
    mark = Mark(*size)
    waiting: deque[Future[VideoFrame]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="draft") as pool:
        try:
            for number in range(frames):
                if number + AHEAD < frames:
                    pool.submit(scene.expect, number + AHEAD)
                waiting.append(pool.submit(_draw, scene, mark, size, number))
                if len(waiting) >= AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for unwanted in waiting:
                unwanted.cancel()


def _draw(scene: Scene, mark: Mark, size: tuple[int, int], number: int) -> VideoFrame:
    frame, planes = new_frame(*size)
    scene.draw(number, planes)
    mark.stamp(planes)
    return frame

"""Own pictures: those that we encode, to stand in one track with those of a provider's encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame

from studio.media.draft.encode import BIT_EXACT, THREADS
from studio.media.video.avc import both, read_sets
from studio.media.video.film_part import Kind

QUALITY = "18"  # on the encoder's own scale: nothing is seen of it
KEY_FRAME_SECONDS = 2


class OwnPictures:
    """``sets`` is None if the kind of film has no pictures that can be carried over."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.sets = kind, kind.sets
        self._number = kind.sets.free_number if kind.sets else 0
        record: bytes = self._encoder().extradata
        own = read_sets(record)
        self._record = both(kind.sets, own).record() if kind.sets and own else record

    def add_track(self, output: OutputContainer) -> Any:
        """A track for what is carried over and what is encoded here."""
        track: Any = output.add_stream("libx264", rate=self.kind.fps, options=dict(self._options))
        self._set_up(track.codec_context)
        # The track is opened by hand, because both encoders' sets are to stand in its head.
        track.codec_context.open()
        track.codec_context.extradata = self._record
        return track

    def encoded(self, frames: Iterator[VideoFrame]) -> Iterator[tuple[int, bool, bytes]]:
        """Place, whether it's a key picture, and the picture: in the order shown, the first one a key picture."""
        encoder = self._encoder()
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = number, 1 / self.kind.fps, 0
            yield from _told(encoder.encode(frame))
        yield from _told(encoder.encode(None))

    def _encoder(self) -> Any:
        context: Any = av.CodecContext.create("libx264", "w")
        context.options = dict(self._options)
        self._set_up(context)
        context.open()
        return context

    @property
    def _options(self) -> dict[str, str]:
        return {
            "preset": "veryfast",
            "crf": QUALITY,
            "mbtree": "0",
            "bf": "0",
            "flags": f"{BIT_EXACT}+global_header",
            "x264-params": f"sps-id={self._number}:annexb=0:stitchable=1",
        }

    def _set_up(self, context: Any) -> None:
        context.width, context.height, context.pix_fmt = self.kind.width, self.kind.height, "yuv420p"
        context.time_base, context.framerate = 1 / self.kind.fps, self.kind.fps
        context.thread_count = THREADS
        context.gop_size = max(1, round(KEY_FRAME_SECONDS * self.kind.fps))
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = self.kind.colours


def _told(packets: list[av.Packet[Any]]) -> Iterator[tuple[int, bool, bytes]]:
    for packet in packets:
        yield packet.pts or 0, packet.is_keyframe, bytes(packet)

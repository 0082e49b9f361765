"""The one way to a decoder: what uploads, providers' videos and conversions are read by, each in the sandbox.

``owner`` is whose file it is, so that jobs of one owner leave a place for those of others. Each raises what the
function behind it raises, and says in those words what was over a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from av.error import FFmpegError

from studio.media import content as checking
from studio.media import manifests, thumbnails
from studio.media.captions import align, files
from studio.media.captions import burn as burning
from studio.media.captions.cues import Cue
from studio.media.captions.errors import CaptionsRefused
from studio.media.errors import Refusal, UploadRefused
from studio.media.manifests import Manifest, NotSigned, Order
from studio.media.normalise import Normalised, NormaliseFailed
from studio.media.portraits import crops, portraits
from studio.media.portraits.crops import Crop
from studio.media.portraits.portraits import Portrait
from studio.media.sandbox import Limits, OverLimit, run
from studio.media.sandbox.limits import Lane
from studio.media.video import join as joining
from studio.media.video import label as labels
from studio.media.video import preview as previews
from studio.media.video import transcode, videos
from studio.media.video.transcode import Conversion, ConversionFailed
from studio.media.video.videos import UnreadableVideo, VideoFault, VideoProbe
from studio.media.voices import splice as splicing
from studio.media.voices import split as splitting
from studio.media.voices import spoken, voices
from studio.media.voices.cuts import Interval
from studio.media.voices.pauses import Sentence
from studio.media.voices.splice import Spliced
from studio.media.voices.split import Split
from studio.media.voices.spoken import NotSpoken, Part, Span
from studio.media.voices.voices import Voice

PORTRAIT = Limits(cpu_seconds=10)
VOICE = Limits(cpu_seconds=90, wall_seconds=180)  # of up to an hour
GUEST_VOICE = Limits(cpu_seconds=20, wall_seconds=40)
SPOKEN = Limits(cpu_seconds=300, wall_seconds=600, memory_mb=600, file_mb=500, lane=Lane.CONVERT)
SAMPLES = Limits(cpu_seconds=240, wall_seconds=600, file_mb=4_000, lane=Lane.CONVERT)  # of up to an hour
COPY = Limits(cpu_seconds=60, wall_seconds=240)
VIDEO = Limits(cpu_seconds=120, wall_seconds=240, file_mb=2_000, lane=Lane.CONVERT)
PREVIEW = Limits(cpu_seconds=60, wall_seconds=240, file_mb=50, lane=Lane.CONVERT)
# Within the time that is left to it the check looks at as much as it can; the limit is for a file that stalls it.
CONTENT_SECONDS = 600.0
CONTENT = Limits(cpu_seconds=1_200, wall_seconds=900, memory_mb=700, lane=Lane.CONVERT)
CAPTIONS = Limits(cpu_seconds=10)
ALIGNMENT = Limits(cpu_seconds=120, wall_seconds=240)
PAPERS = Limits(cpu_seconds=60, wall_seconds=240, file_mb=4_000, lane=Lane.CONVERT)
MANIFEST = Limits(cpu_seconds=30, wall_seconds=60)
CONVERSION = Limits(cpu_seconds=3_600, wall_seconds=3_600, memory_mb=1_000, file_mb=4_000, lane=Lane.CONVERT)


def portrait(path: Path, *, owner: str) -> Portrait:
    """Raises UploadRefused."""
    try:
        return run(portraits.read_portrait, path, owner=owner, limits=PORTRAIT, reads=[path])
    except OverLimit as over:
        raise UploadRefused(Refusal.PORTRAIT_OVER_LIMITS, f"The portrait {over}.", portraits.SAVE_PLAIN) from over


def thumbnail(path: Path, *, owner: str) -> bytes:
    """Of a stored portrait. Raises OverLimit, too."""
    return run(thumbnails.read_thumbnail, path, owner=owner, limits=PORTRAIT, reads=[path])


def crop(path: Path, part: Crop, *, owner: str) -> bytes:
    """Of a stored portrait. Raises UploadRefused."""
    try:
        return run(crops.cut, path, part, owner=owner, limits=PORTRAIT, reads=[path])
    except OverLimit as over:
        raise UploadRefused(Refusal.PORTRAIT_OVER_LIMITS, f"The portrait {over}.", portraits.SAVE_PLAIN) from over


def guest_voice(path: Path, *, owner: str) -> Voice:
    """As ``voice``, in the little time that nobody pays for."""
    return voice(path, owner=owner, limits=GUEST_VOICE)


def voice(path: Path, *, owner: str, limits: Limits = VOICE) -> Voice:
    """Raises UploadRefused."""
    try:
        return run(voices.read_voice, path, owner=owner, limits=limits, reads=[path])
    except OverLimit as over:
        raise UploadRefused(Refusal.VOICE_OVER_LIMITS, f"The voice {over}.", voices.EXPORT_AGAIN) from over


def joined(parts: list[Part], target: Path, *, owner: str) -> list[Span]:
    """The spoken parts of a script as one file, and the times of its sentences. Raises NotSpoken."""
    reads = [part.path for part in parts if part.path]
    try:
        return run(spoken.join_spoken, parts, target, owner=owner, limits=SPOKEN, reads=reads, writes=[target.parent])
    except OverLimit as over:
        raise NotSpoken(f"The voice {over}.") from over


def split(  # noqa: PLR0913 -- as split_voice
    path: Path,
    sentences: Sequence[Sentence],
    min_ms: int,
    max_ms: int,
    *,
    owner: str,
    known: Mapping[str, int] | None = None,
) -> Split:
    """As ``split_voice``; beside ``path`` there is room for its samples. Raises UploadRefused."""
    args = (path, sentences, min_ms, max_ms, dict(known or {}))
    with _voice_in_our_words():
        return run(splitting.split_voice, *args, owner=owner, limits=SAMPLES, reads=[path], writes=[path.parent])


def cut(path: Path, stretches: Sequence[Interval], folder: Path, *, owner: str) -> list[Path]:
    """As ``write_parts``; beside ``path`` there is room for its samples. Raises UploadRefused."""
    args = (path, list(stretches), folder)
    with _voice_in_our_words():
        return run(
            splitting.write_parts, *args, owner=owner, limits=SAMPLES, reads=[path], writes=[path.parent, folder]
        )


def join(  # noqa: PLR0913 -- as join_parts
    parts: Sequence[Path],
    stretches: Sequence[Interval],
    voice: Path,
    target: Path,
    *,
    owner: str,
    progress: Callable[[object], None],
) -> list[dict[str, Any]]:
    """As ``join_parts``; what is seen at each seam, as JSON has it. Raises UnreadableVideo or ConversionFailed."""
    args = (list(parts), list(stretches), voice, target)
    reads, writes = [*parts, voice], [target.parent]
    try:
        joined = run(
            joining.join_parts, *args, owner=owner, limits=CONVERSION, reads=reads, writes=writes, progress=progress
        )
    except OverLimit as over:
        raise ConversionFailed(f"The parts could not be joined: it {over}.") from over
    return [asdict(seam) for seam in joined.seams]


def splice(  # noqa: PLR0913 -- as splice_voice
    voice: Path, new: Path | None, stretch: Interval, new_ms: int | None, target: Path, *, owner: str
) -> Spliced:
    """As ``splice_voice``; ``stretch`` is in milliseconds, and beside ``voice`` is room. Raises UploadRefused."""
    reads, writes = [voice, *([new] if new else [])], [voice.parent, target.parent]
    args = (voice, new, *stretch, new_ms, target)
    with _voice_in_our_words():
        return run(splicing.splice_voice, *args, owner=owner, limits=SAMPLES, reads=reads, writes=writes)


@contextmanager
def _voice_in_our_words() -> Iterator[None]:
    try:
        yield
    except OverLimit as over:
        raise UploadRefused(Refusal.VOICE_OVER_LIMITS, f"The voice {over}.", voices.EXPORT_AGAIN) from over
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as error:
        found = f"The voice can’t be cut into parts: {error}"
        raise UploadRefused(Refusal.VOICE_UNREADABLE, found, voices.EXPORT_AGAIN) from error


def copy_for_providers(
    make: Callable[[Path, Path], Normalised], source: Path, folder: Path, *, owner: str
) -> Normalised:
    """``make`` is ``normalise_portrait`` or ``normalise_voice``. Raises NormaliseFailed."""
    try:
        return run(make, source, folder, owner=owner, limits=COPY, reads=[source], writes=[folder])
    except OverLimit as over:
        raise NormaliseFailed(f"The file {over}.") from over


def video(path: Path, *, owner: str) -> VideoProbe:
    """What is seen of a finished video, which is put in order for players first. Raises UnreadableVideo."""
    try:
        return run(videos.put_in_order, path, owner=owner, limits=VIDEO, writes=[path.parent])
    except OverLimit as over:
        raise UnreadableVideo(VideoFault.TOO_SLOW, f"The video {over}.") from over


def content(
    path: Path, *, full: bool, threshold: float, owner: str, progress: Callable[[object], None]
) -> checking.Finding:
    """As ``check``; what ``progress`` raises ends it. Raises OverLimit, UnreadableVideo, FFmpegError."""
    look = partial(checking.check, full=full, threshold=threshold, seconds=CONTENT_SECONDS)
    reads = [path, *checking.OF_THE_PROCESSOR]
    return run(look, path, owner=owner, limits=CONTENT, reads=reads, progress=progress)


def convert(
    source: Path, target: Path, conversion: Conversion, *, owner: str, progress: Callable[[object], None]
) -> None:
    """``progress`` is told how many pictures are done; what it raises ends it. Raises ConversionFailed."""
    try:
        run(
            labels.label if conversion.labels else transcode.transcode,
            source,
            target,
            conversion,
            owner=owner,
            limits=CONVERSION,
            reads=[source],
            writes=[target.parent],
            progress=progress,
        )
    except OverLimit as over:
        raise ConversionFailed(f"The video could not be converted: it {over}.") from over


def preview(source: Path, target: Path, *, owner: str) -> None:
    """A GIF of a video's first seconds. Raises ConversionFailed."""
    try:
        run(
            previews.write_preview,
            source,
            target,
            owner=owner,
            limits=PREVIEW,
            reads=[source],
            writes=[target.parent],
        )
    except OverLimit as over:
        raise ConversionFailed(f"No preview could be made: it {over}.") from over


def caption_file(path: Path, length_ms: int, *, owner: str) -> list[Cue]:
    """Raises CaptionsRefused."""
    try:
        return run(files.read_file, path, length_ms, owner=owner, limits=CAPTIONS, reads=[path])
    except OverLimit as over:
        told = f"The file {over}."
        raise CaptionsRefused("captions_unreadable", told, "Send a plain SRT or WebVTT file.", field="file") from over


def sentences_in(path: Path, text: str, *, owner: str) -> align.Timed:
    """When a voice says each sentence of a text, as far as it can be heard. Raises CaptionsRefused."""
    try:
        return run(align.align, path, text, owner=owner, limits=ALIGNMENT, reads=[path])
    except OverLimit as over:
        told = f"The voice {over}."
        raise CaptionsRefused("captions_unreadable", told, "Send an SRT or WebVTT file.", field="text") from over


def burn(  # noqa: PLR0913 -- what is drawn into what, for whom
    source: Path, target: Path, cues: list[Cue], look: str, *, owner: str, progress: Callable[[object], None]
) -> None:
    """A copy of a video with captions in its picture; as ``convert`` in all else."""
    try:
        run(
            burning.burn,
            source,
            target,
            cues,
            look,
            owner=owner,
            limits=CONVERSION,
            reads=[source],
            writes=[target.parent],
            progress=progress,
        )
    except OverLimit as over:
        raise ConversionFailed(f"The captions could not be drawn: it {over}.") from over


def sign(  # noqa: PLR0913 -- what is signed, from what, for whom, by whom
    source: Path, target: Path, order: Order, parent: Path | None, *, owner: str, ask: Callable[[bytes], bytes]
) -> bytes:
    """As ``manifests.sign``. Raises NotSigned."""
    reads = [source, *([parent] if parent else [])]
    args = (source, target, order, parent)
    try:
        return run(manifests.sign, *args, owner=owner, limits=PAPERS, reads=reads, writes=[target.parent], ask=ask)
    except OverLimit as over:
        raise NotSigned(f"The file could not be signed: it {over}.") from over


def manifest(path: Path, anchors: str, beside: bytes | None = None, *, owner: str) -> Manifest | None:
    """As ``manifests.read``. Raises Unreadable, and OverLimit."""
    return run(manifests.read, path, anchors, beside, owner=owner, limits=MANIFEST, reads=[path])

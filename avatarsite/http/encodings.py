"""Content codings taken off a body as it comes, in pieces of bounded size: hosts compress what was asked for plain.

A label that is wrong is passed over where the bytes say so for certain: what is called gzip and does not begin like it
is taken as it is, and what is gzip once more inside is opened once more.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 1 << 18  # bytes that come out at once, whatever goes in
MAX_CODINGS = 4
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
SKIPPED = b"\x2a\x4d\x18"  # ends the magic of a zstd frame that holds no content
ZSTD_WINDOW = 23  # as a power of two: what RFC 9659 lets a sender count on
GZIP_NAMES = frozenset({"gzip", "x-gzip"})
# Codings in earnest. Whatever else stands in the header is no coding, such as S3's aws-chunked, or somebody's utf-8.
UNREADABLE = frozenset({"compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"})


class Inflate(Protocol):
    """zlib's own object, which has no public name."""

    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class BadCoding(ValueError):
    """A body that is not what its Content-Encoding says; the text is a sentence."""


class Layer(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]:
        """What comes out, in pieces of at most PIECE. Raises BadCoding."""

    def end(self) -> Iterator[bytes]:
        """What is left at the end. Raises BadCoding for a body that was cut off."""


class Decoder:
    """Takes off all that ``header``, a Content-Encoding, names. Raises BadCoding for what can't be read."""

    def __init__(self, header: str) -> None:
        names = [name for name in (part.strip().lower() for part in header.split(",")) if name]
        if found := [name for name in names if name in UNREADABLE]:
            raise BadCoding(f"It is coded as {found[0]}, which can’t be read.")
        known = [name for name in reversed(names) if name in LAYERS]
        if len(known) > MAX_CODINGS:
            raise BadCoding(f"It is coded more than {MAX_CODINGS} times over.")
        self._layers: list[Layer] = [LAYERS[name]() for name in known]
        if not GZIP_NAMES.isdisjoint(known):
            self._layers += [_Gzip(), _Gzip()]

    @property
    def is_plain(self) -> bool:
        return not self._layers

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What ``data`` brings out. Whoever stops reading stops the work, so a limit is kept by each piece."""
        return self._through(0, data)

    def end(self) -> Iterator[bytes]:
        """What the end of the body brings out. Raises BadCoding when it came too early."""
        for at, layer in enumerate(self._layers):
            for piece in layer.end():
                yield from self._through(at + 1, piece)

    def _through(self, at: int, data: bytes) -> Iterator[bytes]:
        if at == len(self._layers):
            yield data
            return
        for piece in self._layers[at].feed(data):
            yield from self._through(at + 1, piece)


class _Frames:
    """A coding whose stream may be several, one behind the other; what follows the last and is none is passed over."""

    name: str
    magics: tuple[bytes, ...]

    def __init__(self) -> None:
        self._held = b""  # too little to be recognised
        self._is_open = self._is_plain = self._is_over = False
        self._is_first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data or self._held:
            if self._is_over:
                return
            if self._is_plain:
                yield data
                return
            if not self._is_open:
                data, self._held = self._held + data, b""
                if len(data) < len(self.magics[0]):
                    self._held = data
                    return
                if not self._begins(data):
                    self._is_plain, self._is_over = self._is_first, not self._is_first
                    continue
                self._begin()
            yield from self._take(data)
            data = self._rest()

    def end(self) -> Iterator[bytes]:
        if self._is_open:
            raise BadCoding(f"Its {self.name} coding breaks off before its end.")
        if self._held and self._is_first:
            yield self._held

    def _begins(self, data: bytes) -> bool:
        return data.startswith(self.magics)

    def _begin(self) -> None:
        self._is_first, self._is_open = False, True

    def _take(self, data: bytes) -> Iterator[bytes]:
        raise NotImplementedError

    def _rest(self) -> bytes:
        """What is left of the input; the stream's end is noted."""
        raise NotImplementedError


class _Gzip(_Frames):
    name, magics = "gzip", (GZIP,)

    def _begin(self) -> None:
        super()._begin()
        self._zlib = zlib.decompressobj(wbits=31)

    def _take(self, data: bytes) -> Iterator[bytes]:
        yield from _inflated(self._zlib, data, self.name)

    def _rest(self) -> bytes:
        if not self._zlib.eof:
            return b""
        self._is_open = False
        return self._zlib.unused_data


class _Zstd(_Frames):
    name, magics = "zstd", (ZSTD,)

    def _begins(self, data: bytes) -> bool:
        return data.startswith(ZSTD) or (data[1:4] == SKIPPED and data[0] >> 4 == 5)

    def _begin(self) -> None:
        super()._begin()
        self._zstd = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW})

    def _take(self, data: bytes) -> Iterator[bytes]:
        try:
            while not self._zstd.eof:
                piece = self._zstd.decompress(data, max_length=PIECE)
                data = b""
                if piece:
                    yield piece
                if self._zstd.needs_input:
                    return
        except zstd.ZstdError as error:
            raise BadCoding("Its zstd coding is damaged.") from error

    def _rest(self) -> bytes:
        if not self._zstd.eof:
            return b""
        self._is_open = False
        return self._zstd.unused_data


class _Deflate:
    """As it is written (with zlib's frame), or as some have understood it (without)."""

    def __init__(self) -> None:
        self._zlib: Inflate | None = None
        self._held = b""  # too little to tell which

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._zlib is None:
            data = self._held = self._held + data
            if len(data) < 2:
                return
            framed = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self._zlib = zlib.decompressobj(wbits=15 if framed else -15)
        yield from _inflated(self._zlib, data, "deflate")

    def end(self) -> Iterator[bytes]:
        if self._held and (self._zlib is None or not self._zlib.eof):
            raise BadCoding("Its deflate coding breaks off before its end.")
        yield from ()


class _Brotli:
    def __init__(self) -> None:
        self._brotli = brotli.Decompressor()
        self._came = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._came = self._came or bool(data)
        try:
            while not self._brotli.is_finished():
                piece = self._brotli.process(data, output_buffer_limit=PIECE)
                data = b""
                if piece:
                    yield piece
                if self._brotli.can_accept_more_data():
                    return
        except brotli.error as error:
            raise BadCoding("Its br coding is damaged.") from error

    def end(self) -> Iterator[bytes]:
        if self._came and not self._brotli.is_finished():
            raise BadCoding("Its br coding breaks off before its end.")
        yield from ()


def _inflated(inflate: Inflate, data: bytes, name: str) -> Iterator[bytes]:
    try:
        while not inflate.eof:
            piece = inflate.decompress(data, PIECE)
            data = inflate.unconsumed_tail
            if piece:
                yield piece
            if not data and len(piece) < PIECE:
                return
    except zlib.error as error:
        raise BadCoding(f"Its {name} coding is damaged.") from error


LAYERS: dict[str, Callable[[], Layer]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}

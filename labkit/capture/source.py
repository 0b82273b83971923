"""The octets of a capture file, from a path, a pipe or a file object, compressed or not.

They are read piece by piece, or all at once: then a large file is mapped rather than read.  gzip
and zstd are recognised by their first octets, not by the file's name; of a damaged one, what
comes before the damage is given, with a note.  One that unpacks to far more than captures do (a
decompression bomb) breaks off there.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import PathLike, fspath
from typing import TYPE_CHECKING, BinaryIO, Self

from labkit.errors import LabError

if TYPE_CHECKING:
    Octets = bytes | bytearray | mmap.mmap

Source = str | PathLike[str] | BinaryIO

LARGE = 1 << 20  # a file of at least this many octets is mapped
CHUNK = 1 << 16
BOMB = 1 << 28  # octets unpacked before anybody asks out of how few they came
RATIO = 400  # octets unpacked for each packed one that are believed


class Input:
    """A capture file, unpacked, to be read once from its beginning to its end.

    `position` is how many octets of the file have been read, as it lies on the disk, and `total` how
    many it has, None if that cannot be known.  Raises LabError if it cannot be opened or read.
    """

    def __init__(self, source: Source, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes
        self.position = 0
        self.total: int | None = None
        self._own = isinstance(source, str | PathLike)
        if not self._own and (not hasattr(source, "read") or isinstance(source, io.TextIOBase)):
            raise LabError(
                f"a capture is read from a path, or from a file of octets, not from {type(source).__name__}; "
                "octets in memory are one as io.BytesIO(octets)"
            )
        with self._told():
            self._file = open(source, "rb") if isinstance(source, str | PathLike) else source  # noqa: SIM115
        try:
            with self._told():
                self._size()
                self._head = self._read(4)
        except BaseException:
            self.__exit__()
            raise
        self._rest: bytes | memoryview = b""  # of a piece that was too large for the room
        unpack = _UNPACKERS.get(self._head[:2]) or _UNPACKERS.get(self._head)
        chunks = iter(self._chunk, b"")
        self._plain = unpack is None
        self._pieces = chunks if unpack is None else unpack(self, chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._file.close()

    def whole(self) -> Octets:
        """All octets: a mapped file, or what is read."""
        with self._told():
            if self._plain and self._own and (self.total or 0) >= LARGE:
                self.position = self.total or 0
                return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
            return b"".join(self._pieces)

    def piece(self) -> bytes | None:
        """The next octets, as they come; None at the end of the file."""
        with self._told():
            return next(self._pieces, None)

    def fill(self, room: memoryview) -> int:
        """Reads octets into `room`; fewer than it has only at the end of the file."""
        filled = 0
        with self._told():
            while filled < len(room):
                if (
                    isinstance(self._file, io.BufferedReader)
                    and self._plain
                    and not (self._rest or self._head)
                ):
                    taken = self._file.readinto(room[filled:])
                    self.position += taken
                    filled += taken
                    if not taken:
                        break
                    continue
                piece = self._rest or next(self._pieces, None)
                if piece is None:
                    break
                taken = min(len(piece), len(room) - filled)
                room[filled : filled + taken] = piece[:taken]
                self._rest = memoryview(piece)[taken:]
                filled += taken
        return filled

    def _size(self) -> None:
        with suppress(ValueError, AttributeError, io.UnsupportedOperation):
            about = os.fstat(self._file.fileno())
            self.total = about.st_size if stat.S_ISREG(about.st_mode) else None

    def _chunk(self) -> bytes:
        head, self._head = self._head, b""
        return head or self._read(CHUNK)

    def _read(self, size: int) -> bytes:
        octets = self._file.read(size)
        self.position += len(octets)
        return octets

    def _told(self) -> _Told:
        return _Told(self.name)


class _Told:
    """An error of the system, as a LabError that names the file."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, OSError):
            raise LabError(f"cannot read {self._name}: {error.strerror or error}") from error


def name_of(source: Source) -> str:
    """The path, or the name that a file object bears."""
    if isinstance(source, str | PathLike):
        return fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the capture"


def _gunzip(file: Input, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What a gzip file holds, all its members."""
    member, size = zlib.decompressobj(wbits=31), 0
    for chunk in chunks:
        while chunk:
            if member.eof:
                if not (b"\x1f\x8b").startswith(chunk[:2]):
                    return  # what stands behind the last member is padding
                member = zlib.decompressobj(wbits=31)
            before = member.copy()
            try:
                piece = member.decompress(chunk, BOMB)
            except zlib.error:
                piece = _up_to_damage(before, chunk)
                yield piece
                size += len(piece)
                file.notes.append(f"{file.name} is damaged: its compression breaks off after {size} octets")
                return
            size += len(piece)
            yield piece
            if _is_bomb(file, size):
                return
            chunk = member.unused_data or member.unconsumed_tail
    if not member.eof:
        file.notes.append(f"{file.name} is cut short: its compressed data has no end")


def _up_to_damage(member: zlib._Decompress, chunk: bytes) -> bytes:
    """What a chunk gives before the octet at which its decompression fails."""
    out: list[bytes] = []
    with suppress(zlib.error):
        for i in range(len(chunk)):
            out.append(member.decompress(chunk[i : i + 1]))
    return b"".join(out)


def _unzstd(file: Input, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What a zstd file holds (RFC 8878); read by pyarrow, as the standard library has it only since 3.14."""
    import pyarrow as pa

    size = 0
    try:
        with pa.CompressedInputStream(pa.PythonFile(_Chunks(chunks), "r"), "zstd") as unpacked:
            while piece := unpacked.read(CHUNK):
                size += len(piece)
                yield piece
                if _is_bomb(file, size):
                    return
    except OSError:
        file.notes.append(f"{file.name} is damaged: its compression breaks off after {size} octets")


class _Chunks(io.RawIOBase):
    """Octets that come in pieces, as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        octets = self._rest or next(self._chunks, b"")
        octets, self._rest = (octets[:size], octets[size:]) if size >= 0 else (octets, b"")
        return octets


def _is_bomb(file: Input, size: int) -> bool:
    bomb = size > BOMB and size > RATIO * file.position
    if bomb:
        file.notes.append(
            f"{file.name} breaks off: {file.position} octets of it unpack to {size}, which no capture does"
        )
    return bomb


_UNPACKERS: dict[bytes, Callable[[Input, Iterator[bytes]], Iterator[bytes]]] = {
    b"\x1f\x8b": _gunzip,
    b"\x28\xb5\x2f\xfd": _unzstd,
}

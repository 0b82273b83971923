"""The octets of a capture file, from a path or a file object, compressed or not.

A large file is mapped rather than read.  gzip is recognised by its first octets, not by
its name; of a damaged one, what comes before the damage is given, with a note.
"""

from __future__ import annotations

import mmap
import zlib
from contextlib import suppress
from os import PathLike, fspath
from typing import BinaryIO

from labkit.errors import LabError

Octets = bytes | mmap.mmap
Source = str | PathLike[str] | BinaryIO

LARGE = 1 << 20  # a file of at least this many octets is mapped
CHUNK = 1 << 16


def octets(source: Source, name: str, notes: list[str]) -> Octets:
    """All octets of a capture, unpacked; `name` is what to call it in errors and notes."""
    try:
        raw = _read(source)
    except OSError as error:
        raise LabError(f"cannot read {name}: {error.strerror or error}") from error
    return gunzip(raw, name, notes) if raw[:2] == b"\x1f\x8b" else raw


def name_of(source: Source) -> str:
    """The path, or the name that a file object bears."""
    if isinstance(source, str | PathLike):
        return fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the capture"


def _read(source: Source) -> Octets:
    if not isinstance(source, str | PathLike):
        return source.read()
    with open(source, "rb") as file:
        if file.seekable() and file.seek(0, 2) >= LARGE:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if file.seekable():
            file.seek(0)
        return file.read()


def gunzip(raw: Octets, name: str, notes: list[str]) -> bytes:
    """What a gzip file holds, all its members."""
    out: list[bytes] = []
    position = 0
    while raw[position : position + 2] == b"\x1f\x8b":
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            chunk = raw[position : position + CHUNK]
            position += len(chunk)
            if not chunk:
                notes.append(f"{name} is cut short: its compressed data has no end")
                return b"".join(out)
            before = member.copy()
            try:
                out.append(member.decompress(chunk))
            except zlib.error:
                out.append(_up_to_damage(before, chunk))
                size = sum(map(len, out))
                notes.append(f"{name} is damaged: its compression breaks off after {size} octets")
                return b"".join(out)
        position -= len(member.unused_data)
    return b"".join(out)


def _up_to_damage(member: zlib._Decompress, chunk: bytes) -> bytes:
    """What a chunk gives before the octet at which its decompression fails."""
    out: list[bytes] = []
    with suppress(zlib.error):
        for i in range(len(chunk)):
            out.append(member.decompress(chunk[i : i + 1]))
    return b"".join(out)

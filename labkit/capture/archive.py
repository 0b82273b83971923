"""labkit's own captures: a whole tape as JSON Lines or as Parquet.

A pcap shows what an eavesdropper saw; an archive also keeps what was said inside TLS, the hosts'
names and roles, and which side closed.  Each row of either form has a `kind`:

`capture`     one, the first: name, notes, and whether frame numbers are a packet's
`connection`  every field of net.tap.Connection, and where the flow stands in the capture
`record`      octets that one side sent at once: connection, sender, layer (plain, tls, inside or
              datagram), time (µs since the epoch), order, data
`gap`         octets that were sent but not captured: connection, sender, offset, missing

In JSON Lines `data` has one character per octet (U+0000 to U+00FF), so that mail stays readable.  In
Parquet the columns are kind, connection, sender, layer, time, order, data (binary) and `about`, the
rest as JSON.  Both hold what was sent, passwords included, unless the tape was masked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from os import PathLike, fspath
from pathlib import Path
from typing import Any, BinaryIO

from labkit.capture.files import whole_file
from labkit.capture.stream import Gap, Stream
from labkit.capture.tape import Datagram, Flow, Tape
from labkit.errors import LabError
from labkit.net.tap import Connection, Side, Tap

VERSION = 1
SUFFIXES = (".jsonl", ".parquet")
SIDES: tuple[Side, Side] = ("client", "server")
COLUMNS = ("kind", "connection", "sender", "layer", "time", "order", "data")

Row = dict[str, Any]
Where = str | PathLike[str]


def is_archive(path: Where) -> bool:
    """Whether a file's name is that of an archive."""
    return fspath(path).endswith(SUFFIXES)


def write(capture: Tape | Tap, path: Where) -> None:
    """Write a tape, or all that a live tap has seen from the client's side, to a .jsonl or .parquet file.

    The file appears under its name when it is whole.  Raises LabError for another name, or if it
    cannot be written.
    """
    tape = Tape.from_tap(capture) if isinstance(capture, Tap) else capture
    if not is_archive(path):
        raise LabError(f"{fspath(path)}: a capture is written as .pcap, .jsonl or .parquet")
    with whole_file(path) as part, part.open("wb") as file:
        if fspath(path).endswith(".jsonl"):
            for row in _rows(tape):
                if "data" in row:
                    row["data"] = row["data"].decode("latin-1")
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        else:
            _write_parquet(_rows(tape), file)


def read(path: Where, *, name: str | None = None) -> Tape:
    """The tape in an archive; raises LabError if the file is none, or cannot be opened."""
    try:
        rows = list(_read_jsonl(path) if fspath(path).endswith(".jsonl") else _read_parquet(path))
        if not rows or rows[0].get("kind") != "capture" or rows[0].get("version") != VERSION:
            raise LabError(f"{fspath(path)} is no capture of labkit; it may be one of its tables")
        return _tape(rows, name)
    except OSError as error:
        raise LabError(f"cannot read {fspath(path)}: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise LabError(f"{fspath(path)} is a damaged capture of labkit ({error})") from None


def _rows(tape: Tape) -> Iterator[Row]:
    yield {
        "kind": "capture",
        "version": VERSION,
        "name": tape.name,
        "framed": tape.framed,
        "packets": tape.packets,
        "notes": tape.notes,
    }
    records: list[tuple[int, int, int, Row]] = []
    for flow in tape:
        yield {
            "kind": "connection",
            "connection": flow.number,
            "stream": flow.stream,
            "first_frame": flow.first_frame,
            "sides_ended": [side for side in SIDES if flow.side(side).ended],
            "sides_begun": [side for side in SIDES if flow.side(side).begun],
            "about": asdict(flow.connection),
        }
        for sender in SIDES:
            for gap in _gaps(flow.side(sender)):
                yield {"kind": "gap", "connection": flow.number, "sender": sender, **gap._asdict()}
        for row in _records(flow):
            records.append((row["time"], row["order"], len(records), row))
    yield from (row for *_, row in sorted(records))


def _records(flow: Flow) -> Iterator[Row]:
    for sender in SIDES:
        stream = flow.side(sender)
        size = len(stream) if stream.packed_at is None else stream.packed_at
        begins = size if stream.tls_at is None else min(stream.tls_at, size)
        pieces = [(stream, 0, begins, "plain")]
        if stream.tls is not None:
            pieces += [(stream.tls, 0, len(stream.tls), "tls"), (stream, begins, size, "inside")]
        if stream.packed is not None:
            layer = "plain" if stream.tls_at is None else "inside"
            pieces += [(stream.packed, 0, len(stream.packed), layer)]
        for source, first, last, layer in pieces:
            for start, end, time, order in _segments(source, first, last):
                about = {"kind": "record", "connection": flow.number, "sender": sender, "layer": layer}
                yield about | {"time": time, "order": order, "data": bytes(source.data[start:end])}
    for one in flow.datagrams if flow.connection.transport == "udp" else ():
        about = {"kind": "record", "connection": flow.number, "sender": one.sender, "layer": "datagram"}
        yield about | {"time": one.time, "order": one.order, "data": one.data}


def _gaps(stream: Stream) -> Iterator[Gap]:
    """The gaps of a stream, where it is packed those among the packed octets."""
    if stream.packed is None or stream.packed_at is None:
        yield from stream.gaps
        return
    yield from (gap for gap in stream.gaps if gap.offset <= stream.packed_at)
    yield from (Gap(gap.offset + stream.packed_at, gap.length) for gap in stream.packed.gaps)


def _segments(stream: Stream, first: int, last: int) -> Iterator[tuple[int, int, int, int]]:
    """The segments between two offsets, as (start, end, time, order)."""
    if not len(stream):
        return
    ends = [*(int(start) for start in stream.starts[1:]), len(stream)]
    for start, end, time, order in zip(stream.starts, ends, stream.times, stream.orders, strict=True):
        if max(start, first) < min(end, last):
            yield max(int(start), first), min(end, last), int(time), int(order)


def _tape(rows: list[Row], name: str | None) -> Tape:
    head = rows[0]
    framed = bool(head["framed"])
    tape = Tape(head["name"] if name is None else name, framed=framed)
    tape.notes, tape.packets = list(head["notes"]), head["packets"]
    known = {field.name for field in fields(Connection)}
    ended: list[tuple[Stream, bool]] = []
    for row in rows[1:]:
        if row["kind"] == "connection":
            about = {key: value for key, value in row["about"].items() if key in known}
            flow = Flow(
                row["connection"],
                row["stream"],
                Connection(**about),
                Stream(framed=framed),
                Stream(framed=framed),
            )
            flow.first_frame = row["first_frame"]
            tape.flows.append(flow)
            ended += [(flow.side(side), side in row["sides_ended"]) for side in SIDES]
            for side in SIDES:
                flow.side(side).begun = side in row.get("sides_begun", SIDES)
            continue
        flow = tape.flows[row["connection"]]
        if row["kind"] == "gap":
            flow.side(row["sender"]).gaps.append(Gap(row["offset"], row["length"]))
        elif row["layer"] == "datagram":
            frame = row["order"] if framed else None
            flow.datagrams.append(Datagram(row["sender"], row["time"], row["order"], frame, row["data"]))
        else:
            _take(flow.side(row["sender"]), row)
    for stream, over in ended:
        stream.ended = over
        if stream.tls is not None:
            stream.tls.ended = over
    return tape


def _take(stream: Stream, row: Row) -> None:
    if row["layer"] == "tls":
        stream = stream.begin_tls()
    elif row["layer"] == "inside":
        stream.begin_tls()
    stream.append(row["data"], row["time"], row["order"])


def _read_jsonl(path: Where) -> Iterator[Row]:
    with Path(path).open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if "data" in row:
                row["data"] = row["data"].encode("latin-1")
            yield row


def _write_parquet(rows: Iterable[Row], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = (
        pa.string(),
        pa.int64(),
        pa.string(),
        pa.string(),
        pa.int64(),
        pa.int64(),
        pa.binary(),
        pa.string(),
    )
    columns: list[list[Any]] = [[] for _ in types]
    for row in rows:
        about = {key: row.pop(key) for key in list(row) if key not in COLUMNS}
        for column, key in zip(columns, COLUMNS, strict=False):
            column.append(row.get(key))
        columns[-1].append(json.dumps(about, ensure_ascii=False) if about else None)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    pq.write_table(pa.table(arrays, names=[*COLUMNS, "about"]), file)


def _read_parquet(path: Where) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for row in pq.read_table(fspath(path)).to_pylist():
        about = row.pop("about", None)
        yield {key: value for key, value in row.items() if value is not None} | json.loads(about or "{}")

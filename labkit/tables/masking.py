"""A capture to be given away: the octets of secrets replaced, nothing else changed.

Lengths, times and packets stay as they are, so that a masked capture tells the same story.  What is
sealed in TLS records stays sealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labkit.capture.stream import Stream
from labkit.capture.tape import Tape
from labkit.tables.dissected import Talk
from labkit.tables.wire import octets_without_secrets


def masked_tape(tape: Tape, talks: Iterable[Talk]) -> Tape:
    """The tape with "*" for each octet of a secret; it no longer grows."""
    found = Tape(tape.name, framed=tape.framed)
    found.notes, found.packets = tape.notes, tape.packets
    found.flows = [
        replace(
            talk.flow,
            client=_with(talk.flow.client, octets_without_secrets(talk)),
            server=_with(talk.flow.server, octets_without_secrets(talk, "server")),
        )
        if talk.flow.connection.transport == "tcp"
        else talk.flow
        for talk in talks
    ]
    return found


def _with(stream: Stream, data: bytes) -> Stream:
    """The same stream with other octets."""
    other = Stream.loaded(lambda: data, len(data), stream.starts, stream.times, stream.orders)
    other.framed, other.gaps = stream.framed, stream.gaps
    other.begun, other.ended = stream.begun, stream.ended
    other.tls_at, other.tls = stream.tls_at, stream.tls
    if stream.packed_at is not None and data[stream.packed_at :] == stream.data[stream.packed_at :]:
        other.packed_at, other.packed = stream.packed_at, stream.packed
    return other

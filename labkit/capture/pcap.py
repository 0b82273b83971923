"""Reading a capture file into a tape, and writing one.

`read` takes pcap and pcapng, plain or gzip-compressed, from a path or a file object.
Each layer is a module: the file's octets (source.py), the packets in them (frames.py,
pcapng.py), link, IP and transport headers (packets.py, fragments.py), who talks with
whom (conversations.py), the octets in order (reassembly.py), the flows of the tape (flows.py,
hello.py).  They work on columns, one entry per packet.  `write` (write.py) goes the other way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labkit.capture.source import Octets, Source, name_of, octets
from labkit.capture.tape import Tape
from labkit.capture.write import write

if TYPE_CHECKING:
    from labkit.capture.flows import Buffer
    from labkit.capture.packets import Segments

__all__ = ["read", "write"]


def read(source: Source, *, name: str | None = None) -> Tape:
    """The tape of a capture file; `name` is what to call it if not by its path.

    What a damaged file holds before the damage is read, and `Tape.notes` says where it
    stopped.  Raises LabError if the file cannot be opened or is no capture at all.
    """
    from labkit.capture.flows import flows

    tape = Tape(name or name_of(source), framed=True)
    tally: Counter[str] = Counter()
    raw = octets(source, tape.name, tape.notes)
    tcp, udp, buffer, tape.packets = _segments(raw, tape.name, tape.notes, tally)
    tape.flows = flows(tcp, udp, buffer, tally)
    for why, number in tally.items():
        tape.notes.append(f"{tape.name}: {number} packet{'s' * (number != 1)} left out, {why}")
    return tape


def _segments(
    raw: Octets, name: str, notes: list[str], tally: Counter[str]
) -> tuple[Segments, Segments, Buffer, int]:
    """All TCP segments, all UDP datagrams, where their octets stand, and the number of packets."""
    import numpy as np

    from labkit.capture.flows import Buffer
    from labkit.capture.fragments import Reassembly
    from labkit.capture.frames import frames
    from labkit.capture.packets import Segments, internet, transport

    file = np.frombuffer(raw, np.uint8)
    fragments = Reassembly()
    found: list[tuple[Segments, Segments]] = []
    count = 0
    for batch in frames(raw, name, notes):
        packets = internet(file, batch, tally)
        fragments.add(file, batch, packets)
        found.append(transport(file, batch, packets))
        count += len(batch)
    datagrams, whole = fragments.packets()
    rest = np.frombuffer(datagrams, np.uint8)
    found.append(transport(rest, whole, internet(rest, whole, tally)))
    for segments in found[-1]:
        np.add(segments.at, len(raw), out=segments.at)
    tcp, udp = (Segments.joined(parts) for parts in zip(*found, strict=True))
    if datagrams:
        tcp, udp = (each[np.argsort(each.frame, kind="stable")] for each in (tcp, udp))
    return tcp, udp, Buffer(raw, datagrams), count

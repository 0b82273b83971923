"""Reading a capture file into a tape.

`read` takes pcap and pcapng, plain or compressed by gzip or zstd, from a path, a pipe or a file object.
Each layer is a module: the file's octets (source.py, windows.py), the packets in them (frames.py,
pcapng.py), link, IP and transport headers (packets.py, fragments.py), who talks with
whom (conversations.py, closing.py), the octets in order (reassembly.py), the flows of the tape
(assembly.py, flows.py, hello.py).  They work on columns, one entry per packet.  write.py goes the
other way.
"""

from __future__ import annotations

from labkit.capture.keys import KeyLog
from labkit.capture.source import Source
from labkit.capture.tape import Tape
from labkit.capture.windows import Reading


def read(source: Source, *, name: str | None = None, keys: KeyLog | None = None) -> Tape:
    """The tape of a capture file; `name` is what to call it if not by its path.

    TLS is opened with `keys`, and with those that a pcapng file holds itself (see tls/).

    What a damaged file holds before the damage is read, and `Tape.notes` says where it
    stopped.  Raises LabError if the file cannot be opened or is no capture at all.
    """
    reading = Reading(source, name=name, window=None, keys=keys)
    tape = Tape(reading.name, framed=True)
    tape.flows = [flow for flows in reading for flow in flows]
    tape.notes, tape.packets, tape.keys = reading.notes, reading.packets, reading.keys
    return tape

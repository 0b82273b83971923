"""DNS look-ups beside the mail: a question and its answer per row (RFC 1035 4).

The verb is the type asked for, the argument the name, the status the response code's name, the
text the answers, one a line.  Messages are read by dnspython; octets that are none are
a row with the flaw `bad-dns`.  Over TCP each message stands behind its length; there the
messages are put beside the streams of their flow, as datagrams are, and read like those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from labkit.capture.tape import Datagram
from labkit.dissect.flaws import Found
from labkit.dissect.row import Row
from labkit.net.tap import Side

if TYPE_CHECKING:
    from labkit.capture.tape import Flow

SIDES: tuple[Side, Side] = ("client", "server")


class Messages:
    """The messages of a TCP connection, each behind two octets of length (RFC 1035 4.2.2).

    Behind a gap nobody knows where one begins.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._found: list[Datagram] = []
        self._at: dict[Side, int] = dict.fromkeys(SIDES, 0)

    def take(self) -> None:
        """Put those that have become whole behind the datagrams of the flow."""
        fresh = [message for sender in SIDES for message in self._cut(sender)]
        self._found += sorted(fresh, key=lambda message: (message.time, message.order))
        self._flow.datagrams[:] = self._found

    def _cut(self, sender: Side) -> Iterator[Datagram]:
        stream, at = self._flow.side(sender), self._at[sender]
        data, last = stream.data, min((gap.offset for gap in stream.gaps), default=len(stream))
        while at + 2 <= last and (end := at + 2 + int.from_bytes(data[at : at + 2], "big")) <= last:
            place = stream.time_at(end - 1), stream.order_at(end - 1), stream.frame_at(end - 1)
            yield Datagram(sender, *place, data[at + 2 : end])
            self._at[sender] = at = end


def questions(datagrams: Sequence[Datagram], first: int, ended: bool) -> Iterator[Row]:
    """Rows for the questions among `datagrams` that have their answer, or will get none.

    Offsets are indexes of datagrams; the number of the first row is `first`.
    """
    waiting: dict[int, Row] = {}
    number = first
    for index, datagram in enumerate(datagrams):
        message = _read(datagram.data)
        asked = datagram.sender == "client"
        row = None if asked or message is None else waiting.pop(message.id, None)
        if row is None:
            row = Row(number, "", None, None, index if asked else -1, index + 1 if asked else -1)
            number += 1
        if message is None:
            row.flaws += (Found("bad-dns", datagram.sender, 0),)
        elif asked:
            _ask(row, message)
            waiting[message.id] = row
            continue
        if not asked:
            row.reply_start, row.reply_end = index, index + 1
            if message is not None:
                _answer(row, message)
        yield row
    if ended:
        for row in waiting.values():
            row.flaws += (Found("unanswered", "client", 0),)
            yield row


def _ask(row: Row, message: Any) -> None:
    import dns.rdatatype

    if message.question:
        question = message.question[0]
        row.verb = dns.rdatatype.to_text(question.rdtype)
        row.argument = question.name.to_text(omit_final_dot=True).encode()


def _answer(row: Row, message: Any) -> None:
    import dns.rcode

    if row.verb is None:
        _ask(row, message)
        row.flaws += (Found("unsolicited-reply", "server", 0),)
    row.status = dns.rcode.to_text(message.rcode()).encode()
    texts = [item.to_text() for answer in message.answer for item in answer]
    row.text = "\n".join(texts).encode()
    row.reply_lines = len(texts)


def _read(data: bytes) -> Any | None:
    import dns.exception
    import dns.message

    try:
        return dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, IndexError, KeyError, AssertionError):
        return None

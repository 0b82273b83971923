"""Conversations about which nothing is odd, read whole: each side in one look, commands beside replies.

Most conversations in a large capture are like that: both sides complete, all of it plain, every
command in its place and answered in turn.  They become columns at once.  Whatever is odd (a gap, TLS, a
login in several lines, a line that ends in LF alone) makes `read` give None, and the flow is read
frame by frame instead; what is read here would be read so too: that is tested, for this is only quicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from labkit.dissect.imap import Imap
from labkit.dissect.pop3 import Pop3
from labkit.dissect.row import Sheet
from labkit.dissect.smtp import Smtp
from labkit.dissect.whole import imap, pop3, smtp

if TYPE_CHECKING:
    from labkit.capture.tape import Flow

Protocol = Literal["smtp", "pop3", "imap", "dns"]
GREETINGS: dict[bytes, Protocol] = {b"220": "smtp", b"+OK": "pop3", b"* O": "imap"}
COMMANDS = {"smtp": Smtp.COMMAND, "pop3": Pop3.COMMAND, "imap": Imap.COMMAND}
READERS = {"smtp": smtp.read, "pop3": pop3.read, "imap": imap.read}


def read(flow: Flow, expected: Protocol | None) -> tuple[Protocol, Sheet] | None:
    """The protocol and the rows of a flow; None: read it frame by frame.

    A protocol that is not expected has to show in the first words of both sides.
    """
    client, server = flow.client, flow.server
    if client.tls_at is not None or server.tls_at is not None or client.gaps or server.gaps:
        return None
    protocol = expected or GREETINGS.get(server.data[:3])
    if protocol not in READERS or (expected is None and COMMANDS[protocol].match(client.data) is None):
        return None
    found = READERS[protocol](client.data, server.data)
    return None if found is None else (protocol, found)

"""Conversations about which nothing is odd, read whole: each side in one look, commands beside replies.

Most conversations in a large capture are like that: both sides complete, all of it plain, every
command in its place and answered in turn.  They become columns at once.  Whatever is odd (a gap, TLS, a
login in several lines, a line that ends in LF alone) makes `read` give None, and the flow is read
frame by frame instead; what is read here would be read so too: that is tested, for this is only quicker.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal

from labkit.dissect.row import Sheet

if TYPE_CHECKING:
    from labkit.capture.tape import Flow

Protocol = Literal["smtp", "pop3", "imap", "dns"]


def read(flow: Flow, protocol: Protocol | None) -> Sheet | None:
    """The rows of a flow that speaks this protocol; None: read it frame by frame."""
    client, server = flow.client, flow.server
    if client.tls_at is not None or server.tls_at is not None or client.gaps or server.gaps:
        return None
    if protocol is None or protocol == "dns" or not (client and server):
        return None
    return reader(protocol)(client.data, server.data)


@cache
def reader(protocol: Literal["smtp", "pop3", "imap"]) -> Callable[[bytes, bytes], Sheet | None]:
    """What reads one of the three, imported when somebody speaks it."""
    match protocol:
        case "smtp":
            from labkit.dissect.whole.smtp import read
        case "pop3":
            from labkit.dissect.whole.pop3 import read
        case "imap":
            from labkit.dissect.whole.imap import read
    return read

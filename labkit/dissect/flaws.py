"""The catalogue of what can be wrong with captured mail traffic.

The dissector never raises on captured octets: it names the flaw and goes on.  A name
here is the value of the `flaw` columns; its meaning and section are what the `flaws` table shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from labkit.net.tap import Side


@dataclass(frozen=True, slots=True)
class Flaw:
    """One entry of the catalogue."""

    name: str
    meaning: str
    rfc: str | None = None


class Found(NamedTuple):
    """A flaw at its place: an offset into what `sender` sent on this connection."""

    name: str
    sender: Side
    offset: int
    detail: str | None = None


CATALOGUE: dict[str, Flaw] = {
    flaw.name: flaw
    for flaw in (
        Flaw("bare-lf", "a line ends with LF alone, not CRLF", "RFC 5321 2.3.8"),
        Flaw("bare-cr", "a CR that no LF follows", "RFC 5321 2.3.8"),
        Flaw(
            "bare-dot",
            "a line with only a dot, but without CRLF before and behind it: some servers take it for the "
            "end of the message, others do not (SMTP smuggling)",
            "RFC 5321 4.1.1.4",
        ),
        Flaw("line-too-long", "a line longer than its protocol permits", "RFC 5321 4.5.3.1"),
        Flaw("eight-bit", "an octet above 127 where only ASCII was agreed on", "RFC 5321 2.4"),
        Flaw("unanswered", "a command without a reply"),
        Flaw("unsolicited-reply", "a reply that no command asked for", "RFC 5321 4.2"),
        Flaw("out-of-order", "a command that this state does not permit", "RFC 5321 4.1.4"),
        Flaw("unknown-command", "a verb that the protocol, as we know it, does not have", "RFC 5321 4.2.4"),
        Flaw(
            "bad-reply",
            "octets from the server where a reply should begin, and that are none",
            "RFC 5321 4.2",
        ),
        Flaw("code-mismatch", "the lines of one reply carry different codes", "RFC 5321 4.2.1"),
        Flaw("bad-size", "the size of a chunk or literal is missing or is not a number", "RFC 3030 2"),
        Flaw("bad-tag", "a command without a proper tag", "RFC 3501 2.2.1"),
        Flaw("no-final-dot", "a multi-line reply without the dot at its end", "RFC 1939 3"),
        Flaw("truncated", "the capture or the connection ends in the middle of this frame"),
        Flaw("gap", "octets of this frame are missing in the capture"),
        Flaw("one-sided", "the capture holds only one direction of this connection"),
        Flaw("not-mail", "a mail port, but no mail protocol is spoken"),
        Flaw("not-tls", "TLS was agreed on, but what follows is no TLS", "RFC 3207 4"),
        Flaw(
            "behind-starttls", "plain octets sent behind STARTTLS, before TLS began (injection)", "RFC 3207 6"
        ),
        Flaw("no-keys", "TLS, and the key log has not what opens it", "RFC 9850 2"),
        Flaw("cipher-unsupported", "TLS of a version or cipher suite that no key log makes readable here"),
        Flaw("not-opened", "TLS records that do not open: damaged, or the key log is another session's"),
        Flaw("tls-alert", "one side gave TLS up, inside TLS", "RFC 8446 6.2"),
        Flaw("compressed", "packed octets that do not unpack, or to too many: not read on", "RFC 4978"),
        Flaw("bad-proxy", "a proxy's header that does not say who the client is", "PROXY protocol 2.1, 2.2"),
        Flaw("bad-dns", "a datagram to or from a name server that is no DNS message", "RFC 1035 4"),
    )
}

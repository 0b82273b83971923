"""The rows of the tables beside `exchanges` (which are in dissect/exchange.py): see schema.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from labkit.dissect.exchange import OUTCOMES, PROTOCOLS, STEPS, column

ROLES = ("sender's host", "sender's server", "recipient's server", "recipient's host")
TLS = ("none", "implicit", "STARTTLS")
ENDED = ("quit", "reset", "timeout", "cut")
SIDES = ("client", "server")
DIRECTIONS = ("sent", "retrieved", "appended")
ENDINGS = ("crlf", "lf", "cr", "none")

_CAPTURE = "The file or world it came from."
_CONNECTION = "The connection."
_EXCHANGE = "The exchange of that connection."


@dataclass(frozen=True, slots=True)
class Connection:
    """One TCP connection."""

    capture: str = column(_CAPTURE)
    connection: int = column("Which connection: 0, 1, 2 … in order of first packet.")
    stream: int = column("Wireshark's number of the connection.", wireshark="tcp.stream")
    protocol: str | None = column("smtp, pop3 or imap; absent if it is no mail.", choices=PROTOCOLS)
    step: str | None = column("submit, relay, deliver (LMTP) or access; absent if unknown.", choices=STEPS)
    client: str = column("The client's address.", wireshark="ip.src")
    client_port: int = column("The client's port.", wireshark="tcp.srcport")
    client_name: str | None = column("The client's host name: live, or if a pcapng has it.")
    client_role: str | None = column("Which of the four devices the client is; live only.", choices=ROLES)
    server: str = column("The server's address.", wireshark="ip.dst")
    server_port: int = column("The server's port.", wireshark="tcp.dstport")
    server_name: str | None = column("The server's host name: live, or if a pcapng has it.")
    server_role: str | None = column("Which of the four devices the server is; live only.", choices=ROLES)
    start: datetime = column("When it was opened.")
    duration_s: float | None = column("Seconds until it was closed; absent while it is open.")
    exchanges: int = column("Rows in the table `exchanges`.")
    octets_sent: int = column("Octets from the client, as they were on the wire.")
    octets_received: int = column("Octets from the server, as they were on the wire.")
    round_trips: int = column("How often the client waited for a reply before it sent more.")
    tls: str = column("none, implicit (at once) or STARTTLS.", choices=TLS)
    tls_version: str | None = column("TLS version.", wireshark="tls.handshake.version")
    cipher: str | None = column("Cipher suite.", wireshark="tls.handshake.ciphersuite")
    sni: str | None = column(
        "The server name asked for in TLS.", wireshark="tls.handshake.extensions_server_name"
    )
    greeting: str | None = column("The text of the server's greeting.")
    software: str | None = column("The server's software, where its greeting tells.")
    user: str | None = column("Who logged in.")
    mechanism: str | None = column("How.")
    ended: str | None = column("quit (in order), reset, timeout or cut; absent while open.", choices=ENDED)
    closed_by: str | None = column("The side that closed first.", choices=SIDES)
    flaws: int = column("Rows in the table `flaws`.")


@dataclass(frozen=True, slots=True)
class Message:
    """One message that crossed a connection."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column("The exchange that carried it; of an IMAP message in pieces, the last of them.")
    message: int = column("Which message of that exchange: 0, 1 …")
    time: datetime = column("When that exchange began.")
    step: str | None = column("submit, relay, deliver (LMTP) or access; absent if unknown.", choices=STEPS)
    direction: str = column("sent (SMTP), retrieved (POP3, IMAP) or appended (IMAP).", choices=DIRECTIONS)
    reverse_path: str | None = column("SMTP: the sender in the envelope; empty: the null path.")
    recipients: int | None = column("SMTP: recipients that the server accepted.")
    outcome: str | None = column("What became of it.", choices=OUTCOMES)
    code: int | None = column("SMTP's reply code.", wireshark="smtp.response.code")
    queue_id: str | None = column("The server's name for it, where its reply tells.")
    mailbox: str | None = column("IMAP: the mailbox.")
    uid: int | None = column("IMAP: its unique identifier there.")
    header_from: str | None = column("Its From field.", wireshark="imf.from")
    header_to: str | None = column("Its To field.", wireshark="imf.to")
    subject: str | None = column("Its Subject field.", wireshark="imf.subject")
    header_date: datetime | None = column("Its Date field.", wireshark="imf.date")
    message_id: str | None = column("Its Message-ID field.", wireshark="imf.message_id")
    octets: int = column("Its octets, without dot-stuffing.")
    sha256: str = column("Hash of all its octets.")
    body_sha256: str = column("Hash of what stands behind its header.")
    trace_id: str = column("The same at every hop, though fields are added on the way.")
    parts: int = column("Rows in the table `parts`.")
    complete: bool = column("All of it is in the capture.")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column(_EXCHANGE)
    message_exchange: int | None = column("The exchange that carried the message; absent if none did.")
    time: datetime = column("When the command began.")
    address: str | None = column("The forward-path.")
    outcome: str | None = column("What the server said of it.", choices=OUTCOMES)
    code: int | None = column("Reply code.", wireshark="smtp.response.code")
    enhanced: str | None = column("Enhanced status code.")
    text: str | None = column("Text of the reply.")


@dataclass(frozen=True, slots=True)
class Login:
    """One attempt to log in."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column("The exchange that decided it.")
    time: datetime = column("When the attempt began.")
    user: str | None = column("Who; absent if it cannot be read.")
    mechanism: str | None = column("PLAIN, LOGIN …; USER (POP3), APOP or LOGIN (IMAP's command).")
    outcome: str | None = column("What the server said.", choices=OUTCOMES)
    encrypted: bool = column("Under TLS.")


@dataclass(frozen=True, slots=True)
class Lookup:
    """One DNS question."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column(_EXCHANGE)
    time: datetime = column("When it was asked.")
    client: str = column("Who asked: the host's name, else its address.")
    name: str | None = column("The name asked for.", wireshark="dns.qry.name")
    type: str | None = column("A, MX, TXT …", wireshark="dns.qry.type")
    answer: str | None = column("The answers, one a line.")
    outcome: str | None = column(
        "ok, permanent (NXDOMAIN), temporary (SERVFAIL), unanswered.", choices=OUTCOMES
    )
    latency_s: float | None = column("Seconds until the answer.", wireshark="dns.time")


@dataclass(frozen=True, slots=True)
class Line:
    """One line on the wire."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column(_EXCHANGE)
    time: datetime = column("Its first octet.")
    sender: str = column("client or server.", choices=SIDES)
    offset: int = column("Where it begins in what its sender sent on this connection.")
    raw: bytes = column("Its octets, line end and all; those of a secret are * unless asked for.")
    text: str = column("The same as text, without the line end.")
    ending: str = column("crlf, lf, cr or none.", choices=ENDINGS)


@dataclass(frozen=True, slots=True)
class Part:
    """One MIME part of a message; the message itself where it has only one."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column("The exchange that carried the message.")
    message: int = column("Which message of that exchange: 0, 1 …")
    path: str = column("Its place in the tree, 1.2.3, as IMAP counts.")
    content_type: str = column("type/subtype, in lower case.", wireshark="mime_multipart.header.content-type")
    charset: str | None = column("The charset that is named.")
    encoding: str = column("Content-Transfer-Encoding.")
    disposition: str | None = column("inline or attachment.")
    filename: str | None = column("The file's name.")
    offset: int = column("Where its header begins in the message.")
    octets: int = column("Octets of its body, as sent.")
    sha256: str = column("Hash of its body, out of its encoding.")


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field of a message's header, in its order."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column("The exchange that carried the message.")
    message: int = column("Which message of that exchange: 0, 1 …")
    position: int = column("Its place in the header: 0, 1 …")
    name: str = column("Its name, as it is written.")
    value: str = column("What it says: unfolded, encoded words decoded.")
    raw: bytes = column("What stands behind the colon, octet by octet.")
    offset: int = column("Where it begins in the message.")


@dataclass(frozen=True, slots=True)
class Hop:
    """One Received field of a message, oldest last as in the message."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column("The exchange that carried the message.")
    message: int = column("Which message of that exchange: 0, 1 …")
    hop: int = column("1 is the oldest, in the order the message travelled.")
    by: str | None = column("Who took the message.")
    from_name: str | None = column("What the client called itself.")
    from_address: str | None = column("Where the client was.")
    with_: str | None = column("By which protocol.", name="with")
    id: str | None = column("The server's name for the message.")
    for_address: str | None = column("For whom.")
    time: datetime | None = column("When.")
    delay_s: float | None = column("Seconds since the hop before.")


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong."""

    capture: str = column(_CAPTURE)
    connection: int = column(_CONNECTION)
    exchange: int = column(_EXCHANGE)
    sender: str = column("Who sent the octets: client or server.", choices=SIDES)
    offset: int = column("Where in what its sender sent on this connection.")
    flaw: str = column("Its name in the catalogue.")
    detail: str | None = column("More about this one.")
    meaning: str = column("What the name means.")
    rfc: str | None = column("The section that is broken.")


ROWS: dict[str, type] = {
    "connections": Connection,
    "messages": Message,
    "recipients": Recipient,
    "logins": Login,
    "lookups": Lookup,
    "lines": Line,
    "parts": Part,
    "headers": HeaderField,
    "hops": Hop,
    "flaws": Flaw,
}

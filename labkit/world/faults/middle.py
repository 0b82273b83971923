"""Somebody on the line who reads what passes in clear, and changes it (RFC 3207 6, RFC 8314 3)."""

from __future__ import annotations

import re

from labkit.grammar.framing import CRLF
from labkit.net.faults import PASS, End, Event, Rewrite, Rule, Verdict
from labkit.net.tap import Side
from labkit.world.faults.catalogue import fault
from labkit.world.faults.server import Instead
from labkit.world.faults.talk import Piece, Talk, changing

_STLS = re.compile(rb"^STLS[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE)
_STARTTLS = re.compile(rb" STARTTLS(?=[ \]\r])", re.IGNORECASE)
_ASKS_FOR_TLS = ("STARTTLS", "STLS")


@fault("middle", "RFC 3207 6")
def strip_starttls() -> Rule:
    """STARTTLS is gone from what the server offers: a client that does not insist goes on in clear.

    From the reply to EHLO, to CAPA, and from every list of IMAP capabilities.  Who asks for TLS
    unbidden is told that there is no such command.
    """
    refusal = Instead(
        {
            "smtp": (_ASKS_FOR_TLS, b"502 5.5.1 Command not implemented"),
            "pop3": (_ASKS_FOR_TLS, b"-ERR Unknown command"),
            "imap": (_ASKS_FOR_TLS, b"BAD Unknown command"),
        }
    )

    def change(talk: Talk, sender: Side, piece: Piece) -> bytes | End:
        if sender == "client" or piece.asked.note is not None:
            return refusal.change(talk, sender, piece)
        if piece.asked.verb == "EHLO":
            return _without_starttls(piece)
        if piece.asked.verb == "CAPA" and piece.kind == "data":
            return _STLS.sub(b"", piece.data)
        if talk.protocol == "imap" and piece.kind == "reply" and b"CAPABILITY" in piece.data.upper():
            return _STARTTLS.sub(b"", piece.data)
        return piece.data

    held: dict[int, list[bytes]] = {}

    def _without_starttls(piece: Piece) -> bytes:
        """The reply to EHLO, once all its lines are there: only the last has no hyphen."""
        lines = held.setdefault(id(piece.asked), [])
        lines.append(piece.data)
        if not piece.last:
            return b""
        del held[id(piece.asked)]
        kept = [line for line in lines if line[4:].strip().upper() != b"STARTTLS"]
        *first, final = kept or lines
        return b"".join(first) + final[:3] + b" " + final[4:]

    return changing(change)


INJECTED = {"smtp": b"MAIL FROM:<mallory@example.net>", "pop3": b"NOOP", "imap": b"X1 NOOP"}


@fault("middle", "RFC 3207 4.2")
def inject_before_tls(line: str = "", sender: Side = "client") -> Rule:
    """A command is slipped in behind STARTTLS, in clear: a server that keeps it takes it for the client's.

    With `sender` server, a line behind the server's go-ahead, for the client to take as said in TLS.
    """

    def change(talk: Talk, side: Side, piece: Piece) -> bytes:
        if side != sender or piece.asked.verb not in _ASKS_FOR_TLS or not piece.last:
            return piece.data
        return piece.data + (line.encode() or INJECTED[talk.protocol]) + CRLF

    return changing(change)


@fault("middle", "RFC 5321 7.1")
def rewrite_line(old: str, new: str = "") -> Rule:
    """Words are replaced wherever a line has them, either way: nothing in clear proves who wrote it.

    The length of an IMAP literal is announced before it: words of another length break it.
    """
    kept: dict[tuple[int, Side], bytes] = {}

    def rule(event: Event) -> Verdict:
        if event.sender is None or event.connection.transport == "udp":
            return PASS
        key = event.connection.number, event.sender
        data = kept.pop(key, b"") + event.data
        end = data.rfind(b"\n") + 1
        whole, rest = data[:end], data[end:]
        if rest:
            kept[key] = rest
        whole = whole.replace(old.encode(), new.encode()) if old else whole
        return PASS if whole == event.data else Rewrite(whole)

    return rule


@fault("middle", "RFC 5321 2.3.8")
def bare_lf(sender: Side = "client") -> Rule:
    """Lines arrive with LF alone at their end: a strict reader sees no line in them at all."""
    kept: set[int] = set()  # connections whose last octet was a CR

    def rule(event: Event) -> Verdict:
        if event.sender != sender or event.connection.transport == "udp":
            return PASS
        number = event.connection.number
        data = b"\r" * (number in kept) + event.data
        kept.discard(number)
        if data.endswith(b"\r"):
            kept.add(number)
            data = data[:-1]
        data = data.replace(CRLF, b"\n")
        return PASS if data == event.data else Rewrite(data)

    return rule

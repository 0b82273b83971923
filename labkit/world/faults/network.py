"""Faults of the line between two hosts.  TCP carries octets, in order or not at all (RFC 9293)."""

from __future__ import annotations

import random
from collections import Counter

from labkit.net.faults import (
    CUT,
    PASS,
    REFUSE,
    Cut,
    End,
    Event,
    Gather,
    Hold,
    Rule,
    Split,
    Throttle,
    Verdict,
)
from labkit.net.tap import Side
from labkit.world.faults.catalogue import fault
from labkit.world.faults.talk import Piece, Talk, watching


@fault("network", "RFC 2920 1")
def latency(seconds: float = 0.5) -> Rule:
    """Everything takes this much longer, each way: every command and its reply cost twice that."""

    def rule(event: Event) -> Verdict:
        return Hold(2 * seconds if event.sender is None else seconds)

    return rule


@fault("network", "RFC 3393 1.1")
def jitter(seconds: float = 0.5, seed: int | str = 0) -> Rule:
    """What is sent takes longer by a time drawn by lot: no two round trips last the same."""
    lots = random.Random(f"jitter {seed}")

    def rule(event: Event) -> Verdict:
        return Hold(lots.uniform(0, seconds)) if event.sender is not None else PASS

    return rule


@fault("network", "RFC 5321 4.5.3.2.5")
def bandwidth(bits_per_second: float = 9600) -> Rule:
    """The line is narrow: a long message takes its time, a short command hardly any."""

    def rule(event: Event) -> Verdict:
        return Throttle(bits_per_second or 1) if event.sender is not None else PASS

    return rule


@fault("network", "RFC 9293 3.5.2")
def refuse() -> Rule:
    """Nobody listens: an attempt to connect is answered with a reset, and the client knows at once."""
    return lambda event: REFUSE if _opens(event) else PASS


@fault("network", "RFC 9293 3.8.3")
def blackhole() -> Rule:
    """Nobody answers: the client waits for a minute before it knows that nothing will come."""
    return lambda event: CUT if _opens(event) else PASS


def _opens(event: Event) -> bool:
    """An attempt to connect; with datagrams, a question."""
    return event.sender is None or (event.connection.transport == "udp" and event.sender == "client")


@fault("network", "RFC 5321 3.8")
def cut_after(octets: int = 100, sender: Side = "server") -> Rule:
    """The line breaks when one side has said so many octets: both ends lose the connection."""
    said: Counter[int] = Counter()

    def rule(event: Event) -> Verdict:
        if event.sender != sender or event.connection.transport == "udp":
            return PASS
        left = octets - said[event.connection.number]
        said[event.connection.number] += len(event.data)
        return Cut(event.data[: max(0, left)]) if left < len(event.data) else PASS

    return rule


FINAL = {"smtp": (".", "BDAT"), "pop3": ("QUIT",), "imap": ("APPEND", "LOGOUT")}


@fault("network", "RFC 1047")
def cut_before_final_reply(times: int = 1, service: str = "") -> Rule:
    """The 250 after the data never arrives: the client retries, and the mailbox gets two copies.

    The server has taken the message and says so; the client cannot know.  So it is with the "+OK"
    to POP3's QUIT, which says that what was marked is deleted, and with the OK to IMAP's APPEND.
    Unless a `service` is named, who submits a message is spared: there a person would look.
    """
    left = times

    def look(talk: Talk, sender: Side, piece: Piece) -> Verdict:
        nonlocal left
        final = piece.kind == "reply" and piece.last and piece.asked.verb in FINAL[talk.protocol]
        if not final or not left:
            return PASS
        left -= 1
        return CUT

    watch = watching(look)

    def rule(event: Event) -> Verdict:
        spoken = event.connection.service
        submits = spoken in ("submission", "submissions")
        spared = spoken not in (service, f"{service}s") if service else submits
        return PASS if spared else watch(event)

    return rule


@fault("network", "RFC 5321 4.1.1.4")
def cut_in_data(octets: int = 20, times: int = 1) -> Rule:
    """The line breaks inside a message: the receiver has its beginning, and must not take it for a whole.

    `octets` of the data block (SMTP, POP3) or of the literal (IMAP) still arrive.
    """
    left = times
    seen: dict[int, int] = {}

    def look(talk: Talk, sender: Side, piece: Piece) -> Verdict:
        nonlocal left
        if piece.kind != "data" or not left:
            return PASS
        before = seen.get(id(talk), 0)
        seen[id(talk)] = before + len(piece.data)
        if seen[id(talk)] <= octets:
            return PASS
        left -= 1
        return Cut(piece.data[: octets - before])

    return watching(look)


LAST_WORDS = {"smtp": (".",), "pop3": ("RETR",), "imap": ("FETCH", "UID FETCH", "APPEND")}


@fault("network", "RFC 9293 3.6.1")
def half_close(verb: str = "") -> Rule:
    """The client's direction ends behind one command: it still hears, and can say nothing more.

    Behind the message (SMTP), RETR or FETCH, unless another verb is named.  The server owes the
    reply to what it has read; what is to come with QUIT never comes.
    """

    def look(talk: Talk, sender: Side, piece: Piece) -> Verdict:
        verbs = (verb.upper(),) if verb else LAST_WORDS[talk.protocol]
        ends = sender == "client" and piece.last and piece.asked.verb in verbs
        return End(piece.data) if ends else PASS

    return watching(look)


@fault("network", "RFC 9293 2.2")
def split(size: int = 1, apart: float = 0.0) -> Rule:
    """Octets arrive in pieces, one by one: who took a read for a line is lost."""
    return lambda event: Split(max(1, size), apart) if event.sender is not None else PASS


@fault("network", "RFC 9293 3.7.4")
def coalesce(seconds: float = 0.2) -> Rule:
    """What is written within this time arrives as one piece: who took a read for a reply is lost."""
    return lambda event: Gather(seconds) if event.sender is not None else PASS

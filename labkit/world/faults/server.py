"""A server that cannot do what it is asked, and says so (RFC 5321 4.2, RFC 3206, RFC 5530).

What is refused never reaches the server: a command that does nothing goes in its place, and
the reply to that is replaced.  So replies keep their order, also of commands sent at once, and the
server knows as little of what was refused as if it had refused it itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from labkit.grammar.framing import CRLF
from labkit.net.faults import PASS, End, Hold, Rule, Verdict
from labkit.net.tap import Side
from labkit.world.faults.catalogue import fault
from labkit.world.faults.talk import Piece, SmtpTalk, Talk, changing, watching

Words = Mapping[str, tuple[Collection[str], bytes]]
"""By protocol: the verbs that are refused, and the reply (IMAP: what stands behind the tag)."""


class Instead:
    """Answers some commands with words that are not the server's.

    `times` is how often, 0 always.  `verb` names another command than those of `words`.  With `closes`
    the server's direction ends behind the reply.
    """

    def __init__(self, words: Words, *, times: int = 0, verb: str = "", closes: bool = False) -> None:
        self._words = words
        self._left = times or -1
        self._verb = verb.upper()
        self._closes = closes

    def change(self, talk: Talk, sender: Side, piece: Piece) -> bytes | End:
        asked = piece.asked
        if talk.protocol not in self._words:
            return piece.data
        if sender == "server":
            return self._answer(talk, piece) if asked.note is not None else piece.data
        if piece.kind == "command" and self._left:
            self._decide(talk, piece)
        if asked.note is None:
            return piece.data
        if piece.kind == "command":
            return asked.tag + b" NOOP" + CRLF if talk.protocol == "imap" else b"NOOP" + CRLF
        # What follows a refused command is not for the server; a message in SMTP ends the transaction.
        return b"RSET" + CRLF if asked.verb == "." and piece.last else b""

    def _decide(self, talk: Talk, piece: Piece) -> None:
        verbs, reply = self._words[talk.protocol]
        verbs = (self._verb,) if self._verb else verbs
        asked = piece.asked
        if asked.verb in verbs:
            tagged = asked.tag and not reply.startswith(b"*")
            asked.note = asked.tag + b" " + reply if tagged else reply
            self._left -= 1
        elif asked.verb == "DATA" and "." in verbs:
            asked.note = b"354 Start mail input; end with <CRLF>.<CRLF>"
            self._left -= 1

    def _answer(self, talk: Talk, piece: Piece) -> bytes | End:
        if not piece.last:
            return piece.data if talk.protocol == "imap" else b""
        reply: bytes = piece.asked.note + CRLF if piece.asked.note else b""
        if piece.asked.verb == "DATA" and reply.startswith(b"354") and isinstance(talk, SmtpTalk):
            talk.begin_data().note = self._words["smtp"][1]
            return reply
        return End(reply) if self._closes else reply


@fault("server", "RFC 5321 3.8", protocols=("smtp",))
def transaction_421(times: int = 1, verb: str = "RCPT") -> Rule:
    """The server shuts down in the middle of a transaction: the client keeps the mail and comes back."""
    said = b"421 4.3.2 Shutting down"
    return changing(Instead({"smtp": ((), said)}, times=times, verb=verb, closes=True).change)


LOGINS = {
    "smtp": ("RCPT",),
    "pop3": ("PASS", "APOP", "AUTH"),
    "imap": ("LOGIN", "AUTHENTICATE"),
}


@fault("server", "RFC 5321 4.5.4.1")
def temporary_failure(times: int = 1, verb: str = "") -> Rule:
    """The server says "not now", so many times, and then accepts: who tries again is served.

    It refuses RCPT (SMTP, as greylisting does), or the login (POP3, IMAP), unless another verb is named.
    """
    words = {
        "smtp": (LOGINS["smtp"], b"450 4.2.1 Try again later"),
        "pop3": (LOGINS["pop3"], b"-ERR [SYS/TEMP] Try again later"),  # RFC 3206 4
        "imap": (LOGINS["imap"], b"NO [UNAVAILABLE] Try again later"),  # RFC 5530 3
    }
    return changing(Instead(words, times=times, verb=verb).change)


@fault("server", "RFC 5321 4.5.3.2")
def slow_reply(seconds: float = 10.0, verb: str = "") -> Rule:
    """Every reply comes this much later, or every reply to one command: how long does the client wait?"""

    def look(talk: Talk, sender: Side, piece: Piece) -> Verdict:
        asked = piece.asked
        if piece.kind != "reply" or (verb and asked.verb != verb.upper()) or asked.note == "slow":
            return PASS
        asked.note = "slow"
        return Hold(seconds)

    return watching(look)


CONFUSED = {"smtp": ("MAIL",), "pop3": ("LIST", "STAT", "UIDL"), "imap": ("SELECT", "EXAMINE")}


@fault("server", "RFC 5321 4.2")
def wrong_reply(text: str = "", times: int = 1, verb: str = "") -> Rule:
    """A reply comes in the words of another protocol: the client cannot know what has happened.

    The server has done what it was asked.  The reply to MAIL, LIST or SELECT, unless a verb is named.
    """
    left = times or -1

    def change(talk: Talk, sender: Side, piece: Piece) -> bytes:
        nonlocal left
        verbs = (verb.upper(),) if verb else CONFUSED[talk.protocol]
        if sender == "client" or piece.asked.verb not in verbs:
            return piece.data
        if piece.asked.note is None and left:
            left -= 1
            piece.asked.note = "wrong"
        if piece.asked.note != "wrong" or (talk.protocol == "imap" and not piece.last):
            return piece.data
        said = text.encode() or (b"+OK" if talk.protocol == "smtp" else b"250 OK")
        return said + CRLF if piece.last else b""

    return changing(change)


@fault("server", "RFC 1939 4")
def mailbox_locked(times: int = 0) -> Rule:
    """Somebody else has the mailbox open: mail waits, and so does who comes to read it."""
    words = {
        "smtp": (("RCPT",), b"450 4.2.0 Mailbox busy"),  # RFC 5321 4.2.3
        "pop3": (LOGINS["pop3"], b"-ERR [IN-USE] Mailbox is locked by another session"),  # RFC 2449 8.1.2
        "imap": (("SELECT", "EXAMINE"), b"NO [INUSE] Mailbox is locked by another session"),  # RFC 5530 3
    }
    return changing(Instead(words, times=times).change)


@fault("server", "RFC 5321 4.2.3")
def disk_full(times: int = 0) -> Rule:
    """The server has no room for what it was given: the message stays with whoever has it.

    SMTP refuses the message after its last dot, IMAP an APPEND; POP3, which only takes away,
    cannot write down what was deleted, and says so at QUIT.
    """
    words = {
        "smtp": ((".",), b"452 4.3.1 No space left on the disk"),
        "pop3": (("QUIT",), b"-ERR [SYS/PERM] No space left: some deleted messages not removed"),
        "imap": (("APPEND",), b"NO [OVERQUOTA] No space left on the disk"),
    }
    return changing(Instead(words, times=times).change)


@fault("server", "RFC 9051 7.1.5")
def bye(times: int = 1, verb: str = "") -> Rule:
    """The server takes its leave instead of an answer: BYE in IMAP, 421 in SMTP, in POP3 without a word.

    At EHLO, at the login (POP3) or at SELECT, unless another verb is named.
    """
    words = {
        "smtp": (("EHLO",), b"421 4.3.2 Bye"),
        "pop3": (LOGINS["pop3"], b""),
        "imap": (("SELECT", "EXAMINE"), b"* BYE Shutting down"),
    }
    return changing(Instead(words, times=times, verb=verb, closes=True).change)

"""POP3's commands and replies, octets <-> values (RFC 1939 3 and 7, RFC 2449 3, 4 and 8, RFC 6856).

A command is one line: a verb, then arguments behind single spaces.  A reply is a status line,
"+OK" or "-ERR", and for some commands a dot-stuffed block behind a "+OK".  `framing` has
already cut lines and blocks; nothing here knows which command may come when, or which reply
has a block.

Strict with commands, as a server must be.  Lenient with the text of replies, which is
free: whoever reads one looks at the status, and at the code in brackets if there is one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from labkit.errors import ProtocolError
from labkit.grammar.cursor import Cursor
from labkit.grammar.framing import CRLF, dot_stuff, end_block

COMMAND_LIMIT = 255
"""Octets of the longest command, with CRLF (RFC 2449 4)."""

REPLY_LIMIT = 512
"""Octets of the longest status line, with CRLF (RFC 1939 3)."""

Status: TypeAlias = Literal["+OK", "-ERR", "+"]
"""A "+" alone asks for the next response of an AUTH exchange (RFC 5034 4)."""


# ---- Commands ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """A verb in upper case and all that stood behind its space; "" also when no space came."""

    verb: str
    argument: bytes = b""

    def __repr__(self) -> str:
        shown = "'•••'" if self.verb in {"PASS", "APOP", "AUTH"} else repr(self.argument)
        return f"Command({self.verb!r}, {shown})"


# command = keyword *(SP param) CRLF ; keyword = 3*4VCHAR, as commands were ever made: letters and digits
_COMMAND = re.compile(rb"([A-Za-z0-9]{3,4})(?: (.*))?", re.DOTALL)
_NUMBER = re.compile(rb"[0-9]{1,10}(?![^ ])")


def parse_command(line: bytes) -> Command:
    """A whole line, with its CRLF; raises ProtocolError."""
    line = line.removesuffix(CRLF)
    found = _COMMAND.fullmatch(line)
    if found is None:
        Cursor(line, "RFC 1939 3").fail("expected a command of three or four letters")
    return Command(found[1].decode().upper(), found[2] or b"")


def write_command(command: Command) -> bytes:
    """The line, with its CRLF.  An argument that would end the line is refused."""
    if b"\r" in command.argument or b"\n" in command.argument:
        raise ProtocolError("an argument cannot hold an end of line", rule="RFC 1939 3")
    behind = b" " + command.argument if command.argument else b""
    return command.verb.encode() + behind + CRLF


def parse_nothing(command: Command) -> None:
    """For commands without arguments."""
    if command.argument:
        _arguments(command).fail(f"expected no argument behind {command.verb}")


def parse_number(command: Command) -> int:
    """For RETR and DELE: the number of a message."""
    if _NUMBER.fullmatch(command.argument):
        return int(command.argument)
    (number,) = _numbers(_arguments(command), "a message number")
    return number


def parse_optional_number(command: Command) -> int | None:
    """For LIST and UIDL: the number of a message, or None for all of them."""
    return parse_number(command) if command.argument else None


def parse_top(command: Command) -> tuple[int, int]:
    """For TOP: the number of a message, and how many lines of its body."""
    number, lines = _numbers(_arguments(command), "a message number", "a number of lines")
    return number, lines


def parse_text(command: Command, what: str) -> str:
    """For USER and PASS: all there is, spaces too (RFC 1939 7); UTF-8 (RFC 6856 2.2)."""
    argument = command.argument
    if not argument or b"\r" in argument or b"\n" in argument:  # write_command says which is the case
        _arguments(command).fail(f"expected {what}")
    try:
        return argument.decode()
    except UnicodeDecodeError:
        _arguments(command).fail(f"expected {what} in UTF-8")


_DIGEST = re.compile(r"[0-9a-f]{32}")


def parse_apop(command: Command) -> tuple[str, str]:
    """For APOP: the name of a mailbox, and a digest of 32 hexadecimal digits in lower case (RFC 1939 7)."""
    name, space, digest = parse_text(command, "the name of a mailbox").rpartition(" ")
    if not space or not name:
        _arguments(command).fail("expected a name, a space and a digest")
    if not _DIGEST.fullmatch(digest):
        _arguments(command).fail("expected a digest of 32 hexadecimal digits in lower case")
    return name, digest


def apop_digest(timestamp: str, password: str) -> str:
    """MD5 of the greeting's timestamp, "<" and ">" with it, and the password (RFC 1939 7)."""
    return hashlib.md5((timestamp + password).encode()).hexdigest()


def parse_auth(command: Command) -> tuple[str, bytes | None]:
    """For AUTH: the mechanism in upper case and the initial response, still in base64 (RFC 5034 4)."""
    mechanism, space, initial = command.argument.partition(b" ")
    if not mechanism.isascii() or not mechanism:
        _arguments(command).fail("expected the name of a mechanism")
    return mechanism.decode().upper(), initial if space else None


def _arguments(command: Command) -> Cursor:
    """The line again, read up to the argument: an error then shows its place in the line."""
    return Cursor(write_command(command).removesuffix(CRLF), "RFC 1939 3", len(command.verb) + 1)


def _numbers(at: Cursor, *names: str) -> Iterator[int]:
    for position, name in enumerate(names):
        if position:
            at.expect(b" ", f"{name} behind a space")
        yield int(at.take(_NUMBER, name))
    at.end("the end of the line")


# ---- Replies -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a response code without its brackets (RFC 2449 8), a text, and the block, unstuffed."""

    status: Status
    text: str = ""
    code: str | None = None
    data: bytes | None = None

    @property
    def ok(self) -> bool:
        return self.status == "+OK"

    @property
    def lines(self) -> list[str]:
        """The lines of a block that is a listing."""
        return (self.data or b"").decode("ascii", "backslashreplace").splitlines()


# resp-code = "[" resp-level *("/" resp-level) "]" ; of any printable characters but "]"
_CODE = re.compile(rb"\[([\x21-\x5c\x5e-\x7e]+)\] ?")
_STATUS = re.compile(rb"(?:\+OK|-ERR)(?![^ ])|\+(?= |\Z)")


def parse_status(line: bytes) -> Reply:
    """A status line, with its CRLF, as a reply without a block; raises ProtocolError."""
    # single-line = status [SP text] CRLF
    at = Cursor(line.removesuffix(CRLF), "RFC 1939 3")
    status = at.take(_STATUS, "'+OK' or '-ERR'").decode()
    at.skip(b" ")
    code = at.maybe(_CODE) if status != "+" else None
    text = at.rest().decode("utf-8", "backslashreplace")
    return Reply(_STATUSES[status], text, code.strip(b"[] ").decode() if code else None)


_STATUSES: dict[str, Status] = {"+OK": "+OK", "-ERR": "-ERR", "+": "+"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def write_reply(reply: Reply, *, utf8: bool = False) -> bytes:
    """The whole reply as it goes on the wire, the block dot-stuffed.

    Text that a reply cannot carry is replaced, so that a server can always answer.  UTF-8 is for
    clients that asked for it (RFC 6856).
    """
    words: list[str] = [reply.status]
    if reply.code:
        words.append(f"[{reply.code}]")
    if reply.text or reply.status == "+":  # "+ " keeps its space (RFC 5034 4)
        words.append(_CONTROLS.sub("?", reply.text))
    line = " ".join(words).encode("utf-8" if utf8 else "ascii", "backslashreplace")
    if len(line) > REPLY_LIMIT - len(CRLF):
        line = line[: REPLY_LIMIT - len(CRLF)].decode("utf-8", "ignore").encode()
    return line + CRLF if reply.data is None else line + CRLF + _block(reply.data)


_DOT_BEHIND_LF = re.compile(rb"\n\.")
# the LF before what is a line with only a dot to all who take a bare LF for the end of a line
_HIDDEN_END = re.compile(rb"(?<!\r)\n(?=\.(?:\r?\n|\Z))")


def _block(data: bytes) -> bytes:
    """The data as a block in which no client finds the end before its end.

    Many read lines up to any LF.  To them a bare LF and a dot would end a message, and what stands behind
    would be the reply to their next command: whoever sent it could speak for the server.  There the LF
    becomes CRLF, and the dot is doubled; one octet more than LIST told.
    """
    if not data.startswith(b".") and _DOT_BEHIND_LF.search(data) is None:
        return end_block(data)  # as most are
    return dot_stuff(_HIDDEN_END.sub(CRLF, data))


# ---- What stands in replies ----------------------------------------------------------


# timestamp = msg-id, "<" local-part "@" domain ">" (RFC 1939 7)
_TIMESTAMP = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")


def find_timestamp(greeting: str) -> str | None:
    """What APOP's digest is made of; None if the server does not offer APOP."""
    found = _TIMESTAMP.search(greeting)
    return found[0] if found else None


def parse_drop_listing(text: str) -> tuple[int, int]:
    """STAT's answer: how many messages, how many octets."""
    # drop-listing = number SP octets *more ; what follows is the server's own (RFC 1939 5)
    at = Cursor(text.encode(), "RFC 1939 5")
    messages = int(at.take(_NUMBER, "the number of messages"))
    at.expect(b" ", "a space")
    return messages, int(at.take(_NUMBER, "the size of the maildrop"))


def parse_scan_listing(line: str) -> tuple[int, int]:
    """A line of LIST's answer: a message's number, its size in octets."""
    at = Cursor(line.encode(), "RFC 1939 5")
    number = int(at.take(_NUMBER, "a message number"))
    at.expect(b" ", "a space")
    return number, int(at.take(_NUMBER, "the size of the message"))


# unique-id = 1*70VCHAR
_UNIQUE_ID = re.compile(rb"[\x21-\x7e]{1,70}(?![^ ])")


def parse_unique_id(line: str) -> tuple[int, str]:
    """A line of UIDL's answer: a message's number, its unique-id."""
    at = Cursor(line.encode(), "RFC 1939 7")
    number = int(at.take(_NUMBER, "a message number"))
    at.expect(b" ", "a space")
    return number, at.take(_UNIQUE_ID, "a unique-id of 1 to 70 printable characters").decode()


# ---- What TOP gives of a message -----------------------------------------------------


def header_of(message: bytes) -> bytes:
    """The lines before the first empty one."""
    if message.startswith(CRLF):
        return b""
    end = message.find(CRLF + CRLF)
    return message[: end + len(CRLF)] if end >= 0 else message


def top_of(message: bytes, lines: int) -> bytes:
    """The header, the empty line behind it, and so many lines of the body (RFC 1939 7)."""
    end = len(header_of(message))
    for _ in range(1 + lines):
        found = message.find(CRLF, end)
        if found < 0:
            return message
        end = found + len(CRLF)
    return message[:end]

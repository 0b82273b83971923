"""SMTP commands and replies, read and written (RFC 5321 4.1 and 4.2; RFC 1870, 2034, 4954, 6152, 6531).

Commands are read strictly, but for what every server in the field forgives: white space
at the end of a line and behind the colon of `MAIL FROM:` and `RCPT TO:`.  Replies are read
as RFC 5321 4.2 asks of a client: by their code, whatever the text.  One frame at a time; no
state, and no opinion on what a server should answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, TypeVar

from labkit.errors import LabError, ProtocolError
from labkit.grammar import sasl
from labkit.grammar.cursor import Cursor
from labkit.grammar.framing import Buffer
from labkit.message.address import NULL_PATH, Path, read_path

COMMAND_LIMIT = 512
"""Octets of a command line with its CRLF, before extensions (RFC 5321 4.5.3.1.4)."""
REPLY_LIMIT = sasl.LINE_LIMIT  # a challenge may be longer than the 512 octets of 4.5.3.1.5
REPLY_LINES = 1000

Parameters = Mapping[str, str | None]
"""The parameters of MAIL or RCPT: KEYWORD -> value, or None where there is no "="."""

_VERB = re.compile(rb"[A-Za-z][A-Za-z0-9-]*")
_SPACES = re.compile(rb" +")
_KEYWORD = re.compile(rb"[A-Za-z0-9][A-Za-z0-9-]*")
# esmtp-value = 1*(%d33-60 / %d62-126), and UTF-8 (RFC 6531 3.3)
_VALUE = re.compile(rb"[!-<>-~\x80-\xff]+")
_WORD = re.compile(rb"[!-~\x80-\xff]+")
_MECHANISM = re.compile(rb"[A-Za-z0-9_-]{1,20}")
_BREAK = re.compile(r"[\x00-\x1f\x7f]")


class CommandLine(NamedTuple):
    """A line cut in two: the verb in upper case, and the octets behind it."""

    verb: str
    argument: bytes


def parse_command(line: bytes) -> CommandLine:
    """Any command's line, with or without its CRLF; raises ProtocolError if no verb begins it."""
    at = Cursor(line.removesuffix(b"\r\n"), "RFC 5321 4.1.1")
    verb = at.take(_VERB, "a command")
    if not at.at_end():
        at.expect(b" ", "a space")
    return CommandLine(verb.decode().upper(), at.rest().strip(b" \t"))


def parse_hello(argument: bytes) -> str:
    """The name behind EHLO or HELO.

    A domain or an address literal by the ABNF; any word by RFC 5321 4.1.4, which forbids to
    refuse mail because of it.
    """
    at = Cursor(argument, "RFC 5321 4.1.1.1")
    name = at.take(_WORD, "the client's name")
    at.end("the end of the command")
    return _text(name, at, len(name))


@dataclass(frozen=True, slots=True)
class _PathCommand:
    """A command that names a path and may have parameters."""

    path: Path
    parameters: Parameters = field(default_factory=dict)

    verb: ClassVar[str]
    keyword: ClassVar[bytes]
    rule: ClassVar[str]

    def write(self) -> bytes:
        """The line with its CRLF."""
        words = [k if v is None else f"{k}={v}" for k, v in self.parameters.items()]
        line = " ".join([f"{self.verb} {self.keyword.decode()}{self.path}", *words])
        return _one_line(line)


class Mail(_PathCommand):
    """`MAIL FROM:<reverse-path>`; the path may be null (RFC 5321 4.1.1.2)."""

    __slots__ = ()
    verb, keyword, rule = "MAIL", b"FROM:", "RFC 5321 4.1.1.2"


class Rcpt(_PathCommand):
    """`RCPT TO:<forward-path>` (RFC 5321 4.1.1.3)."""

    __slots__ = ()
    verb, keyword, rule = "RCPT", b"TO:", "RFC 5321 4.1.1.3"


_C = TypeVar("_C", bound=_PathCommand)


def parse_mail(argument: bytes) -> Mail:
    """What stands behind `MAIL `; raises ProtocolError."""
    return _parse_path_command(Mail, argument)


def parse_rcpt(argument: bytes) -> Rcpt:
    """What stands behind `RCPT `; raises ProtocolError, for the null path too."""
    rcpt = _parse_path_command(Rcpt, argument)
    if rcpt.path == NULL_PATH:
        raise ProtocolError("expected a recipient", argument, argument.index(b"<") + 1, Rcpt.rule)
    return rcpt


def _parse_path_command(kind: type[_C], argument: bytes) -> _C:
    # "FROM:" Reverse-path [SP Mail-parameters]
    at = Cursor(argument, kind.rule)
    at.expect(kind.keyword, ignore_case=True)
    at.maybe(_SPACES)
    path, at.offset = read_path(argument, at.offset)
    return kind(path, _parse_parameters(at))


def _parse_parameters(at: Cursor) -> Parameters:
    # esmtp-param = esmtp-keyword ["=" esmtp-value], each once (RFC 5321 4.1.1.11)
    found: dict[str, str | None] = {}
    while at.maybe(_SPACES) and not at.at_end():
        start = at.offset
        keyword = at.take(_KEYWORD, "a parameter").decode().upper()
        if keyword in found:
            at.fail(f"a second {keyword}", start)
        found[keyword] = None
        if at.skip(b"="):
            value = at.take(_VALUE, f"the value of {keyword}")
            found[keyword] = _text(value, at, at.offset)
    at.end("a space")
    return found


@dataclass(frozen=True, slots=True)
class MailOptions:
    """What the parameters of MAIL that labkit knows say; `of` raises ProtocolError for a bad value."""

    size: int | None = None  # octets (RFC 1870)
    body: str | None = None  # 7BIT or 8BITMIME (RFC 6152)
    smtputf8: bool = False  # RFC 6531
    auth: str | None = None  # who submitted it first, in xtext (RFC 4954 5)

    KEYWORDS: ClassVar[tuple[str, ...]] = ("SIZE", "BODY", "SMTPUTF8", "AUTH")

    @classmethod
    def of(cls, parameters: Parameters) -> MailOptions:
        size, body = parameters.get("SIZE"), parameters.get("BODY")
        if "SIZE" in parameters and not re.fullmatch("[0-9]{1,20}", size or ""):
            raise ProtocolError("expected SIZE= and a number", rule="RFC 1870 3")
        if "BODY" in parameters and (body or "").upper() not in ("7BIT", "8BITMIME"):
            raise ProtocolError("expected BODY=7BIT or BODY=8BITMIME", rule="RFC 6152 2")
        if parameters.get("SMTPUTF8") is not None:
            raise ProtocolError("expected SMTPUTF8 without a value", rule="RFC 6531 3.4")
        if "AUTH" in parameters and parameters["AUTH"] is None:
            raise ProtocolError("expected AUTH= and a mailbox or <>", rule="RFC 4954 5")
        return cls(
            int(size) if size else None,
            body.upper() if body else None,
            "SMTPUTF8" in parameters,
            parameters.get("AUTH"),
        )


class Auth(NamedTuple):
    """The mechanism in upper case, and the initial response out of its base64, if there is one."""

    mechanism: str
    initial: bytes | None


def parse_auth(argument: bytes) -> Auth:
    """What stands behind `AUTH ` (RFC 4954 4); raises ProtocolError."""
    at = Cursor(argument, "RFC 4954 4")
    mechanism = at.take(_MECHANISM, "a mechanism").decode().upper()
    if at.at_end():
        return Auth(mechanism, None)
    at.expect(b" ", "a space")
    return Auth(mechanism, sasl.read_initial(at.rest().strip(b" ")))


@dataclass(frozen=True, slots=True)
class Reply:
    """A code, and the text of each line without it.

    `enhanced` is the enhanced status code that begins every line (RFC 2034); it is not part of
    the lines.
    """

    code: int
    lines: tuple[str, ...] = ("",)
    enhanced: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def kind(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 never."""
        return self.code // 100

    def __str__(self) -> str:
        return self._write("\n")

    def write(self) -> bytes:
        """All lines, each with its CRLF."""
        return (self._write("\r\n") + "\r\n").encode("utf-8")

    def _write(self, ending: str) -> str:
        texts = [_BREAK.sub(" ", line) for line in self.lines]
        if self.enhanced:
            texts = [f"{self.enhanced} {text}".rstrip(" ") for text in texts]
        *before, last = texts  # the space stays where no text follows: "334 " (RFC 4954 8)
        return ending.join([*(f"{self.code}-{text}" for text in before), f"{self.code} {last}"])


class Refused(LabError):
    """The server refused what was asked; `reply` says why."""

    def __init__(self, reply: Reply, what: str = "") -> None:
        super().__init__(f"{what or 'the command'} was refused: {reply}")
        self.reply = reply


# Reply-code = %x32-35 %x30-35 %x30-39; a server of its own kind may send other digits (4.2.1)
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?\r\n", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")


def parse_reply(data: bytes) -> Reply:
    """One whole reply and nothing behind it; raises ProtocolError."""
    reader = ReplyReader()
    reply = reader.feed(data)
    if reply is None or reader.rest:
        raise ProtocolError("expected one whole reply", data, len(data) - len(reader.rest), "RFC 5321 4.2")
    return reply


class ReplyReader:
    """Puts one reply together, whatever its chunks; `rest` is then what came behind it."""

    def __init__(self) -> None:
        self.rest = b""
        self._buffer = Buffer()
        self._code = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> Reply | None:
        """The reply once it is whole; raises ProtocolError for octets that are none."""
        self._buffer.feed(data)
        while (line := self._buffer.line(REPLY_LIMIT)) is not None:
            if self._last(line):
                self.rest = self._buffer.octets(len(self._buffer)) or b""
                return _reply(int(self._code), self._lines)
        return None

    def _last(self, line: bytes) -> bool:
        # Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
        found = _REPLY_LINE.fullmatch(line)
        if not found:
            raise ProtocolError("expected a reply code", line, 0, "RFC 5321 4.2")
        if self._lines and found[1] != self._code:
            raise ProtocolError(f"expected {self._code.decode()} again", line, 0, "RFC 5321 4.2.1")
        if len(self._lines) == REPLY_LINES:
            raise ProtocolError(f"a reply of more than {REPLY_LINES} lines", line)
        self._code = found[1]
        self._lines.append((found[3] or b"").decode("utf-8", "backslashreplace"))
        return found[2] != b"-"


def _reply(code: int, lines: list[str]) -> Reply:
    """Take the enhanced code off, if all lines begin with the same one and it fits the code."""
    begins = {found and found[1] for found in map(_ENHANCED.match, lines)}
    enhanced = begins.pop() if len(begins) == 1 else None
    if enhanced is None or enhanced[0] != str(code)[0]:
        return Reply(code, tuple(lines))
    return Reply(code, tuple(line[len(enhanced) :].removeprefix(" ") for line in lines), enhanced)


def extensions(reply: Reply) -> dict[str, tuple[str, ...]]:
    """What a reply to EHLO offers: KEYWORD -> its parameters (RFC 5321 4.1.1.1)."""
    words = [line.split() for line in reply.lines[1:] if line.strip()]
    return {keyword.upper(): tuple(parameters) for keyword, *parameters in words}


def _text(octets: bytes, at: Cursor, end: int) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError as error:
        at.fail("expected UTF-8", end - len(octets) + error.start)


def _one_line(line: str) -> bytes:
    """`line` with its CRLF; a break inside it would be a command of its own."""
    if found := _BREAK.search(line):
        raise ProtocolError(
            "a control character in a command", line.encode("utf-8", "surrogatepass"), found.start()
        )
    return line.encode("utf-8") + b"\r\n"


def write_command(verb: str, argument: str = "") -> bytes:
    """A command's line with its CRLF; raises ProtocolError for a control character in it."""
    return _one_line(f"{verb} {argument}" if argument else verb)

"""Mailboxes, paths and address lists (RFC 5321 4.1.2, RFC 5322 3.4, RFC 6531, RFC 6532).

Paths, as commands carry them, are read strictly.  Address lists, as header fields carry
them, may be folded, commented and in obsolete syntax (RFC 5322 4.4).  Both give the same
values, in which a local part has lost its quotes: they are written where they are needed.
Encoded words in names stay as they are; `fields.decode_words` reads them.  The lengths
of RFC 5321 4.5.3.1 are not checked: they are what everybody must accept, not a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, NoReturn

from labkit.errors import ProtocolError
from labkit.message.tokens import comment_end

PATH_RULE = "RFC 5321 4.1.2"
LIST_RULE = "RFC 5322 3.4"

_ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]+"
# Dot-string = Atom *("." Atom)
_DOT_STRING = re.compile(_ATEXT + rb"(?:\." + _ATEXT + rb")*")
# Quoted-string = DQUOTE *(qtextSMTP / quoted-pairSMTP) DQUOTE
_QUOTED_STRING = re.compile(rb'"(?:[ !#-\[\]-~\x80-\xff]|\\[ -~])*+"')
# Domain = sub-domain *("." sub-domain), where no sub-domain begins or ends with "-"
_LABEL = rb"[A-Za-z0-9\x80-\xff]+(?:-+[A-Za-z0-9\x80-\xff]+)*"
_DOMAIN = re.compile(_LABEL + rb"(?:\." + _LABEL + rb")*")
# address-literal = "[" ( IPv4 / "IPv6:" IPv6 ) "]"; no other tag was ever standardised
_LITERAL = re.compile(rb"\[([!-Z^-~]+)\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A local part without its quotes, and a domain or an address literal in its brackets.

    The domain is empty for <postmaster> alone, the one mailbox that every host has
    (RFC 5321 4.5.1).  No octet of either may be a control character, so that a mailbox can be
    written into a command as it is.
    """

    local: str
    domain: str

    def __post_init__(self) -> None:
        if found := _CONTROL.search(whole := f"{self.local}@{self.domain}"):
            _fail("a control character", whole.encode("utf-8", "surrogatepass"), found.start(), PATH_RULE)

    def __str__(self) -> str:
        local = _quoted_unless(_DOT_STRING, self.local)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """The address that an address literal holds; None for a domain."""
        return _literal_address(self.domain[1:-1]) if self.domain.startswith("[") else None


@dataclass(frozen=True, slots=True)
class Path:
    """A reverse-path or forward-path; no mailbox: the null path, <>.

    The hosts of a source route are kept to be looked at, and never written or
    obeyed (RFC 5321 appendix C).
    """

    mailbox: Mailbox | None
    route: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"<{self.mailbox or ''}>"


NULL_PATH = Path(None)


@dataclass(frozen=True, slots=True)
class NamedMailbox:
    """A mailbox as a header field shows it: `Name <local@domain>`."""

    mailbox: Mailbox
    name: str | None = None

    def __str__(self) -> str:
        if self.name is None:
            return str(self.mailbox)
        return f"{_quoted_unless(_PLAIN_PHRASE, self.name)} <{self.mailbox}>"


@dataclass(frozen=True, slots=True)
class Group:
    """Mailboxes under one name, often none: `undisclosed-recipients:;`."""

    name: str
    members: tuple[NamedMailbox, ...] = ()

    def __str__(self) -> str:
        return f"{_quoted_unless(_PLAIN_PHRASE, self.name)}: {', '.join(map(str, self.members))};"


def parse_mailbox(text: str | bytes) -> Mailbox:
    """`local@domain` and nothing else, strictly; raises ProtocolError."""
    data = _octets(text)
    mailbox, end = _read_mailbox(data, 0)
    if end != len(data):
        _fail("expected the end of the mailbox", data, end, PATH_RULE)
    return mailbox


def parse_path(text: str | bytes) -> Path:
    """A path in its angle brackets and nothing else; raises ProtocolError."""
    data = _octets(text)
    path, end = read_path(data)
    if end != len(data):
        _fail("expected the end of the path", data, end, PATH_RULE)
    return path


def read_path(data: bytes, offset: int = 0) -> tuple[Path, int]:
    """The path that begins at `offset`, and the index behind its ">"; raises ProtocolError."""
    # Path = "<" [ A-d-l ":" ] Mailbox ">"  /  "<>"  /  "<postmaster>"
    offset = _expect(b"<", data, offset)
    if data.startswith(b">", offset):
        return NULL_PATH, offset + 1
    if data[offset : offset + 11].lower() == b"postmaster>":
        return Path(Mailbox(data[offset : offset + 10].decode(), "")), offset + 11
    route = []
    while data.startswith(b"@", offset):
        # A-d-l = "@" Domain *( "," "@" Domain )
        host, offset = _read_domain(data, offset + 1)
        route.append(host)
        if data.startswith(b",@", offset):
            offset += 1
        else:
            offset = _expect(b":", data, offset)
            break
    mailbox, offset = _read_mailbox(data, offset)
    return Path(mailbox, tuple(route)), _expect(b">", data, offset)


def parse_address_list(text: str | bytes) -> list[NamedMailbox | Group]:
    """The addresses of a From, To, Cc … field's value, folded or not; raises ProtocolError."""
    data = _octets(text)
    _decoded(data, 0, len(data), LIST_RULE)
    return list(_AddressList(data).addresses())


def _read_mailbox(data: bytes, offset: int) -> tuple[Mailbox, int]:
    # Mailbox = Local-part "@" ( Domain / address-literal )
    found = _QUOTED_STRING.match(data, offset) or _DOT_STRING.match(data, offset)
    if not found:
        _fail("expected a local part", data, offset, PATH_RULE)
    local = _decoded(data, *found.span(), PATH_RULE)
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    offset = _expect(b"@", data, found.end())
    if not (literal := _LITERAL.match(data, offset)):
        domain, end = _read_domain(data, offset)
        return Mailbox(local, domain), end
    inside = literal[1].decode()
    if _literal_address(inside) is None:
        _fail("expected an IPv4 address, or IPv6: and an address", data, offset + 1, PATH_RULE)
    return Mailbox(local, f"[{inside}]"), literal.end()


def _read_domain(data: bytes, offset: int) -> tuple[str, int]:
    found = _DOMAIN.match(data, offset)
    if not found:
        _fail("expected a domain", data, offset, PATH_RULE)
    return _decoded(data, offset, found.end(), PATH_RULE), found.end()


def _expect(literal: bytes, data: bytes, offset: int) -> int:
    if not data.startswith(literal, offset):
        _fail(f"expected '{literal.decode()}'", data, offset, PATH_RULE)
    return offset + len(literal)


def _literal_address(inside: str) -> IPv4Address | IPv6Address | None:
    tagged = inside[:5].lower() == "ipv6:"
    try:
        address = ip_address(inside[5:] if tagged else inside)
    except ValueError:
        return None
    return address if tagged == (address.version == 6) else None


# What an address list is made of; in it, comments and folding may stand between any two tokens.
_TOKEN = re.compile(
    rb"""(?P<gap>[ \t]+|\r?\n(?=[ \t]|\Z))
       | (?P<atom>[^\x00-\x20\x7f"(),.:;<>@\[\\\]]+)
       | "(?P<quoted>(?:[^\x00-\x08\x0a-\x1f\x7f"\\]|\r?\n(?=[ \t])|\\[\t -~\x80-\xff])*+)"
       | (?P<literal>\[[!-Z^-~]*\])
       | (?P<special>[<>@,:;.])""",
    re.VERBOSE,
)
_PLAIN_PHRASE = re.compile(_ATEXT + rb"(?: " + _ATEXT + rb")*")
_WORDS = ("atom", "quoted")


class _Token(NamedTuple):
    kind: str
    text: bytes
    offset: int
    gap: bool  # something stands between it and the token before it
    comment: bytes  # the last comment there


class _AddressList:
    """The tokens still to be read, the next one last; the one at the bottom is the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.tokens = list(self._tokens())[::-1]

    def _tokens(self) -> Iterator[_Token]:
        offset, gap, comment = 0, False, b""
        while offset < len(self.data):
            if self.data.startswith(b"(", offset):
                end = comment_end(self.data, offset)
                if end < 0:
                    _fail("a comment that does not end", self.data, offset, "RFC 5322 3.2.2")
                gap, comment = True, self.data[offset + 1 : end - 1]
            else:
                found = _TOKEN.match(self.data, offset)
                if not found:
                    _fail("expected an address", self.data, offset, LIST_RULE)
                kind, end = str(found.lastgroup), found.end()
                if kind == "gap":
                    gap = True
                else:
                    yield _Token(kind, found[kind], offset, gap, comment)
                    gap, comment = False, b""
            offset = end
        yield _Token("end", b"", offset, gap, comment)

    @property
    def next(self) -> _Token:
        return self.tokens[-1]

    def sees(self, *specials: bytes) -> bool:
        return self.next.kind == "special" and self.next.text in specials

    def skip(self, special: bytes) -> bool:
        found = self.sees(special)
        if found:
            self.tokens.pop()
        return found

    def expect(self, special: bytes) -> None:
        if not self.skip(special):
            self.fail(f"expected '{special.decode()}'")

    def fail(self, message: str) -> NoReturn:
        _fail(message, self.data, self.next.offset, LIST_RULE)

    def addresses(self) -> Iterator[NamedMailbox | Group]:
        while self.next.kind != "end":
            if self.skip(b","):  # the obsolete syntax allows empty elements
                continue
            yield self._group() or self._mailbox()
            if self.next.kind != "end" and not self.sees(b","):
                self.fail("expected ','")

    def _group(self) -> Group | None:
        # group = display-name ":" [group-list] ";"
        phrase = self._phrase_tokens()
        if not phrase or not self.skip(b":"):
            self.tokens += reversed(phrase)
            return None
        members = []
        while not self.skip(b";"):
            if not self.skip(b","):
                members.append(self._mailbox())
                if not self.sees(b",", b";"):
                    self.fail("expected ',' or ';'")
        return Group(self._phrase(phrase), tuple(members))

    def _mailbox(self) -> NamedMailbox:
        # mailbox = [phrase] "<" addr-spec ">" / addr-spec
        phrase = self._phrase_tokens()
        if self.skip(b"<"):
            self._route()
            mailbox = self._addr_spec()
            self.expect(b">")
            return NamedMailbox(mailbox, self._phrase(phrase) or None)
        self.tokens += reversed(phrase)
        mailbox = self._addr_spec()
        # addr-spec (Name): how names were written before RFC 822
        return NamedMailbox(mailbox, self._unescaped(self.next.comment).strip() or None)

    def _route(self) -> None:
        # obs-route = *( "," ) "@" domain *( "," ["@" domain] ) ":"
        if self.sees(b"@", b","):
            while not self.skip(b":"):
                if not self.skip(b","):
                    self.expect(b"@")
                    self._domain()

    def _addr_spec(self) -> Mailbox:
        local = self._dotted(_WORDS, "a local part")
        self.expect(b"@")
        return Mailbox(local, self._domain())

    def _domain(self) -> str:
        if self.next.kind == "literal":
            return self.tokens.pop().text.decode()
        return self._dotted(("atom",), "a domain")

    def _dotted(self, kinds: tuple[str, ...], what: str) -> str:
        words = []
        while self.next.kind in kinds:
            words.append(self._unescaped(self.tokens.pop().text))
            if not self.skip(b"."):
                return ".".join(words)
        self.fail(f"expected {what}")

    def _phrase_tokens(self) -> list[_Token]:
        tokens = []
        while self.next.kind in _WORDS or self.sees(b"."):
            tokens.append(self.tokens.pop())
        return tokens

    def _phrase(self, tokens: list[_Token]) -> str:
        """Words and, in the obsolete syntax, dots; one space wherever there was a gap."""
        return "".join(" " * token.gap + self._unescaped(token.text) for token in tokens).strip()

    def _unescaped(self, octets: bytes) -> str:
        """A word or comment without folding and backslashes."""
        text = re.sub(rb"\r?\n", b"", octets).replace(b"\t", b" ").decode()
        return re.sub(r"\\(.)", r"\1", text)


def _decoded(data: bytes, start: int, end: int, rule: str) -> str:
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as error:
        _fail("expected UTF-8", data, start + error.start, rule)


def _octets(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _quoted_unless(plain: re.Pattern[bytes], text: str) -> str:
    if plain.fullmatch(_octets(text)):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _fail(message: str, data: bytes, offset: int, rule: str) -> NoReturn:
    raise ProtocolError(message, data, offset, rule)

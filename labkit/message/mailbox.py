"""Mailboxes and paths as commands carry them (RFC 5321 4.1.2, RFC 6531 3.3).

They are read strictly.  A local part that was read has lost its quotes; they are written
where they are needed.  The lengths of RFC 5321 4.5.3.1 are not checked: they are what everybody
must accept, not a limit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NoReturn

from labkit.errors import ProtocolError

PATH_RULE = "RFC 5321 4.1.2"

ATEXT = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]+"
# Dot-string = Atom *("." Atom)
_DOT_STRING = re.compile(ATEXT + rb"(?:\." + ATEXT + rb")*")
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
            fail("a control character", whole.encode("utf-8", "surrogatepass"), found.start(), PATH_RULE)

    def __str__(self) -> str:
        local = quoted_unless(_DOT_STRING, self.local)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def needs_smtputf8(self) -> bool:
        """True if no ASCII can name it: a domain has A-labels, a local part has nothing like them."""
        return not self.local.isascii()

    @property
    def shown(self) -> str:
        """For people: a domain in its own script (RFC 5890 2.3.2.1)."""
        from labkit.message.idn import shown_domain

        return str(Mailbox(self.local, shown_domain(self.domain)))

    @property
    def lookup_domain(self) -> str:
        """The domain as DNS is asked for it, in A-labels; ProtocolError if it cannot be (RFC 5891 5)."""
        from labkit.message.idn import lookup_domain

        return lookup_domain(self.domain)

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


def parse_mailbox(text: str | bytes) -> Mailbox:
    """`local@domain` and nothing else, strictly; raises ProtocolError."""
    data = octets_of(text)
    mailbox, end = _read_mailbox(data, 0)
    if end != len(data):
        fail("expected the end of the mailbox", data, end, PATH_RULE)
    return mailbox


def parse_path(text: str | bytes) -> Path:
    """A path in its angle brackets and nothing else; raises ProtocolError."""
    data = octets_of(text)
    path, end = read_path(data)
    if end != len(data):
        fail("expected the end of the path", data, end, PATH_RULE)
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


def _read_mailbox(data: bytes, offset: int) -> tuple[Mailbox, int]:
    # Mailbox = Local-part "@" ( Domain / address-literal )
    found = _QUOTED_STRING.match(data, offset) or _DOT_STRING.match(data, offset)
    if not found:
        fail("expected a local part", data, offset, PATH_RULE)
    local = decoded(data, *found.span(), PATH_RULE)
    if local.startswith('"'):
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    offset = _expect(b"@", data, found.end())
    if not (literal := _LITERAL.match(data, offset)):
        domain, end = _read_domain(data, offset)
        return Mailbox(local, domain), end
    inside = literal[1].decode()
    if _literal_address(inside) is None:
        fail("expected an IPv4 address, or IPv6: and an address", data, offset + 1, PATH_RULE)
    return Mailbox(local, f"[{inside}]"), literal.end()


def _read_domain(data: bytes, offset: int) -> tuple[str, int]:
    found = _DOMAIN.match(data, offset)
    if not found:
        fail("expected a domain", data, offset, PATH_RULE)
    return decoded(data, offset, found.end(), PATH_RULE), found.end()


def _expect(literal: bytes, data: bytes, offset: int) -> int:
    if not data.startswith(literal, offset):
        fail(f"expected '{literal.decode()}'", data, offset, PATH_RULE)
    return offset + len(literal)


def _literal_address(inside: str) -> IPv4Address | IPv6Address | None:
    tagged = inside[:5].lower() == "ipv6:"
    try:
        address = ip_address(inside[5:] if tagged else inside)
    except ValueError:
        return None
    return address if tagged == (address.version == 6) else None


def decoded(data: bytes, start: int, end: int, rule: str) -> str:
    try:
        return data[start:end].decode()
    except UnicodeDecodeError as error:
        fail("expected UTF-8", data, start + error.start, rule)


def octets_of(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def quoted_unless(plain: re.Pattern[bytes], text: str) -> str:
    if plain.fullmatch(octets_of(text)):
        return text
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def fail(message: str, data: bytes, offset: int, rule: str) -> NoReturn:
    raise ProtocolError(message, data, offset, rule)

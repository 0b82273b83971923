"""Address lists as header fields carry them (RFC 5322 3.4 and 4.4, RFC 6532 3.2).

They may be folded, commented and in obsolete syntax when they are read; they are written strictly.
Encoded words in names stay as they are; `words.decode_words` reads them.  Nearly all addresses are
`name <local@domain>` or `local@domain` without comments: one pattern reads these, and what it
does not know, and everything behind it, is read token by token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from labkit.message.mailbox import ATEXT, Mailbox, decoded, fail, octets_of, quoted_unless
from labkit.message.tokens import comment_end

LIST_RULE = "RFC 5322 3.4"


@dataclass(frozen=True, slots=True)
class NamedMailbox:
    """A mailbox as a header field shows it: `Name <local@domain>`."""

    mailbox: Mailbox
    name: str | None = None

    def __str__(self) -> str:
        if self.name is None:
            return str(self.mailbox)
        return f"{quoted_unless(PLAIN_PHRASE, self.name)} <{self.mailbox}>"


@dataclass(frozen=True, slots=True)
class Group:
    """Mailboxes under one name, often none: `undisclosed-recipients:;`."""

    name: str
    members: tuple[NamedMailbox, ...] = ()

    def __str__(self) -> str:
        return f"{quoted_unless(PLAIN_PHRASE, self.name)}: {', '.join(map(str, self.members))};"


def parse_address_list(text: str | bytes) -> list[NamedMailbox | Group]:
    """The addresses of a From, To, Cc … field's value, folded or not; raises ProtocolError."""
    if isinstance(text, bytes):
        decoded(text, 0, len(text), LIST_RULE)
        text = text.decode()
    elif not text.isascii():
        decoded(octets_of(text), 0, len(octets_of(text)), LIST_RULE)
    found: list[NamedMailbox | Group] = []
    behind = _read_usual(text, 0, found)
    data = b"" if behind == len(text) else text.encode()
    at = len(text[:behind].encode()) if data else 0
    while at < len(data):
        reader = _Reader(data, at)
        found += reader.address()
        at = reader.behind
        if text.isascii():  # then the octets are counted as the characters are
            at = _read_usual(text, at, found)
    return found


_GAP = r"(?:[ \t]|\r?\n(?=[ \t]|\Z))*+"
_ATOM = r"[^\x00-\x20\x7f\"(),.:;<>@\[\\\]]++"
_DOTTED = rf"{_ATOM}(?:\.{_ATOM})*+"
_NAME = r"[^\x00-\x20\x7f\"(),:;<>@\[\\\]]++(?:[ \t]++[^\x00-\x20\x7f\"(),:;<>@\[\\\]]++)*+"
_USUAL = re.compile(
    rf'{_GAP}(?:(?:"([^\x00-\x1f\x7f"\\]*+)"{_GAP}|({_NAME}){_GAP})?<({_DOTTED})@({_DOTTED})>'
    rf"|({_DOTTED})@({_DOTTED})){_GAP}(?:,{_GAP}|\Z)"
)
_make_mailbox, _make_named = Mailbox.__new__, NamedMailbox.__new__  # what is read here need not be checked
_set_local, _set_domain = Mailbox.__dict__["local"].__set__, Mailbox.__dict__["domain"].__set__
_set_mailbox, _set_name = NamedMailbox.__dict__["mailbox"].__set__, NamedMailbox.__dict__["name"].__set__


def _read_usual(text: str, behind: int, found: list[NamedMailbox | Group]) -> int:
    """Read on up to the first address that is not written as nearly all are; says where it begins."""
    while match := _USUAL.match(text, behind):
        quoted, name, local, domain, bare_local, bare_domain = match.groups()
        mailbox, named = _make_mailbox(Mailbox), _make_named(NamedMailbox)
        _set_local(mailbox, local or bare_local)
        _set_domain(mailbox, domain or bare_domain)
        _set_mailbox(named, mailbox)
        if quoted is not None:
            name = quoted.strip() or None
        elif name and ("  " in name or "\t" in name):
            name = " ".join(re.split(r"[ \t]+", name))
        _set_name(named, name)
        found.append(named)
        behind = match.end()
        if behind == len(text):
            break
    return behind


# What an address list is made of; in it, comments and folding may stand between any two tokens.
_TOKEN = re.compile(
    rb"""(?P<gap>[ \t]+|\r?\n(?=[ \t]|\Z))
       | (?P<atom>[^\x00-\x20\x7f"(),.:;<>@\[\\\]]+)
       | "(?P<quoted>(?:[^\x00-\x08\x0a-\x1f\x7f"\\]|\r?\n(?=[ \t])|\\[\t -~\x80-\xff])*+)"
       | (?P<literal>\[[!-Z^-~]*\])
       | (?P<special>[<>@,:;.])""",
    re.VERBOSE,
)
PLAIN_PHRASE = re.compile(ATEXT + rb"(?: " + ATEXT + rb")*")
_WORDS = ("atom", "quoted")


class _Token(NamedTuple):
    kind: str
    text: bytes
    offset: int
    gap: bool  # something stands between it and the token before it
    comment: bytes  # the last comment there


class _Reader:
    """Reads one address at `offset`; `ahead` are tokens that were looked at, the next one last."""

    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.behind = len(data)
        self.source = self._tokens(offset)
        self.ahead: list[_Token] = []

    def address(self) -> list[NamedMailbox | Group]:
        """The address, if there is one more, up to the comma behind it."""
        while self.skip(b","):  # the obsolete syntax allows empty elements
            pass
        if self.next.kind == "end":
            return []
        found = self._group() or self._mailbox()
        if self.next.kind != "end" and not self.sees(b","):
            self.fail("expected ','")
        if self.next.kind != "end":
            self.behind = self.next.offset + 1
        return [found]

    def _tokens(self, offset: int) -> Iterator[_Token]:
        gap, comment = False, b""
        while offset < len(self.data):
            if self.data.startswith(b"(", offset):
                end = comment_end(self.data, offset)
                if end < 0:
                    fail("a comment that does not end", self.data, offset, "RFC 5322 3.2.2")
                gap, comment = True, self.data[offset + 1 : end - 1]
            else:
                found = _TOKEN.match(self.data, offset)
                if not found:
                    fail("expected an address", self.data, offset, LIST_RULE)
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
        if not self.ahead:
            self.ahead.append(next(self.source))
        return self.ahead[-1]

    def sees(self, *specials: bytes) -> bool:
        return self.next.kind == "special" and self.next.text in specials

    def skip(self, special: bytes) -> bool:
        found = self.sees(special)
        if found:
            self.ahead.pop()
        return found

    def expect(self, special: bytes) -> None:
        if not self.skip(special):
            self.fail(f"expected '{special.decode()}'")

    def fail(self, message: str) -> NoReturn:
        fail(message, self.data, self.next.offset, LIST_RULE)

    def _group(self) -> Group | None:
        # group = display-name ":" [group-list] ";"
        phrase = self._phrase_tokens()
        if not phrase or not self.skip(b":"):
            self.ahead += reversed(phrase)
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
        self.ahead += reversed(phrase)
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
            return self.ahead.pop().text.decode()
        return self._dotted(("atom",), "a domain")

    def _dotted(self, kinds: tuple[str, ...], what: str) -> str:
        words = []
        while self.next.kind in kinds:
            words.append(self._unescaped(self.ahead.pop().text))
            if not self.skip(b"."):
                return ".".join(words)
        self.fail(f"expected {what}")

    def _phrase_tokens(self) -> list[_Token]:
        tokens = []
        while self.next.kind in _WORDS or self.sees(b"."):
            tokens.append(self.ahead.pop())
        return tokens

    def _phrase(self, tokens: list[_Token]) -> str:
        """Words and, in the obsolete syntax, dots; one space wherever there was a gap."""
        return "".join(" " * token.gap + self._unescaped(token.text) for token in tokens).strip()

    def _unescaped(self, octets: bytes) -> str:
        """A word or comment without folding and backslashes."""
        text = re.sub(rb"\r?\n", b"", octets).replace(b"\t", b" ").decode()
        return re.sub(r"\\(.)", r"\1", text)

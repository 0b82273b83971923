"""One part of a message, in the octets of the whole (RFC 2045 2.4, RFC 3501 6.4.5).

Made by `mime.parse`.  A part knows offsets, and what the Content- fields say; its fields, its body
and what that means are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from labkit.message.defects import Defect
from labkit.message.described import Described, describe
from labkit.message.fields import Field, first_values, split_fields
from labkit.message.tokens import unfold
from labkit.message.transfer import decode, examine
from labkit.message.words import known_charset


class Segment(NamedTuple):
    """Octets `start` to `end` of a message, and what they are in the part of that path.

    header (the empty line included), body, preamble, delimiter, close-delimiter, epilogue.
    """

    kind: str
    start: int
    end: int
    path: str


class Part:
    """One entity of a message, or the message itself, in the octets `data` of the whole.

    The header is `data[offset:header_end]`, the empty line included, the body
    `data[header_end:end]`.  `path` is IMAP's number of the part (RFC 3501 6.4.5); the multipart
    that is the whole body of a message has none and is called TEXT, inside part 2 "2.TEXT".
    Type, encoding, charset and disposition are in lower case.
    """

    # what most parts never come to need, so that making one is cheap
    number: int | str = 1
    prefix = ""
    children: Sequence[Part] = ()
    boundary = b""  # while it may still come
    default_inside = "text/plain"  # the type of a part in this that does not tell
    _noticed: tuple[Defect, ...] = ()
    _inner = ""
    _inside_it: list[Part] | None = None
    _fields: list[Field] | None = None
    _first: dict[str, bytes] | None = None
    _described: Described | None = None

    def __init__(self, data: bytes, offset: int, header_end: int, default: str) -> None:
        self.data = data
        self.offset = offset
        self.header_end = self.end = header_end
        self.default = default  # the type, if Content-Type does not tell

    def __repr__(self) -> str:
        inside = f", {len(self.children)} parts inside" if self.children else ""
        return f"<Part {self.path} {self.content_type}, octets {self.offset}-{self.end}{inside}>"

    def place(self, around: Part) -> None:
        """Let this be the next part inside that."""
        siblings = around._inside_it
        if siblings is None:
            around.children = around._inside_it = siblings = []
            path = around.path.removesuffix("TEXT")
            # shared by all its parts: a long one must not be kept for each
            around._inner = path if not path or path.endswith(".") else path + "."
        self.prefix = around._inner
        siblings.append(self)
        self.number = len(siblings)

    @property
    def path(self) -> str:
        """IMAP's number of the part."""
        return f"{self.prefix}{self.number}"

    @property
    def fields(self) -> list[Field]:
        """The header's fields, with their offsets in the whole message."""
        if self._fields is None:
            self._fields = split_fields(self.data, self.offset, self.header_end)
        return self._fields

    @property
    def described(self) -> Described:
        """What the Content- fields say."""
        if self._described is None:
            defects, found = describe(self.data, self.offset, self.header_end, self.default)
            self._noticed += tuple(defects)
            self._described = found
        return self._described

    @property
    def content_type(self) -> str:
        return self.described.content_type

    @property
    def params(self) -> dict[str, str]:
        """The parameters of Content-Type."""
        return self.described.params

    @property
    def encoding(self) -> str:
        return self.described.encoding

    @property
    def disposition(self) -> str | None:
        return self.described.disposition

    @property
    def filename(self) -> str | None:
        """What Content-Disposition, or else Content-Type, calls the file."""
        return self.described.filename

    @property
    def defects(self) -> list[Defect]:
        """What is wrong with the header, and with how the body is put together."""
        assert self.described
        return sorted(self._noticed, key=lambda defect: defect.offset)

    def notice(self, name: str, offset: int) -> None:
        """Add a defect."""
        self._noticed += (Defect(name, offset),)

    @property
    def charset(self) -> str | None:
        """The charset that is named, in lower case; None: none is."""
        named = self.params.get("charset")
        return None if named is None else named.lower()

    @property
    def body(self) -> bytes:
        """The body as it was sent."""
        return self.data[self.header_end : self.end]

    def decoded(self) -> bytes:
        """The body out of its transfer encoding; damaged, what can be read of it."""
        return decode(self.encoding, self.body)

    def text(self) -> str:
        """The decoded body as text; octets that its charset does not have become backslash escapes."""
        charset = self.charset or "us-ascii"
        return self.decoded().decode(charset if known_charset(charset) else "utf-8", "backslashreplace")

    def flaws(self) -> list[Defect]:
        """The part's defects and, unless parts stand in it, those of its body: this reads it."""
        if self.children:
            return self.defects
        found = [*self.defects, *examine(self.encoding, self.data, self.header_end, self.end)]
        if self.content_type.startswith("text/"):
            charset = self.charset or "us-ascii"
            if not known_charset(charset):
                found.append(Defect("unknown-charset", self.offset))
            else:
                octets = self.decoded()
                try:
                    octets.decode(charset)
                except UnicodeDecodeError as error:
                    # only what was not encoded has an offset of its own
                    plain = octets == self.body
                    found.append(Defect("not-in-charset", self.header_end + (error.start if plain else 0)))
                except (UnicodeError, ValueError):
                    found.append(Defect("not-in-charset", self.header_end))
        return found

    def get(self, name: str) -> bytes | None:
        """The unfolded value of the part's first field of that name, in any case."""
        if self._first is None:
            self._first = first_values(self.data, self.offset, self.header_end)
        value = self._first.get(name.lower())
        return None if value is None else unfold(value)

    def walk(self) -> Iterator[Part]:
        """This part and all inside it, in the order they stand in the message."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.children)

    def segments(self) -> Iterator[Segment]:
        """What every octet of this part is, without a gap: put together they are the part again."""
        waiting: list[Part | Segment] = [self]
        while waiting:
            found = waiting.pop()
            if isinstance(found, Segment):
                if found.start < found.end:
                    yield found
                continue
            yield from [Segment("header", found.offset, found.header_end, found.path)] * (
                found.offset < found.header_end
            )
            waiting += reversed(list(found._inside()))

    def _inside(self) -> Iterator[Part | Segment]:
        path, behind = self.path, self.header_end
        if not self.children:
            yield Segment("body", behind, self.end, path)
            return
        if not self.content_type.startswith("multipart/"):
            yield self.children[0]
            return
        for child in self.children:
            line = self._delimiter_start(behind, child.offset)
            yield Segment("preamble", behind, line, path)
            yield Segment("delimiter", line, child.offset, path)
            yield child
            behind = child.end
        # the line's end before the delimiter, the delimiter, and its own line's end
        line = behind + (self.data.find(b"--", behind, behind + 4) - behind if behind < self.end else 0)
        last = self.data.find(b"\n", line, self.end) + 1 or self.end
        yield Segment("close-delimiter", behind, last, path)
        yield Segment("epilogue", last, self.end, path)

    def _delimiter_start(self, start: int, end: int) -> int:
        """Where, before a part, its delimiter begins: with the line's end before it."""
        line = self.data.rfind(b"\n--", start, end)
        if line < 0:
            return start
        return line - 1 if self.data[line - 1 : line] == b"\r" and line > start else line

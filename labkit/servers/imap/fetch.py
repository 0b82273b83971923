"""What FETCH asks of one message, as octets (RFC 3501 6.4.5, 7.4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from labkit.grammar.imap_data import FetchItem, Section
from labkit.grammar.imap_elements import write_date_time, write_flags, write_literal, write_nstring
from labkit.grammar.imap_structure import write_envelope, write_structure
from labkit.message.mime import EMBEDDED, Part, parse
from labkit.store.changes import View
from labkit.store.mailbox import StoredMessage


def write_items(
    items: Sequence[FetchItem],
    message: StoredMessage,
    view: View,
    *,
    with_uid: bool = False,
    with_flags: bool = False,
) -> bytes:
    """The parenthesised data of one FETCH response.

    `with_uid` and `with_flags` add these where they were not asked for.
    """
    names = {item.name for item in items}
    extra = [FetchItem("UID")] if with_uid and "UID" not in names else []
    extra += [FetchItem("FLAGS")] if with_flags and "FLAGS" not in names else []
    content = Content(message)
    return b"(" + b" ".join(_write(item, content, view) for item in [*extra, *items]) + b")"


class Content:
    """A stored message, taken apart when something asks for a part."""

    def __init__(self, message: StoredMessage) -> None:
        self.message = message

    @cached_property
    def root(self) -> Part:
        return parse(self.message.data)

    def section(self, section: Section) -> bytes | None:
        """The octets that a section names; None if the message has no such part."""
        if not section.part and not section.text:
            return self.message.data
        part: Part | None = self.root
        if section.part:
            path = ".".join(map(str, section.part))
            part = next((each for each in self.root.walk() if each.path == path), None)
            if part is not None and not section.text:
                return part.body
            if part is not None and section.text != "MIME":
                # HEADER and TEXT of a part are those of the message in it
                part = part.children[0] if part.children and part.content_type in EMBEDDED else None
        return None if part is None else _text(part, section)


RFC822 = {
    "RFC822": Section(),
    "RFC822.HEADER": Section(text="HEADER"),
    "RFC822.TEXT": Section(text="TEXT"),
}


def _text(part: Part, section: Section) -> bytes:
    match section.text:
        case "TEXT":
            return part.body
        case "HEADER" | "MIME":
            return part.data[part.offset : part.header_end]
        case _:
            return b"".join(_chosen_fields(part, section)) + b"\r\n"


def _chosen_fields(part: Part, section: Section) -> Iterator[bytes]:
    names = {name.decode("ascii", "replace").lower() for name in section.fields}
    wanted = section.text == "HEADER.FIELDS"
    for field in part.fields:
        if (field.name.lower() in names) is wanted:
            yield part.data[field.offset : field.end]


def _write(item: FetchItem, content: Content, view: View) -> bytes:
    return item.label + b" " + _value(item, content, view)


def _value(item: FetchItem, content: Content, view: View) -> bytes:
    message = content.message
    section = item.section or RFC822.get(item.name)
    if section is not None:
        octets = content.section(section)
        if octets is None:
            return write_nstring(None)
        if item.partial is not None:
            first, size = item.partial
            octets = octets[first : first + size]
        return write_literal(octets)
    match item.name:
        case "FLAGS":
            view.flags_told(message.uid)
            return write_flags(sorted(view.flags(message)))
        case "UID":
            return b"%d" % message.uid
        case "INTERNALDATE":
            return write_date_time(message.internal_date)
        case "RFC822.SIZE":
            return b"%d" % message.size
        case "ENVELOPE":
            return write_envelope(content.root)
        case _:
            return write_structure(content.root, extended=item.name == "BODYSTRUCTURE")

"""ENVELOPE and BODYSTRUCTURE: what a message is, without its content (RFC 3501 7.4.2).

Written from the MIME tree, whatever the message: an address list that cannot be parsed
gives what can be told from it, and a composite part in which no parts were found is
written as application/octet-stream, since the grammar has no multipart without parts.
"""

from __future__ import annotations

from email.utils import getaddresses

from labkit.errors import ProtocolError
from labkit.grammar.imap_elements import write_nstring, write_string
from labkit.message.address import Group, NamedMailbox, parse_address_list
from labkit.message.mime import Part, parse_parameters


def write_envelope(message: Part) -> bytes:
    """(date subject from sender reply-to to cc bcc in-reply-to message-id)."""
    sender = _addresses(message.get("From"))
    parts = [
        *(_text(message.get("Date")), _text(message.get("Subject")), sender),
        # Sender and Reply-To are what From says, unless they say something themselves
        *(_addresses(message.get(name), default=sender) for name in ("Sender", "Reply-To")),
        *(_addresses(message.get(name)) for name in ("To", "Cc", "Bcc")),
        *(_text(message.get(name)) for name in ("In-Reply-To", "Message-ID")),
    ]
    return b"(" + b" ".join(parts) + b")"


def write_structure(part: Part, *, extended: bool) -> bytes:
    """BODYSTRUCTURE if `extended`, else BODY, which leaves the extension data out."""
    written: dict[int, bytes] = {}
    for each in reversed(list(part.walk())):  # what is inside first, so that no depth is too deep
        written[id(each)] = _structure(each, [written.pop(id(child)) for child in each.children], extended)
    return written[id(part)]


def _structure(part: Part, children: list[bytes], extended: bool) -> bytes:
    kind, _, subtype = part.content_type.partition("/")
    if kind == "multipart" and part.children:
        inner = b"".join(children)
        extension = [_parameters(part.params), *_extension(part)] if extended else []
        return b"(" + b" ".join([inner, _word(subtype), *extension]) + b")"
    is_message = part.content_type == "message/rfc822"
    if (kind == "multipart" or is_message) and not part.children:
        kind, subtype = "application", "octet-stream"
    params = part.params or ({"charset": "us-ascii"} if kind == "text" else {})  # RFC 2045 5.2
    words = [
        *(_word(kind), _word(subtype), _parameters(params)),
        *(_text(part.get("Content-ID")), _text(part.get("Content-Description"))),
        *(_word(part.encoding), b"%d" % len(part.body)),
    ]
    if is_message and part.children:
        words += [write_envelope(part.children[0]), children[0]]
    if kind == "text" or (is_message and part.children):
        words.append(b"%d" % part.body.count(b"\n"))
    if extended:
        words += [_text(part.get("Content-MD5")), *_extension(part)]
    return b"(" + b" ".join(words) + b")"


def _extension(part: Part) -> list[bytes]:
    """body-fld-dsp, body-fld-lang and body-fld-loc."""
    return [_disposition(part), _languages(part), _text(part.get("Content-Location"))]


def _disposition(part: Part) -> bytes:
    value = part.get("Content-Disposition")
    if value is None or part.disposition is None:
        return b"NIL"
    return b"(" + _word(part.disposition) + b" " + _parameters(parse_parameters(value)[1]) + b")"


def _languages(part: Part) -> bytes:
    value = part.get("Content-Language") or b""
    tags = [write_string(_clean(tag.strip())) for tag in value.split(b",") if tag.strip()]
    return b"NIL" if not tags else tags[0] if len(tags) == 1 else b"(" + b" ".join(tags) + b")"


def _parameters(params: dict[str, str]) -> bytes:
    if not params:
        return b"NIL"
    return b"(" + b" ".join(_word(name) + b" " + _string(value) for name, value in params.items()) + b")"


def _addresses(value: bytes | None, default: bytes = b"NIL") -> bytes:
    """Addresses as (name route local-part domain); a group begins and ends with one without a domain."""
    if value is None:
        return default
    written = []
    for item in _read_addresses(value):
        if isinstance(item, Group):
            written.append(b"(NIL NIL " + _string(item.name) + b" NIL)")
            written += map(_address, item.members)
            written.append(b"(NIL NIL NIL NIL)")
        else:
            written.append(_address(item))
    return b"(" + b"".join(written) + b")" if written else default


def _read_addresses(value: bytes) -> list[NamedMailbox | Group] | list[tuple[str, str]]:
    try:
        return parse_address_list(value)
    except ProtocolError:
        found = getaddresses([value.decode("utf-8", "backslashreplace")])
        return [(name, address) for name, address in found if address]


def _address(address: NamedMailbox | tuple[str, str]) -> bytes:
    if isinstance(address, NamedMailbox):
        name, local, domain = address.name, address.mailbox.local, address.mailbox.domain
    else:
        name, whole = address
        local, at, domain = whole.rpartition("@")
        local, domain = (local, domain) if at else (whole, "")
    return (
        b"(" + b" ".join([_string(name) if name else b"NIL", b"NIL", _string(local), _string(domain)]) + b")"
    )


def _word(word: str) -> bytes:
    """A name whose case does not matter, in upper case as ever."""
    return _string(word.upper())


def _string(text: str) -> bytes:
    return write_string(_clean(text.encode("utf-8", "backslashreplace")))


def _text(value: bytes | None) -> bytes:
    return write_nstring(None if value is None else _clean(value))


def _clean(value: bytes) -> bytes:
    """No string may have a NUL (RFC 3501 9, CHAR8)."""
    return value.replace(b"\0", b"")

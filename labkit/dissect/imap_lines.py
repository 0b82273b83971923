"""The lines of IMAP for the dissector: commands and responses taken apart, and what belongs to one reply."""

from __future__ import annotations

import re

from labkit.dissect.flaws import Found
from labkit.dissect.lines import verb_of
from labkit.dissect.row import FLAWS, Reply

_TAG = re.compile(rb"[!#-'),-Z^-z|}\[\]~]{1,100}")  # any ASTRING-CHAR but "+"
_STATUS = re.compile(rb"[^ ]{1,100} (OK|NO|BAD|BYE|PREAUTH)(?: |(?=[\r\n])|\Z)", re.IGNORECASE)
_CODE = re.compile(rb"\[((?:[^\]\"]|\"(?:[^\"\\]|\\.)*\")*)\] ?")

Status = tuple[bytes | None, bytes | None, bytes | None]
"""Status, response code and text."""
NO_STATUS: Status = (None, None, None)


class Block:
    """The responses since the last reply was whole."""

    def __init__(self) -> None:
        self.first, self.lines, self.untagged = 0, 0, 0
        self.flaws: tuple[Found, ...] = ()

    def note(self, *flaws: Found) -> None:
        if len(self.flaws) < FLAWS:
            self.flaws += flaws

    def snapshot(self, end: int, status: Status) -> Reply:
        word, code, text = status
        return Reply(self.first, end, word, text, self.lines, None, code, self.untagged, self.flaws)

    def cut(self, end: int, status: Status) -> Reply:
        """The reply is whole; the next one begins."""
        reply = self.snapshot(end, status)
        self.first, self.lines, self.untagged, self.flaws = end, 0, 0, ()
        return reply


def split(line: bytes) -> tuple[bytes | None, str, bytes]:
    """Tag, verb and the rest of a command's first line."""
    tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
    if _TAG.fullmatch(tag) is None:
        return None, "", line.rstrip(b"\r\n")
    word, _, argument = rest.partition(b" ")
    verb = verb_of(word)
    if not verb:
        return tag, "", rest
    if verb == "UID":
        word, _, rest = argument.partition(b" ")
        if verb_of(word):
            verb, argument = f"UID {verb_of(word)}", rest
    return tag, verb, argument


def status_of(line: bytes) -> Status:
    """Status, response code and text of a response, if it is a status response (RFC 3501 7.1)."""
    found = _STATUS.match(line)
    if found is None:
        return None, None, None
    text = line[found.end() :].rstrip(b"\r\n")
    code = _CODE.match(text)
    return found[1].upper(), code and code[1], text[code.end() :] if code else text

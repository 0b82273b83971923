"""How nearly all commands and replies look, each found in one look.

A pattern here matches only where nothing is wrong and nothing has to be waited for: printable ASCII,
CRLF, no longer than is permitted.  What it does not match is read by the protocol's module, octet by
octet, and what it does match would be read so too: that is tested, for this is only quicker.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(rb"[!-~]{1,40}")

COMMAND = re.compile(rb"([!-~]{1,40})(?: ([ -~]{0,200}))?\r\n")
"""A command of SMTP or POP3: its word, and the rest."""

SMTP_REPLY = re.compile(
    rb"([2-5][0-9][0-9]) (?:(([245])\.[0-9]{1,3}\.[0-9]{1,3})(?: |(?=\r)))?([ -~]{0,480})\r\n"
)
"""Of one line: code, enhanced code and its class, text."""

POP3_REPLY = re.compile(rb"(\+OK|-ERR)(?: (?:\[([ -Z\\^-~]*)\] ?|(?!\[))([ -~]{0,480}))?\r\n")
"""The status line: status, response code, text."""

IMAP_COMMAND = re.compile(rb"([!#-'),-Z^-z|}\[\]~]{1,100}) ([!-~]{1,40})(?: ((?:[ -~]{0,7999}[ -|~])?))?\r\n")
"""Without a literal: tag, word, and the rest."""

IMAP_DATA = re.compile(rb"(?:\* (?!(?i:BYE|BAD))[ -z|~]{1,8000}\r\n)++")
"""Untagged responses in a row, none with a literal."""

IMAP_STATUS = re.compile(
    rb"([!#-'),-Z^-z|}\[\]~]{1,100}) (OK|NO|BAD)(?: (?:\[([ !#-\\^-~]*)\] ?|(?!\[))([ -~]{0,8000}))\r\n"
)
"""A tagged response: tag, status, response code, text."""


@lru_cache(maxsize=1024)
def verb_of(word: bytes) -> str:
    """A command's word in upper case; empty if it is none."""
    return word.decode("ascii").upper() if _WORD.fullmatch(word) else ""

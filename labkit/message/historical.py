"""Addresses from before there was one network with one syntax: recognised, named, explained.

Nothing here is obeyed: a host that forwards by such an address lets strangers send through it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from labkit.errors import ProtocolError
from labkit.message.mailbox import Mailbox, parse_path


class Historical(NamedTuple):
    """A form of address: its name, what it meant, where that is written (empty: nowhere), what it says.

    `route` are the hosts in the order the mail was to take; `user` the one it was for at the last.
    """

    name: str
    sentence: str
    rule: str
    user: str
    route: tuple[str, ...]


_HOST = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_BANG = re.compile(rf"((?:{_HOST}!)+)([^!@%\s]+)")
_BANG_AT = re.compile(rf"((?:{_HOST}!)+)([^!@\s]+)@({_HOST})")
_PERCENT = re.compile(rf"([^%@!\s]+)((?:%{_HOST})+)@({_HOST})")
_DECNET = re.compile(rf"((?:{_HOST}::)+)([^:@\s]+)")
_X400 = re.compile(r"((?:/[A-Za-z0-9.-]+=[^/]*)+)/?(?:@(.+))?")
_AT_WORD = re.compile(rf"(\S+)\s+at\s+({_HOST})", re.IGNORECASE)
_FIDONET = re.compile(r"(.+)@(?:p(\d+)\.)?f(\d+)\.n(\d+)\.z(\d+)\.fidonet\.org", re.IGNORECASE)
_BIG_ENDIAN = re.compile(r"([^@\s]+)@(uk\.(?:ac|co|mod|nhs)(?:\.[A-Za-z0-9-]+)+)", re.IGNORECASE)
_PSEUDO = re.compile(
    r"([^@\s]+)@([A-Za-z0-9-]+)\.(uucp|bitnet|earn|netnorth|csnet|arpa|decnet|dnet)", re.IGNORECASE
)
_NETWORKS = {
    "uucp": ("UUCP host", "RFC 976", "A host known by its UUCP name alone; a gateway had to know the path."),
    "bitnet": ("BITNET host", "", "A node of BITNET, where mail went between IBM mainframes as files."),
    "csnet": ("CSNET host", "", "A host of CSNET, which linked departments without ARPANET by telephone."),
    "arpa": ("ARPANET host", "RFC 921", "A host of ARPANET in the year when all hosts got domains, 1984."),
    "decnet": ("DECnet host", "", "A node of a DECnet behind a gateway."),
}
_NETWORKS |= {"earn": _NETWORKS["bitnet"], "netnorth": _NETWORKS["bitnet"], "dnet": _NETWORKS["decnet"]}


def recognise(text: str) -> Historical | None:
    """The form that `text` has, without angle brackets or with them; None: none of those known here."""
    text = text.strip()
    return _source_route(text) or _by_pattern(text.removeprefix("<").removesuffix(">"))


def _source_route(text: str) -> Historical | None:
    if not text.lstrip("<").startswith("@"):
        return None
    try:
        path = parse_path(text if text.startswith("<") else f"<{text}>")
    except ProtocolError:
        return None
    mailbox = path.mailbox or Mailbox("", "")
    return Historical(
        "source route",
        "The hosts to pass, written before the mailbox; read today, and ignored.",
        "RFC 5321 appendix C",
        mailbox.local,
        (*path.route, mailbox.domain),
    )


def _by_pattern(text: str) -> Historical | None:
    if found := _X400.fullmatch(text):
        names = dict(part.split("=", 1) for part in found[1].strip("/").split("/"))
        user = " ".join(names[key] for key in names if key.upper() in ("G", "I", "S", "CN")) or found[1]
        sentence = "The attributes of an X.400 address, for a gateway to that other world."
        return Historical("X.400 address", sentence, "RFC 2156 4", user, (found[2],) if found[2] else ())
    if found := _BANG.fullmatch(text):
        sentence = "Every host on the way, dialled one after the other; the sender had to know them all."
        return Historical("bang path", sentence, "RFC 976", found[2], tuple(found[1][:-1].split("!")))
    if found := _BANG_AT.fullmatch(text):
        route = (found[3], *found[1][:-1].split("!"))
        sentence = "A bang path behind a domain; some hosts read the bangs first, and the mail went astray."
        return Historical("bang path at a domain", sentence, "RFC 976", found[2], route)
    if found := _PERCENT.fullmatch(text):
        route = (found[3], *reversed(found[2][1:].split("%")))
        sentence = (
            "The host behind @ turns the last % into @ and sends the mail on; open relays once lived by it."
        )
        return Historical("percent hack", sentence, "RFC 1123 5.2.16", found[1], route)
    if found := _DECNET.fullmatch(text):
        sentence = "A DECnet node and a user; mail to it needed a gateway."
        return Historical("DECnet address", sentence, "", found[2], tuple(found[1][:-2].split("::")))
    if found := _FIDONET.fullmatch(text):
        point = f".{found[2]}" if found[2] else ""
        node = f"{found[5]}:{found[4]}/{found[3]}{point}"
        sentence = "A FidoNet node, zone:net/node, as a domain; bulletin boards called each other at night."
        return Historical("FidoNet node", sentence, "FTS-0001", found[1], (node,))
    if found := _BIG_ENDIAN.fullmatch(text):
        sentence = "A domain from the left, as Britain's JANET wrote it until 1994: turn it round."
        host = ".".join(reversed(found[2].split(".")))
        return Historical("JANET name", sentence, "Grey Book 1982", found[1], (host,))
    if found := _PSEUDO.fullmatch(text):
        name, rule, sentence = _NETWORKS[found[3].lower()]
        return Historical(name, sentence, rule, found[1], (f"{found[2]}.{found[3]}",))
    if found := _AT_WORD.fullmatch(text):
        sentence = "The word at for the sign, for those whose keyboards had none."
        return Historical("at in words", sentence, "RFC 733", found[1], (found[2],))
    return None

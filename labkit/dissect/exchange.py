"""The row of the `exchanges` table: one command and its reply, each column documented.

The dataclass is the schema of the table, its legend in a notebook, and the link to
Wireshark's field of the same meaning.  The rows of the other tables are declared the same way,
in tables/rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

PROTOCOLS = ("smtp", "pop3", "imap", "dns")
STEPS = ("submit", "relay", "deliver", "access")
OUTCOMES = ("ok", "continue", "temporary", "permanent", "closed", "unanswered")


class Column(NamedTuple):
    """One column of a table; `kind` is text, number, seconds, time, flag, choice or octets."""

    name: str
    kind: str
    meaning: str
    wireshark: str | None = None
    choices: tuple[str, ...] = ()


def column(
    meaning: str, *, wireshark: str | None = None, choices: Sequence[str] = (), name: str | None = None
) -> Any:
    """A field of a row: what it means, and Wireshark's name for it.

    `choices` makes it a categorical.  `name` is for columns that are a keyword of Python.
    """
    about = {"meaning": meaning, "wireshark": wireshark, "choices": tuple(choices), "name": name}
    return field(default=None, metadata=about)


_KINDS = {
    "str": "text",
    "int": "number",
    "float": "seconds",
    "datetime": "time",
    "bool": "flag",
    "bytes": "octets",
}


@cache
def columns_of(row: type) -> tuple[Column, ...]:
    """The columns of a table, from the dataclass of its rows."""
    found = []
    for each in fields(row):
        about = each.metadata
        kind = "choice" if about["choices"] else _KINDS[str(each.type).split(" ")[0]]
        found.append(
            Column(about["name"] or each.name, kind, about["meaning"], about["wireshark"], about["choices"])
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command and its reply."""

    capture: str = column("The file or world it came from.")
    connection: int = column("The connection: 0, 1, 2 … in order of first packet.", wireshark="tcp.stream")
    exchange: int = column("0 is the greeting, then 1, 2 … in the order the client sent them.")
    protocol: str | None = column("smtp (submission and LMTP too), pop3, imap or dns.", choices=PROTOCOLS)
    step: str | None = column("submit, relay, deliver (LMTP) or access; absent if unknown.", choices=STEPS)
    time: datetime = column(
        "The command's first octet; of a greeting, the reply's.", wireshark="frame.time_epoch"
    )
    sent_at: datetime | None = column("The command's last octet.")
    first_reply_at: datetime | None = column("The reply's first octet.")
    replied_at: datetime | None = column("The reply's last octet.")
    latency_s: float | None = column("Seconds from sent_at to replied_at; absent when unanswered.")
    state: str | None = column("The protocol's state before the command.")
    tag: str | None = column("IMAP's tag.", wireshark="imap.request_tag")
    verb: str | None = column(
        "The command's word in upper case; `.` ends a message's data, `(response)` is a line of a login, "
        "TLS a handshake; absent for a greeting.",
        wireshark="smtp.req.command, pop.request.command, imap.request.command",
    )
    argument: str | None = column(
        "The rest of the command; secrets are ••• unless asked for.",
        wireshark="smtp.req.parameter, pop.request.parameter",
    )
    status: str | None = column(
        "The reply in the protocol's own word: 250, +OK, -ERR, OK, NO, BAD, PREAUTH, BYE, +.",
        wireshark="smtp.response.code, pop.response.indicator, imap.response.status",
    )
    outcome: str | None = column("The same in one vocabulary.", choices=OUTCOMES)
    code: int | None = column("SMTP's reply code.", wireshark="smtp.response.code")
    enhanced: str | None = column("SMTP's enhanced status code, 2.1.5.")
    response_code: str | None = column("The bracketed code of POP3 and IMAP, IN-USE.")
    text: str | None = column(
        "The text of the reply's status lines, joined by \\n, without codes; never the data.",
        wireshark="smtp.rsp.parameter, pop.response.description",
    )
    reply_lines: int | None = column("Lines of the reply; IMAP: responses.")
    untagged: int | None = column("IMAP: untagged responses that belong to the reply.")
    octets_sent: int = column("Octets of the command with its literals or data.")
    octets_received: int = column("Octets of the reply.")
    mailbox: str | None = column("IMAP: the mailbox selected before the command.")
    pipelined: bool | None = column("Sent before the reply to the one before it had arrived.")
    encrypted: bool = column("Under TLS.")
    flaw: str | None = column("The first flaw's name; all are in the table `flaws`.")
    frame: int | None = column(
        "The packet of the command's first octet; absent if live.", wireshark="frame.number"
    )
    reply_frame: int | None = column("The packet of the reply's first octet; absent if live.")

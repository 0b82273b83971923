"""What an SMTP server takes, from whom, and what it then hands over (RFC 5321 3.6, RFC 6409).

Two policies on one engine: a *relay* (port 25) takes mail from anybody for its own
mailboxes, a *submission* server (ports 587 and 465) takes mail from its users for anybody.
No I/O here; `labkit/servers/smtp.py` is the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from labkit.grammar.smtp import MailOptions, Refused, Reply
from labkit.message.address import Path
from labkit.message.fields import Received, find, format_date, new_message_id, split_fields
from labkit.states.smtp import State

PolicyName = Literal["relay", "submission"]
Route = Literal["local", "full", "unknown", "elsewhere"]

STORAGE_FULL = Reply(452, ("There is no room on this server; try again later",), "4.3.1")
"""For what could not be kept."""
MOST_RECIPIENTS = 1000
"""Of one message; RFC 5321 4.5.3.1.8 asks for at least 100."""
MOST_HOPS = 100
"""Received fields, above which mail runs in a circle (RFC 5321 6.3)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message that the server has taken, and is now responsible for (RFC 5321 4.2.5).

    Paths are written without their angle brackets; the null reverse-path is "".  `data` begins
    with the Received field that this server added.  `user` is who logged in.
    """

    reverse_path: str
    forward_paths: tuple[str, ...]
    data: bytes
    queue_id: str
    user: str | None = None
    body: str | None = None
    smtputf8: bool = False


class SMTPService(Protocol):
    """What the server asks of the host it runs on.

    `route` says whether an address is one of this host's mailboxes, one without any room left, none of
    its mailboxes though its domain is here, or somebody else's.  `accept` takes a message over; it may raise
    `Refused(reply)`, and once it returns the client is told 250.  <postmaster> without a
    domain is not asked about: it arrives as postmaster at the host's name.
    """

    def route(self, address: str) -> Route: ...
    async def accept(self, envelope: Envelope) -> None: ...


@dataclass(slots=True)
class Transaction:
    """A message that is being sent: what MAIL and RCPT have said so far."""

    reverse_path: Path
    options: MailOptions
    forward_paths: list[str] = field(default_factory=list)

    def add(self, address: str) -> None:
        """One more recipient; the same one twice is one."""
        if address not in self.forward_paths:
            if len(self.forward_paths) == MOST_RECIPIENTS:
                raise Refused(Reply(452, ("Too many recipients",), "4.5.3"))
            self.forward_paths.append(address)


@dataclass(frozen=True, slots=True)
class Client:
    """The other end, as far as it matters for the trace field."""

    name: str
    address: str | None
    extended: bool  # said EHLO
    encrypted: bool = False
    user: str | None = None

    def protocol(self, smtputf8: bool) -> str:
        """The "with" clause: SMTP, ESMTP, ESMTPSA, UTF8SMTPS ... (RFC 3848, RFC 6531 4.3)."""
        if not self.extended:
            return "SMTP"
        return f"{'UTF8SMTP' if smtputf8 else 'ESMTP'}{'S' * self.encrypted}{'A' * bool(self.user)}"


def admit(route: Route, address: str, user: str | None) -> Reply:
    """The answer to RCPT: a user may write to anybody, a stranger only to our own mailboxes."""
    if route == "unknown":
        return Reply(550, (f"<{address}>: no such user here",), "5.1.1")
    if route == "full":
        return mailbox_full()
    if route == "elsewhere" and user is None:
        return Reply(550, (f"<{address}>: no relaying for strangers",), "5.7.1")
    return Reply(250, ("Ok",), "2.1.5")


def mailbox_full(octets: int = 0, quota: int | None = None) -> Reply:
    """For a message that finds no room: never, if all the room there is were too little (RFC 3463 3.3)."""
    if quota is not None and octets > quota:
        return Reply(552, (f"The mailbox holds {quota} octets in all",), "5.2.2")
    return Reply(452, ("The mailbox is full; try again later",), "4.2.2")


def out_of_order(verb: str, state: State) -> Reply:
    """What to say to a command that may not come now (RFC 5321 4.1.4)."""
    if state is State.CONNECTED:
        return Reply(503, ("Send EHLO or HELO first",), "5.5.1")
    if verb == "DATA" and state is State.MAIL:
        return Reply(554, ("No valid recipients",), "5.5.1")  # RFC 5321 3.3
    why = "Send MAIL first" if state is State.READY else "Not while a message is being sent"
    return Reply(503, (why,), "5.5.1")


def seal(
    transaction: Transaction,
    data: bytes,
    *,
    client: Client,
    host: str,
    policy: PolicyName,
    now: datetime,
    token: Callable[[int], str],
) -> Envelope:
    """The message as this server hands it on, with its trace field; raises Refused if it runs in a circle.

    A submitted message gets the Date and Message-ID it lacks (RFC 6409 8.2, 8.3).
    """
    fields = split_fields(data)
    if sum(field.name.lower() == "received" for field in fields) > MOST_HOPS:
        raise Refused(Reply(554, ("Too many hops",), "5.4.6"))
    added = ""
    if policy == "submission" and fields:
        if find(fields, "Message-ID") is None:
            added += f"Message-ID: {new_message_id(token, host)}\r\n"
        if find(fields, "Date") is None:
            added += f"Date: {format_date(now)}\r\n"
    options, forward_paths = transaction.options, tuple(transaction.forward_paths)
    queue_id = token(10)
    received = Received(
        from_name=client.name,
        from_address=client.address,
        by=host,
        with_=client.protocol(options.smtputf8),
        id=queue_id,
        for_address=forward_paths[0] if len(forward_paths) == 1 else None,
        time=now,
    )
    return Envelope(
        reverse_path=str(transaction.reverse_path)[1:-1],
        forward_paths=forward_paths,
        data=received.write() + added.encode() + data,
        queue_id=queue_id,
        user=client.user,
        body=options.body,
        smtputf8=options.smtputf8,
    )

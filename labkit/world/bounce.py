"""The notice that tells a sender who will not get the message, and why (RFC 5321 6.1, 3.6.3).

It is a report for people and programs at once (RFC 3464).  Its own reverse-path is null, so that a
notice can never cause another.
"""

from __future__ import annotations

from collections.abc import Mapping

from labkit.message.address import Mailbox, parse_path
from labkit.message.fields import new_message_id
from labkit.message.reports import Fate, delivery_report
from labkit.servers.site import Site
from labkit.servers.smtp_policy import Envelope
from labkit.world.queue import Outcome

UNKNOWN = "5.0.0"


def bounce(site: Site, envelope: Envelope, failures: Mapping[str, Outcome]) -> Envelope:
    """The notice for `envelope`, whose forward-paths in `failures` have not been reached."""
    reasons = "\n\n".join(f"<{path}>:\n    {_indented(said.text)}" for path, said in failures.items())
    notice = delivery_report(
        envelope.data,
        [_fate(site, path, said) for path, said in failures.items()],
        host=site.hostname,
        to=envelope.reverse_path,
        text=(
            f"This is the mail server of {site.hostname}.\n\n"
            f"Your message could not be delivered to these recipients:\n\n{reasons}\n\n"
            "Behind this text come the same for programs, and the header of your message.\n"
        ),
        date=site.now(),
        message_id=new_message_id(site.token, site.hostname),
    )
    return Envelope("", (envelope.reverse_path,), notice, site.token(10), smtputf8=envelope.smtputf8)


def _fate(site: Site, path: str, said: Outcome) -> Fate:
    mailbox = parse_path(f"<{path}>").mailbox or Mailbox("postmaster", site.hostname)
    return Fate(
        mailbox,
        "failed",
        said.status or UNKNOWN,
        diagnostic=said.text if said.host else None,
        remote=said.host or None,
    )


def _indented(text: str) -> str:
    return "\n    ".join(text.splitlines())

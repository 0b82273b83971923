"""Commands before the login: STARTTLS, AUTHENTICATE, LOGIN (RFC 3501 6.2; RFC 4959).

A wrong name and a wrong password get the same answer (RFC 5530 3, AUTHENTICATIONFAILED).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labkit.grammar import sasl
from labkit.grammar.imap import Command
from labkit.net.session import StartTLS
from labkit.servers.imap.answers import Answer, Ask, Done, Refused, provides

if TYPE_CHECKING:
    from labkit.servers.imap.session import ImapSession


@provides("STARTTLS", "STARTTLS")
def starttls(session: ImapSession, command: Command) -> Done:
    return Done("begin TLS negotiation now", then=StartTLS())


@provides("IMAP4rev1", "LOGIN")
def login(session: ImapSession, command: Command) -> Done:
    user, password = command.arguments
    with _refusals():
        return _log_in(session, sasl.check_password(session.site, user, password), "LOGIN")


@provides("SASL-IR")
@provides("IMAP4rev1", "AUTHENTICATE")
def authenticate(session: ImapSession, command: Command) -> Answer:
    mechanism, initial = command.arguments
    offered = session.mechanisms()
    if mechanism not in offered:
        raise Refused(f"the mechanisms here are {' '.join(offered)}", "CANNOT")
    exchange = sasl.server(mechanism, session.site, None if initial is None else sasl.read_initial(initial))
    with _refusals():
        step = sasl.advance(exchange)
        while isinstance(step, sasl.Challenge):
            line = yield Ask(sasl.write(step.data), "the next response of AUTHENTICATE")
            step = sasl.advance(exchange, sasl.read_response(line))
    return _log_in(session, step.name, "AUTHENTICATE")


for _name in sasl.MECHANISMS:
    provides(f"AUTH={_name}")(authenticate)


@contextmanager
def _refusals() -> Iterator[None]:
    """A login that is denied, in IMAP's words; it is told after the penalty."""
    try:
        yield
    except sasl.NotAllowed as denied:
        raise Refused(str(denied), "AUTHORIZATIONFAILED") from None
    except sasl.Denied as denied:
        raise Refused(str(denied), "AUTHENTICATIONFAILED") from None


def _log_in(session: ImapSession, user: str, verb: str) -> Done:
    session.account = session.site.account(user)
    return Done(f"{verb} completed")

"""Commands before the login: STARTTLS, AUTHENTICATE, LOGIN (RFC 3501 6.2; RFC 4959).

A wrong name and a wrong password get the same answer (RFC 5530 3, AUTHENTICATIONFAILED).
"""

from __future__ import annotations

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
    return _log_in(session, user, password, "LOGIN")


@provides("AUTH=PLAIN")
@provides("AUTH=LOGIN")
@provides("SASL-IR")
@provides("IMAP4rev1", "AUTHENTICATE")
def authenticate(session: ImapSession, command: Command) -> Answer:
    mechanism, initial = command.arguments
    if mechanism not in sasl.MECHANISMS:
        raise Refused(f"the mechanisms here are {' '.join(sasl.MECHANISMS)}", "CANNOT")
    exchange = sasl.MECHANISMS[mechanism]()
    step = exchange.step(None if initial is None else sasl.read_initial(initial))
    while isinstance(step, sasl.Challenge):
        line = yield Ask(sasl.write(step.data), "the next response of AUTHENTICATE")
        step = exchange.step(sasl.read_response(line))
    if step.acting_as is not None:
        raise Refused(f"{step.user} may not act for others", "AUTHORIZATIONFAILED")
    return _log_in(session, step.user, step.password, "AUTHENTICATE")


def _log_in(session: ImapSession, user: str, password: str, verb: str) -> Done:
    session.account = session.site.store.authenticate(user, password)
    if session.account is None:
        raise Refused("wrong name or password", "AUTHENTICATIONFAILED")
    return Done(f"{verb} completed")

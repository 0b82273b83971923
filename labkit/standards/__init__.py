"""What labkit speaks, as plain data: capabilities, commands, reply codes and ports.

One registry, a module per protocol.  A server attaches its code to a capability
(labkit/servers/registry.py); a test compares both sets with what the servers advertise, and
the printed table of standards joins them with the course and the transcripts.  So an entry is
a promise that the behaviour exists and is exercised.

States are named as in the tables ("ready", "transaction", "selected"); the order of
commands is the business of labkit/states.

entries.py: what an entry says.  ports.py: where servers listen.  smtp.py, pop3.py, imap.py.
"""

from __future__ import annotations

from labkit.standards import imap, pop3, smtp
from labkit.standards.entries import Capability, Code, Command, Port
from labkit.standards.ports import PORTS

__all__ = ["CAPABILITIES", "CODES", "COMMANDS", "PORTS", "Capability", "Code", "Command", "Port"]
__all__ += ["capability", "code", "command", "port", "service"]

CAPABILITIES: dict[str, tuple[Capability, ...]] = {
    "smtp": smtp.CAPABILITIES,
    "pop3": pop3.CAPABILITIES,
    "imap": imap.CAPABILITIES,
}
COMMANDS: dict[str, tuple[Command, ...]] = {
    "smtp": smtp.COMMANDS,
    "pop3": pop3.COMMANDS,
    "imap": imap.COMMANDS,
}
CODES: dict[str, tuple[Code, ...]] = {
    "smtp": (*smtp.REPLIES, *smtp.ENHANCED),
    "pop3": pop3.RESPONSE_CODES,
    "imap": imap.RESPONSE_CODES,
}

_CAPABILITIES = {p: {c.name: c for c in entries} for p, entries in CAPABILITIES.items()}
_COMMANDS = {p: {c.verb: c for c in entries} for p, entries in COMMANDS.items()}
_CODES = {p: {c.code: c for c in entries} for p, entries in CODES.items()}
_PORTS = {number: port for port in PORTS for number in (port.number, port.lab)}
_SERVICES = {port.service: port for port in PORTS}


def capability(protocol: str, name: str) -> Capability | None:
    """A capability by the name it is advertised by; None if labkit knows none."""
    return _CAPABILITIES[protocol].get(name)


def command(protocol: str, verb: str) -> Command | None:
    """A command by its verb in upper case, "UID FETCH"; None if labkit knows none."""
    return _COMMANDS[protocol].get(verb)


def code(protocol: str, text: str) -> Code | None:
    """What "550", "5.1.1" or "UIDVALIDITY 3" means; None if labkit does not know."""
    word = text.split(" ", 1)[0].upper()
    known = _CODES[protocol]
    return known.get(word) or known.get(f"X.{word.partition('.')[2]}")


def port(number: int) -> Port | None:
    """The service of a port, IANA's number or the lab's own; None if none of ours."""
    return _PORTS.get(number)


def service(name: str) -> Port:
    """The port of a service, such as "submission"; KeyError if there is no such service."""
    return _SERVICES[name]

"""SMTP clients as dialogues: each reads from top to bottom (RFC 5321, 6409, 2920, 3207, 4954).

See `labkit.clients.dialogue`.  The small ones (`greeting`, `hello`, `login`, `deliver`) are the
parts of the large ones (`submit`, `relay`); all begin where the one before them ended::

    def my_client() -> Dialogue[Delivery]:
        yield from greeting()
        offered = yield from hello("host.example.com")
        delivery = yield from deliver("alice@example.com", ["bob@example.org"], message, offered=offered)
        yield from leave()
        return delivery

A refusal raises `Refused`, which a dialogue may catch.  A message is octets in wire form, lines
ended by CRLF; dots are doubled here.  Paths are written without angle brackets, the null
reverse-path is "".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from labkit.clients.dialogue import Dialogue, Disconnected, Token, fresh
from labkit.errors import LabError
from labkit.grammar import sasl
from labkit.grammar.framing import CRLF, dot_stuff
from labkit.grammar.smtp import Mail, Rcpt, Refused, Reply, ReplyReader, extensions, write_command
from labkit.message.address import Path, parse_path
from labkit.net.session import StartTLS

__all__ = ["GREETING", "Command", "Delivery", "Offered", "Refused", "Unsupported", "ask", "command"]
__all__ += ["deliver", "greeting", "hello", "leave", "login", "mail", "message", "rcpt", "relay"]
__all__ += ["start_tls", "submit"]

Offered = Mapping[str, tuple[str, ...]]
"""What the server said to EHLO: KEYWORD -> its parameters; empty after HELO."""


@dataclass(frozen=True, slots=True)
class Command:
    """Octets to send, and the verb whose reply is awaited."""

    data: bytes = field(repr=False)  # a password may be in it
    verb: str

    @property
    def expects(self) -> str:
        return f"the reply to {self.verb}" if self.data else self.verb

    def reader(self) -> ReplyReader:
        return ReplyReader()


GREETING = Command(b"", "the greeting")
QUIT = Command(write_command("QUIT"), "QUIT")


class Unsupported(Refused):
    """What the server does not offer was not even asked for; `reply` is our own."""


def command(verb: str, argument: str = "") -> Command:
    """Any command of one line: `command("VRFY", "bob")`."""
    return Command(write_command(verb, argument), verb)


def mail(sender: str | Path, parameters: Mapping[str, str | None] | None = None) -> Command:
    return Command(Mail(_path(sender), parameters or {}).write(), "MAIL")


def rcpt(recipient: str | Path) -> Command:
    return Command(Rcpt(_path(recipient)).write(), "RCPT")


def message(data: bytes) -> Command:
    """What follows a 354: the message with its dots doubled, and the final one."""
    return Command(dot_stuff(data), "the message")


def _path(address: str | Path) -> Path:
    return address if isinstance(address, Path) else parse_path(f"<{address}>")


def ask(asked: Command) -> Dialogue[Reply]:
    """One command that must not be refused; returns the reply."""
    reply: Reply = yield asked
    return _granted(asked, reply)


def _granted(asked: Command, reply: Reply) -> Reply:
    if reply.kind > 3:
        raise Refused(reply, asked.verb)
    return reply


# The parts of a session


def greeting() -> Dialogue[Reply]:
    """Wait until the server is ready."""
    return (yield from ask(GREETING))


def hello(name: str) -> Dialogue[Offered]:
    """EHLO, or HELO to a server that does not know it (RFC 5321 3.2); says what is offered."""
    reply: Reply = yield command("EHLO", name)
    if reply.kind == 5:
        yield from ask(command("HELO", name))
        return {}
    return extensions(_granted(command("EHLO", name), reply))


def start_tls(server_name: str, name: str) -> Dialogue[Offered]:
    """STARTTLS, and EHLO again behind it (RFC 3207 4.2); `server_name` is what the certificate must hold."""
    yield from ask(command("STARTTLS"))
    yield StartTLS(server_name)
    return (yield from hello(name))


def login(
    user: str, password: str, *, offered: Offered, mechanism: str | None = None, token: Token = fresh
) -> Dialogue[Reply]:
    """AUTH by the best mechanism that both sides know, or by the one that is named.

    For OAUTHBEARER and XOAUTH2 the password is the access token; a client's nonce comes from `token`.
    """
    name = mechanism or sasl.choose(offered.get("AUTH", ()))
    if name is None:
        raise LabError("the server offers no mechanism for a login that labkit knows")
    responses = sasl.client(name, user, password, token)
    initial = next(responses)
    argument = name if initial is None else f"{name} {sasl.write_initial(initial).decode()}"
    reply = yield from ask(command("AUTH", argument))
    while reply.code == 334:
        response = sasl.answer(responses, sasl.read_challenge(reply.text.encode()))
        line = sasl.CANCEL if response is None else sasl.write(response)
        reply = yield from ask(Command(line + CRLF, "AUTH"))
    sasl.granted(responses)
    return reply


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message: the reply to it, and the recipients the server refused before.

    No reply: every recipient was refused, so the message was not sent.
    """

    reply: Reply | None
    refused: dict[str, Reply]


def deliver(
    sender: str | Path,
    recipients: Sequence[str | Path],
    data: bytes,
    *,
    offered: Offered | None = None,
    pipelined: bool = False,
    smtputf8: bool = False,
) -> Dialogue[Delivery]:
    """One transaction (RFC 5321 3.3).

    Raises `Refused` if MAIL, DATA or the message was refused, `Unsupported` if the message
    needs an extension that was not `offered`.  `pipelined`: MAIL, all RCPTs and DATA in one write, if
    the server offers it.
    """
    offered = offered or {}
    paths = [_path(recipient) for recipient in recipients]
    utf8 = smtputf8 or not "".join(map(str, [_path(sender), *paths])).isascii()
    begin = [mail(sender, _parameters(data, offered, utf8)), *map(rcpt, paths)]
    go_ahead: Reply | None = None
    if pipelined and "PIPELINING" in offered:
        *replies, go_ahead = yield (*begin, command("DATA"))
    else:
        replies = [(yield from ask(begin[0]))]
        for each in begin[1:]:
            replies.append((yield each))
    _granted(begin[0], replies[0])
    answers = list(zip(paths, replies[1:], strict=True))
    refused = {str(path)[1:-1]: reply for path, reply in answers if reply.kind > 3}
    if all(reply.kind > 3 for _, reply in answers):
        if go_ahead is not None and go_ahead.kind == 3:
            yield message(b"")  # nobody is left to get it, but the server waits for a dot (RFC 2920 3.1)
        yield command("RSET")
        return Delivery(None, refused)
    _granted(command("DATA"), go_ahead if go_ahead is not None else (yield command("DATA")))
    return Delivery((yield from ask(message(data))), refused)


def _parameters(data: bytes, offered: Offered, utf8: bool) -> dict[str, str | None]:
    parameters: dict[str, str | None] = {}
    if "SIZE" in offered:
        parameters["SIZE"] = str(len(data))
    if not data.isascii():
        if "8BITMIME" not in offered:
            raise Unsupported(Reply(554, ("The next server takes no octets above 127",), "5.6.3"), "BODY")
        parameters["BODY"] = "8BITMIME"
    if utf8:
        if "SMTPUTF8" not in offered:
            raise Unsupported(Reply(553, ("The next server takes no UTF-8 addresses",), "5.6.7"), "SMTPUTF8")
        parameters["SMTPUTF8"] = None
    return parameters


def leave() -> Dialogue[Reply]:
    """QUIT."""
    return (yield from ask(QUIT))


# Whole sessions


def submit(
    name: str,
    sender: str | Path,
    recipients: Sequence[str | Path],
    data: bytes,
    *,
    user: str | None = None,
    password: str = "",
    mechanism: str | None = None,
    starttls: str | None = None,
    pipelined: bool = False,
    token: Token = fresh,
) -> Dialogue[Delivery]:
    """A user's program hands a message to its server (RFC 6409): from the greeting to QUIT.

    `name` is the client's own host name; `starttls` the server's, as its certificate gives
    it, to go into TLS first.
    """

    def session() -> Dialogue[Delivery]:
        yield from greeting()
        offered = yield from hello(name)
        if starttls is not None:
            offered = yield from start_tls(starttls, name)
        if user is not None:
            yield from login(user, password, offered=offered, mechanism=mechanism, token=token)
        return (yield from deliver(sender, recipients, data, offered=offered, pipelined=pipelined))

    return (yield from _with_goodbye(session()))


def relay(
    name: str,
    sender: str | Path,
    recipients: Sequence[str],
    data: bytes,
    *,
    starttls: str | None = None,
    pipelined: bool = True,
    smtputf8: bool = False,
) -> Dialogue[dict[str, Reply]]:
    """A server hands a message to the next one; returns the last word on each recipient.

    A refusal of everything is each recipient's.  `starttls` is the server's name: TLS is used
    where it is offered.
    """

    def session() -> Dialogue[Delivery]:
        yield from greeting()
        offered = yield from hello(name)
        if starttls is not None and "STARTTLS" in offered:
            offered = yield from start_tls(starttls, name)
        return (
            yield from deliver(
                sender, recipients, data, offered=offered, pipelined=pipelined, smtputf8=smtputf8
            )
        )

    try:
        delivery = yield from _with_goodbye(session())
    except Refused as error:
        return dict.fromkeys(recipients, error.reply)
    told = {path: delivery.refused.get(str(_path(path))[1:-1], delivery.reply) for path in recipients}
    return {path: reply for path, reply in told.items() if reply is not None}


def _with_goodbye(session: Dialogue[Delivery]) -> Dialogue[Delivery]:
    """QUIT behind it, also where something was refused; whether that is answered does not matter."""
    try:
        delivery = yield from session
    except Disconnected:
        raise
    except LabError:
        yield from _goodbye()
        raise
    yield from _goodbye()
    return delivery


def _goodbye() -> Dialogue[None]:
    with suppress(Disconnected):
        yield QUIT

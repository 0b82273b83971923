"""aiosmtpd's machine under our own commands: how a line becomes a reply, for labkit/servers/smtp.py.

aiosmtpd reads the lines, keeps the time and starts TLS.  It is extended through its `smtp_*`
methods and `push`: a method here takes the octets behind the verb and returns the reply, and
`answers` does what all have in common: the order (asked of labkit/states/smtp.py), the errors,
one write per reply.  Where that was not enough, three of its private names are used, and each
place says which.  What still differs from the RFCs stands in `KNOWN_DIFFERENCES`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from typing import Any, AnyStr, TypeVar

from aiosmtpd.smtp import SMTP, TLSSetupException

from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.grammar.framing import Buffer
from labkit.grammar.smtp import COMMAND_LIMIT, Refused, Reply
from labkit.message.address import PATH_RULE
from labkit.servers.smtp_policy import out_of_order
from labkit.states.smtp import MACHINE, State

log = logging.getLogger(__name__)

KNOWN_DIFFERENCES = {
    "RFC 5321 2.3.8": "a command may end in a bare LF too, for those who type with nc; a message may not",
    "RFC 5321 3.8": "when the client closes its side, commands that wait to be read are not carried out",
    "RFC 5321 4.5.3.1.4": "a command that is too long is answered when it ends, not at its 513th octet",
}
"""Where the server departs from the RFCs, by section."""

FAILED = Reply(451, ("This server has failed; try again later",), "4.3.0")
TIMED_OUT = Reply(421, ("Nothing was heard for too long; goodbye",), "4.4.2")
UNKNOWN = Reply(500, ("Not a command",), "5.5.2")

# What aiosmtpd says by itself, and how it is said here.
_SAID_BY_AIOSMTPD = {
    "500 Command line too long": "500 5.5.2 The line is too long",
    "500 Error: bad syntax": str(UNKNOWN),
    "220 Ready to start TLS": "220 2.0.0 Ready to start TLS",
    "221 Bye": "221 2.0.0 Goodbye",
}

# Octets that extensions add to a command's line.
_EXTRA = {
    "MAIL": 26 + 17 + 10 + 500,  # RFC 1870 3, RFC 6152 2, RFC 6531 3.1, RFC 4954 3
    "RCPT": 10,  # RFC 6531 3.1
    "AUTH": sasl.LINE_LIMIT - COMMAND_LIMIT,
}

_LEGAL = {state: frozenset(MACHINE.legal(state)) for state in State}

E = TypeVar("E", bound="Engine")


def answers(
    method: Callable[[E, bytes], Coroutine[Any, Any, Reply | None]],
) -> Callable[[E, str | None], Coroutine[Any, Any, None]]:
    """An `smtp_*` method as aiosmtpd calls it, from one that returns the reply (None: already said)."""
    verb = method.__name__.removeprefix("smtp_")

    @wraps(method)
    async def answer(self: E, argument: str | None) -> None:
        self.verb = verb
        try:
            if verb in _LEGAL[self.state]:
                reply = await method(self, (argument or "").encode("utf-8", "surrogateescape"))
            else:
                reply = out_of_order(verb, self.state)
        except Refused as refused:
            reply = refused.reply
        except ProtocolError as error:
            reply = Reply(501, (f"{error.message} ({error.rule})",), _enhanced(verb, error))
        except TLSSetupException:
            raise  # aiosmtpd ends the connection
        except Exception:
            log.exception("%s failed", verb)
            reply = FAILED
        if reply is not None:
            await self.say(reply)

    return answer


def _enhanced(verb: str, error: ProtocolError) -> str | None:
    if verb in ("EHLO", "HELO"):
        return None  # RFC 2034 4
    if error.rule == PATH_RULE:
        return "5.1.7" if verb == "MAIL" else "5.1.3"
    return "5.5.4"


class _Commands(dict[str, Any]):
    """aiosmtpd's commands; it hangs up on the fifth that it does not find, so it always finds one."""

    def __init__(self, found: dict[str, Any], unknown: Any) -> None:
        super().__init__(found)
        self._unknown = unknown

    def get(self, verb: str, default: Any = None) -> Any:
        return super().get(verb, self._unknown)


class Engine(SMTP):
    """A connection that answers with replies and follows the table of states."""

    command_size_limit = COMMAND_LIMIT - 2  # aiosmtpd counts without CRLF
    line_length_limit = sasl.LINE_LIMIT  # of its reader, and so what it keeps at most

    def __init__(self, hostname: str, timeout: float, loop: asyncio.AbstractEventLoop) -> None:
        # aiosmtpd shares one dictionary among all connections, and clears it here
        self.command_size_limits = defaultdict(lambda: self.command_size_limit)
        super().__init__(
            None, hostname=hostname, ident="ESMTP labkit", timeout=timeout, loop=loop, enable_SMTPUTF8=True
        )
        self.command_size_limits.update({verb: COMMAND_LIMIT - 2 + n for verb, n in _EXTRA.items()})
        self._smtp_methods = _Commands(self._smtp_methods, partial(_unknown, self))  # a private name
        self.begin(encrypted=False)

    def begin(self, encrypted: bool) -> None:
        """Know nothing of the client, as at the start and after STARTTLS (RFC 3207 4.2)."""
        self.encrypted = encrypted
        self.state = State.CONNECTED
        self.verb = ""  # what the next reply answers

    @property
    def waiting_for(self) -> str:
        """In words, for who wonders why nothing happens."""
        if self.state is State.DATA:
            return "a line with only a dot, the end of the message"
        return f"a command (in state {self.state.value})"

    async def say(self, reply: Reply) -> None:
        """Answer `self.verb`, in one write, and follow the table."""
        self.state = MACHINE.step(self.state, self.verb, reply.kind) or self.state
        await self.push(reply.write()[:-2])

    async def read_line(self) -> bytes | None:
        """A line that is no command, without its end; None, once it has ended, if it was too long."""
        too_long = False
        while True:
            try:
                line = await self._reader.readuntil()  # a private name
            except asyncio.LimitOverrunError as error:
                too_long = True
                await self._reader.read(error.consumed)
            else:
                self._reset_timeout()
                return None if too_long else line.rstrip(b"\r\n")

    async def read_block(self, limit: int) -> bytes | None:
        """A message as it was sent, with its final dot; None, once it has ended, if it was too large."""
        buffer = Buffer()
        block, too_large = None, False
        while block is None and not (too_large and buffer.octets(0) is not None):
            buffer.feed(await self._reader.read(2**30))
            self._reset_timeout()
            try:
                block = None if too_large else buffer.block(limit)
            except ProtocolError:
                too_large = True
        if rest := buffer.octets(len(buffer)):
            self._reader.feed_data(rest)  # the commands that were sent behind it
        return block

    # What asyncio and aiosmtpd ask

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.begin(encrypted=transport.get_extra_info("sslcontext") is not None)

    def _timeout_cb(self) -> None:  # a private name
        self._writer.write(TIMED_OUT.write())  # RFC 5321 3.8
        if (wire := self._writer.get_extra_info("wire")) is not None:
            wire.connection.ended = "timeout"  # for the capture, which sees an end like any other
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, TLSSetupException):
            log.info("no TLS with %s: %s", self.session and self.session.peer, error.__cause__)
        else:
            log.error("the session failed", exc_info=error)
        return str(FAILED)

    async def push(self, status: AnyStr) -> None:
        said = _SAID_BY_AIOSMTPD.get(status, status) if isinstance(status, str) else status
        await super().push(said)


async def _unknown(engine: Engine, argument: str | None) -> None:
    engine.verb = ""
    await engine.say(UNKNOWN)

"""The SMTP server, for relay and submission (RFC 5321, 6409, 3207, 4954, 2034, 1870, 6152, 6531).

A method per command, from the octets behind the verb to the reply; how lines are read and
replies leave is the business of `smtp_engine.py`, what is taken from whom that of `smtp_policy.py`.

Strict: only CRLF "." CRLF ends a message, so that none can be smuggled; what a client pipelines
behind STARTTLS is dropped.  A message is taken whole or not at all, and a message or a line
over its limit is read to its end and refused without being kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import Any

from labkit import standards
from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.grammar.framing import dot_unstuff
from labkit.grammar.smtp import MailOptions, Refused, Reply, parse_auth, parse_hello, parse_mail, parse_rcpt
from labkit.message.address import Mailbox, Path, parse_mailbox
from labkit.servers.registry import Registry
from labkit.servers.site import Site
from labkit.servers.smtp_engine import KNOWN_DIFFERENCES, Engine, answers
from labkit.servers.smtp_policy import Client, Envelope, PolicyName, SMTPService, Transaction, admit, seal
from labkit.states.smtp import State

__all__ = ["KNOWN_DIFFERENCES", "Envelope", "Refused", "SMTPServer", "SMTPService"]

REGISTRY: Registry[Callable[..., Coroutine[Any, Any, None]]] = Registry("smtp")
provides = REGISTRY.provides

SIZE_LIMIT = 32 * 2**20
"""Octets of a message, unless the server is told otherwise."""
IDLE_TIMEOUT = 300.0
"""Seconds; what RFC 5321 4.5.3.2.7 asks for."""

OK = Reply(250, ("Ok",), "2.0.0")
GO_AHEAD = Reply(354, ("Start mail input; end with <CRLF>.<CRLF>",))
NO_PARAMETERS = Reply(501, ("This command takes no parameters",), "5.5.4")
TOO_LARGE = Reply(552, ("The message is too large",), "5.3.4")
LOGIN_FIRST = Reply(530, ("Authentication required",), "5.7.0")
BAD_LOGIN = Reply(535, ("Wrong name or password",), "5.7.8")
NO_UTF8 = Reply(553, ("An address in UTF-8 needs SMTPUTF8",), "5.6.7")


@provides("SMTP")
@provides("PIPELINING")
@provides("ENHANCEDSTATUSCODES")
class SMTPServer(Engine):
    """One connection, as an asyncio.Protocol.

    `policy` is "relay" (port 25) or "submission" (587, 465).  The site's TLS context is made
    when a client first asks for it.  `login_needs_tls` hides AUTH until then; it is off, because
    the lab wants to show what an eavesdropper reads.  `hidden` names what is not offered, as EHLO
    has it: extensions ("SIZE", "AUTH"), or single mechanisms ("AUTH PLAIN").
    """

    def __init__(
        self,
        site: Site,
        service: SMTPService,
        *,
        policy: PolicyName = "relay",
        loop: asyncio.AbstractEventLoop | None = None,
        size_limit: int = SIZE_LIMIT,
        timeout: float = IDLE_TIMEOUT,
        login_needs_tls: bool = False,
        hidden: Collection[str] = (),
    ) -> None:
        super().__init__(site.hostname, timeout, loop or asyncio.get_running_loop())
        self.site = site
        self.service = service
        self.policy = policy
        self.size_limit = size_limit
        self.login_needs_tls = login_needs_tls
        self.hidden = frozenset(hidden)
        self.mechanisms = [name for name in sasl.MECHANISMS if f"AUTH {name}" not in self.hidden]

    def begin(self, encrypted: bool) -> None:
        super().begin(encrypted)
        self.client: Client | None = None
        self.user: str | None = None
        self.transaction: Transaction | None = None

    async def say(self, reply: Reply) -> None:
        await super().say(reply)
        if self.state in (State.CONNECTED, State.READY):
            self.transaction = None

    # The session

    @provides("SMTP", "HELO")
    @answers
    async def smtp_HELO(self, argument: bytes) -> Reply:
        self._greet(argument, extended=False)
        return Reply(250, (self.hostname,))

    @provides("SMTP", "EHLO")
    @answers
    async def smtp_EHLO(self, argument: bytes) -> Reply:
        client = self._greet(argument, extended=True)
        return Reply(250, (f"{self.hostname} greets {client.name}", *self._extensions()))

    def _greet(self, argument: bytes, *, extended: bool) -> Client:
        assert self.session is not None
        peer = self.session.peer
        address = str(peer[0]) if isinstance(peer, tuple) else None
        self.client = Client(parse_hello(argument), address, extended, self.encrypted, self.user)
        self.session.extended_smtp = extended  # aiosmtpd allows longer lines then
        return self.client

    @provides("8BITMIME")
    def _extensions(self) -> list[str]:
        """What EHLO offers here and now, in the order of the registry."""
        offered = {
            "SIZE": f"SIZE {self.size_limit}",
            "STARTTLS": "STARTTLS" if self.site.tls and not self.encrypted else "",
            "AUTH": " ".join(["AUTH", *self.mechanisms]) if self._login_offered() else "",
        } | dict.fromkeys(self.hidden, "")
        return [line for name in REGISTRY.advertised() if (line := offered.get(name, name))]

    def _login_offered(self) -> bool:
        permitted = self.encrypted or not self.login_needs_tls
        return self._login_known() and permitted

    def _login_known(self) -> bool:
        return self.policy == "submission" and "AUTH" not in self.hidden and bool(self.mechanisms)

    @provides("SMTP", "NOOP")
    @answers
    async def smtp_NOOP(self, argument: bytes) -> Reply:
        return OK

    @provides("SMTP", "RSET")
    @answers
    async def smtp_RSET(self, argument: bytes) -> Reply:
        return NO_PARAMETERS if argument else OK

    @provides("SMTP", "QUIT")
    @answers
    async def smtp_QUIT(self, argument: bytes) -> Reply | None:
        if argument:
            return NO_PARAMETERS
        self.state = State.CLOSED
        await super().smtp_QUIT(None)
        return None

    @provides("HELP", "HELP")
    @answers
    async def smtp_HELP(self, argument: bytes) -> Reply:
        if not argument:
            verbs = [c.verb for c in standards.COMMANDS["smtp"] if c.verb.isalpha()]
            return Reply(214, (f"Commands: {' '.join(verbs)}", "HELP and a command says more"), "2.0.0")
        command = standards.command("smtp", argument.decode("utf-8", "replace").upper())
        if command is None:
            return Reply(504, ("There is no such command",), "5.5.4")
        return Reply(214, (f"{command.verb}: {command.gist} ({command.rfc})",), "2.0.0")

    @provides("SMTP", "VRFY")
    @answers
    async def smtp_VRFY(self, argument: bytes) -> Reply:
        # VRFY takes a name in any form (RFC 5321 3.5.1); one without a domain is looked for here
        name = argument.removeprefix(b"<").removesuffix(b">")
        mailbox = parse_mailbox(name if b"@" in name else name + b"@" + self.hostname.encode())
        route = self.service.route(str(mailbox))
        if route == "elsewhere":
            return Reply(252, ("Cannot verify, but mail for it may be taken",), "2.0.0")
        reply = admit(route, str(mailbox), self.user)
        return Reply(250, (f"<{mailbox}>",), "2.1.5") if reply.kind == 2 else reply

    @answers
    async def smtp_EXPN(self, argument: bytes) -> Reply:
        return Reply(502, ("EXPN is not implemented",), "5.5.1")

    @provides("STARTTLS", "STARTTLS")
    @answers
    async def smtp_STARTTLS(self, argument: bytes) -> Reply | None:
        if argument:
            return NO_PARAMETERS
        if self.encrypted:
            return Reply(503, ("TLS is active already",), "5.5.1")
        if self.site.tls is None or "STARTTLS" in self.hidden:
            return Reply(502, ("STARTTLS is not offered here",), "5.5.1")
        self.tls_context = self.site.tls()
        await super().smtp_STARTTLS(None)
        return None

    # The login

    @provides("AUTH", "AUTH")
    @answers
    async def smtp_AUTH(self, argument: bytes) -> Reply:
        if not self._login_offered():
            if self._login_known():
                return Reply(538, ("Use STARTTLS first",), "5.7.11")
            return Reply(502, ("AUTH is not offered here",), "5.5.1")
        if self.user is not None:
            return Reply(503, ("You are logged in already",), "5.5.1")
        try:
            mechanism, initial = parse_auth(argument)
            if mechanism not in self.mechanisms:
                return Reply(504, (f"{mechanism} is not offered here",), "5.5.4")
            user = await self._exchange(sasl.server(mechanism, self.site, initial))
        except sasl.Cancelled:
            return Reply(501, ("Authentication cancelled",), "5.7.0")
        except sasl.Denied:
            await asyncio.sleep(self.site.login_penalty)
            return BAD_LOGIN
        except ProtocolError as error:
            return Reply(501, (f"{error.message} ({error.rule})",), "5.5.2")
        self.user = self.site.account(user).address
        if self.client is not None:
            self.client = replace(self.client, user=self.user)
        return Reply(235, ("Authentication successful",), "2.7.0")

    async def _exchange(self, exchange: sasl.Server) -> str:
        """Who has logged in."""
        answer = sasl.advance(exchange)
        while isinstance(answer, sasl.Challenge):
            await self.say(Reply(334, (sasl.write(answer.data).decode(),)))
            self.verb = "(response)"
            line = await self.read_line()
            if line is None:
                raise Refused(Reply(500, ("The line is too long",), "5.5.6"))  # RFC 4954 4
            answer = sasl.advance(exchange, sasl.read_response(line))
        return answer.name

    # The message

    @provides("SIZE")
    @provides("SMTPUTF8")
    @provides("SMTP", "MAIL")
    @answers
    async def smtp_MAIL(self, argument: bytes) -> Reply:
        if self.policy == "submission" and self.user is None:
            return LOGIN_FIRST
        mail = parse_mail(argument)
        known = MailOptions.KEYWORDS if self.client and self.client.extended else ()
        if unknown := [keyword for keyword in mail.parameters if keyword not in known]:
            return _unknown_parameter(unknown[0])
        options = MailOptions.of(mail.parameters)
        if (options.size or 0) > self.size_limit:
            return TOO_LARGE
        if not options.smtputf8 and not str(mail.path).isascii():
            return NO_UTF8
        self.transaction = Transaction(mail.path, options)
        return Reply(250, ("Ok",), "2.1.0")

    @provides("SMTP", "RCPT")
    @answers
    async def smtp_RCPT(self, argument: bytes) -> Reply:
        assert self.transaction is not None
        rcpt = parse_rcpt(argument)
        if rcpt.parameters:
            return _unknown_parameter(next(iter(rcpt.parameters)))
        if not self.transaction.options.smtputf8 and not str(rcpt.path).isascii():
            return NO_UTF8
        address = _address(rcpt.path, self.hostname)
        ours = rcpt.path.mailbox is not None and not rcpt.path.mailbox.domain  # RFC 5321 4.5.1
        reply = admit("local" if ours else self.service.route(address), address, self.user)
        if reply.kind == 2:
            self.transaction.add(address)
        return reply

    @provides("SMTP", "DATA")
    @answers
    async def smtp_DATA(self, argument: bytes) -> Reply:
        if argument:
            return NO_PARAMETERS
        transaction, client = self.transaction, self.client
        assert transaction is not None
        assert client is not None
        await self.say(GO_AHEAD)
        self.verb = "."
        block = await self.read_block(self.size_limit * 4 // 3 + 5)  # "." CRLF is sent as ".." CRLF
        data = dot_unstuff(block) if block is not None else None
        if data is None or len(data) > self.size_limit:
            return TOO_LARGE
        site = self.site
        envelope = seal(
            transaction,
            data,
            client=client,
            host=site.hostname,
            policy=self.policy,
            now=site.now(),
            token=site.token,
        )
        try:
            # a client that vanishes from here on leaves the message whole
            await asyncio.shield(self.service.accept(envelope))
        except ProtocolError as error:  # of the host, not of this client
            raise RuntimeError("the host did not take the message") from error
        return Reply(250, (f"Ok: queued as {envelope.queue_id}",), "2.0.0")


def _unknown_parameter(keyword: str) -> Reply:
    return Reply(555, (f"The parameter {keyword} is not known here",), "5.5.4")


def _address(path: Path, host: str) -> str:
    mailbox = path.mailbox or Mailbox("", "")
    return str(mailbox if mailbox.domain else Mailbox(mailbox.local, host))

"""Relaying: where a message goes next, and what is tried until it is there.

Which hosts take a domain's mail: RFC 5321 5.1, RFC 7505 (null MX), RFC 5321 4.1.3 (address literals).
Queue, retries and giving up: RFC 5321 4.5.4.1.  Who is told, and how: bounce.py.  A message that could
not be delivered is never lost in silence, unless it is itself such a notice (its reverse-path is null).

The queue is kept in the host's store, where there is a durable one: what was taken over is tried
again after a restart, as often as is left and when it is due.  Whoever restarts between the next
host's 250 and the next line here sends the message twice (RFC 5321 4.5.4.1, 6.1: better than never).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from labkit.clients import smtp
from labkit.clients.dialogue import DialogueSession
from labkit.errors import LabError
from labkit.grammar.smtp import Refused, Reply
from labkit.net import dns
from labkit.net.driver import converse
from labkit.servers.smtp_policy import Envelope
from labkit.store.mailbox import StoreError
from labkit.world.queue import Kind, Outcome, Queued

if TYPE_CHECKING:
    from labkit.net.network import Host, Network
    from labkit.store.accounts import Store

MINUTE = 60.0
HOUR = 60 * MINUTE
RETRY_AFTER: tuple[float, ...] = (0.5 * HOUR, 0.5 * HOUR, HOUR, 2 * HOUR, *(4 * HOUR,) * 29)
"""Seconds from one attempt to the next, five days in all (RFC 5321 4.5.4.1)."""
SILENCE = 5 * MINUTE
"""How long the next host may say nothing (RFC 5321 4.5.3.2)."""
LONGEST_ATTEMPT = HOUR
SMTP_PORT = 25
BAD_DOMAIN, NULL_MX, NO_ROUTE, LOOP, EXPIRED = "5.1.2", "5.1.10", "5.4.4", "5.4.6", "5.4.7"
"""Status codes for what no reply has told (RFC 3463 3; RFC 7505 4.1)."""


class Relay:
    """The queue of one host.

    `store` keeps what is in it.  `names` is the address of the name server it asks.  `give_up` is
    told of recipients that will never be reached, each with the last word heard about it; where it
    raises `Refused`, they are tried again.  `draw` puts hosts of equal preference in an order
    (RFC 5321 5.1 asks for a random one).  `homes` names, for the domains this host takes mail for
    without keeping it, the host that does: it is the next one when the MX records know none that
    is better than this one.
    """

    def __init__(
        self,
        network: Network,
        host: Host,
        *,
        store: Store,
        names: str,
        give_up: Callable[[Envelope, Mapping[str, Outcome]], Awaitable[None]],
        draw: Callable[[Sequence[str]], list[str]] = list,
        retry_after: Sequence[float] = RETRY_AFTER,
    ) -> None:
        self.queue: list[Queued] = []
        self.retry_after = tuple(retry_after)
        self.homes: dict[str, str] = {}
        self._network = network
        self._host = host
        self._store = store
        self._names = names
        self._give_up = give_up
        self._draw = draw
        self._tasks: set[asyncio.Task[None]] = set()

    def enqueue(self, envelope: Envelope) -> None:
        """Take the message over: from now on it is this host's to deliver or to return.

        In a transaction of the store, from the moment that is kept; StoreError if it cannot be.
        """
        domains: dict[str, list[str]] = {}
        for path in envelope.forward_paths:
            domains.setdefault(path.rpartition("@")[2].lower(), []).append(path)
        now = self._network.now()
        entries = [Queued(envelope, domain, paths, since=now) for domain, paths in domains.items()]
        with self._store.transaction() as work:
            parcels = self._store.spool.add(envelope.data, *(queued.label() for queued in entries))
            for queued, parcel in zip(entries, parcels, strict=True):
                queued.parcel = parcel
                work.then(partial(self._begin, queued))

    def resume(self) -> None:
        """Go on with what the store has kept of the queue, and what is not in it yet."""
        here = {queued.parcel for queued in self.queue}
        for parcel in self._store.spool:
            if parcel not in here:
                self._begin(Queued.from_parcel(parcel))

    def _begin(self, queued: Queued) -> None:
        self.queue.append(queued)
        task = self._network.spawn(self._carry(queued))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def done(self) -> None:
        """Wait until the queue is empty."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry(self, queued: Queued) -> None:
        """Try, wait, and try again, until every recipient is served or given up."""
        try:
            if queued.next_attempt is not None:  # it was here before a restart
                await asyncio.sleep((queued.next_attempt - self._network.now()).total_seconds())
            for pause in (*self.retry_after[queued.attempts :], None):
                queued.attempts += 1
                last = queued.last = await self._attempt(queued)
                failed = {path: said for path, said in last.items() if said.kind == "permanent"}
                queued.pending = [path for path, said in last.items() if said.kind == "temporary"]
                if pause is None:
                    failed |= {path: _expired(last[path], queued.attempts) for path in queued.pending}
                    queued.pending = []
                if failed:
                    try:
                        await self._give_up(queued.envelope, failed)
                    except Refused:  # as by a full disk
                        queued.pending += failed
                if not queued.pending or pause is None:
                    self._keep(queued)
                    return
                queued.next_attempt = self._network.now() + timedelta(seconds=pause)
                self._keep(queued)
                await asyncio.sleep(pause)
        finally:
            self.queue.remove(queued)

    def _keep(self, queued: Queued) -> None:
        """Note in the store how far this has come; if that fails, an attempt may be made once more."""
        assert queued.parcel is not None
        with suppress(StoreError):
            if queued.pending:
                self._store.spool.relabel(queued.parcel, queued.label())
            else:
                self._store.spool.remove(queued.parcel)

    async def _attempt(self, queued: Queued) -> dict[str, Outcome]:
        """One attempt: the hosts in order, until one of them has decided about every recipient."""
        waiting, domain = queued.pending, queued.domain
        try:
            hosts = await self._mail_hosts(domain)
        except (dns.NameNotFound, dns.NoAnswer, dns.NullMX) as error:
            status = NULL_MX if isinstance(error, dns.NullMX) else BAD_DOMAIN
            return dict.fromkeys(waiting, Outcome("permanent", str(error), status))
        except LabError as error:
            return dict.fromkeys(waiting, Outcome("temporary", str(error)))
        nowhere = Outcome("permanent", f"no mail host of {domain} has an address", NO_ROUTE)
        if not hosts:
            looping = f"mail for {domain} leads to {self._host.name} itself, which does not keep it"
            nowhere = Outcome("permanent", looping, LOOP)
        outcomes = dict.fromkeys(waiting, nowhere)
        for name in hosts:
            said = await self._offer(queued.envelope, waiting, name)
            outcomes |= said
            waiting = [path for path in waiting if path not in said or said[path].kind == "temporary"]
            if not waiting:
                break
        return outcomes

    async def _mail_hosts(self, domain: str) -> list[str]:
        """The domain's mail hosts in the order in which to try them (RFC 5321 5.1).

        If this host is one of them, only those more preferred than itself count: mail goes uphill.
        """
        if domain.startswith("["):
            return [domain]
        found = await dns.mail_hosts(self._network, self._host, self._names, domain)
        own = [each.preference for each in found if each.name.lower() == self._host.name.lower()]
        better = [each for each in found if not own or each.preference < min(own)]
        alike = groupby(better, key=lambda each: each.preference)
        hosts = [name for _, group in alike for name in self._draw([each.name for each in group])]
        return hosts or [home for home in [self.homes.get(domain)] if home]

    async def _addresses(self, name: str) -> list[str]:
        if name.startswith("["):
            return [name[1:-1]]
        return await dns.resolve(self._network, self._host, self._names, name, "A")

    async def _offer(self, envelope: Envelope, paths: Sequence[str], name: str) -> dict[str, Outcome]:
        """Offer the message to one host, at each of its addresses until one answers.

        What it said about each recipient; nothing, if there is no such host.
        """
        try:
            addresses = await self._addresses(name)
        except (dns.NameNotFound, dns.NoAnswer):
            return {}
        except LabError as error:
            return dict.fromkeys(paths, Outcome("temporary", str(error)))
        failure = ""
        for address in addresses:
            try:
                replies = await self._deliver(envelope, paths, address)
            except (OSError, LabError) as error:
                reason = getattr(error, "strerror", None) or error  # the same words on every system
                failure = f"{name} [{address}]: {reason}"
            else:
                return {path: _judge(reply, name) for path, reply in replies.items()}
        return dict.fromkeys(paths, Outcome("temporary", failure))

    async def _deliver(self, envelope: Envelope, paths: Sequence[str], address: str) -> dict[str, Reply]:
        dialogue = smtp.relay(
            self._host.name, envelope.reverse_path, paths, envelope.data, smtputf8=envelope.smtputf8
        )
        session = DialogueSession(dialogue, idle_timeout=SILENCE)
        talk = converse(self._network, self._host, address, SMTP_PORT, session)
        # A watch over silence alone would stall the simulation: this limit lets the time pass until it ends.
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT):
                replies: dict[str, Reply] = await talk
        except TimeoutError as error:
            raise TimeoutError(error.errno, error.strerror or "the attempt took too long") from error
        return replies


def _judge(reply: Reply, host: str) -> Outcome:
    kinds: dict[int, Kind] = {2: "ok", 4: "temporary"}
    return Outcome(kinds.get(reply.kind, "permanent"), str(reply), reply.enhanced or "", host)


def _expired(last: Outcome, attempts: int) -> Outcome:
    return last._replace(text=f"given up after {attempts} attempts: {last.text}", status=EXPIRED)

"""Datagrams on real sockets, shown to the tap: a question and its answer are one connection there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from labkit.net.faults import Event, Rule, judge
from labkit.net.network import Host, Responder
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.net.tcp import microseconds


async def exchange(
    tap: Tap, faults: list[Rule], connection: Connection, sock: socket.socket, question: bytes
) -> bytes:
    """Ask over a connected socket; the lab's own client notes both datagrams."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(sock, await _pass(tap, faults, connection, "client", question))
    return await _pass(tap, faults, connection, "server", await loop.sock_recv(sock, 65535))


async def _pass(tap: Tap, faults: list[Rule], connection: Connection, sender: Side, data: bytes) -> bytes:
    """Ask the rules about a datagram and note it; one that is lost is waited for in vain."""
    sent = microseconds()
    fate = judge(faults, Event(connection, sender, data, sent))
    await asyncio.sleep(fate.hold)
    forged = fate.data != data
    if forged or fate.ending:
        tap.add(Record(connection.number, sent, None, sender, data, "plain"))
    if fate.ending:
        await asyncio.Event().wait()
    now = microseconds()
    tap.add(Record(connection.number, None if forged else now, now, sender, fate.data, "plain"))
    return fate.data


class Answering(asyncio.DatagramProtocol):
    """Answers datagrams; notes those that come from programs outside."""

    def __init__(
        self,
        respond: Responder,
        host: Host,
        is_ours: Callable[[int], bool],
        tap: Tap,
        open: Callable[[str, int], Connection],
    ) -> None:
        self._respond = respond
        self._host = host
        self._is_ours = is_ours
        self._tap = tap
        self._open = open

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        now = microseconds()
        answer = self._respond(data) if self._host.online else None
        if answer is not None:
            self._transport.sendto(answer, addr)
        if self._is_ours(addr[1]):
            return
        number = (connection := self._open(*addr)).number
        self._tap.add(Record(number, now, now, "client", data, "plain"))
        if answer is not None:
            now = microseconds()
            self._tap.add(Record(number, now, now, "server", answer, "plain"))
        self._tap.close(connection, now, None, None)

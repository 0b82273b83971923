"""A little server and client for the tests of the network: lines in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.loops import LOOPS, take_loop

from labkit.clients.dialogue import DialogueSession
from labkit.net.loopback import LoopbackNetwork
from labkit.net.session import Action, Close, Delay, Send, StartTLS
from labkit.net.simulated import SimulatedNetwork
from labkit.net.tls import Authority


class LineServer:
    """Says hello, and answers each line with "+OK" and the line; some lines do more."""

    idle_timeout: float | None = 600.0
    waiting_for = "a line"

    def __init__(self) -> None:
        self.data = b""
        self.log: list[str] = []

    def attach(self, wake_soon: Callable[[], None]) -> None:
        self.wake_soon = wake_soon

    def connected(self, peer: str, encrypted: bool) -> Iterator[Action]:
        self.log.append(f"connected {peer} {encrypted}")
        yield Send(b"+OK hello\r\n")

    def receive(self, data: bytes) -> Iterator[Action]:
        self.data += data
        while b"\r\n" in self.data:
            line, self.data = self.data.split(b"\r\n", 1)
            yield from self.line(line)

    def line(self, line: bytes) -> Iterator[Action]:
        match line.split():
            case [b"MUTE"]:
                pass
            case [b"SLOW", seconds]:
                yield Delay(float(seconds))
                yield Send(b"+OK slow\r\n")
            case [b"BIG", octets]:
                yield Send(b"x" * int(octets) + b"\r\n")
            case [b"STLS"]:
                yield Send(b"+OK begin\r\n")
                self.data = b""
                yield StartTLS()
            case [b"WAKE"]:
                self.wake_soon()
            case [b"FAIL"]:
                raise RuntimeError("a bug in the session")
            case [b"QUIT"]:
                yield Send(b"+OK bye\r\n")
                yield Close()
            case _:
                yield Send(b"+OK " + line + b"\r\n")

    def wake(self) -> Iterator[Action]:
        self.log.append("wake")
        yield Send(b"* awake\r\n")

    def encrypted(self) -> Iterator[Action]:
        self.log.append("encrypted")
        return iter(())

    def eof(self) -> Iterator[Action]:
        self.log.append("eof")
        return iter(())

    def timed_out(self) -> Iterator[Action]:
        self.log.append("timed out")
        yield Send(b"-ERR too slow\r\n")
        yield Close()

    def lost(self) -> None:
        self.log.append("lost")


class Line:
    """A command of one line whose reply is one line."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.expects = f"the reply to {data.decode().strip()}" if data else "the greeting"

    def reader(self) -> Any:
        return LineReader()


class LineReader:
    def __init__(self) -> None:
        self.rest = b""
        self._seen = b""

    def feed(self, data: bytes) -> bytes | None:
        self._seen += data
        if b"\r\n" not in self._seen:
            return None
        line, self.rest = self._seen.split(b"\r\n", 1)
        return line


def _dialogue(steps: tuple[bytes | StartTLS, ...]) -> Any:
    replies = [(yield Line(b""))]
    for step in steps:
        if isinstance(step, StartTLS):
            yield step
        else:
            replies.append((yield Line(step + b"\r\n")))
    return replies


@pytest.fixture
def talk() -> Callable[..., DialogueSession[list[bytes]]]:
    """A client that sends these lines, each after the reply to the one before."""
    return lambda *steps: DialogueSession(_dialogue(steps))


@pytest.fixture
def line_server() -> type[LineServer]:
    return LineServer


@pytest.fixture
def simulated() -> Iterator[SimulatedNetwork]:
    with SimulatedNetwork() as network:
        yield network


@pytest.fixture(params=LOOPS)
def loopback(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackNetwork]:
    take_loop(request.param, monkeypatch)
    with LoopbackNetwork() as network:
        yield network


@pytest.fixture(params=["simulated", *LOOPS])
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Either network, the loopback on either of its loops."""
    if request.param != "simulated":
        take_loop(request.param, monkeypatch)
    with SimulatedNetwork() if request.param == "simulated" else LoopbackNetwork() as network:
        yield network


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()

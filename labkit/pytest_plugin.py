"""Fixtures for people who test their own mail code; pytest finds them by itself.

    def test_my_program_sends_a_letter(mail_server, capture, assert_exchange):
        mail_server.world.user("bob@example.com")
        my_program.send(*mail_server.where("smtp"), to="bob@example.com")
        assert b"Dear Bob" in mail_server.read("bob@example.com")[0]
        assert_exchange(capture, '''
            C: RCPT TO:<bob@example.com>
            S: 250 …
        ''')

`world` is in memory and in virtual time, so a week of retries takes no time, and a test that has it is
refused real sockets; `mail_server` listens on real ports of 127.0.0.1, for code that opens sockets
itself.  The report of a test that fails shows what was on the wire.  Nothing of labkit is imported
before a test asks for one of them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from labkit.net.tls import Authority
    from labkit.tables import Capture
    from labkit.world.mail_server import MailServer
    from labkit.world.world import World

LONGEST = 60
"""Exchanges that the report of a failed test shows."""

_worlds = pytest.StashKey[list["World"]]()


@pytest.fixture
def world(request: pytest.FixtureRequest, _labkit_authority: Authority) -> Iterator[World]:
    """A simulated `labkit.World`, whose ids come from the name of the test.

    A test that has it is refused real sockets, unless it has `mail_server` too or is marked `real_sockets`.
    """
    from labkit.world.world import World

    with (
        World(request.node.name, authority=_labkit_authority) as world,
        pytest.MonkeyPatch.context() as patch,
    ):
        if not (request.node.get_closest_marker("real_sockets") or "mail_server" in request.fixturenames):
            _refuse_sockets(patch)
        request.node.stash.setdefault(_worlds, []).append(world)
        yield world


@pytest.fixture
def mail_server(request: pytest.FixtureRequest, _labkit_authority: Authority) -> Iterator[MailServer]:
    """The mail server of example.com, on free ports: smtp, submission, pop3, imap and their TLS forms.

    `mail_server.where("imap")` says where; `mail_server.world` makes users (their password is
    "secret-" and the local part) and more domains, and has the capture.  Its certificate is for localhost
    and 127.0.0.1; `mail_server.world.trust()` is an SSL context that trusts it.
    """
    from labkit.world.world import World

    with World(network="loopback", domains=("example.com",), authority=_labkit_authority) as world:
        request.node.stash.setdefault(_worlds, []).append(world)
        yield world.domain("example.com")


@pytest.fixture
def capture(request: pytest.FixtureRequest) -> Capture:
    """Everything on the wire of this test, as tables; `with capture() as part:` for a part of it.

    It is that of `mail_server` if the test has one, else that of `world`.
    """
    if "mail_server" in request.fixturenames:
        served: World = request.getfixturevalue("mail_server").world
        return served.capture
    simulated: World = request.getfixturevalue("world")
    return simulated.capture


@pytest.fixture
def assert_exchange() -> Callable[[Any, str], None]:
    """`assert_exchange(capture, "C: QUIT\\nS: 221 …")`: these lines were said, one after the other.

    `…` stands for any text, on a line of its own for any lines; a failure shows the difference.
    """

    def check(source: Any, expected: str) -> None:
        __tracebackhide__ = True
        from labkit.views.transcript import unlike

        difference = unlike(source, expected)
        if difference is not None:
            pytest.fail(difference, pytrace=False)

    return check


@pytest.fixture(scope="session")
def _labkit_authority() -> Authority:
    """One for all tests: its keys cost two tenths of a second, when first asked for."""
    from labkit.net.tls import Authority

    return Authority()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_sockets: the fixture `world` refuses no real sockets here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and report.when == "call":
        for world in item.stash.get(_worlds, []):
            report.sections.append(("What was on the wire", _told(world)))
    return report


def _told(world: World) -> str:
    try:
        from labkit.views.ladder import ladder

        return str(ladder(world, limit=LONGEST))
    except Exception as error:  # a report that cannot be made must not hide the failure it is about
        return f"could not be shown: {error!r}"


def _refuse_sockets(patch: pytest.MonkeyPatch) -> None:
    """Let nobody reach out of the simulated world, save pairs of sockets within this process."""
    from labkit.errors import LabError

    make_pair, pairing = socket.socketpair, [0]

    def pair(*args: Any, **options: Any) -> Any:
        pairing[0] += 1  # where a system has no pairs, Python connects two sockets for one
        try:
            return make_pair(*args, **options)
        finally:
            pairing[0] -= 1

    def guarded(name: str) -> Callable[..., Any]:
        original = getattr(socket.socket, name)

        def call(self: socket.socket, *args: Any) -> Any:
            if pairing[0] or self.family not in (socket.AF_INET, socket.AF_INET6):
                return original(self, *args)
            self.close()
            raise LabError(
                f"a test with a simulated world called {name} on a real socket ({args[-1]!r}); "
                "the clients of the world (alice.smtplib(), bob.imaplib()) need none. For code that opens "
                "sockets itself use the fixture `mail_server`, or mark the test with pytest.mark.real_sockets"
            )

        return call

    patch.setattr(socket, "socketpair", pair)
    for name in ("connect", "connect_ex", "bind", "sendto"):
        patch.setattr(socket.socket, name, guarded(name))

"""`labkit fetch`: from our server on a real port into files; nothing is lost, whatever is cut off when."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from labkit import World
from labkit.cli.program import program
from labkit.clients.pop3 import Refused
from labkit.errors import LabError
from labkit.grammar.pop3 import Reply
from labkit.net.faults import CUT, PASS, Event, Verdict
from labkit.store.files import read_messages
from labkit.world.fetch import Fetched, Options, fetch, server_and_port
from labkit.world.shelf import Folder, Seen, mbox_entry, shelf

MAIL = [
    b"Subject: one\r\n\r\n.a dot\r\n",
    b"Subject: two\r\n\r\nFrom here on\r\n>From there\r\n",
    "Subject: drei\r\n\r\nGrüße\r\n".encode(),
    "Subject: grüße\r\n\r\nin the header too\r\n".encode(),
]
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


class House:
    """A POP3 server on real ports with bob's mail, and his ways to fetch it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.bob = world.user("bob@example.org", password="secret")
        self.folder = folder
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(world.authority.pem)
        self.said: list[str] = []
        for message in MAIL:
            self.deliver(message)

    def deliver(self, message: bytes) -> None:
        self.world.call(lambda: self.bob.server.mailbox(self.bob.address).append(message))

    @property
    def left(self) -> list[bytes]:
        return self.bob.server.read(self.bob.address)

    def options(self, **changed: Any) -> Options:
        service = "pop3s" if changed.get("tls") == "implicit" else "pop3"
        listener = self.bob.server.listeners[service]
        usual = {"to": self.folder / "mail", "password": "secret", "ca_file": self.ca_file}
        return Options(listener.address, listener.port, "bob", **(usual | changed))

    def fetch(self, now: datetime = NOW, **changed: Any) -> Fetched:
        self.said = []
        return fetch(self.options(**changed), lambda row: self.said.append(f"{row.verb} {row.status}"), now)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with World(network="loopback", domains=["example.org"]) as world:
        yield House(world, tmp_path)


def files(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in folder.glob("*.eml"))


def test_into_a_folder_and_never_twice(house: House) -> None:
    assert house.fetch() == Fetched(4, 4, {})
    assert files(house.folder / "mail") == sorted(MAIL)
    verbs = ["None", "CAPA", "UTF8", "USER", "PASS", "UIDL", "RETR", "RETR", "RETR", "RETR", "QUIT"]
    assert house.said == [f"{verb} +OK" for verb in verbs]
    house.deliver(b"Subject: five\r\n\r\n")
    assert house.fetch() == Fetched(1, 5, {})
    assert house.said.count("RETR +OK") == 1
    assert files(house.folder / "mail") == sorted([*MAIL, b"Subject: five\r\n\r\n"])


@pytest.mark.parametrize("pipelined", [False, True])
@pytest.mark.parametrize("tls", ["none", "STARTTLS", "implicit"])
@pytest.mark.parametrize("mechanism", [None, "APOP", "SCRAM-SHA-256"])
def test_delete(house: House, tls: str, pipelined: bool, mechanism: str | None) -> None:
    fetched = house.fetch(delete=True, tls=tls, pipelined=pipelined, mechanism=mechanism)
    assert fetched == Fetched(4, 0, {})
    assert house.left == []
    assert files(house.folder / "mail") == sorted(MAIL)


def test_keep_days(house: House) -> None:
    assert house.fetch(keep_days=14) == Fetched(4, 4, {})
    house.deliver(b"Subject: later\r\n\r\n")
    assert house.fetch(NOW + timedelta(days=13), keep_days=14) == Fetched(1, 5, {})
    assert house.fetch(NOW + timedelta(days=14), keep_days=14) == Fetched(0, 1, {})
    assert house.left == [b"Subject: later\r\n\r\n"]
    assert len(files(house.folder / "mail")) == 5


def test_into_an_mbox(house: House) -> None:
    mbox = house.folder / "in.mbox"
    house.fetch(to=mbox)
    house.deliver(b"Subject: five\r\n\r\nno end of line")
    house.fetch(to=mbox, delete=True)
    expected = [*MAIL, b"Subject: five\r\n\r\nno end of line\r\n"]
    assert (
        b"\n>From here" in mbox.read_bytes()
    )  # told from the line that begins a message, and read back as it was
    assert [message.rstrip() for message in read_messages(mbox)] == [each.rstrip() for each in expected]
    assert house.left == []


def test_two_accounts_in_one_folder_do_not_overwrite_each_other(house: House, tmp_path: Path) -> None:
    house.fetch()
    folder = Folder(tmp_path / "mail", "somebody else")
    before = len(files(tmp_path / "mail"))
    name = next((tmp_path / "mail").glob("*.eml")).stem
    folder._put(name, b"another message")
    assert len(files(tmp_path / "mail")) == before + 1


# Nothing is lost


def cut_when(said: bytes, sender: str) -> Any:
    def rule(event: Event) -> Verdict:
        return CUT if event.sender == sender and event.data.startswith(said) else PASS

    return rule


@pytest.mark.parametrize("to", ["mail", "in.mbox"])
@pytest.mark.parametrize("said", [b"RETR 3", b"DELE 1", b"DELE 4", b"QUIT"])
def test_a_connection_that_breaks(house: House, said: bytes, to: str) -> None:
    with house.world.fault(cut_when(said, "client")), pytest.raises(LabError):
        house.fetch(to=house.folder / to, delete=True)
    assert len(house.left) == 4
    again = house.fetch(to=house.folder / to, delete=True)
    assert again == Fetched(2 if said == b"RETR 3" else 0, 0, {})
    assert house.left == []
    found = list(read_messages(house.folder / to)) if to == "in.mbox" else files(house.folder / to)
    assert len(found) == 4


def test_what_is_deleted_was_synced_before(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("sync"), fsync(descriptor)))
    with house.world.fault(lambda event: events.append(event.data[:4].decode("latin-1")) or PASS):
        house.fetch(delete=True)
    assert events.count("sync") >= 8  # messages, and what is remembered of them
    first = events.index("DELE")
    retrieved = len(events) - 1 - events[::-1].index("RETR")
    assert "sync" in events[retrieved:first]
    assert "sync" not in events[first : events.index("QUIT")]


@pytest.mark.parametrize("to", ["mail", "in.mbox"])
def test_a_program_that_dies_while_it_keeps_a_message(
    house: House, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    """The message is written, but not yet remembered: it is fetched again, and is there once."""
    with monkeypatch.context() as dying:
        dying.setattr(Seen, "add", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            house.fetch(to=house.folder / to, delete=True)
    assert len(house.left) == 4
    assert house.fetch(to=house.folder / to, delete=True) == Fetched(4, 0, {})
    found = list(read_messages(house.folder / to)) if to == "in.mbox" else files(house.folder / to)
    assert len(found) == 4


def test_a_second_program_waits_outside(house: House) -> None:
    """It would cut away what the first is about to have deleted, or forget that it is there."""
    for to in (house.folder / "mail", house.folder / "in.mbox"):
        with shelf(to, "bob"), pytest.raises(LabError, match=f"{to} is in use: another program"):
            house.fetch(to=to, delete=True)
        assert len(house.left) == 4
    house.fetch(delete=True)
    assert house.left == []


def dies_in_the_middle(house: House, monkeypatch: pytest.MonkeyPatch, to: Path) -> bytes:
    """The second message was being written; returns what there is of both."""
    with monkeypatch.context() as dying:
        dying.setattr(Seen, "add", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError, match="killed"):
            house.fetch(to=to)
    cut = to.read_bytes()[:-10]
    to.write_bytes(cut)
    return cut


@pytest.mark.parametrize(
    "written", [b"From a@b Mon Jan  5 10:00:00 2026\nSubject: new\n\nFor bob alone.\n\n", b"From x"]
)
def test_what_others_have_written_behind_a_cut_message_stays(
    house: House, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    mbox = house.folder / "in.mbox"
    mbox.write_bytes(b"From a@b Mon Jan  5 08:00:00 2026\nSubject: old\n\nold")
    cut = dies_in_the_middle(house, monkeypatch, mbox)
    mbox.write_bytes(cut + written)
    assert house.fetch(to=mbox) == Fetched(4, 4, {})
    assert mbox.read_bytes().startswith(cut + written)
    assert len(list(read_messages(mbox))) >= 6


def test_what_was_begun_behind_a_line_without_an_end_is_taken_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    mbox = house.folder / "in.mbox"
    mbox.write_bytes(b"From a@b Mon Jan  5 08:00:00 2026\nSubject: old\n\nold")
    dies_in_the_middle(house, monkeypatch, mbox)
    house.fetch(to=mbox)
    assert len(list(read_messages(mbox))) == 5


def test_what_is_delivered_while_a_message_is_added_stays(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a program that knows nothing of our lock."""
    mbox = house.folder / "in.mbox"
    new = b"From a@b Mon Jan  5 10:00:00 2026\nSubject: new\n\nFor bob.\n\n"
    begin = Seen.begin

    def and_meanwhile(seen: Seen, size: int, line: bytes) -> None:
        begin(seen, size, line)
        with mbox.open("ab") as file:
            file.write(new)

    monkeypatch.setattr(Seen, "begin", and_meanwhile)
    house.fetch(to=mbox)
    assert mbox.read_bytes().count(new) == 4
    assert len(list(read_messages(mbox))) == 8


def test_what_others_have_taken_out_before_a_cut_message_cuts_off_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    mbox = house.folder / "in.mbox"
    mbox.write_bytes(b"From a@b Mon Jan  5 08:00:00 2026\nSubject: old\n\nold\n\n")
    cut = dies_in_the_middle(house, monkeypatch, mbox)
    new = b"From a@b Mon Jan  5 10:00:00 2026\nSubject: new\n\n" + b"For bob alone.\n" * 40 + b"\n"
    mbox.write_bytes(new)
    assert len(new) > len(cut)
    house.fetch(to=mbox)
    assert mbox.read_bytes().startswith(new)


def test_an_mbox_whose_last_line_has_no_end(house: House) -> None:
    """What is added begins on a line of its own, or it would be a part of the message before."""
    for number, end in enumerate([b"", b"\n", b"\n\n"]):
        mbox = house.folder / f"{number}.mbox"
        mbox.write_bytes(b"From a@b Mon Jan  5 08:00:00 2026\nSubject: old\n\nold" + end)
        house.fetch(to=mbox)
        assert [each.rstrip() for each in read_messages(mbox)] == [
            b"Subject: old\r\n\r\nold",
            *(each.rstrip() for each in MAIL),
        ]
        assert b"old\n\nFrom MAILER" in mbox.read_bytes()


def test_a_full_disk_deletes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LabError, match="No space left"):
        house.fetch(delete=True)
    assert len(house.left) == 4


# What cannot be done


def test_refusals_are_sentences(house: House) -> None:
    with pytest.raises(LabError, match=r"the server refused PASS: \[AUTH\] wrong name or password"):
        house.fetch(password="wrong")
    with pytest.raises(LabError, match=r"no TLS with 127\.0\.0\.1"):
        house.fetch(tls="implicit", ca_file=None)
    with pytest.raises(LabError, match=r"no TLS with 127\.0\.0\.1"):
        house.fetch(tls="STARTTLS", ca_file=None)
    smtp = replace(house.options(), port=house.bob.server.listeners["smtp"].port)
    with pytest.raises(
        LabError, match=r"127\.0\.0\.1 says what is no POP3: expected '\+OK' or '-ERR' at byte 0"
    ):
        fetch(smtp, lambda row: None)
    with pytest.raises(
        LabError, match=r"^a character that cannot be in a name or password \(RFC 4013 2.3\)$"
    ):
        house.fetch(password="pass\aword", mechanism="APOP")
    (house.folder / "mail" / ".labkit-fetch.json").write_text("no JSON")
    with pytest.raises(LabError, match="is not what labkit fetch has written there"):
        house.fetch()


def test_nobody_answers(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(LabError, match=f"cannot reach 127.0.0.1 on port {port}: Connect"):
        fetch(Options("127.0.0.1", port, "bob", "secret", tmp_path), lambda row: None)


@pytest.mark.parametrize(
    ("text", "tls", "expected"),
    [
        ("pop.example.org", "none", ("pop.example.org", 110)),
        ("pop.example.org", "implicit", ("pop.example.org", 995)),
        ("127.0.0.1:2110", "none", ("127.0.0.1", 2110)),
        ("[::1]:2110", "none", ("::1", 2110)),
        ("[::1]", "none", ("::1", 110)),
    ],
)
def test_where(text: str, tls: Any, expected: tuple[str, int]) -> None:
    assert server_and_port(text, tls) == expected


@pytest.mark.parametrize("text", ["host:", ":110", "host:x", "host:0", "host:65536", "::1", "fe80::1:110"])
def test_nowhere(text: str) -> None:
    with pytest.raises(LabError, match="is not HOST:PORT"):
        server_and_port(text, "none")


def test_an_entry_of_an_mbox() -> None:
    assert mbox_entry(b"A: b\r\n\r\nFrom x\r\n", NOW) == (
        b"From MAILER-DAEMON Mon Jan  5 09:00:00 2026\nA: b\n\n>From x\n\n"
    )


# The command


def test_the_command(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    options = house.options()
    where = ["fetch", "--from", f"{options.server}:{options.port}", "--user", "bob"]
    monkeypatch.setenv("LABKIT_PASSWORD", "secret")
    told = CliRunner().invoke(program(), [*where, "--to", str(house.folder / "in")])
    assert told.exit_code == 0, told.output
    assert "RETR 1 → +OK 24 octets" in told.output
    assert "PASS ••• → +OK bob's maildrop has 4 messages" in told.output
    assert f"4 fetched into {house.folder / 'in'}; 4 on the server." in told.output
    secret = house.folder / "password"
    secret.write_text("secret\n")
    monkeypatch.delenv("LABKIT_PASSWORD")
    more = ["--to", str(house.folder / "in"), "--delete", "--starttls", "--ca-file", str(house.ca_file)]
    told = CliRunner().invoke(program(), [*where, *more, "--password-file", str(secret)])
    assert "0 fetched" in told.output
    assert house.left == []
    told = CliRunner().invoke(program(), [*where, "--to", str(house.folder / "in")], input="secret\n")
    assert "0 fetched" in told.output
    assert "Password" not in told.output  # nobody is there to ask
    told = CliRunner().invoke(program(), where, input="")
    assert told.exit_code == 2
    assert CliRunner().invoke(program(), [*where, "--tls", "--starttls"]).exit_code == 2
    assert CliRunner().invoke(program(), [*where, "--delete", "--keep-days", "3"]).exit_code == 2


def test_the_server_s_words_get_no_hold_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuses = {"1": Refused("RETR", Reply("-ERR", "no\x1b[2J\x07"))}
    monkeypatch.setattr("labkit.world.fetch.fetch", lambda options, show: Fetched(0, 1, refuses))
    monkeypatch.setenv("LABKIT_PASSWORD", "secret")
    told = CliRunner().invoke(program(), ["fetch", "--from", "127.0.0.1:1", "--user", "bob"])
    assert told.exit_code == 1
    assert "message 1: the server refused RETR: no\\x1b[2J\\x07\n" in told.output

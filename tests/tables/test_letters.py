"""Messages as files, and the table of their header fields: every octet, and nothing that a message names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labkit.capture.tape import Gap, Tape
from labkit.errors import LabError
from labkit.net.tap import Connection, Record, Side, Tap
from labkit.tables import Capture
from labkit.tables.letters import write_letters

HOSTILE = (
    b"Subject: ../../etc/passwd\r\nMessage-ID: </etc/cron.d/x>\r\n"
    b'Content-Type: text/plain; name="../../x"\r\n'
    b"X: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\tfolded\r\n\r\n.\r\n..\r\nbare\nlf\rcr \x00\xff\r\n"
)


def capture_of(*said: tuple[Side, bytes], port: int = 25) -> Capture:
    tap = Tap()
    tap.connections.append(Connection(0, "tcp", "192.0.2.1", 49152, "192.0.2.2", port, 0, closed=99))
    for time, (sender, octets) in enumerate(said):
        tap.records.append(Record(0, time, time, sender, octets, "plain"))
    return Capture(Tape.from_tap(tap))


def stuffed(data: bytes) -> bytes:
    return (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


BEGIN: tuple[tuple[Side, bytes], ...] = (
    ("server", b"220 a\r\n"),
    ("client", b"EHLO b\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\n"),
    ("server", b"250 a\r\n250 a\r\n250 a\r\n"),
)
POP3: tuple[tuple[Side, bytes], ...] = (
    ("server", b"+OK a\r\n"),
    ("client", b"USER a\r\nPASS b\r\n"),
    ("server", b"+OK\r\n+OK\r\n"),
)
CARRIED: dict[str, tuple[int, tuple[tuple[Side, bytes], ...], list[str]]] = {
    "DATA": (
        25,
        (
            *BEGIN,
            *(("client", b"DATA\r\n"), ("server", b"354 go\r\n")),
            *(("client", stuffed(HOSTILE)), ("server", b"250 ok\r\n")),
        ),
        ["0-5.eml"],
    ),
    "BDAT": (
        25,
        (
            *BEGIN,
            ("client", b"BDAT 30\r\n" + HOSTILE[:30]),
            ("client", b"BDAT %d\r\n" % (len(HOSTILE) - 30) + HOSTILE[30:] + b"BDAT 0 LAST\r\n"),
            ("server", b"250 ok\r\n250 ok\r\n250 ok\r\n"),
        ),
        ["0-6.eml"],
    ),
    "RETR": (110, (*POP3, ("client", b"RETR 1\r\n"), ("server", b"+OK\r\n" + stuffed(HOSTILE))), ["0-3.eml"]),
    "FETCH": (
        143,
        (
            ("server", b"* PREAUTH a\r\n"),
            ("client", b"a SELECT INBOX\r\nb FETCH 1:2 BODY[]\r\n"),
            ("server", b"a OK\r\n* 1 FETCH (BODY[] {%d}\r\n" % len(HOSTILE) + HOSTILE + b")\r\n"),
            ("server", b"* 2 FETCH (UID 7 BODY[] {%d}\r\n" % len(HOSTILE) + HOSTILE + b")\r\nb OK\r\n"),
        ),
        ["0-2-1.eml", "0-2.eml"],
    ),
    "APPEND": (
        143,
        (
            ("server", b"* PREAUTH a\r\n"),
            ("client", b'a APPEND "../../x" {%d+}\r\n' % len(HOSTILE) + HOSTILE + b"\r\n"),
            ("server", b"a OK\r\n"),
        ),
        ["0-1.eml"],
    ),
}


@pytest.mark.parametrize("how", CARRIED)
def test_every_octet_under_a_name_of_ours(how: str, tmp_path: Path) -> None:
    port, said, names = CARRIED[how]
    capture = capture_of(*said, port=port)
    target = tmp_path / "deep" / "letters"
    written = write_letters([capture], target)
    assert sorted(os.listdir(target)) == names == sorted(path.name for path in written)
    assert [path.read_bytes() for path in written] == [HOSTILE] * len(names)
    assert sorted(os.listdir(tmp_path)) == ["deep"]


@pytest.mark.parametrize("how", CARRIED)
def test_the_header_is_a_table(how: str) -> None:
    port, said, _ = CARRIED[how]
    rows = [row for row in capture_of(*said, port=port).rows("headers") if row.message == 0]
    assert [(row.position, row.name, row.value) for row in rows] == [
        (0, "Subject", "../../etc/passwd"),
        (1, "Message-ID", "</etc/cron.d/x>"),
        (2, "Content-Type", 'text/plain; name="../../x"'),
        (3, "X", "Grüße\tfolded"),
    ]
    assert rows[3].raw == b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\tfolded"
    for row in rows:
        assert HOSTILE[row.offset :].startswith(row.name.encode() + b":" + row.raw)


def test_what_is_not_whole_says_so(tmp_path: Path) -> None:
    cut = capture_of(*POP3, ("client", b"RETR 1\r\n"), ("server", b"+OK\r\nSubject: x\r\n\r\nhal"), port=110)
    chunks = capture_of(*BEGIN, ("client", b"BDAT 30\r\n" + HOSTILE[:30]), ("server", b"250 ok\r\n"))
    write_letters([cut, chunks], tmp_path / "x")
    assert (tmp_path / "x" / "0" / "0-3.part.eml").read_bytes() == b"Subject: x\r\n\r\nhal"
    assert (tmp_path / "x" / "1" / "0-4.part.eml").read_bytes() == HOSTILE[:30]


def test_a_gap_in_a_chunk_before_the_last_is_a_gap_of_the_message(tmp_path: Path) -> None:
    capture = capture_of(*CARRIED["BDAT"][1])
    (flow,) = capture.tape.flows
    at = flow.client.data.index(HOSTILE[:30]) + 20
    flow.client.gaps.append(Gap(at, 5))
    (message,) = capture.rows("messages")
    assert not message.complete


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    capture = capture_of(*CARRIED["DATA"][1])
    (tmp_path / "0-5.eml").write_text("mine")
    with pytest.raises(LabError, match="is not empty: name a new folder"):
        write_letters([capture], tmp_path)
    with pytest.raises(LabError, match="cannot write"):
        write_letters([capture], tmp_path / "0-5.eml")
    assert (tmp_path / "0-5.eml").read_text() == "mine"


def test_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(LabError, match="No space left on device"):
        write_letters([capture_of(*CARRIED["DATA"][1])], tmp_path / "x")
    assert os.listdir(tmp_path / "x") == []


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (b".\r\n", b""),
        (b".\n", b""),
        (b"a\n.\n", b"a\n"),
        (b"a\n.\r\n", b"a\n"),
        (b"a\r\n.\n", b"a\r\n"),
        (b"..a\r\n..\r\n.b\r\n.\r\n", b".a\r\n.\r\nb\r\n"),
    ],
)
def test_where_a_message_ends(block: bytes, message: bytes) -> None:
    said = (
        *BEGIN,
        ("client", b"DATA\r\n"),
        ("server", b"354 go\r\n"),
        ("client", block),
        ("server", b"250 ok\r\n"),
    )
    (found,) = capture_of(*said).messages_carried()
    assert found.data == message


@pytest.mark.parametrize("before", [b"", b"what?\r\n"])
def test_a_message_begins_behind_the_line_that_grants_it(before: bytes) -> None:
    reply = before + b"+OK 8 octets\r\n" + stuffed(b"+OK\r\n.\r\n")
    (found,) = capture_of(*POP3, ("client", b"RETR 1\r\n"), ("server", reply), port=110).messages_carried()
    assert found.data == b"+OK\r\n.\r\n"

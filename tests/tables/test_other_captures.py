"""Captures from elsewhere: none raises, and verbs and codes agree with Wireshark's.

The captures stand beside the repository; tests that need them, or tshark, are skipped where they are absent.
"""

from __future__ import annotations

import gzip
import io
import random
import shutil
import subprocess
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import pytest

from labkit.dissect.flaws import CATALOGUE
from labkit.errors import LabError
from labkit.tables import TABLES, Capture, read_capture

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "zeek"
FILES = sorted(path.name for path in CAPTURES.glob("*.pcap*"))

pytestmark = pytest.mark.skipif(not FILES, reason="the captures of the Zeek project are not here")

FIELDS = (
    *("smtp.req.command", "pop.request.command", "imap.request.command"),
    *("smtp.response.code", "pop.response.indicator", "imap.response.status"),
)
Said = tuple[list[str], list[str]]
"""Verbs and statuses of one connection."""

# (file, tcp.stream): what tshark says otherwise, and who is right.
DISAGREEMENTS = {
    ("pop3_pop3.pcap", 3): "tshark takes the response to AUTH PLAIN for a command, and has no '+'",
    ("pop3_pop3.pcap", 5): "the same",
    ("pop3_pop3.pcap", 6): "the same",
    ("smtp-mail-transactions-invalid.pcap", 0): "tshark drops lines that are no known command, and so do "
    "their replies' partners; it also gives the greeting first, though EHLO was sent before it",
    (
        "smtp_rfc3030-bdat-nonascii.pcap",
        0,
    ): "the two lines of EHLO's reply came in two packets: one reply, not two",
    ("smtp_smtp-bdat-cmd-chunk-size-overflow.pcap", 0): "tshark loses a BDAT whose size is no 32-bit number, "
    "and takes the QUIT behind it for data; the server had refused it and awaited no data",
    ("smtp_smtp-bdat-cmd-chunk-size-overflow2.pcap", 0): "the same",
    ("smtp_smtp-bdat-cmd-negative-chunk-size.pcap", 0): "the same",
    ("smtp_smtp-bdat-cmd-invalid.pcapng", 0): "tshark takes the QUIT behind a bad BDAT for data",
    ("smtp_smtp-bdat-cmd-invalid.pcapng", 1): "the same",
    ("smtp_smtp-bdat-gap.pcap", 0): "tshark waits for the octets in the gap and sees no command behind it",
    (
        "smtp_smtp-bdat-pipeline-8bitmime.pcap",
        0,
    ): "tshark sees no commands sent in one packet with data or others",
    ("tls_imap-starttls.pcap", 0): "tshark gives no status for the untagged greeting",
    ("tls_smtp-starttls.pcap", 0): "tshark cuts STARTTLS to four letters",
}


def ours(capture: Capture) -> dict[int, Said]:
    streams = {row.connection: row.stream for row in capture.rows("connections")}
    found: dict[int, Said] = defaultdict(lambda: ([], []))
    for row in capture.rows("exchanges"):
        if row.protocol != "dns" and row.verb != "TLS":
            verbs, statuses = found[streams[row.connection]]
            if row.verb not in (None, ".", "(response)"):
                verbs.append(row.verb)
            if row.status:
                statuses.append(row.status)
    return dict(found)


def theirs(path: Path) -> dict[int, Said]:
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]
    for name in ("tcp.stream", *FIELDS):
        command += ["-e", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[int, Said] = defaultdict(lambda: ([], []))
    for line in done.stdout.splitlines():
        stream, *values = line.split("\t")
        if stream and any(values):
            verbs, statuses = found[int(stream.split(",")[0])]
            verbs += [word.upper() for value in values[:3] for word in value.split(",") if word]
            statuses += [word for value in values[3:] for word in value.split(",") if word]
    return dict(found)


@pytest.mark.parametrize("name", FILES)
def test_every_table_of_every_capture(name: str) -> None:
    capture = read_capture(CAPTURES / name)
    for table in TABLES:
        assert len(capture.rows(table)) == len(getattr(capture, table))
    assert set(capture.rows("flaws")["flaw"]) <= set(CATALOGUE)
    assert repr(capture) + repr(capture.story())


@pytest.mark.parametrize("name", FILES)
def test_damaged_captures(name: str) -> None:
    draw = random.Random(name)
    packed = (CAPTURES / name).read_bytes()
    whole = gzip.decompress(packed) if name.endswith(".gz") else packed
    for _ in range(4):
        damaged = bytearray(whole[: draw.randrange(24, len(whole))])
        for _ in range(10):
            damaged[draw.randrange(24, len(damaged) + 1) - 1] = draw.randrange(256)
        with suppress(LabError):
            capture = read_capture(io.BytesIO(bytes(damaged)))
            assert [len(capture.rows(table)) for table in TABLES if table != "lines"]


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")
@pytest.mark.parametrize("name", FILES)
def test_verbs_and_codes_agree_with_tshark(name: str) -> None:
    here, there = ours(read_capture(CAPTURES / name)), theirs(CAPTURES / name)
    differing = {stream for stream in {*here, *there} if here.get(stream) != there.get(stream)}
    assert differing == {stream for file, stream in DISAGREEMENTS if file == name}


def test_named_flaws() -> None:
    def flaws(name: str) -> set[str]:
        return set(read_capture(CAPTURES / name).rows("flaws")["flaw"])

    assert flaws("smtp_smtp-bdat-gap.pcap") == {"gap"}
    assert flaws("smtp-one-side-only.pcap") == {"one-sided"}
    assert "bad-size" in flaws("smtp_smtp-bdat-cmd-negative-chunk-size.pcap")
    assert "bad-reply" in flaws("pop3-unknown-commands.pcap")
    assert flaws("smtp_rfc3030-bdat-multipart.pcap") == set()


@pytest.mark.parametrize("name", ["multipart", "multipart-chunked", "example1", "nonascii"])
def test_messages_of_bdat_are_whole(name: str) -> None:
    capture = read_capture(CAPTURES / f"smtp_rfc3030-bdat-{name}.pcap")
    (message,) = capture.rows("messages")
    chunks = [str(row.argument).split()[0] for row in capture.rows() if row.verb == "BDAT"]
    assert message.complete
    assert message.octets == sum(map(int, chunks)) > 80

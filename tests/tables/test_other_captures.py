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
    *("smtp.req.parameter", "pop.request.parameter", "imap.request"),
)
Said = tuple[list[str], list[str], list[str]]
"""Verbs, statuses and arguments of one connection; of IMAP, whole commands."""
BETWEEN = "\x1f"  # values of one packet

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


# Messages that tshark exports otherwise, or not at all; that they are right is shown by the TCP payload.
NO_OBJECTS = {
    "pop3_bad-list-retr-crafted.pcap": "tshark exports each packet's share of a reply by itself",
    "pop3_pop3.pcap": "the same",
    "smtp.pcap": "tshark puts octets that were sent again into its object a second time",
    "smtp_rfc3030-bdat-0-last.pcap": "tshark exports nothing of a message without an octet",
    "smtp_rfc3030-bdat-example1.pcap": "tshark exports only the first BDAT's octets, and only behind DATA",
    "smtp_rfc3030-bdat-multipart-chunked.pcap": "the same",
    "smtp_rfc3030-bdat-multipart.pcap": "the same",
    "smtp_smtp-bdat-gap.pcap": "tshark waits for the octets in the gap and sees nothing behind it",
    "smtp_smtp-bdat-pipeline-8bitmime.pcap": "tshark sees no chunk that came in one packet with commands",
}
# Objects of tshark's that are no messages.
NO_MESSAGES = {
    "pop3-unknown-commands.pcap": "it takes lines that are no reply to any command for mail",
    "pop3_bad-list-retr-crafted.pcap": "it takes the lines of LIST for mail, and each packet for a message",
    "pop3_pop3.pcap": "the same",
    "smtp-attachment-msg.pcap": "an attached message: a part here, not a message that crossed the connection",
    "smtp-mail-transactions-invalid.pcap": "it takes lines behind a DATA that was refused for messages",
    "smtp.pcap": "a message with octets twice",
    "smtp_rfc3030-bdat-nonascii.pcap": "it exports the same message a second time",
}


def ours(capture: Capture) -> dict[int, Said]:
    streams = {row.connection: row.stream for row in capture.rows("connections")}
    found: dict[int, Said] = defaultdict(lambda: ([], [], []))
    for row in capture.with_secrets().rows("exchanges"):
        if row.protocol != "dns" and row.verb != "TLS":
            verbs, statuses, arguments = found[streams[row.connection]]
            if row.verb not in (None, ".", "(response)"):
                verbs.append(row.verb)
                whole = (row.tag, row.verb, row.argument) if row.protocol == "imap" else (row.argument,)
                arguments += [said] if (said := " ".join(filter(None, whole))) else []
            if row.status:
                statuses.append(row.status)
    return dict(found)


def tshark(path: Path, *options: str) -> str:
    command = ["tshark", "-r", str(path), *options]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "backslashreplace")


def theirs(path: Path) -> dict[int, Said]:
    options = ["-T", "fields", "-E", "occurrence=a", "-E", f"aggregator={BETWEEN}"]
    for name in ("tcp.stream", *FIELDS):
        options += ["-e", name]
    found: dict[int, Said] = defaultdict(lambda: ([], [], []))
    for line in tshark(path, *options).split("\n")[:-1]:
        stream, *values = line.split("\t")
        if stream and any(values):
            said = found[int(stream.split(BETWEEN)[0])]
            words = [[word for word in value.split(BETWEEN) if word] for value in values]
            for place, column in enumerate(said):
                column += [word for some in words[3 * place : 3 * place + 3] for word in some]
            said[0][:] = map(str.upper, said[0])
    return dict(found)


def payload(path: Path, stream: int) -> bytes:
    """All octets of a connection as tshark puts them together, the one side's and then the other's."""
    sides: list[str] = ["", ""]
    for line in tshark(path, "-q", "-z", f"follow,tcp,raw,{stream}").splitlines():
        if (digits := line.strip()) and not set(digits) - set("0123456789abcdef"):
            sides[line.startswith("\t")] += digits
    return bytes.fromhex(sides[0]) + b"|" + bytes.fromhex(sides[1])


def stuffed(data: bytes) -> bytes:
    return (b"\n" + data).replace(b"\n.", b"\n..")[1:]


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
def test_verbs_codes_and_arguments_agree_with_tshark(name: str) -> None:
    here, there = ours(read_capture(CAPTURES / name)), theirs(CAPTURES / name)
    differing = {stream for stream in {*here, *there} if here.get(stream) != there.get(stream)}
    assert differing == {stream for file, stream in DISAGREEMENTS if file == name}


@pytest.mark.programs
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not here")
@pytest.mark.parametrize("name", FILES)
def test_messages_agree_with_tshark(name: str, tmp_path: Path) -> None:
    """Each is one of tshark's objects, or stands like that in the TCP payload."""
    tshark(CAPTURES / name, "-q", "--export-objects", f"imf,{tmp_path}")
    objects = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    missing = 0
    for each in read_capture(CAPTURES / name).messages_carried():
        # It leaves the dots stuffed where it has not put packets together, and may leave out the last CRLF.
        forms = {form.removesuffix(end) for form in (each.data, stuffed(each.data)) for end in (b"", b"\r\n")}
        known = next((found for found in objects if found in forms), None)
        if known is not None:
            objects.remove(known)
            continue
        missing += 1
        octets = payload(CAPTURES / name, each.talk.flow.stream)
        pieces = [stuffed(each.data) + b".\r\n"]
        if each.row.verb == "BDAT":
            chunks = [row for row in each.talk.rows if row.verb == "BDAT"]
            pieces = [each.talk.octets("client", (row.body, row.end)) for row in chunks]
            assert each.data in b"".join(pieces)
        assert all(piece in octets for piece in pieces)
    assert bool(missing) == (name in NO_OBJECTS)
    assert bool(objects) == (name in NO_MESSAGES)


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

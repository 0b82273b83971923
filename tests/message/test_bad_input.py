"""Real messages, cut and damaged, and the largest ones: no exception, linear time, every octet accounted for.

`make test` takes a tenth of them, chosen by a seed; `make soak` all (LABKIT_SOAK=1).
"""

import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from labkit.message import lint
from labkit.message.compose import Attachment, compose, forward
from labkit.message.defects import DEFECTS
from labkit.message.mime import DEPTH, Part, parse
from labkit.message.reports import delivery_report

ELSEWHERE = Path(__file__).parents[3] / "shared" / "messages"
MESSAGES = sorted(ELSEWHERE.rglob("*.msg"))
WHOLE = bool(os.environ.get("LABKIT_SOAK"))
CUTS, FLIPS = 200, 500


def look_through(data: bytes) -> Part:
    """Everything that can be asked of a message, and what holds for each."""
    root = parse(data)
    behind = 0
    for segment in root.segments():
        assert segment.start == behind < segment.end
        behind = segment.end
    assert behind == len(data) == root.end
    for part in root.walk():
        assert isinstance(part.text(), str)
        for defect in part.flaws():
            assert defect.name in DEFECTS
            assert part.offset <= defect.offset <= part.end
    for violation in lint(data):
        assert 0 <= violation.offset <= len(data)
    return root


def some(whole: int, seed: str) -> Iterator[int]:
    """0 to `whole`, or a tenth of that."""
    numbers = range(whole)
    return iter(numbers if WHOLE else random.Random(seed).sample(numbers, whole // 10))


def flipped(data: bytes, seed: str) -> bytes:
    """The message with one to four octets changed."""
    chance, damaged = random.Random(seed), bytearray(data)
    for _ in range(chance.randint(1, 4)):
        damaged[chance.randrange(len(data))] = chance.choice((chance.randrange(256), *b'\r\n\0-=";:'))
    return bytes(damaged)


def made() -> dict[str, bytes]:
    """Messages of our own, so that something is damaged where those from elsewhere are not."""
    from datetime import UTC, datetime

    said = {"sender": "a@b.example", "to": ["c@d.example"], "date": datetime(2026, 1, 5, tzinfo=UTC)}
    files = [Attachment("ä.bin", bytes(range(256)) * 2)]
    letter = compose(
        subject="Grüße", text="ä\n", html="<p>ä</p>", attachments=files, message_id="<1@b.example>", **said
    )
    report = delivery_report(
        letter,
        [],
        host="b.example",
        to="a@b.example",
        text="x",
        date=said["date"],
        message_id="<2@b.example>",
    )
    return {"letter": letter, "forwarded": forward(report, text="see", message_id="<3@b.example>", **said)}


SOURCES: dict[str, Callable[[], bytes]] = {
    **{name: lambda octets=octets: octets for name, octets in made().items()},
    **{path.stem: path.read_bytes for path in MESSAGES},
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SOURCES)
def test_cut_and_damaged(name: str) -> None:
    data = SOURCES[name]()
    look_through(data)
    for number in some(CUTS, f"cuts {name}"):
        look_through(data[: len(data) * number // CUTS])
    for number in some(FLIPS, f"flips {name}"):
        look_through(flipped(data, f"{name} {number}"))


HEAD = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
ENCODING = b"Content-Transfer-Encoding: %s\r\n\r\n"
MEGA = 1 << 20


def parts(number: int) -> bytes:
    return HEAD + b"--b\r\n\r\nx\r\n" * number + b"--b--\r\n"


def levels(number: int) -> bytes:
    opened = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(number)
    )
    return opened + b"\r\nx\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(number)))


def test_a_thousand_parts() -> None:
    root = look_through(parts(1000))
    assert [part.path for part in root.children] == [str(number) for number in range(1, 1001)]
    assert all(part.body == b"x" for part in root.children)
    assert not any(part.flaws() for part in root.walk())


def test_a_thousand_levels() -> None:
    root = look_through(levels(1000))
    *multiparts, leaf = root.walk()
    assert len(multiparts) == DEPTH == 1000
    assert leaf.body == b"x"
    assert leaf.path == ".".join("1" * 1000)
    assert not any(part.flaws() for part in root.walk())
    deeper = list(look_through(levels(1001)).walk())
    assert [defect.name for defect in deeper[-1].flaws()] == ["nested-too-deep"]
    messages = look_through(b"Content-Type: message/rfc822\r\n\r\n" * 1000 + b"\r\nx")
    assert sum(1 for _ in messages.walk()) == 1001


LARGE = {
    "one line": lambda size: b"Subject: x\r\n\r\n" + b"a" * size,
    "one field": lambda size: b"Subject: " + b"a" * size + b"\r\n\r\nx",
    "a folded field": lambda size: b"To: " + b"a@b.example,\r\n " * (size // 15) + b"c@d\r\n\r\n",
    "many fields": lambda size: b"Subject: x\r\n" * (size // 12) + b"\r\nx",
    "NULs": lambda size: b"Subject: x\r\n\r\n" + b"\0" * size,
    "NULs alone": lambda size: b"\0" * size,
    "base64": lambda size: ENCODING % b"base64" + b"YWFh\r\n" * (size // 6),
    "quoted": lambda size: ENCODING % b"quoted-printable" + b"=C3=A4=\r\n" * (size // 9),
    "dashes": lambda size: HEAD + b"--\r\n" * (size // 4),
    "delimiters": lambda size: HEAD + b"--b\r\n" * (size // 5),
    "nearly delimiters": lambda size: HEAD + b"--bb\r\n" * (size // 6),
    "empty lines": lambda size: HEAD + b"\r\n" * (size // 2),
    "uuencode": lambda size: ENCODING % b"uuencode" + b"begin 644 a\r\n" + b"#86%A\r\n" * (size // 7),
}


@pytest.mark.parametrize("kind", LARGE)
def test_much_of_one_kind(kind: str) -> None:
    look_through(LARGE[kind](MEGA // 16))


@pytest.mark.skipif(not WHOLE, reason="only make soak measures time")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", LARGE)
def test_four_times_the_octets_cost_four_times_the_work(kind: str) -> None:
    """Processor time, the best of three, with room for a busy machine; something quadratic costs 16 times."""
    small, large = (LARGE[kind](size) for size in (MEGA // 64, MEGA // 16))
    best = [min(_seconds(data) for _ in range(3)) for data in (small, large)]
    assert best[1] < 9 * best[0] + 0.02


def _seconds(data: bytes) -> float:
    begin = time.process_time()
    look_through(data)
    return time.process_time() - begin


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            lambda: b"Subject: x\r\n\r\n" + b"a" * ((100 if WHOLE else 10) * MEGA), id="a line of 100 MiB"
        ),
        pytest.param(
            lambda: b"X-Field: some words\r\n" * (10_000_000 // 21) + b"\r\nx", id="a header of 10 MB"
        ),
    ],
)
def test_memory_is_bounded(data: Callable[[], bytes]) -> None:
    """The tree points into the octets, and copies none of the body."""
    octets = data()
    tracemalloc.start()
    try:
        root = parse(octets)
        assert root.end == len(octets)
        assert tracemalloc.get_traced_memory()[1] < 3 * root.header_end + 100_000
    finally:
        tracemalloc.stop()

"""What a patch release never changes: reply texts, ids, and the schema of the tables.

tests/golden/tour.txt is the tour, line by line; tests/golden/tables.txt is every column of every table.  A
change of either needs a minor version and a line in CHANGELOG.md; then `python tests/test_golden.py` writes
both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

import pytest

import labkit
from labkit.tables.schema import TABLES, columns_of
from labkit.views.transcript import transcript
from labkit.world.journey import travel
from labkit.world.world import World

FOLDER = Path(__file__).parent / "golden"
MINOR = ".".join(labkit.__version__.split(".")[:2])
PROMISE = (
    "A patch release never changes reply texts, ids or table schema. If this is meant, it needs a minor "
    "version and a line in CHANGELOG.md; then `python tests/test_golden.py` writes the golden files anew."
)


def tour() -> list[str]:
    """All that is said on the tour of seed 0, connection by connection."""
    with World(seed=0) as world:
        travel(world)
        connections = {row.connection: row for row in world.capture.rows("connections")}
        said = []
        for number, lines in transcript(world).items():
            row = connections[number]
            said += [
                "",
                f"# {number}: {row.client_name} to {row.server_name}, port {row.server_port}",
                *lines,
            ]
        said += ["", "# look-ups"]
        said += [
            f"{row.client}: {row.name} {row.type}? {row.answer}" for row in world.capture.rows("lookups")
        ]
    return said


def tables() -> list[str]:
    """Every column: its table, its name, its kind, and its choices where they are a closed set."""
    return [
        " ".join([name, column.name, column.kind, "|".join(map(str, column.choices))]).rstrip()
        for name, row in TABLES.items()
        for column in columns_of(row)
    ]


GOLDEN = {"tour.txt": tour, "tables.txt": tables}


def head(name: str) -> str:
    return f"# labkit {MINOR}: {name}, written by tests/test_golden.py"


def difference(pinned: Iterable[str], now: Iterable[str]) -> str:
    lines = difflib.unified_diff(list(pinned), list(now), "as promised", "now", n=2, lineterm="")
    return "\n".join([PROMISE, *lines])


@pytest.mark.parametrize("name", GOLDEN)
def test_the_promise_is_kept(name: str) -> None:
    pinned, now = (FOLDER / name).read_text(encoding="utf-8").splitlines(), [head(name), *GOLDEN[name]()]
    if pinned != now:
        pytest.fail(difference(pinned, now), pytrace=False)


def test_a_change_is_told_with_what_it_needs() -> None:
    said = difference(["S: 250 2.1.0 Ok", "C: QUIT"], ["S: 250 2.1.0 OK", "C: QUIT"])
    assert "needs a minor version and a line in CHANGELOG.md" in said
    assert "-S: 250 2.1.0 Ok\n+S: 250 2.1.0 OK\n C: QUIT" in said


def test_replies_ids_and_columns_are_among_what_is_pinned() -> None:
    said = (FOLDER / "tour.txt").read_text(encoding="utf-8")
    for words in (
        "S: 250 2.0.0 Ok: queued as ",
        "C: Message-ID: <",
        "S: +OK ",
        "S: * OK ",
        "mail.example.com",
    ):
        assert words in said
    assert set(TABLES) == {line.split()[0] for line in tables()}


if __name__ == "__main__":
    for file, make in GOLDEN.items():
        text = "\n".join([head(file), *make()]) + "\n"
        (FOLDER / file).write_text(text, encoding="utf-8", newline="\n")

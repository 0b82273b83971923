"""One seed, one capture: whatever the process, its hash seed, its time zone and its locale.

And what was seen live is what its pcap holds, as far as packets can hold it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.scenarios import IN_CLEAR, SCENARIOS, Scenario, seen

from labkit.tables import Capture, read_capture
from labkit.tables.schema import TABLES
from labkit.world.journey import travel
from labkit.world.world import World

TESTS = Path(__file__).parent
PLACES = (
    {"PYTHONHASHSEED": "1", "TZ": "America/St_Johns", "LC_ALL": "C", "LANG": "C"},
    {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
)

by_name = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)


@pytest.fixture(scope="module")
def here() -> dict[str, str]:
    """What this process sees."""
    return {scenario.__name__: seen(scenario) for scenario in SCENARIOS}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """What two other processes see: a folder for each."""
    folders = [tmp_path_factory.mktemp(place["PYTHONHASHSEED"]) for place in PLACES]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "support.scenarios", folder],
            env={**os.environ, **place, "PYTHONPATH": str(TESTS)},
        )
        for folder, place in zip(folders, PLACES, strict=True)
    ]
    assert [process.wait() for process in running] == [0, 0]
    return folders


def assert_same(one: str, other: str) -> None:
    """Says where they part, and not all the rest."""
    for a, b in zip(one.splitlines(), other.splitlines(), strict=False):
        assert a == b
    assert len(one) == len(other)


@by_name
def test_twice_in_one_process(scenario: Scenario, here: dict[str, str]) -> None:
    assert_same(seen(scenario), here[scenario.__name__])


@by_name
def test_in_other_processes(scenario: Scenario, here: dict[str, str], elsewhere: list[Path]) -> None:
    for folder in elsewhere:
        assert_same((folder / scenario.__name__).read_bytes().decode(), here[scenario.__name__])


def test_another_seed_gives_other_ids() -> None:
    def ids(seed: int) -> list[str]:
        with World(seed) as world:
            travel(world)
            return world.capture.rows("messages")["message_id"]

    assert ids(1) != ids(2)


# What only one of the two can know.
LIVE_ONLY = {
    # packets carry addresses; whose they are, and which device that is, the lab knows
    "connections": {"client_name", "client_role", "server_name", "server_role"},
    "lookups": {"client"},  # by name, or else by address
}
PCAP_ONLY = {"exchanges": {"frame", "reply_frame"}}  # a frame is a packet of a file
# How a connection ended that was cut, or never answered, no packet tells.
WITHOUT_PACKETS = ("ended", "duration_s", "closed_by")


@pytest.mark.parametrize("scenario", IN_CLEAR, ids=lambda scenario: scenario.__name__)
def test_live_equals_pcap(scenario: Scenario, tmp_path: Path) -> None:
    world = scenario()
    world.close()
    live = world.capture
    live.to_pcap(tmp_path / "lab.pcap")
    read = Capture(read_capture(tmp_path / "lab.pcap").tape, name=live.name)
    assert read.tape.notes == []
    for name in TABLES:
        ours, theirs = live.rows(name), read.rows(name)
        skipped = LIVE_ONLY.get(name, set()) | PCAP_ONLY.get(name, set())
        for column in ours.columns.keys() - skipped:
            if column in WITHOUT_PACKETS and name == "connections":
                ended = ours["ended"]
                pairs = zip(ours[column], theirs[column], ended, strict=True)
                assert all(a == b or how in ("cut", "timeout") for a, b, how in pairs), column
            else:
                assert ours[column] == theirs[column], f"{name}.{column}"

"""Make tour.pcap: one message through four devices, as `labkit tour --format pcap` tells it.

Run it again and the octets are the same: the time is the lab's, the ids come from the seed,
and nothing on the way is encrypted.

    python datasets/make_tour.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from labkit import World
from labkit.world.journey import travel


def make(folder: Path) -> None:
    with World(seed=0) as world:
        travel(world)
        world.capture.to_pcap(folder / "tour.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

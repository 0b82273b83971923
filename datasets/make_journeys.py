"""Make the journeys that do not go as they should: delayed, twice, and back to the sender.

journey-delayed.pcap   the recipient's server says "later" twice (451), and the letter waits in the queue
journey-twice.pcap     the line is cut before the final 250: the relay sends again, and there are two copies
journey-back.pcap      there is no such user: the relay returns the letter with the null reverse-path

    python datasets/make_journeys.py [FOLDER]
"""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

from labkit import World

JOURNEYS = {
    "journey-delayed": ("bob@example.org", "temporary-failure:2@mail.example.org:smtp"),
    "journey-twice": ("bob@example.org", "cut-before-final-reply@mail.example.org:smtp"),
    "journey-back": ("bobby@example.org", ""),
}


def make(folder: Path) -> None:
    for name, (to, fault) in JOURNEYS.items():
        with World(seed=0, name=name) as world, ExitStack() as stack:
            alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
            if fault:
                stack.enter_context(world.fault(fault))
            alice.submit(
                alice.compose(to=to, subject="A letter", text="Dear Bob,\n\nall is well.\n\nAlice\n")
            )
            world.settle()
            bob.retrieve("pop3")
            alice.retrieve("imap")
            world.capture.to_pcap(folder / f"{name}.pcap")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

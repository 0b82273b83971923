"""One side's TLS records, found one behind the other (RFC 5246 6.2.1, RFC 8446 5.1).

Where octets are missing, the record they belong to is lost, and the next one is looked for: its
header has to look like one, and its content has to open.  Which number it has is tried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from labkit.capture.stream import Stream
from labkit.capture.tls.openers import HEADER, Opened, Opener
from labkit.capture.tls.schedule import Epoch, Schedule
from labkit.net.tap import Side

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23  # types of records
LARGEST = 16384 + 2048  # octets in a record (RFC 5246 6.2.3)
LONGEST_NOTICE = 5  # octets of a message with which a side says that its keys change, at most: KeyUpdate
TRIES = 8192  # numbers that are tried out on one side of one connection

_HEADER = re.compile(rb"[\x14-\x17]\x03[\x00-\x04][\x00-\x48]")


class Record(NamedTuple):
    """Where a record stands in a side's stream of records."""

    start: int
    end: int


class Records:
    """The records of one side, in order: `peek`, and then `take`, `skip` or `reject` it."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.at = 0
        self.lost = 0
        """Octets missing or of no use since the last record that was taken."""
        self.searching = False
        """Where a record begins is a guess."""
        self._passed = 0  # gaps

    def peek(self, whole: bool) -> Record | None:
        """The next record; None if there is no other.  `whole`: no more octets will come."""
        data, gaps = self.stream.data, self.stream.gaps
        while True:
            here = self._passed < len(gaps)
            barrier = gaps[self._passed].offset if here else len(data)
            if self.searching:
                found = _HEADER.search(data, self.at, barrier)
                self._lose(found.start() if found else barrier)
            if here and self.at >= barrier:
                self.lost += gaps[self._passed].length
                self._passed, self.searching = self._passed + 1, True
                continue
            end = self.at + HEADER + int.from_bytes(data[self.at + 3 : self.at + HEADER], "big")
            if self.at + HEADER <= barrier and (
                _HEADER.match(data, self.at) is None or end - self.at > LARGEST + HEADER
            ):
                self.reject()
            elif self.at + HEADER <= barrier and end <= barrier:
                return Record(self.at, end)
            elif here:
                self._lose(barrier)
            elif self.searching and whole and self.at < barrier:
                self.reject()
            else:
                return None

    def take(self, record: Record) -> None:
        """The record is one, and what was lost before it is known."""
        self.at, self.lost, self.searching = record.end, 0, False

    def leave(self, record: Record) -> None:
        """The record is one, and is not read; nothing is lost with it."""
        self.at = record.end

    def skip(self, record: Record) -> None:
        """The record may be one, but does not open."""
        self._lose(record.end)

    def give_up(self) -> None:
        """Nothing of what is there can be read."""
        gaps = self.stream.gaps
        self._lose(len(self.stream.data))
        self.lost += sum(gap.length for gap in gaps[self._passed :])
        self._passed = len(gaps)

    def reject(self) -> None:
        """No record begins here."""
        self._lose(self.at + 1)
        self.searching = True

    def _lose(self, until: int) -> None:
        self.lost += until - self.at
        self.at = until


class Sealed:
    """The sealed records of one side: which key and which number the next one has."""

    def __init__(self, sender: Side) -> None:
        self.sender: Side = sender
        self.epoch: int = Epoch.HANDSHAKE
        self.number = 0
        self.schedule: Schedule | None = None
        self._openers: dict[int, Opener | None] = {}
        self._tries = TRIES

    def begin(self, schedule: Schedule, epoch: int) -> None:
        """These keys from now on, those of one epoch first."""
        self.schedule, self.epoch, self.number = schedule, epoch, 0
        self._openers.clear()

    def next_epoch(self) -> None:
        self.epoch, self.number = self.epoch + 1, 0

    @property
    def exhausted(self) -> bool:
        """So much was tried in vain that nothing more is."""
        return self._tries <= 0

    def open(self, record: bytes, lost: int) -> tuple[Opened, int] | None:
        """The content of the next record, and how many octets of content are missing before it.

        Without loss it has the next number; else one of those that fit into what was lost,
        or its key is a later one, because the message that announced it was lost.
        """
        opener = self._opener(self.epoch)
        opened = None if opener is None else opener.open(record, self.number)
        if opened is not None:
            self.number += 1
            return opened, 0
        return self._search(record, lost)

    def _search(self, record: bytes, lost: int) -> tuple[Opened, int] | None:
        for epoch in range(self.epoch, max(self.epoch, Epoch.HANDSHAKE) + 2):
            opener = self._opener(epoch)
            if opener is None:
                continue
            first = self.number if epoch == self.epoch else 0
            for number in self._numbers(first, lost, opener.overhead):
                opened = opener.open(record, number)
                if opened is not None:
                    behind = number - first
                    missing = self._missing(epoch, behind, lost, opener.overhead) if lost or behind else 0
                    self.epoch, self.number = epoch, number + 1
                    return opened, missing
        return None

    def _missing(self, epoch: int, records: int, lost: int, overhead: int) -> int:
        """Octets of content among those lost, in which so many records of this epoch were."""
        content = lost - records * overhead
        if epoch == Epoch.HANDSHAKE == self.epoch:
            return 0
        if records:
            return max(content, 1)
        if epoch == self.epoch or self.epoch == Epoch.HANDSHAKE:
            return 0
        return max(content - overhead - LONGEST_NOTICE, 0)

    def _numbers(self, first: int, lost: int, overhead: int) -> Iterator[int]:
        """The numbers that a record may have.  How often one is guessed is limited."""
        guess = min(lost, 1)
        yield first
        self._tries -= guess
        fewest = lost // (LARGEST + HEADER)
        most = max(lost // overhead, 1) + 1
        for number in chain(range(max(fewest, 1), most + 1), range(1, fewest)):
            if self._tries <= 0:
                return
            self._tries -= guess
            yield first + number

    def _opener(self, epoch: int) -> Opener | None:
        assert self.schedule is not None
        if epoch not in self._openers:
            self._openers[epoch] = self.schedule.opener(self.sender, epoch)
        return self._openers[epoch]

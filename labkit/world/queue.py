"""A message in the relay's queue, and how it is written on a parcel of the store (see `store/spool.py`)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from labkit.servers.smtp_policy import Envelope
from labkit.store.spool import Parcel

Kind = Literal["ok", "temporary", "permanent"]


class Outcome(NamedTuple):
    """What became of one recipient in one attempt."""

    kind: Kind
    text: str  # the reply, or why there was none
    status: str = ""  # as in RFC 3463; empty: what the reply says, or nothing more is known
    host: str = ""  # whose reply it is


@dataclass(eq=False, slots=True)
class Queued:
    """A message in the queue, and the recipients at one domain who still wait for it."""

    envelope: Envelope
    domain: str
    pending: list[str]
    since: datetime
    attempts: int = 0
    next_attempt: datetime | None = None
    last: dict[str, Outcome] = field(default_factory=dict)
    parcel: Parcel | None = None  # what the store keeps of it

    def label(self) -> str:
        """All but the message itself."""
        envelope = asdict(self.envelope)
        del envelope["data"]
        return json.dumps(
            {
                "envelope": envelope,
                "domain": self.domain,
                "pending": self.pending,
                "since": self.since.isoformat(),
                "attempts": self.attempts,
                "next_attempt": self.next_attempt and self.next_attempt.isoformat(),
                "last": self.last,
            }
        )

    @classmethod
    def from_parcel(cls, parcel: Parcel) -> Queued:
        """What was queued before a restart."""
        told = json.loads(parcel.label)
        envelope = told["envelope"]
        envelope["forward_paths"] = tuple(envelope["forward_paths"])
        next_attempt = told["next_attempt"]
        return cls(
            Envelope(**envelope, data=parcel.data),
            told["domain"],
            told["pending"],
            datetime.fromisoformat(told["since"]),
            told["attempts"],
            datetime.fromisoformat(next_attempt) if next_attempt else None,
            {path: Outcome(*outcome) for path, outcome in told["last"].items()},
            parcel,
        )

"""The Received fields of each message, as far as a capture shows them (RFC 5321 4.4).

Who carries a message next shows what the server before it added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from labkit.views.rows import Row
from labkit.views.words import clock, visible


@dataclass(slots=True)
class Fields:
    """The Received fields of every message, as last seen on the wire."""

    messages: Iterable[Row]
    hops: Iterable[Row]
    seen: dict[str, list[tuple[Row, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        traces = {(m["connection"], m["exchange"], m.get("message")): m["trace_id"] for m in self.messages}
        grouped: dict[tuple[int, int, int], list[Row]] = {}
        for row in self.hops:
            grouped.setdefault((row["connection"], row["exchange"], row["message"]), []).append(row)
        for key, rows in grouped.items():
            if key in traces:
                oldest_first = tuple(sorted(rows, key=lambda row: row["hop"]))
                self.seen.setdefault(traces[key], []).append(oldest_first)

    def of(self, trace: str, way: tuple[str, ...]) -> tuple[str, ...]:
        """Those that the servers on this way added, oldest first."""
        fitting = [
            hops
            for hops in self.seen.get(trace, [])
            if all(hop["by"] in (None, server) for hop, server in zip(hops, way, strict=False))
        ]
        known = max(fitting, key=len, default=())
        told = [_received(hop) for hop in known[: len(way)]]
        return (*told, *(f"Received: … by {visible(server)} …" for server in way[len(told) :]))


def _received(hop: Row) -> str:
    parts = [("from", "from_name"), ("by", "by"), ("with", "with"), ("id", "id"), ("for", "for_address")]
    words = [f"{word} {hop[name]}" for word, name in parts if hop.get(name)]
    when = f"; {clock(hop['time'])}" if hop.get("time") is not None else ""
    return visible(f"Received: {' '.join(words)}{when}")

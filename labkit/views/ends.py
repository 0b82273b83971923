"""Who stands at the two ends of each connection, and which of the four devices it is.

The table of connections has the roles of a live capture.  Where it has none, as in somebody's
pcap, a host that was seen in the part of only one device is taken to be that device: who
submits is the sender's host, and so on.  A question to the DNS is no TCP connection; its
ends come from the table of look-ups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labkit.views.rows import Row

ROLES = ("sender's host", "sender's server", "recipient's server", "recipient's host")
"""The four devices in the order in which a message meets them."""

NAME_SERVER = "name server"

SIDES = ("client", "server")

_PARTS = {
    ("submit", "client"): ROLES[0],
    ("submit", "server"): ROLES[1],
    ("relay", "client"): ROLES[1],
    ("relay", "server"): ROLES[2],
    ("access", "server"): ROLES[2],
    ("access", "client"): ROLES[3],
}


@dataclass(frozen=True, slots=True)
class Device:
    name: str
    role: str | None

    @property
    def title(self) -> str:
        return self.role or self.name


def ends_of(connections: Iterable[Row], lookups: Iterable[Row] = ()) -> dict[int, Row]:
    """The rows of connections by number, DNS among them; names are never None, roles only where unknown."""
    named = [_named(row) for row in connections]
    known = {row["connection"] for row in named}
    named += [_question(row) for row in lookups if row["connection"] not in known]
    roles = _roles(named)
    return {row["connection"]: {**row, **_told(row, roles)} for row in named}


def devices_of(ends: Iterable[Row]) -> list[Device]:
    """The devices at these ends in the order in which a message meets them, a name server beside who asks."""
    found: dict[str, Device] = {}
    askers: dict[str, str] = {}
    for row in ends:
        client, server = row["client_name"], row["server_name"]
        for side, name in zip(SIDES, (client, server), strict=True):
            found.setdefault(name, Device(name, row.get(f"{side}_role")))
        if row.get("protocol") == "dns":
            askers.setdefault(server, client)
    order = sorted((name for name in found if name not in askers), key=lambda name: _rank(found[name].role))
    for server, client in askers.items():
        order.insert(order.index(client) + 1 if client in order else 0, server)
    return [found[name] for name in order]


def _rank(role: str | None) -> int:
    return ROLES.index(role) if role in ROLES else len(ROLES)


def _named(row: Row) -> Row:
    names = {f"{side}_name": str(row.get(f"{side}_name") or row.get(side) or side) for side in SIDES}
    return {**row, **names}


def _question(row: Row) -> Row:
    asker = str(row.get("client") or "client")
    known = {"connection": row["connection"], "protocol": "dns", "step": None, "start": row.get("time")}
    return known | {"client_name": asker, "server_name": NAME_SERVER, "server_port": 53}


def _roles(rows: Iterable[Row]) -> dict[str, str | None]:
    """The role of each host by name; None where it was seen in several parts."""
    told: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    for row in rows:
        for side in SIDES:
            name, role, part = row[f"{side}_name"], row.get(f"{side}_role"), (row.get("step"), side)
            if role:
                told[name] = role
            elif part in _PARTS:
                seen.setdefault(name, set()).add(_PARTS[part])
    return {name: parts.pop() if len(parts) == 1 else None for name, parts in seen.items()} | told


def _told(row: Row, roles: dict[str, str | None]) -> dict[str, str | None]:
    return {f"{side}_role": row.get(f"{side}_role") or roles.get(row[f"{side}_name"]) for side in SIDES}

"""The servers on real ports, for any mail program.

One host, `mail.DOMAIN`, serves all domains it is given.  Nothing leaves the machine: mail
for other domains is looked up in the lab's own DNS, which knows none, and comes back.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labkit.message.address import parse_mailbox
from labkit.net.loopback import LoopbackNetwork
from labkit.net.tcp import LOCALHOST
from labkit.world.world import World

if TYPE_CHECKING:
    from labkit.world.devices import MailServer

USERS = ("alice", "bob")
"""Who lives in the first domain when nobody is named."""


@dataclass
class Serving:
    """Servers that listen on real ports, until `close`."""

    world: World
    server: MailServer
    passwords: dict[str, str]
    ca_file: Path

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """Each service's real address: {"smtp": {"host": "127.0.0.1", "port": 2025}, …}."""
        return {
            service: {"host": listener.address, "port": listener.port}
            for service, listener in self.server.listeners.items()
        }

    def write_ready(self, path: Path) -> None:
        """Write where the servers listen, as JSON; the file appears whole, once all listen."""
        told = {**self.endpoints, "ca": str(self.ca_file), "users": self.passwords}
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps(told, indent=2) + "\n")
        beside.replace(path)

    def close(self) -> None:
        self.world.close()


def serve(
    domains: Sequence[str],
    users: Mapping[str, str],
    ports: Mapping[str, int],
    *,
    host: str = LOCALHOST,
    ca_file: Path,
) -> Serving:
    """Let one host listen on these ports (0: any free one), for these domains and users.

    `users` maps addresses to passwords; without any, alice and bob of the first domain get
    random ones.  Raises LabError for an address that is none, or a port that is in use.
    """
    passwords = dict(users) or {f"{name}@{domains[0]}": secrets.token_urlsafe(9) for name in USERS}
    network = LoopbackNetwork(host)
    try:
        world = World(network=network, domains=())
        server = world.domain(domains[0], services=())
        for domain in domains[1:]:
            world.domain(domain, server=server.name)
        for address, password in passwords.items():
            world.domain(parse_mailbox(address).domain, server=server.name)
            server.store.add_user(address, password)
        for service, port in ports.items():
            network.ports[server.endpoint(service)] = port
        world.run(server.open(ports))
        ca_file.write_bytes(world.authority.pem)
    except BaseException:
        network.close()
        raise
    return Serving(world, server, passwords, ca_file)

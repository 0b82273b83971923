"""Worlds for the tests of the world: closed when the test is over, on one network or on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from labkit.world.world import World

MakeWorld = Callable[..., World]


@pytest.fixture
def make() -> Iterator[MakeWorld]:
    """Makes worlds: `make(seed, network, ...)`."""
    with ExitStack() as open_worlds:

        def made(*args: Any, **options: Any) -> World:
            return open_worlds.enter_context(World(*args, **options))

        yield made


@pytest.fixture
def world(make: MakeWorld) -> World:
    """A simulated world."""
    return make()


@pytest.fixture(params=["simulated", "loopback"])
def either(request: pytest.FixtureRequest, make: MakeWorld) -> World:
    """A world on each of the networks, in which nobody waits long before trying again."""
    world = make(network=request.param)
    if request.param == "loopback":
        for server in world.servers.values():
            server.relay.retry_after = (0.02,) * 5000
    return world

"""Every test of a store is made with each kind of store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labkit.store.accounts import Account, Store
from labkit.store.sqlite import open_store


@pytest.fixture(params=["memory", "sqlite"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Store]]:
    """A new store, whose clock is always at the same time unless it is given another."""
    made: list[Store] = []

    def make(now: Callable[[], datetime] = lambda: datetime(2026, 1, 5, 9, tzinfo=UTC)) -> Store:
        folder = tmp_path / f"store{len(made)}"
        made.append(Store(now) if request.param == "memory" else open_store(folder, now))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: Callable[..., Store]) -> Store:
    return make_store()


@pytest.fixture
def alice(store: Store) -> Account:
    return store.add_user("Alice@example.org", "secret")

"""Widgets without a browser: a world of two users, a place of one's own for files, and fingers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labkit import World


def parts(widget: Any) -> list[Any]:
    """A widget and all that is in it."""
    return [widget, *(part for child in getattr(widget, "children", ()) for part in parts(child))]


@pytest.fixture(autouse=True)
def somebody_to_click(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LABKIT_WIDGETS", "1")
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "kept" / "progress.json"))
    return tmp_path / "kept"


@pytest.fixture
def make_world() -> Iterator[Callable[[], World]]:
    """Worlds that are all alike."""
    made: list[World] = []

    def make() -> World:
        world = World(seed=0)
        world.user("alice@example.com")
        world.user("bob@example.org")
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[[], World]) -> World:
    return make_world()


@pytest.fixture
def click() -> Callable[[Any, str], None]:
    """Press the button whose words begin so."""

    def press(panel: Any, words: str) -> None:
        buttons = [part for part in parts(panel.widget()) if type(part).__name__ == "Button"]
        found = next(button for button in buttons if button.description.startswith(words))
        assert not found.disabled, f"{words} cannot be pressed"
        found.click()

    return press


@pytest.fixture
def shown() -> Callable[[Any], str]:
    """All that stands in a widget's HTML."""
    return lambda panel: " ".join(
        part.value for part in parts(panel.widget()) if type(part).__name__ == "HTML"
    )

"""What all panels share: the widget and its twin in the cell, and what is picked in a pane."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import World
from labkit.views.panels import Console, Explorer, Player
from labkit.views.panels.keyboard import Keys

IPython = pytest.importorskip("IPython")
pytest.importorskip("anywidget")

WIDGET = "application/vnd.jupyter.widget-view+json"


class Published:
    """What a kernel would send to the page."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[Any] = []
        self.updates: list[Any] = []
        monkeypatch.setattr("IPython.display.display", self._display)
        monkeypatch.setattr("IPython.core.display_functions.display", self._display)
        monkeypatch.setattr("IPython.core.display_functions.update_display", self._update)

    def _display(self, data: Any, *, raw: bool, display_id: str | None = None) -> None:
        self.shown.append((data, display_id))

    def _update(self, data: Any, *, raw: bool, display_id: str) -> None:
        self.updates.append((data, display_id))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Published:
    return Published(monkeypatch)


def pick(panel: Any, **picked: Any) -> None:
    """What the browser sends when an exchange is clicked on."""
    keys = panel.widget().children[-1]
    assert isinstance(keys, Keys)
    keys._msg_callbacks(keys, picked, [])


def test_the_twin_follows_the_widget(world: World, page: Published) -> None:
    console = Console(world, "mail.example.com", 25)
    console._ipython_display_()
    (widget, no_id), (still, display_id) = page.shown
    assert WIDGET in widget
    assert (widget["text/plain"], widget["text/html"], no_id) == ("", "", None)
    assert WIDGET not in still
    assert "220 mail.example.com" in still["text/plain"]
    assert still["text/html"].startswith('<div class="lk-still"><style>.jp-OutputArea:has(.lk-panel) >')
    console.type("EHLO me")
    data, same_id = page.updates[-1]
    assert same_id == display_id
    assert "EHLO me" in data["text/plain"]
    assert "EHLO me" in data["text/html"]
    console._ipython_display_()
    assert page.shown[-1][1] == display_id, "one panel in two cells has one state"


def test_before_it_is_shown_nothing_follows(world: World, page: Published) -> None:
    Console(world, "mail.example.com", 25).type("EHLO me")
    assert page.updates == []


def test_where_nobody_clicks_it_is_shown_as_everything_else(
    world: World, page: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "0")
    with pytest.raises(NotImplementedError):  # IPython goes on to the mimebundle
        Explorer(world)._ipython_display_()
    assert page.shown == []


def test_a_player_is_not_saved_at_every_step_while_it_plays(world: World, page: Published) -> None:
    world.user("alice@example.com").submit(b"Subject: x\r\n\r\nx\r\n", ["bob@example.org"])
    player = Player(world)
    player._ipython_display_()
    player.forward()
    assert len(page.updates) == 1
    player._task = object()  # type: ignore[assignment]
    player.forward()
    assert len(page.updates) == 1


def test_what_is_picked_in_a_pane_is_selected(world: World) -> None:
    console = Console(world, "mail.example.com", 25).type("EHLO me\nNOOP")
    pick(console, connection=0, exchange=1)
    assert 'class="lk-here"' in console._exchanges.value
    assert 'class="lk-hit lk-chosen"' in console._drawing.value
    assert "EHLO" in console._wire.value
    assert "NOOP" not in console._wire.value
    assert "RFC 5321 4.1.1.1" in str(console.explain())
    assert "▸ 1" in str(console)
    console.type("NOOP")
    assert 'class="lk-here"' not in console._exchanges.value
    explorer = Explorer(world)
    pick(explorer, connection=0, exchange=2)
    assert explorer._exchanges.value == (0, 2)
    pick(explorer, connection=0, exchange=None)
    assert explorer._exchanges.value == (0, 0)


@pytest.mark.parametrize(
    "picked", [{}, {"connection": "0"}, {"connection": 0, "exchange": "x"}, {"exchange": 1}]
)
def test_what_is_no_choice_is_no_matter(world: World, picked: dict[str, Any]) -> None:
    explorer = Explorer(world)
    before = explorer._do(lambda finder: None)._finder.selected  # type: ignore[union-attr]
    pick(explorer, **picked)
    assert explorer._finder.selected == before  # type: ignore[union-attr]


def test_an_exchange_that_is_not_there_is_not_selected(world: World) -> None:
    console = Console(world, "mail.example.com", 25)
    pick(console, connection=0, exchange=99)
    assert "▸" not in str(console)

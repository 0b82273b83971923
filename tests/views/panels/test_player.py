"""The Player: forwards, backwards, by itself at the pace of the lab's clock, and over what is no journey."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from labkit import Capture, World, travel
from labkit.capture.tape import Tape
from labkit.views.panels import Player
from labkit.views.panels.player import LONGEST, SHORTEST

pytest.importorskip("ipywidgets")


@pytest.fixture
def player(world: World) -> Player:
    travel(world)
    return Player(world)


def test_forwards_and_backwards_it_is_the_same_journey(player: Player) -> None:
    there = [str(player.go(i)) for i in range(len(player))]
    assert len(set(there)) == len(there) > 20
    assert [str(player.go(i)) for i in reversed(range(len(player)))] == there[::-1]
    assert str(player.go(0).back()) == there[0]
    assert str(player.go(10**6).forward()) == there[-1]


def test_buttons_and_slider_show_the_moment(player: Player, click: Callable[[Any, str], None]) -> None:
    player.widget()
    first = player._still.value
    click(player, "Forward")
    assert player._still.value != first
    assert player._place.value == 1
    click(player, "Back")
    assert player._still.value == first
    player._place.value = 7
    assert player.index == 7
    click(player, "Last")
    assert player.index == len(player) - 1
    assert f"Moment {len(player)} of {len(player)}" in player._words.value
    with pytest.raises(AssertionError, match="cannot be pressed"):
        click(player, "Forward")
    click(player, "First")
    assert player.index == 0


def test_it_waits_as_long_as_the_lab_did_within_reason(player: Player) -> None:
    player.speed = 1.0
    waits = [player.go(i).wait_s() for i in range(len(player) - 1)]
    assert all(SHORTEST <= wait <= LONGEST for wait in waits)
    player.speed = 0.05
    slower = [player.go(i).wait_s() for i in range(len(player) - 1)]
    assert sum(slower) > sum(waits)


def test_it_plays_to_the_end(player: Player) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    asyncio.run(player.play(sleep))
    assert player.index == len(player) - 1
    assert len(slept) == len(player) - 1


def test_it_pauses_at_each_exchange(player: Player) -> None:
    async def sleep(seconds: float) -> None: ...

    player.pauses = True
    seen = []
    while player.index < len(player) - 1:
        asyncio.run(player.play(sleep))
        seen.append(player._moment(player.index).exchange)  # type: ignore[union-attr]
    assert len([exchange for exchange in seen if exchange is not None]) > 20


def test_play_and_pause_in_a_kernel(player: Player, click: Callable[[Any, str], None]) -> None:
    player.widget()

    async def kernel() -> None:
        click(player, "Play")
        assert player._play.description == "Pause"
        click(player, "Pause")
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
        assert player._play.description == "Play"

    asyncio.run(kernel())
    assert player.index == 0
    click(player, "Play")
    assert "nothing plays by itself here" in player._words.value


@pytest.mark.parametrize("source", [None, 7, "empty"])
def test_what_is_no_journey_is_said_in_words(source: Any) -> None:
    player = Player(Capture(Tape("empty")) if source == "empty" else source)
    player.widget()
    bundle = player._repr_mimebundle_()
    assert "journey" in bundle["text/plain"] or "table" in bundle["text/plain"]
    assert player.forward().back().index == 0


def test_where_nobody_clicks_it_is_its_picture(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "0")
    bundle = player.go(5)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert "MAIL FROM" in bundle["text/plain"]
    assert "MAIL FROM" in bundle["text/html"]

"""The switches of a running world's faults, and the letter that meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from labkit import World
from labkit.views.panels import Faults
from labkit.world.faults import CATALOGUE

pytest.importorskip("ipywidgets")

Click = Callable[[Any, str], None]


def test_a_fault_is_on_until_it_is_off(world: World) -> None:
    faults = Faults(world).send()
    faults.on("latency:0.5@mail.example.org").send()
    assert len(world.network.faults) == 1
    assert "latency:seconds=0.5@mail.example.org" in str(faults)
    faults.off("latency").send()
    assert world.network.faults == []
    quick, slow, again = faults.letters
    assert slow.took > quick.took + 5_000_000
    assert again.took == quick.took
    assert "submitted, delivered, fetched" in str(faults)


def test_two_copies_after_a_lost_reply(world: World, shown: Callable[[Any], str]) -> None:
    faults = Faults(world)
    faults.widget()
    faults._switches["cut-before-final-reply"].value = True
    faults.send()
    assert "delivered 2 times" in shown(faults)
    assert "no reply arrived" in faults._ladder.value
    legs = ["alice-pc.example.com to mail.example.com", "mail.example.com to mail.example.org"]
    assert [leg in faults._ladder.value for leg in legs] == [True, True]
    assert "name server" not in faults._ladder.value


def test_a_switch_that_is_on_is_never_off_in_between(world: World) -> None:
    faults = Faults(world)
    faults.widget()
    switch, seen = faults._switches["latency"], []
    switch.observe(lambda change: seen.append(change["new"]), "value")
    switch.value = True
    assert seen == [True]
    faults.on("latency:1")
    assert seen == [True]


def test_switches_take_arguments_and_a_host(world: World, click: Click) -> None:
    faults = Faults(world)
    faults.widget()
    faults._host.value = "mail.example.org"
    faults._arguments["latency"].value = "0.25"
    faults._switches["latency"].value = True
    assert "latency:seconds=0.25@mail.example.org" in faults._status.value
    faults._switches["latency"].value = False
    assert world.network.faults == []
    faults._switches["refuse"].value = faults._switches["jitter"].value = True
    click(faults, "All faults off")
    assert not faults._switches["refuse"].value
    assert world.network.faults == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("latenzy", "did you mean latency?"),
        ("latency:much", "seconds must be a number"),
        ("rewrite-line", "rewrite-line needs old"),
        ("latency@nowhere.example", "there is no host &#x27;nowhere.example&#x27; in this world"),
        ("<script>", "&lt;script&gt;"),
        ("", "there is no fault"),
    ],
)
def test_what_cannot_be_switched_on_is_said_in_words(world: World, fault: str, words: str) -> None:
    faults = Faults(world)
    faults.widget()
    faults.on(fault)
    assert words in faults._status.value
    assert words in faults._repr_mimebundle_()["text/html"]
    assert world.network.faults == []


def test_a_switch_that_lacks_its_argument_stays_off(world: World) -> None:
    faults = Faults(world)
    faults.widget()
    faults._switches["rewrite-line"].value = True
    assert "needs old" in faults._status.value
    assert not faults._switches["rewrite-line"].value


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_letter_ends_in_words_whatever_goes_wrong(world: World, name: str) -> None:
    faults = Faults(world)
    fault = CATALOGUE[name]
    needed = ",".join("letter" for each in fault.parameters if each.required)
    faults.on(f"{name}{':' if needed else ''}{needed}").send()
    assert faults.trouble == ""
    assert faults.letters[0].words
    assert "this did not work" not in str(faults)
    assert "Errno" not in str(faults)


def test_on_real_ports_the_kernel_goes_on_meanwhile() -> None:
    with World(network="loopback") as world:
        faults = Faults(world)
        faults.widget()

        async def kernel() -> None:
            drawn = asyncio.Event()
            draw = faults._draw
            faults._draw = lambda: (draw(), drawn.set())  # type: ignore[method-assign,assignment]
            faults.send()
            assert "on its way" in faults._status.value
            await drawn.wait()

        asyncio.run(kernel())
        assert faults.letters[0].words == "submitted, delivered, fetched"

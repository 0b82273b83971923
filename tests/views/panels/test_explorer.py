"""The Explorer: panes that follow one selection, filters, pages, and captures that are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit import Capture, World, travel
from labkit.capture.tape import Tape
from labkit.views.panels import Explorer
from labkit.views.panels.finder import PAGE, Finder

pytest.importorskip("ipywidgets")

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def travelled(world: World) -> World:
    travel(world)
    return world


@pytest.fixture
def finder(travelled: World) -> Finder:
    return Finder(travelled)


def test_an_exchange_selected_in_the_list_is_selected_everywhere(travelled: World) -> None:
    explorer = Explorer(travelled)
    explorer.widget()
    key = next(key for words, key in explorer._exchanges.options if "RETR" in words)
    explorer._exchanges.value = key
    assert explorer._connections.value == key[0]
    assert "RETR 1" in explorer._ladder.value.replace("</span>", "").replace('<span class="lk-b-verb">', "")
    assert "RETR" in explorer._octets.value
    assert "The journey of a message" in explorer._letter.value
    assert "RETR" in str(explorer)


def test_a_connection_or_a_message_selects_its_exchange(travelled: World) -> None:
    explorer = Explorer(travelled)
    explorer.widget()
    for _, number in explorer._connections.options:
        explorer._connections.value = number
        assert explorer._exchanges.value[0] == number
    for words, place in explorer._messages.options:
        explorer._messages.value = place
        connection, exchange = explorer._exchanges.value
        assert words.strip().startswith(f"{connection}.{exchange}".strip())


def test_filters_go_together(finder: Finder) -> None:
    finder.filter(protocol="smtp", verb="MAIL")
    assert {finder.exchanges[i]["verb"] for i in finder.shown} == {"MAIL"}
    assert len(finder.shown) == 2
    finder.filter(protocol="pop3", verb="MAIL")
    assert finder.shown == []
    assert finder.selected is None
    assert str(finder.ladder()) == "No exchange is selected."
    finder.filter(host="bob-pc.example.org")
    assert {finder.exchanges[i]["protocol"] for i in finder.shown} == {"pop3", "imap"}
    assert finder.choices("protocol") == ["dns", "imap", "pop3", "smtp"]
    assert finder.choices("flaw") == []


def test_flaws_can_be_found(world: World) -> None:
    with world.user("alice@example.com").console("mail.example.com", 25) as console:
        console.type("EHLO me\nJUMP\nNOOP")
    finder = Finder(world)
    assert finder.choices("flaw") == ["any flaw", "unknown-command"]
    finder.filter(flaw="any flaw")
    assert finder.row is not None
    assert finder.row["verb"] == "JUMP"


def test_a_cell_says_what_it_cannot_do(travelled: World) -> None:
    explorer = Explorer(travelled).select(99)
    assert "there is no exchange None of connection 99" not in str(explorer)
    assert "connection 99" in str(explorer)
    assert "connection 99" not in str(explorer.select(0, 3))
    assert "exchange 99 of connection 0" in str(explorer.select(0, 99))


def test_steps_stop_at_the_ends(finder: Finder) -> None:
    finder.step(-5)
    assert finder.position == 0
    finder.step(10**9)
    assert finder.position == len(finder.shown) - 1


def test_only_a_page_becomes_text(world: World) -> None:
    with world.user("alice@example.com").console("mail.example.com", 25) as console:
        for _ in range(25):
            console.send("\n".join(["NOOP"] * 100))
            for _ in range(100):
                console.reply()
    explorer = Explorer(world)
    explorer.widget()
    assert len(explorer._exchanges.options) == PAGE
    explorer._step(1234)
    assert explorer._exchanges.value == (0, 1234)
    assert len(explorer._exchanges.options) == PAGE
    assert explorer._ladder.value.count("NOOP") < 200
    assert len(explorer._repr_mimebundle_()["text/html"]) < 100_000


def test_a_world_that_goes_on_is_read_again(travelled: World, click: Callable[[Any, str], None]) -> None:
    explorer = Explorer(travelled)
    before = len(explorer._finder.exchanges)  # type: ignore[union-attr]
    with travelled.user("alice@example.com").console("mail.example.com", 25) as console:
        console.type("NOOP")
    click(explorer, "Look again")
    assert len(explorer._finder.exchanges) == before + 2  # type: ignore[union-attr]


def test_a_pcap_shows_what_the_world_showed(travelled: World, tmp_path: Path) -> None:
    travelled.capture.to_pcap(tmp_path / "lab.pcap")
    explorer = Explorer(str(tmp_path / "lab.pcap"))
    assert "28 exchanges" in str(explorer)
    explorer.select(0, 6)
    assert "Subject: The journey of a message" in str(explorer)


@pytest.mark.parametrize("source", ["empty", "garbage", "missing", "nothing", "a number"])
def test_what_is_no_capture_is_said_in_words(source: str, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pcap"
    garbage.write_bytes(bytes(range(256)) * 20)
    given: dict[str, Any] = {
        "empty": Capture(Tape("empty")),
        "garbage": garbage,
        "missing": tmp_path / "missing.pcap",
        "nothing": None,
        "a number": 7,
    }
    explorer = Explorer(given[source])
    bundle = explorer._repr_mimebundle_()
    words = {"empty": "not one exchange", "missing": "missing.pcap", "garbage": "garbage.pcap"}
    assert words.get(source, "this is no capture") in bundle["text/plain"]
    assert "Traceback" not in bundle["text/html"]
    explorer.filter(verb="MAIL").select(0).look_again()


def test_octets_that_are_no_mail_at_all(world: World) -> None:
    with world.user("alice@example.com").console("mail.example.com", 25) as console:
        console.send_octets(bytes(range(256)) * 30 + b"\r\n")
        console.reply()
    explorer = Explorer(world)
    explorer.widget()
    for _ in range(len(explorer._exchanges.options)):
        explorer._step(1)
        assert (
            "this did not work"
            not in explorer._octets.value + explorer._letter.value + explorer._ladder.value
        )


def test_hostile_mail_stays_text(world: World) -> None:
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, subject=HOSTILE, text=HOSTILE, html=HOSTILE))
    world.settle()
    bob.retrieve("pop3")
    explorer = Explorer(world)
    explorer.widget()
    html = ""
    for _ in range(len(explorer._exchanges.options)):
        explorer._step(1)
        html += explorer._octets.value + explorer._letter.value + explorer._ladder.value
        html += explorer._repr_mimebundle_()["text/html"]
    assert "alert(1)" in html
    assert "<script" not in html
    assert "<img" not in html

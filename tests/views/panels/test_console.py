"""The Console's widgets, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit import World
from labkit.views.panels import Console

pytest.importorskip("anywidget")

Click = Callable[[Any, str], None]
Shown = Callable[[Any], str]


def enter(console: Console, text: Any, **more: Any) -> None:
    """What the browser sends when Enter is pressed."""
    console.widget()
    console._on_line(None, {"text": text, **more}, [])


def test_a_line_makes_reply_row_ladder_and_state_grow(world: World, shown: Shown) -> None:
    console = Console(world, "mail.example.com", 25)
    assert "220 mail.example.com" in shown(console)
    before = shown(console)
    enter(console, "EHLO me")
    enter(console, "RCPT TO:<bob@example.org>")
    assert "EHLO me" not in before
    assert console._line.status.startswith("503")
    for area in (console._exchanges, console._drawing):
        assert "EHLO me" in area.value
    assert "now in state ready" in console._lit.value
    assert console._line.history == ["EHLO me", "RCPT TO:<bob@example.org>"]


def test_commands_that_may_not_come_are_greyed_and_say_why(world: World, shown: Shown, click: Click) -> None:
    console = Console(world, "mail.example.com", 25)
    console.widget()
    assert console._buttons["MAIL"].disabled
    assert "comes only in state ready" in console._buttons["MAIL"].tooltip
    assert "comes only in state ready" in console._reasons.value
    sent: list[Any] = []
    console._line.send = sent.append
    click(console, "EHLO")
    assert sent == [{"fill": "EHLO alice-pc.example.com"}]
    enter(console, "EHLO me")
    assert not console._buttons["MAIL"].disabled


def test_another_port_has_other_commands(world: World, click: Click) -> None:
    console = Console(world, "mail.example.com", 25)
    console.widget()
    console._door.value = "110 pop3"
    click(console, "Connect")
    assert "PASS" in console._buttons
    assert "EHLO" not in console._buttons
    console._door.value = "pop"
    click(console, "Connect")
    assert console._line.status.startswith("0 is no port")
    assert console._line.bad


def test_buttons_for_data_and_for_literals(world: World, click: Click) -> None:
    console = Console(world, "mail.example.com", 25)
    with pytest.raises(AssertionError, match="cannot be pressed"):
        click(console, "Send as data")
    enter(console, "EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<alice@example.com>\nDATA")
    console._message.value = "Subject: x\n\n.dot"
    click(console, "Send as data")
    assert console._line.status.startswith("250")
    console.connect(port=143).type("a1 LOGIN alice@example.com secret-alice")
    enter(console, "a2 APPEND INBOX", asked="literal")
    assert console._line.status.startswith("a2 OK")


def test_explain_code_and_a_fresh_start(world: World, click: Click, shown: Shown) -> None:
    console = Console(world, "mail.example.com", 25)
    click(console, "Explain")
    assert "RFC 5321 3.1" in console._extra.value
    click(console, "As code")
    assert "world.user(&#x27;alice@example.com&#x27;)" in console._extra.value
    assert console.as_code().startswith("console = world.user('alice@example.com')")
    click(console, "Start afresh")
    assert str(console.as_code()) == "# nothing was typed"
    assert "no connection" in shown(console)


def test_what_was_typed_comes_back_after_a_restart(
    make_world: Callable[[], World], somebody_to_click: Path
) -> None:
    first = Console(make_world(), "mail.example.com", 25, name="one")
    enter(first, "EHLO me")
    again = Console(make_world(), "mail.example.com", 25, name="one")
    assert str(again) == str(first)
    other = Console(make_world(), "mail.example.com", 25, name="two")
    assert "EHLO me" not in str(other)
    again.start_afresh()
    assert "EHLO me" not in str(Console(make_world(), "mail.example.com", 25, name="one"))


def test_the_cell_run_again_shows_the_same_console(world: World) -> None:
    first = Console(world, "mail.example.com", 25)
    first.type("EHLO me")
    assert str(Console(world, "mail.example.com", 25)) == str(first)
    assert len(world.capture.rows("connections")) == 1


def test_where_nobody_clicks_nothing_is_kept_nor_read(
    make_world: Callable[[], World], somebody_to_click: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABKIT_WIDGETS", "0")
    console = Console(make_world(), "mail.example.com", 25).type("EHLO me")
    assert not somebody_to_click.exists()
    bundle = console._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle == Console(make_world(), "mail.example.com", 25).type("EHLO me")._repr_mimebundle_()
    assert "250 mail.example.com" in bundle["text/plain"].replace("250-", "250 ")
    assert "EHLO me" in bundle["text/html"]


@pytest.mark.parametrize("content", [None, "EHLO", {}, {"text": 3}, {"asked": "literal"}])
def test_a_message_that_is_none_is_no_matter(world: World, content: Any) -> None:
    console = Console(world, "mail.example.com", 25)
    console.widget()
    console._on_line(None, content, [])
    assert len(console.hand.done) == 1


def test_what_is_typed_is_never_markup(world: World, shown: Shown) -> None:
    console = Console(world, "mail.example.com", 25)
    for line in ("<script>alert(1)</script>", 'EHLO "><img src=x onerror=alert(1)>', "VRFY <b>"):
        enter(console, line)
    everything = shown(console) + console._repr_mimebundle_()["text/html"]
    assert "<script" not in everything.replace("&lt;script", "")
    assert "<img" not in everything


def test_on_real_ports_the_kernel_goes_on_meanwhile() -> None:
    with World(network="loopback") as world:
        world.user("alice@example.com")
        console = Console(world, "mail.example.com", 25)
        console.widget()

        async def kernel() -> str:
            drawn = asyncio.Event()
            draw = console._draw
            console._draw = lambda: (draw(), drawn.set())  # type: ignore[method-assign,assignment]
            enter(console, "EHLO me")
            status = str(console._line.status)
            await drawn.wait()
            return status

        assert asyncio.run(kernel()) == "…"
        assert console._line.status.startswith("250")

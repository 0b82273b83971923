"""The Explorer, the Player and the Faults in JupyterLab: one click, and what follows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.browsing import EXPLORER, FAULTS, PLAYER, TRAVELLED, WORLD

MANY = """
with alice.console("mail.example.com", 25) as console:
    for _ in range(100):
        console.send("\\n".join(["NOOP"] * 100))
        for _ in range(100):
            console.reply()
world.capture.to_pcap("many.pcap")
"""
OPEN = """
from time import perf_counter
from labkit.views.panels import Explorer
began = perf_counter()
explorer = Explorer("many.pcap")
bundle = explorer._repr_mimebundle_()
print(f"opened in {perf_counter() - began:.2f} s")
explorer
"""


def test_a_row_selected_in_one_pane_is_selected_in_all(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(TRAVELLED, EXPLORER)
    notebook.run_all()
    page, panel = notebook.page, notebook.panel
    exchanges = panel.get_by_label("Exchanges", exact=True)
    line = exchanges.locator("option", has_text="RETR").inner_text()
    exchanges.select_option(label=line)
    panel.get_by_text("The journey of a message").last.wait_for()
    connections = panel.get_by_label("Connections", exact=True).element_handle()
    page.wait_for_function("list => /pop3/.test(list.selectedOptions[0]?.textContent)", arg=connections)
    panel.locator(".lk-wire", has_text="RETR").wait_for()
    panel.locator("svg title", has_text="POP3").wait_for(state="attached")
    exchanges.focus()
    page.keyboard.press("ArrowUp")

    panel.locator(".lk-wire", has_text="RETR").wait_for(state="detached")
    panel.get_by_label("Protocol").select_option("imap")
    panel.get_by_text(re.compile("with protocol imap")).wait_for()
    assert notebook.troubles == []


def test_a_step_or_a_line_that_is_clicked_is_selected_in_all(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(TRAVELLED, EXPLORER)
    notebook.run_all()
    page, panel = notebook.page, notebook.panel
    chosen = panel.get_by_label("Exchanges", exact=True).locator("option:checked")
    ladder, octets = (panel.get_by_role("group", name=name) for name in ("Ladder", "Octets"))
    chosen.filter(has_text="0.0").wait_for()
    ladder.locator("[data-exchange='3'] text", has_text="MAIL FROM").first.click()
    chosen.filter(has_text="0.3").wait_for()
    octets.get_by_text("MAIL").first.wait_for()
    ladder.locator("[data-exchange='3'] .lk-chosen").first.wait_for()
    ladder.focus()
    page.keyboard.press("ArrowDown")
    chosen.filter(has_text="0.4").wait_for()
    octets.get_by_text("RCPT").first.wait_for()
    for number in (3, 2):
        page.keyboard.press("ArrowUp")
        chosen.filter(has_text=f"0.{number}").wait_for()
    ladder.locator("[data-connection='0']:not([data-exchange])").first.click()
    chosen.filter(has_text="0.0").wait_for()
    octets.locator("tr[data-exchange='0']").first.click()
    chosen.filter(has_text="0.0").wait_for()
    assert notebook.troubles == []


def test_ten_thousand_exchanges(
    open_notebook: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    notebook = open_notebook(WORLD + MANY, OPEN)
    notebook.run_all()
    page, panel = notebook.page, notebook.panel
    said = page.get_by_text(re.compile(r"opened in [\d.]+ s")).inner_text()
    with capsys.disabled():
        print(f"\nExplorer, 10 001 exchanges: {said}")
    panel.get_by_role("button", name="Last").click()
    panel.get_by_text("10001 of 10001 shown").wait_for()
    assert panel.locator("option").count() < 1000


def test_the_player_steps_plays_and_pauses(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(TRAVELLED, PLAYER)
    notebook.run_all()
    panel = notebook.panel
    panel.get_by_text("Moment 1 of").first.wait_for()
    panel.get_by_role("button", name="Forward").click()
    panel.get_by_text("Moment 2 of").first.wait_for()
    panel.get_by_role("button", name="Back").click()
    panel.get_by_text("Moment 1 of").first.wait_for()
    panel.get_by_label("Pause at each exchange").check()
    panel.get_by_role("button", name="Play").click()
    panel.get_by_role("button", name="Pause", exact=True).wait_for()
    panel.get_by_role("button", name="Play").wait_for()
    assert not panel.get_by_text("Moment 1 of").first.is_visible()
    panel.get_by_role("button", name="Last").click()
    panel.get_by_text(re.compile(r"Moment (\d+) of \1")).first.wait_for()
    assert notebook.troubles == []


def test_a_fault_switched_on_is_seen_in_the_next_letter(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(WORLD, FAULTS)
    notebook.run_all()
    panel = notebook.panel
    panel.get_by_role("button", name="Send a letter").click()
    panel.locator(".lk-rows tbody tr").nth(0).wait_for()
    panel.get_by_label("cut-before-final-reply").check()
    panel.get_by_text("the mailbox gets two copies").first.wait_for()
    panel.get_by_role("button", name="Send a letter").click()
    panel.get_by_text("delivered 2 times").wait_for()
    panel.get_by_role("button", name="All faults off").click()
    panel.get_by_text("No fault is on.").wait_for()
    assert not panel.get_by_label("cut-before-final-reply").is_checked()
    assert notebook.troubles == []

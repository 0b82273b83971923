"""Whatever somebody sends, types or forges stays text: in every column, every widget and the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.browsing import WORLD
from support.hostile import CAPTURE, EXPLORED, MAIL, PLAYED, REPORTED, SHOWN, TYPED, VIEWED

from labkit.tables import TABLES, Table

COLUMNS = [(name, c.name) for name in TABLES for c in Table(name).schema if c.kind == "text"]
FOREIGN = "iframe, img[src=x], script, a[autofocus], details[ontoggle], svg[onload]"
NOTHING = """
from labkit import Capture
from labkit.capture.tape import Tape
from labkit.views.panels import Explorer, Player
from labkit.views.report import report
empty = Capture(Tape("empty"))
open("garbage.pcap", "wb").write(bytes(range(256)) * 20)
open("half.pcap", "wb").write(bytes.fromhex("d4c3b2a102000400") + bytes(range(256)) * 20)
display(Explorer(empty), Player(empty), report(empty))
display(Explorer("garbage.pcap"), Explorer("half.pcap"), Explorer(None), Player(7))
"""


def nothing_ran(page: Any, within: str) -> None:
    assert page.evaluate("window.ran") is None
    assert page.locator(within).locator(FOREIGN).count() == 0


def test_every_text_of_every_table_stays_text(open_notebook: Callable[..., Any]) -> None:
    shown = [SHOWN.format(name=name) for name in TABLES]
    notebook = open_notebook(WORLD + MAIL + CAPTURE, *shown, VIEWED, EXPLORED, PLAYED, TYPED)
    page = notebook.page
    page.evaluate("window.ran = undefined")
    notebook.run_all()
    cells = page.locator(".jp-Cell")
    for cell in range(cells.count()):
        cells.nth(cell).scroll_into_view_if_needed()
    assert len(COLUMNS) > 60
    tables = "".join(cells.nth(cell).text_content() for cell in range(1, 1 + len(TABLES)))
    assert [column for column in COLUMNS if f"{'.'.join(column)} " not in tables] == []
    for payload in (
        "<script>window.ran",
        "<svg onload=",
        "<iframe srcdoc=",
        "onerror=",
        "ontoggle=",
        "onfocus=",
    ):
        assert payload in tables
    explorer, player, console = (page.locator(".lk-panel").nth(place) for place in range(3))
    exchanges = explorer.get_by_label("Exchanges", exact=True)
    exchanges.focus()
    for number in range(2, 9):
        page.keyboard.press("ArrowDown")
        explorer.get_by_text(f"{number} of ").first.wait_for()
    exchanges.select_option(index=4)
    explorer.locator(".lk-wire").wait_for()
    for moment in range(2, 9):
        player.get_by_role("button", name="Forward").click()
        player.get_by_text(f"Moment {moment} of").first.wait_for()
    console.get_by_role("group", name="Exchanges").locator("tr[data-exchange='3']").click()
    console.locator(".lk-here").wait_for()
    console.get_by_role("button", name="Explain the reply").click()
    console.get_by_role("button", name="As code").click()
    console.locator("pre", has_text="console.type").wait_for()
    for panel in (explorer, player, console):
        assert "window.ran" in panel.text_content()
    nothing_ran(page, ".jp-OutputArea-output")
    assert notebook.troubles == []


def test_the_report_is_a_page_on_which_nothing_runs(open_notebook: Callable[..., Any], page: Any) -> None:
    notebook = open_notebook(WORLD + MAIL + CAPTURE, REPORTED)
    notebook.run_all()
    page.goto((notebook.path.parent / "report.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    shown = page.locator("body").text_content()
    assert "window.ran" in shown
    for column in ("exchanges.verb", "exchanges.argument", "connections.client_name"):
        assert f"{column} " in shown
    nothing_ran(page, "body")


def test_captures_without_mail_are_said_in_words(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(NOTHING)
    notebook.run_all()
    page = notebook.page
    for words in (
        "There is not one exchange of mail in this capture.",
        "There is no journey in this capture.",
        "garbage.pcap",
        "this is no capture: NoneType",
    ):
        page.locator(".jupyter-widgets, .lk-sum").get_by_text(words).first.wait_for()
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert notebook.troubles == []

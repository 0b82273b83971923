"""The Console in JupyterLab: SMTP typed by keyboard alone, quickly, and whatever is pasted into it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from support.browsing import CONSOLE, WORLD, Lab

STOPWATCH = """() => {
    window.took = [];
    let start = null;
    const rows = () => document.querySelectorAll('.lk-panel .lk-rows tbody tr').length;
    let before = rows();
    document.addEventListener('keydown', event => {
        if (event.key === 'Enter') { start = performance.now(); before = rows(); }
    }, true);
    new MutationObserver(() => {
        if (start !== null && rows() > before) {
            const began = start;
            start = null;
            requestAnimationFrame(() => window.took.push(performance.now() - began));
        }
    }).observe(document.body, { subtree: true, childList: true });
}"""


class Typist:
    """Hands on a keyboard, at a Console."""

    def __init__(self, notebook: Any) -> None:
        notebook.run_all()
        self.notebook, self.page, self.panel = notebook, notebook.page, notebook.panel
        self.line = self.panel.get_by_label("alice-pc.example.com types")
        self.status = self.panel.locator(".lk-status")
        self.rows = self.panel.locator(".lk-rows tbody tr")
        self.line.focus()

    def enter(self, text: str) -> None:
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")

    def says(self, words: str) -> None:
        """The status is the last that follows: when it says so, all the rest is there."""
        self.status.filter(has_text=words).wait_for()

    def exchanged(self, number: int) -> None:
        """So many exchanges, the greeting one of them."""
        self.rows.nth(number - 1).wait_for()
        assert self.rows.count() == number

    def paste(self, text: str) -> None:
        """What Control+V does, with this text."""
        self.line.evaluate(
            """(entry, text) => {
                const clipboard = new DataTransfer();
                clipboard.setData('text/plain', text);
                const options = { clipboardData: clipboard, bubbles: true, cancelable: true };
                if (entry.dispatchEvent(new ClipboardEvent('paste', options))) entry.value += text;
            }""",
            text,
        )


@pytest.fixture
def typist(open_notebook: Callable[..., Any]) -> Typist:
    return Typist(open_notebook(WORLD, CONSOLE))


def test_a_whole_letter_by_keyboard_alone(typist: Typist) -> None:
    page = typist.page
    for line, reply, rows in (
        ("EHLO me", "250 HELP", 2),
        ("MAIL FROM:<alice@example.com>", "2.1.0", 3),
        ("RCPT TO:<alice@example.com>", "2.1.5", 4),
        ("DATA", "354", 5),
        ("Subject: by hand", "no reply until a line with only a dot", 6),
        ("", "no reply until", 6),
        ("It works.", "no reply until", 6),
        (".", "250 2.0.0 Ok: queued", 6),
        ("QUIT", "221", 7),
    ):
        page.keyboard.type(line)
        page.keyboard.press("Enter")
        typist.says(reply)
        typist.exchanged(rows)
    typist.panel.locator("svg title", has_text="SMTP: the states of a connection").wait_for(state="attached")
    page.keyboard.press("ArrowUp")
    assert typist.line.input_value() == "QUIT"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert typist.line.input_value() == "It works."
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert typist.line.input_value() == ""
    assert typist.notebook.troubles == []


def test_a_command_is_chosen_with_tab_and_space(typist: Typist) -> None:
    page = typist.page
    page.keyboard.press("Tab")
    page.wait_for_function("document.activeElement.textContent === 'EHLO'")
    page.keyboard.press("Space")
    page.wait_for_function("document.activeElement.value === 'EHLO alice-pc.example.com'")
    page.keyboard.press("Enter")
    typist.exchanged(2)
    greyed = typist.panel.get_by_role("button", name="DATA", exact=True)
    assert greyed.is_disabled()
    assert "comes only in state rcpt" in (greyed.get_attribute("title") or "")


def test_a_step_that_is_clicked_is_selected_in_all_panes(typist: Typist) -> None:
    panel, page = typist.panel, typist.page
    typist.enter("EHLO me")
    typist.exchanged(2)
    panel.locator("svg [data-exchange='0']").first.click()
    panel.locator(".lk-here", has_text="▸ 0").wait_for()
    panel.locator(".lk-wire", has_text="220 mail.example.com").wait_for()
    panel.locator("svg [data-exchange='0'] .lk-chosen").wait_for()
    panel.get_by_role("group", name="Exchanges").focus()
    page.keyboard.press("ArrowDown")
    panel.locator(".lk-here", has_text="▸ 1").wait_for()
    panel.locator(".lk-wire", has_text="EHLO me").wait_for()
    panel.get_by_role("button", name="Explain the reply").click()
    panel.get_by_text("RFC 5321 4.1.1.1").first.wait_for()
    typist.line.focus()
    typist.enter("NOOP")
    typist.exchanged(3)
    panel.locator(".lk-here").wait_for(state="detached")
    assert typist.notebook.troubles == []


def test_what_is_typed_is_saved_with_the_notebook(typist: Typist) -> None:
    typist.enter("EHLO me")
    typist.exchanged(2)
    typist.line.fill("NOOP")  # a line that is not sent yet
    page = typist.page
    page.locator(".lk-still", has_text="EHLO me").wait_for(state="attached")
    assert not page.locator(".lk-still").is_visible()
    saved = typist.notebook.saved()
    outputs = saved["cells"][1]["outputs"]
    assert "EHLO me" in "".join(outputs[-1]["data"]["text/plain"])
    assert "EHLO me" in "".join(outputs[-1]["data"]["text/html"])
    assert "widgets" not in saved["metadata"]
    assert "labkit-panel" not in str(saved), "an id that is another one in another kernel"
    assert typist.line.input_value() == "NOOP"
    page.keyboard.press("Enter")
    typist.exchanged(3)


def test_a_notebook_that_is_opened_again_shows_what_was_done(typist: Typist, lab: Lab) -> None:
    typist.enter("EHLO me")
    typist.exchanged(2)
    still = typist.page.locator(".lk-still")
    still.filter(has_text="EHLO me").wait_for(state="attached")
    typist.notebook.saved()
    lab.tidy()
    lab.open(typist.notebook.path)
    still.locator(".lk-rows td", has_text="EHLO me").wait_for()
    assert typist.page.locator(".lk-panel").count() == 0
    lost = typist.page.get_by_text("Error displaying widget")
    lost.wait_for(state="attached")
    assert not lost.is_visible()


def test_data_literal_and_explanation(typist: Typist) -> None:
    page = typist.panel
    typist.paste("EHLO me\nMAIL FROM:<alice@example.com>\nRCPT TO:<alice@example.com>\nDATA\n")
    typist.says("354")
    page.get_by_label("Message").fill("Subject: dots\n\n.one")
    page.get_by_role("button", name="Send as data").click()
    typist.says("250 2.0.0 Ok: queued")
    page.get_by_role("button", name="Explain the reply").click()
    page.get_by_text("(RFC 5321 4.5.2)", exact=True).wait_for()
    port = page.get_by_label("Port")
    port.fill("143")
    port.press("Tab")
    page.get_by_role("button", name="Connect").click()
    typist.says("IMAP4rev1")
    typist.line.focus()
    typist.enter("a1 LOGIN alice@example.com secret-alice")
    typist.says("a1 OK")
    page.get_by_label("Message").fill("Subject: kept\n\nhere")
    typist.line.fill("a2 APPEND INBOX")
    page.get_by_role("button", name="Send as literal").click()
    typist.says("a2 OK")
    assert typist.notebook.troubles == []


def test_whatever_is_pasted_is_shown_and_handled(typist: Typist) -> None:
    typist.paste("EHLO me\r\nNOOP\r\nRSET\r\nNOO")
    typist.exchanged(4)
    assert typist.line.input_value() == "NOO"
    typist.enter("P")
    typist.exchanged(5)
    hostile = ("x" * 10_000, "Grüße, 世界 🙂", "\x01\x02\x1b[31m\x7f", "<img src=x onerror=alert(1)>")
    for number, line in enumerate(hostile, 6):
        typist.line.fill(line)
        typist.page.keyboard.press("Enter")
        typist.exchanged(number)
    typist.enter("QUIT")
    typist.says("221")
    typist.enter("NOOP")
    typist.says("mail.example.com has closed the connection")
    assert (
        typist.page.locator(".jp-OutputArea [data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    )
    assert typist.notebook.troubles == []


def test_what_was_typed_is_there_after_a_restart(typist: Typist) -> None:
    typist.enter("EHLO me")
    typist.exchanged(2)
    typist.notebook.restart()
    typist.notebook.run_all()
    typist.rows.filter(has_text="EHLO me").wait_for()


def test_from_enter_to_the_row(typist: Typist, capsys: pytest.CaptureFixture[str]) -> None:
    typist.page.evaluate(STOPWATCH)
    for number in range(1, 11):
        typist.enter("NOOP")
        typist.page.wait_for_function(f"window.took.length === {number}")
    took = typist.page.evaluate("window.took")
    with capsys.disabled():
        print(f"\nConsole, from Enter to the row: {median(took):.0f} ms (slowest of 10: {max(took):.0f} ms)")

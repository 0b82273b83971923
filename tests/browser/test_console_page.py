"""The Console in JupyterLab: SMTP typed by keyboard alone, quickly, and whatever is pasted into it."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

import pytest
from support.browsing import CONSOLE, WORLD

STOPWATCH = """() => {
    window.took = [];
    let start = null;
    const rows = () => document.querySelectorAll('.lk-rows tbody tr').length;
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
        self.notebook, self.page = notebook, notebook.page
        self.line = self.page.get_by_label("alice-pc.example.com types")
        self.status = self.page.get_by_role("status").and_(self.page.locator(".lk-status"))
        self.rows = self.page.locator(".lk-rows tbody tr")
        self.line.focus()

    def enter(self, text: str) -> None:
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Enter")

    def says(self, words: str) -> None:
        self.status.filter(has_text=words).wait_for()

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
    for line, reply in (
        ("EHLO me", "250"),
        ("MAIL FROM:<alice@example.com>", "250"),
        ("RCPT TO:<alice@example.com>", "250"),
        ("DATA", "354"),
        ("Subject: by hand", "no reply until a line with only a dot"),
        ("", "no reply until"),
        ("It works.", "no reply until"),
        (".", "250 2.0.0 Ok: queued"),
        ("QUIT", "221"),
    ):
        page.keyboard.type(line)
        page.keyboard.press("Enter")
        typist.says(reply)
    assert typist.rows.count() == 7
    page.locator("svg title", has_text="SMTP: the states of a connection").wait_for(state="attached")
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
    assert page.evaluate("document.activeElement.textContent") == "EHLO"
    page.keyboard.press("Space")
    page.wait_for_function("document.activeElement.value === 'EHLO alice-pc.example.com'")
    page.keyboard.press("Enter")
    typist.says("250")
    greyed = page.get_by_role("button", name="DATA", exact=True)
    assert greyed.is_disabled()
    assert "comes only in state rcpt" in (greyed.get_attribute("title") or "")


def test_data_literal_and_explanation(typist: Typist) -> None:
    page = typist.page
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
    typist.says("250")
    assert typist.line.input_value() == "NOO"
    typist.enter("P")
    typist.rows.nth(4).wait_for()
    for line in ("x" * 10_000, "Grüße, 世界 🙂", "\x01\x02\x1b[31m\x7f", "<img src=x onerror=alert(1)>"):
        before = typist.rows.count()
        typist.line.fill(line)
        typist.page.keyboard.press("Enter")
        typist.rows.nth(before).wait_for()
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
    typist.says("250")
    typist.notebook.restart()
    typist.notebook.run_all()
    typist.page.locator(".lk-rows td", has_text="EHLO me").wait_for()


def test_from_enter_to_the_row(typist: Typist, capsys: pytest.CaptureFixture[str]) -> None:
    typist.page.evaluate(STOPWATCH)
    for number in range(1, 11):
        typist.enter("NOOP")
        typist.page.wait_for_function(f"window.took.length === {number}")
    took = typist.page.evaluate("window.took")
    with capsys.disabled():
        print(f"\nConsole, from Enter to the row: {median(took):.0f} ms (slowest of 10: {max(took):.0f} ms)")

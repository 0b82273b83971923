"""A notebook that was worked in, where no kernel runs: HTML and PDF show what the widgets showed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbconvert import HTMLExporter
from support.browsing import WIDGETS, use

FACTS = """place => [...place.querySelectorAll('svg text, .lk-rows tr, .lk-wire tr, .lk-card p')]
    .filter(each => !each.matches('.lk-head'))
    .map(each => each.textContent.replace(/\\\\s+/g, ' ').trim()).filter(Boolean)"""
WORDS = {
    "console": ["RCPT TO:<bob@example.org>", "503 Send MAIL first", "out-of-order", "mail (now)"],
    "explorer": ["26 of 28 shown", "A2 SELECT INBOX", "[READ-WRITE]"],
    "player": ["Moment 8 of", "The journey of"],
    "faults": ["cut-before-final-reply@*", "delivered 2 times", "no reply arrived"],
    "card": ["Your words on the wire", "00.1 not yet", "Connection 1 is the look-up in the DNS"],
}


@pytest.mark.parametrize("name", WIDGETS)
def test_html_shows_the_facts_of_the_live_widget(
    name: str, open_notebook: Callable[..., Any], page: Any
) -> None:
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    notebook.page.locator(".lk-still", has_text=WORDS[name][-1]).wait_for(state="attached")
    live = notebook.panel.evaluate(FACTS)
    notebook.saved()
    still = notebook.path.with_suffix(".html")
    written, _ = HTMLExporter().from_filename(str(notebook.path))
    still.write_text(written, encoding="utf-8")
    page.goto(still.as_uri())
    shown = page.locator("body").evaluate(FACTS)
    assert len(live) > 1
    assert [fact for fact in live if fact not in shown] == []
    for words in WORDS[name]:
        assert words in page.locator("body").inner_text()
    still.unlink()


def test_pdf_has_the_facts_too(open_notebook: Callable[..., Any], chromium_for_nbconvert: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed; `make programs` installs it")
    notebook = open_notebook(*WIDGETS["console"])
    use(notebook, "console")
    notebook.page.locator(".lk-still", has_text="MAIL FROM").wait_for(state="attached")
    notebook.saved()
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "webpdf", notebook.path.name]
    subprocess.run(
        [*command, "--WebPDFExporter.disable_sandbox=True"],
        cwd=notebook.path.parent,
        env={**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(chromium_for_nbconvert)},
        check=True,
        capture_output=True,
    )
    printed = notebook.path.with_suffix(".pdf")
    told = subprocess.run(["pdftotext", "-layout", printed, "-"], check=True, capture_output=True, text=True)
    words = re.sub(r"\s+", " ", told.stdout)
    for fact in ("MAIL FROM:<alice@example.com>", *WORDS["console"]):
        assert fact in words
    printed.unlink()

"""Looks: accessible in both themes, usable at twice the size, and deaf to hostile mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.browsing import EXPLORER, WIDGETS, WORLD, Lab, use

GRAVE = ("serious", "critical")
HOSTILE = """
payloads = ['<script>window.ran = 1</script>', '"><img src=x onerror="window.ran=1">',
            "<svg onload=window.ran=1>", "</style></pre><iframe srcdoc='<script>parent.ran=1</script>'>",
            "<details open ontoggle=window.ran=1>",
            "</textarea><a autofocus onfocus=window.ran=1 tabindex=0>x</a>"]
for payload in payloads:
    letter = alice.compose(to=bob, subject=payload, text=payload)
    name, _, rest = letter.partition(b"\\r\\n")
    evil = payload.encode()
    letter = letter.replace(b"Subject:", b"X-" + b"Subject: x\\r\\nSubject:").replace(
        b"From: ", b'From: "' + evil.replace(b'"', b'') + b'" ')
    letter = letter.replace(b"Message-ID: <", b"Message-ID: <" + evil.replace(b" ", b""))
    alice.submit(letter, [bob])
    with alice.console("mail.example.com", 25) as console:
        console.type(f"EHLO {payload}\\nMAIL FROM:<{payload}@x>\\n{payload}\\nVRFY {payload}\\nQUIT")
    with alice.console("mail.example.com", 110) as console:
        console.type(f"USER {payload}\\nPASS {payload}\\n{payload}\\nQUIT")
    with bob.console("mail.example.org", 143) as console:
        console.type(f"a1 LOGIN bob@example.org secret-bob\\n{payload} NOOP\\na3 {payload}\\na4 LOGOUT")
world.settle()
bob.retrieve("imap")
bob.retrieve("pop3")
"""
SHOW_ALL = """
from IPython.display import display
from labkit import annotate, journey, ladder
from labkit.tables import TABLES
for name in TABLES:
    display(world.capture.table(name))
    display(world.capture.rows(name))
display(world.capture, world.capture.story(), ladder(world), journey(world), annotate(world))
"""
EVERY_ROW = """
explorer = Explorer(world)
explorer.widget()
for _ in range(len(explorer._finder.exchanges)):
    display(explorer.picture())
    explorer._step(1)
explorer.select(0)
"""


@pytest.mark.parametrize("theme", ["Light", "Dark"])
@pytest.mark.parametrize("name", WIDGETS)
def test_no_grave_obstacle_to_anybody(
    name: str, theme: str, lab: Lab, open_notebook: Callable[..., Any]
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    notebook = open_notebook(*WIDGETS[name])
    lab.wear(theme)
    use(notebook, name)
    found = axe.Axe().run(notebook.page, context=".lk-panel").response["violations"]
    grave = [
        f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes'][:3]]}"
        for each in found
        if each["impact"] in GRAVE
    ]
    assert grave == []


@pytest.mark.parametrize("name", WIDGETS)
def test_at_twice_the_size_nothing_is_out_of_reach(
    name: str, lab: Lab, open_notebook: Callable[..., Any]
) -> None:
    lab.page.set_viewport_size({"width": 640, "height": 450})  # what 1280 by 900 is at 200 %
    notebook = open_notebook(*WIDGETS[name])
    use(notebook, name)
    cut_off = notebook.panel.evaluate(
        """panel => [...panel.querySelectorAll('button, input, select, textarea')]
            .filter(each => each.getBoundingClientRect().width > 0)
            .filter(each => each.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1)
            .map(each => each.outerHTML.slice(0, 120))"""
    )
    assert cut_off == []


def test_hostile_mail_never_runs(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(WORLD + HOSTILE, SHOW_ALL, EXPLORER, EVERY_ROW)
    notebook.run_all()
    page = notebook.page
    for cell in range(page.locator(".jp-Cell").count()):
        page.locator(".jp-Cell").nth(cell).scroll_into_view_if_needed()
    exchanges = page.get_by_label("Exchanges", exact=True).last
    exchanges.focus()
    for _ in range(12):
        page.keyboard.press("ArrowDown")
    page.locator(".lk-wire").last.wait_for()
    assert "window.ran" in page.locator(".jp-Notebook").inner_text()
    assert page.evaluate("window.ran") is None
    assert page.locator(".jp-OutputArea-output iframe, .jp-OutputArea-output img[src=x]").count() == 0
    assert notebook.troubles == []

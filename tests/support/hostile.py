"""Cells of a notebook in which every text that labkit shows wants to be markup, and to run.

A text begins with the name of its table and column, so that a page can be asked which of them it
shows; whatever runs sets `window.ran`.
"""

from __future__ import annotations

MAIL = """
payloads = ['<script>window.ran = 1</script>', '"><img src=x onerror="window.ran=1">',
            "<svg onload=window.ran=1>", "</style></pre><iframe srcdoc='<script>parent.ran=1</script>'>",
            "<details open ontoggle=window.ran=1>",
            "</textarea><a autofocus onfocus=window.ran=1 tabindex=0>x</a>"]
for payload in payloads:
    letter = alice.compose(to=bob, subject=payload, text=payload, html=payload)
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
"""What somebody can send and type."""

CAPTURE = """
from labkit.tables import TABLES, Table

class Hostile:
    # The capture, but every text in every column of every table is hostile.
    def __init__(self, capture):
        self._capture = capture

    def __getattr__(self, name):
        return self.rows(name).frame() if name in TABLES else getattr(self._capture, name)

    def rows(self, name="exchanges"):
        found = self._capture.rows(name)
        assert len(found), f"{name} has no rows to be hostile in"
        texts = [column.name for column in found.schema if column.kind == "text"]
        return Table(name, found.columns | {text: self.texts(name, text, found[text]) for text in texts})

    def texts(self, table, column, values):
        return [f"{table}.{column} {value or ''}{payloads[place % len(payloads)]}"
                for place, value in enumerate(values)]

    def table(self, name="exchanges"):
        return self.rows(name).frame()

    def where(self, *numbers):
        return Hostile(self._capture.where(*numbers))

hostile = Hostile(world.capture)
columns = [(name, c.name) for name in TABLES for c in Table(name).schema if c.kind == "text"]
"""
"""What somebody can forge: `hostile`, and `columns`, all that hold text."""

SHOWN = """
from IPython.display import display
for column in [column for table, column in columns if table == {name!r}]:
    display(hostile.table({name!r})[[column]].head(len(payloads)))
display(hostile.rows({name!r}), world.capture.table({name!r}), world.capture.rows({name!r}))
"""
"""One table, column by column and as a whole; to be formatted with its name."""
VIEWED = """
from IPython.display import display
from labkit import annotate, journey, ladder
from labkit.views.moments import moments, still
from labkit.views.summary import summary
for source in (hostile, world.capture):
    display(ladder(source), journey(source), annotate(source), summary(source))
    walk = moments(source)
    for place in range(0, len(walk), 25):
        display(still(walk, place))
display(world.capture, world.capture.story())
"""
REPORTED = """
from labkit.views.report import report
report(hostile).save("report.html")
"""
EXPLORED = """
from labkit.views.panels import Explorer
explorer = Explorer(hostile)
for row in list(hostile.rows("exchanges"))[::25]:
    display(explorer.select(row.connection, row.exchange).picture())
explorer.select(0, 0)
"""
PLAYED = "from labkit.views.panels import Player\nPlayer(hostile)"
TYPED = """
from labkit.net.faults import PASS, Rewrite
from labkit.views.panels import Console

def answer(event):
    # The server's greeting and replies, as somebody between the two would write them.
    if event.sender == "server" and event.data[:3].isdigit():
        return Rewrite(b"250 " + payloads[len(event.data) % len(payloads)].encode() + b"\\r\\n")
    return PASS

world.network.faults.append(answer)
typed = Console(world, "mail.example.com", 25, name="hostile")
for payload in payloads:
    typed.type(payload).type(f"EHLO {payload}")
typed
"""

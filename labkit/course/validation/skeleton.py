"""`labkit notebooks new`: a notebook with the anatomy of the course, to be filled in.

Mystery; predict, run, look, explain; break it; a weird experiment; an exercise; recap.  It runs as
it stands, with an exercise of its own, so `refresh` and `check` can be used from the first minute.
"""

from __future__ import annotations

import re
from pathlib import Path

from labkit.capture.files import whole_file
from labkit.course.validation.notebook import KERNEL
from labkit.course.validation.refresh import written
from labkit.errors import LabError

_CELLS = (
    """
# {title}

*30 minutes. You need Python functions; no networking.*

**The mystery.** A question that somebody really has, opened by the notebook before.

At the end you can … , and you have … to keep.
""",
    """
## 1. What happens

**Predict.** Before you run the cell: which host speaks first, and how many commands will it take?
""",
    """>
from labkit import World, ladder

world = World(seed=0)
alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
with world.capture() as seen:
    alice.submit(alice.compose(to=bob, subject="Hello", text="Hello, Bob."))
ladder(seen)
""",
    """
**Look.** Point at one row, and say what to see there.

**Explain.** Two or three sentences: why it is so, and which section of which RFC says so (RFC 5321 3.3).
""",
    """
## 2. Break it

**Predict.** The recipient's server does not answer for an hour. What does Alice notice?
""",
    """>
world = World(seed=1)
alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
with bob.server.offline():
    alice.submit(alice.compose(to=bob, subject="Hello", text="Hello, Bob."))
    world.wait(3600)
world.settle()
world.capture.connections[["protocol", "server_name", "start", "ended"]]
""",
    """
**Explain.** What the table shows, in two or three sentences.
""",
    """
## A weird experiment

**Predict**, then open the answer: what does the server make of QUIT in place of the final dot?

<details><summary>Run the next cell first</summary>What happened, and why it had to.</details>
""",
    """>
console = alice.console(alice.server, 25)
console.connect()
console.type("EHLO alice-pc.example.com\\nQUIT")
""",
    """
## Exercise

**{number}.1** What the learner is to find out. Begin with one that everybody can do; three hints; a
solution behind a fold, with a second way.
""",
    """>
answer = ...

# In the course this is course.check(...): it reads the answer and the wire, and says why not.
"solved" if answer == len(seen.exchanges) else "not yet: count the rows of seen.exchanges"
""",
    """
## Recap

1. What is learnt, in five lines.
2. …
3. …
4. …
5. …

**Since 2005.** What has changed.

**RFC sections.** RFC 5321 3.3.

**The next question.** What opens the next notebook?
""",
)


def begin(path: Path) -> Path:
    """Write a new notebook; raises LabError if there is one of that name, or no folder for it."""
    import nbformat.v4

    target = path if path.suffix == ".ipynb" else path.with_name(f"{path.name}.ipynb")
    if target.exists():
        raise LabError(f"there is a {target} already; it stays as it is")
    numbered = re.match(r"(\d\d)-(.+)", target.stem)
    words = (numbered[2] if numbered else target.stem).replace("-", " ").replace("_", " ").strip()
    cells = []
    for place, text in enumerate(_CELLS):
        source = text.strip().removeprefix(">").strip()
        source = source.replace("{title}", words[:1].upper() + words[1:])
        source = source.replace("{number}", numbered[1] if numbered else "1")
        make = nbformat.v4.new_code_cell if text.startswith(">") else nbformat.v4.new_markdown_cell
        cells.append(make(source, id=f"cell-{place + 1}"))  # type: ignore[no-untyped-call]
    made = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})  # type: ignore[no-untyped-call]
    with whole_file(target) as part:
        part.write_text(written(made), encoding="utf-8", newline="\n")
    return target

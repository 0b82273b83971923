"""A catalogue on the terminal: names, what they mean, and where it is written.

Side by side where there is room; where there is not, what an entry means stands below its name,
for it is what the list is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table as Grid

from labkit.views.terminal_talk import GAP

if TYPE_CHECKING:
    from rich.console import Console

ROOM = 60  # characters from which on there are columns


def list_entries(
    terminal: Console, headings: tuple[str, str], entries: Iterable[tuple[str, str, str]], title: str = ""
) -> None:
    """Entries of name, text and section, in the markup of rich; sections are named without "RFC"."""
    if terminal.width < ROOM:
        if title:
            terminal.print(f"[bold]{title}[/bold]")
        for name, text, section in entries:
            terminal.print(name.replace("\n  ", ""), highlight=False)
            number = f"\n[dim]{'RFC ' if section[:1].isdigit() else ''}{section}[/dim]" if section else ""
            terminal.print(Padding(text + number, (0, 0, 0, GAP)), highlight=False)
        return
    grid = Grid(
        box=None, padding=(0, GAP, 0, 0), title=title or None, title_justify="left", title_style="bold"
    )
    grid.add_column(headings[0], no_wrap=True)
    grid.add_column(headings[1], ratio=1)
    grid.add_column("RFC", no_wrap=True)
    for entry in entries:
        grid.add_row(*entry)
    terminal.print(grid)

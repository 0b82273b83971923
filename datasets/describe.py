"""Write the table of files into README.md: how many packets and octets each has now.

What a file holds and how it was made is written there by hand; this keeps the numbers.

    python datasets/describe.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from labkit.tables import read_capture

ROW = re.compile(r"^\| (?P<file>[\w-]+\.pcap(?:ng)?) \|.*$", re.MULTILINE)


def describe(folder: Path) -> str:
    """README.md with the numbers of the files in this folder."""

    def row(found: re.Match[str]) -> str:
        cells = [cell.strip() for cell in found[0].strip("|").split("|")]
        file = folder / cells[0]
        cells[3:5] = [f"{read_capture(file).tape.packets:,}", f"{file.stat().st_size:,}"]
        return f"| {' | '.join(cells)} |"

    return ROW.sub(row, (folder / "README.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    (place / "README.md").write_text(describe(place), encoding="utf-8")

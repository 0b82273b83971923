from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.serving import Served, serving


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Served]:
    """`labkit serve` on free ports, keeping a capture; see tests/support/serving.py for who lives there."""
    with serving(tmp_path, "--capture", "session.jsonl") as served:
        yield served

"""The script of the recorded datasets still makes what lies there, from the software that is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.programs import needs

from labkit import datasets
from labkit.tables import Capture, read_capture

pytestmark = [
    pytest.mark.programs,
    needs("unshare", "ip", "tcpdump", "editcap", "postfix", "dovecot", "swaks", "mpop"),
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]

LONGEST = 120  # seconds


def told(capture: Capture) -> list[tuple[int, str | None, str | None]]:
    """What was said, whenever it was; queue files and times have names of their own each time."""
    return [(row.connection, row.verb, row.status) for row in sorted(capture.rows(), key=_place)]


def _place(row: object) -> tuple[int, int]:
    return row.connection, row.exchange  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["swaks-smtp", "mpop-stls"])
def test_a_session_is_recorded_again(name: str, tmp_path: Path) -> None:
    script = datasets.path("record_sessions.py")
    allowed = subprocess.run(
        ["unshare", "--net", "--uts", "--mount", "true"], check=False, capture_output=True
    )
    if allowed.returncode:
        pytest.skip("this machine gives no network namespaces")
    ran = subprocess.run(
        [sys.executable, script, tmp_path, name], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    assert ran.returncode == 0, ran.stderr
    (file,) = tmp_path.iterdir()
    assert file.name == datasets.path(name).name
    assert told(read_capture(file)) == told(datasets.load(name))

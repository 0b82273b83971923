"""The event loops that the loopback network runs on: uvloop's where it is installed, else asyncio's own."""

from __future__ import annotations

import sys

import pytest

LOOPS = ["loopback", "loopback on asyncio"]


def take_loop(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the networks that are made from now on run on asyncio's loop, if it is that one's turn."""
    if name == "loopback on asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)  # `import uvloop` raises ImportError

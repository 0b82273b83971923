"""A notebook as a web page: `labkit lab --app NOTEBOOK`, in a real Chromium."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from support.browsing import CONSOLE, WORLD, Server, notebook_of
from support.serving import LABKIT


def _free_port() -> int:
    """Voilà cannot be asked for any free one: it would not say which."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def test_voila_serves_a_notebook_whose_widgets_work(page: Any, wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("voila", reason="the extra `app` is not installed")
    mine = tmp_path / "mine.ipynb"
    mine.write_text(json.dumps(notebook_of((WORLD, CONSOLE))), encoding="utf-8")
    options = ["--app", str(mine), "--no-browser", f"--port={_free_port()}"]
    course = tmp_path / "course"
    server = Server([*LABKIT, "lab", str(course), *options], course, tmp_path, PYTHONPATH=str(wheel))
    try:
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(server.url)
        line = page.get_by_label("alice-pc.example.com types")
        line.fill("EHLO me")
        line.press("Enter")
        page.locator(".lk-panel .lk-rows td", has_text="EHLO me").wait_for()
        assert not page.locator(".lk-still").is_visible()
        assert page.get_by_text("from labkit import World").count() == 0
        assert troubles == []
    finally:
        server.stop()

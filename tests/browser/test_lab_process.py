"""`labkit lab` as a process, from a wheel in an empty folder: what it starts ends with it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from support.browsing import LAB_OPTIONS, Server
from support.serving import LABKIT


def test_who_ends_labkit_ends_jupyterlab_and_its_kernels(tmp_path: Path, wheel: Path) -> None:
    folder = tmp_path / "course"
    options = [*LAB_OPTIONS, "--ServerApp.disable_check_xsrf=True"]
    server = Server([*LABKIT, "lab", str(folder), "--", *options], folder, tmp_path, PYTHONPATH=str(wheel))
    try:
        page = urllib.request.urlopen(f"{server.base}/lab").read().decode()
        assert "JupyterLab" in page
        start_kernel(server)
    finally:
        server.stop()  # reads until nobody is left who could write
    assert server.process.returncode is not None
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{server.base}/lab")


def start_kernel(server: Server) -> None:
    asked = urllib.request.Request(f"{server.base}/api/kernels", data=b"{}", method="POST")
    told: dict[str, Any] = json.load(urllib.request.urlopen(asked))
    assert told["name"] == "python3"

"""The start page, trust, and what is opened: without opening it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from nbformat import read
from nbformat.sign import NotebookNotary

from labkit.course import start
from labkit.course.record import Progress
from labkit.course.shelf import Laid, lay_out, shelf
from labkit.errors import LabError


@pytest.fixture
def laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Laid:
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("LABKIT_PROGRESS", raising=False)
    return lay_out(tmp_path / "course")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The programs that would have been started, with LABKIT_WIDGETS as they would see it."""
    calls: list[Any] = []

    def become(path: str, command: list[str], environment: dict[str, str]) -> None:
        assert path == command[0]
        calls.append((command, environment.get("LABKIT_WIDGETS")))

    monkeypatch.setattr("labkit.course.start.os.execve", become)
    return calls


def text(laid: Laid) -> str:
    page = json.loads((laid.folder / start.PAGE).read_text(encoding="utf-8"))
    return "".join(page["cells"][0]["source"])


def test_the_page_has_minutes_and_progress(laid: Laid) -> None:
    assert start.write_start_page(laid) == start.PAGE
    assert "**Begin with [Start here" in text(laid)
    assert "(00-start-here.ipynb) | 15 | 0 of 5 |" in text(laid)
    progress = Progress(laid.folder / ".labkit" / "progress.json")
    for number in range(1, 6):
        progress.record(f"00.{number}")
    start.write_start_page(laid)
    assert "| 15 | ✓ 5 of 5 |" in text(laid)
    assert "**Go on with [" in text(laid)


def test_the_page_is_a_notebook_that_jupyter_takes(laid: Laid) -> None:
    start.write_start_page(laid)
    from nbformat import validate

    validate(read(laid.folder / start.PAGE, as_version=4))


def test_a_page_that_is_not_ours_stays(laid: Laid) -> None:
    (laid.folder / start.PAGE).write_text("{}")
    assert start.write_start_page(laid) == laid.first
    assert (laid.folder / start.PAGE).read_text() == "{}"


def test_a_notebook_that_cannot_be_read_is_named_by_its_file(laid: Laid) -> None:
    (laid.folder / laid.first).write_text("[")
    start.write_start_page(laid)
    assert f"[00-start-here]({laid.first})" in text(laid)


def test_only_what_is_as_it_was_shipped_is_trusted(laid: Laid) -> None:
    changed, same = laid.names[:2]
    content = json.loads((laid.folder / changed).read_text(encoding="utf-8"))
    content["cells"].append({"cell_type": "markdown", "id": "more", "metadata": {}, "source": ["mine"]})
    (laid.folder / changed).write_text(json.dumps(content), encoding="utf-8")
    start.trust(laid)
    notary = NotebookNotary()
    assert notary.check_signature(read(laid.folder / same, as_version=4))
    assert not notary.check_signature(read(laid.folder / changed, as_version=4))


def test_jupyterlab_opens_the_page_and_asks_nobody(laid: Laid, started: list[Any]) -> None:
    start.open_lab(laid, ["--no-browser"])
    command, _ = started[0]
    assert command[:4] == [sys.executable, "-P", "-m", "jupyterlab"]  # whatever files are here
    assert "--LabApp.default_url=/lab/tree/index.ipynb" in command
    assert "--LabApp.extension_manager=readonly" in command
    assert command[-1] == "--no-browser"


@pytest.mark.parametrize("named", ["00", "00-start-here", "00-start-here.ipynb"])
def test_voila_opens_one_notebook_with_widgets(laid: Laid, started: list[Any], named: str) -> None:
    start.open_app(laid, named, [])
    command, widgets = started[0]
    assert command[:4] == [sys.executable, "-P", "-m", "voila"]
    assert command[-1].endswith("course/00-start-here.ipynb")
    assert widgets == "1"


def test_a_notebook_that_is_not_there(laid: Laid) -> None:
    with pytest.raises(LabError, match="there is no notebook '99'; there are 00-start-here"):
        start.open_app(laid, "99", [])


def test_without_the_extra_it_says_what_to_install(laid: Laid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.course.start.find_spec", lambda name: None)
    with pytest.raises(LabError, match=r"mail-labkit\[app\]"):
        start.open_app(laid, "00", [])
    with pytest.raises(LabError, match=r"mail-labkit\[lab\]"):
        start.open_lab(laid, [])


def test_the_shelf_has_no_page_of_its_own() -> None:
    assert not (shelf() / start.PAGE).exists()

"""Opening the lab: a start page, notebooks whose drawings show at once, JupyterLab or Voilà.

Nothing here asks the network for anything, and the start page is the only file that is written anew
each time; one of the same name that is not ours stays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labkit.capture.files import whole_file
from labkit.course import index
from labkit.course.shelf import Laid, shelf
from labkit.errors import LabError

PAGE = "index.ipynb"
_SETTINGS = Path(__file__).parent / "jupyter"
"""What JupyterLab does not ask a learner about: news from elsewhere."""
_OFFLINE = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
_MODULE = (sys.executable, "-P", "-m")
"""How a module is run; a file email.py in the folder where somebody works is not taken for Python's own."""


def open_lab(laid: Laid, options: Sequence[str]) -> int:
    """JupyterLab on a folder of notebooks, until it ends; returns its exit code."""
    _need("jupyterlab", "lab", "JupyterLab")
    first = write_start_page(laid)
    trust(laid)
    start = [f"--ServerApp.root_dir={laid.folder.resolve()}", f"--LabApp.default_url=/lab/tree/{first}"]
    command = [*_MODULE, "jupyterlab", *start, *_OFFLINE, *options]
    return _run(command, JUPYTER_CONFIG_PATH=os.pathsep.join(filter(None, [str(_SETTINGS), _config_path()])))


def open_app(laid: Laid, notebook: str, options: Sequence[str]) -> int:
    """One notebook as a web page: its text and widgets without its code; returns Voilà's exit code."""
    _need("voila", "app", "Voilà")
    path = _find(laid, notebook)
    command = [*_MODULE, "voila", str(path.resolve()), *options]
    return _run(command, LABKIT_WIDGETS="1")


def write_start_page(laid: Laid) -> str:
    """Write the table of notebooks into the folder; returns the name of what is to be opened first."""
    target = laid.folder / PAGE
    if target.exists() and _metadata(target).get("labkit") != index.MARK:
        return laid.first
    text = json.dumps(index.page(laid.folder, laid.names), indent=1, ensure_ascii=False) + "\n"
    try:
        with whole_file(target) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError:
        return laid.first  # a folder that is only to be read has no start page
    return PAGE


def trust(laid: Laid) -> None:
    """Sign the notebooks that are as they were shipped, so that Jupyter shows their drawings at once.

    What a learner, or anybody else, has changed is not signed.
    """
    from nbformat import reads
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()  # type: ignore[no-untyped-call]
    for name in laid.names:
        ours = (shelf() / name).read_bytes()
        if (laid.folder / name).read_bytes() == ours:
            notary.sign(reads(ours.decode("utf-8"), as_version=4))  # type: ignore[no-untyped-call]


def _run(command: list[str], **more: str) -> int:
    """Become that program: who ends labkit by a signal ends it, and nothing is left behind."""
    environment = {**os.environ, **more}
    if os.name == "nt":  # there a program cannot become another one
        return subprocess.run(command, check=False, env=environment).returncode
    sys.stdout.flush()
    os.execve(command[0], command, environment)


def _config_path() -> str:
    return os.environ.get("JUPYTER_CONFIG_PATH", "")


def _find(laid: Laid, notebook: str) -> Path:
    """The notebook of that path, or of that name or number in the folder."""
    paths = (Path(notebook), laid.folder / notebook, laid.folder / f"{notebook}.ipynb")
    for path in paths:
        if path.is_file():
            return path
    numbered = [name for name in laid.names if name.startswith(f"{notebook}-")]
    if len(numbered) == 1:
        return laid.folder / numbered[0]
    raise LabError(f"there is no notebook {notebook!r}; there are {', '.join(laid.names)}")


def _metadata(path: Path) -> dict[str, Any]:
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return metadata if isinstance(metadata, dict) else {}


def _need(module: str, extra: str, name: str) -> None:
    if find_spec(module) is None:
        raise LabError(f"{name} is not installed; run: pip install 'mail-labkit[{extra}]'")

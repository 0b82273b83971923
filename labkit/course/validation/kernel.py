"""One run of a notebook, from top to bottom, in a kernel that is new."""

from __future__ import annotations

import atexit
import copy
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.course.validation.notebook import RAISES, Notebook, marks, needs, tags
from labkit.course.validation.surroundings import Surroundings
from labkit.errors import LabError

_OURS = {"python", "python3", ""}
_SKIPPED = "labkit-skipped"


@dataclass(frozen=True)
class Run:
    """A notebook that was run, up to the cell (from 1) at which it stopped, and why it did, in words."""

    notebook: Notebook
    stopped: int | None = None
    why: str = ""
    raised: bool = False  # an exception which no tag announced

    def has_run(self, number: int) -> bool:
        return self.stopped is None or number < self.stopped


def run(path: Path, notebook: Notebook, where: Surroundings, *, timeout: float) -> Run:
    """Run a copy of the notebook, in the folder it lies in, with the Python that runs this.

    `timeout` is what a cell may take, in seconds.  Raises LabError if no kernel starts.
    """
    needs("nbclient", "ipykernel")
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    copied = _prepared(notebook)
    at = [0]
    # ignore_cleanup_errors: a kernel on Windows lets go of its files a little later
    with tempfile.TemporaryDirectory(prefix="labkit-", ignore_cleanup_errors=True) as folder:
        said = Path(folder) / "stderr"
        client = NotebookClient(
            copied,
            km=_manager(_kernel_name(notebook), Path(folder)),
            timeout=timeout,
            resources={"metadata": {"path": str(path.resolve().parent)}},
            record_timing=False,
            skip_cells_with_tag=_SKIPPED,
            on_cell_start=lambda cell, cell_index: at.__setitem__(0, cell_index + 1),
        )
        client.owns_km = True  # and ends it
        try:
            # What a cell writes comes by message; what the kernel itself says matters if it does not start.
            with said.open("wb") as file:
                client.execute(env=where.environment(Path(folder)), stderr=file)
        except CellExecutionError as error:
            return Run(copied, at[0], f"{error.ename}: {error.evalue}", raised=True)
        except CellTimeoutError:
            return Run(copied, at[0], f"it took longer than {timeout:g} seconds")
        except DeadKernelError:
            return Run(copied, at[0], "its kernel died")
        except (OSError, RuntimeError) as error:
            atexit.unregister(client._cleanup_kernel)  # it is clean, and would complain
            last = said.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            reason = f"{error} ({last})" if last else str(error)
            raise LabError(f"{path}: no kernel for it can be started: {reason}") from error
    return Run(copied)


def _prepared(notebook: Notebook) -> Notebook:
    """A copy without outputs, in which nbval's marks are tags that nbclient understands."""
    copied = copy.deepcopy(notebook)
    for cell in copied.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            more = [tag for mark, tag in (("raises", RAISES), ("skip", _SKIPPED)) if mark in marks(cell)]
            if more:
                cell.metadata["tags"] = [*tags(cell), *more]
    return copied


def _kernel_name(notebook: Notebook) -> str:
    return str(notebook.metadata.get("kernelspec", {}).get("name", "python3"))


def _manager(name: str, folder: Path) -> Any:
    """What starts the kernel: for Python, the one that runs this, whatever kernels the machine knows.

    It is spoken to over sockets in the folder, where a system has them: many kernels that start at once
    sometimes choose the same ports.
    """
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
    from jupyter_client.manager import AsyncKernelManager

    class OwnPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            if kernel_name in _OURS:
                argv = [sys.executable, "-m", "ipykernel_launcher", "--log-level=ERROR", "-f"]
                return KernelSpec(argv=[*argv, "{connection_file}"], display_name="Python", language="python")
            try:
                return super().get_kernel_spec(kernel_name)
            except NoSuchKernel:
                raise LabError(
                    f"the notebook asks for the kernel {kernel_name!r}, which is not here"
                ) from None

    transport = "tcp" if sys.platform == "win32" else "ipc"
    connection = str(folder / "kernel.json")
    return AsyncKernelManager(
        kernel_name=name, kernel_spec_manager=OwnPython(), transport=transport, connection_file=connection
    )

"""Rows made of the flows of a file, window by window: here, or in other processes beside it.

One process reads the file and finds which connections are over.  Making their rows is most of the work,
and is handed to whichever process waits for some: what is over in a window goes as columns, in a file in
a folder of the pass, and the rows come back in such files (`Runs`).
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from labkit.capture.keys import KeyLog
from labkit.capture.tape import Flow, Tape
from labkit.capture.windows import Finished, Opener
from labkit.errors import LabError
from labkit.tables.capture import Capture
from labkit.tables.dissected import not_collecting
from labkit.tables.runs import Run, Runs

WAITING = 2  # windows that a process has, the one it works at counted


class Maker:
    """Makes the rows of some tables; `name` is the capture's.

    Nothing that it makes is in a cycle: who uses it need not collect garbage (see `not_collecting`).
    """

    def __init__(self, name: str, tables: Sequence[str], folder: Path, *, mark: str, secrets: bool) -> None:
        self.runs = {table: Runs(table, folder, mark) for table in tables}
        self._name, self._secrets = name, secrets

    def add(self, flows: list[Flow], *, framed: bool = True) -> None:
        tape = Tape(self._name, framed=framed)
        tape.flows = flows
        capture = Capture(tape, secrets=self._secrets)
        for table, runs in self.runs.items():
            runs.add(capture.rows(table).arrow())

    def files(self) -> dict[str, list[tuple[int, str]]]:
        """All rows so far in files of Arrow's, by table, each with the key of its first row."""
        return {
            table: [(first, str(path)) for first, path in runs.spill()] for table, runs in self.runs.items()
        }


class Worker:
    """Another process with a Maker of its own, which works in the same folder (see `_work`)."""

    def __init__(self, number: int, folder: Path, **asked: Any) -> None:
        # With the modules of this process, but none of the folder where somebody works: email.py, say.
        command = [sys.executable, "-P", "-m", "labkit.tables.workers", os.fspath(folder)]
        self._folder, self._number = folder, number
        self._given = self._done = 0
        self._answers: SimpleQueue[str] = SimpleQueue()
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",  # numpy is to start no threads for matrices
        }
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._say(json.dumps({**asked, "mark": f"{number}-"}))
        self._listening = Thread(target=self._listen, daemon=True)
        self._listening.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)

    def waits(self) -> bool:
        """Whether it has room for one more window."""
        while not self._answers.empty():
            self._answers.get()
            self._done += 1
        return self._given - self._done < WAITING and self._process.poll() is None

    def give(self, finished: Finished) -> None:
        """A window's worth of connections, to make rows of."""
        path = self._folder / f"window-{self._number}-{self._given}"
        with path.open("wb") as file:
            pickle.dump(finished.packed(), file, protocol=5)
        self._given += 1
        self._say(os.fspath(path))

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has failed already, and will be asked why
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def collect(self) -> Mapping[str, list[Run]]:
        """The files of its rows, once all are made; raises LabError if it failed."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        code = self._process.wait()
        self._listening.join()
        last = "{}"
        while not self._answers.empty():
            last = self._answers.get()
        told: dict[str, Any] = json.loads(last)
        self.end()
        if code or "files" not in told:
            raise LabError(told.get("error") or "a process that was to dissect its share has failed")
        files: dict[str, list[tuple[int, str]]] = told["files"]
        return {table: [Run(first, Path(path)) for first, path in runs] for table, runs in files.items()}

    def end(self) -> None:
        """Whatever it does."""
        with suppress(BrokenPipeError), self._process:
            self._process.kill()


def _work(folder: Path) -> None:
    """What the other process does: rows of each window that it is given, a line for each that is done."""
    asked = json.loads(sys.stdin.readline())
    opener = Opener(None if asked["keys"] is None else KeyLog(asked["keys"].encode()))
    maker = Maker(asked["name"], asked["tables"], folder, mark=asked["mark"], secrets=asked["secrets"])
    try:
        with not_collecting():
            for line in sys.stdin:
                path = Path(line.rstrip("\n"))
                with path.open("rb") as file:
                    finished: Finished = pickle.load(file)
                path.unlink()
                maker.add(opener.flows(finished))
                print(json.dumps({"done": path.name}), flush=True)
        print(json.dumps({"files": maker.files()}), flush=True)
    except LabError as error:
        print(json.dumps({"error": str(error)}))
    except BrokenPipeError:  # who asked is gone, and nobody is left to tell
        os._exit(1)


if __name__ == "__main__":
    _work(Path(sys.argv[1]))

"""`labkit notebooks check` on notebooks with a fault planted in each, and on sound ones."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support.notebooks import code, prose, raised, said, value, write

from labkit.cli import main
from labkit.course.validation.notebook import read
from labkit.course.validation.refresh import refresh

UUID = "0b6f6a3e-4d7c-4c0e-9a55-0c4f6a6f1d2e"
TOKEN = "ghp_" + 36 * "a"
IMAGE = '<img src=\\"way.png\\">'
ERROR = raised("ZeroDivisionError", "division by zero")

# name: (cells, the cell that is found, the rule, words of the sentence)
FAULTS: dict[str, tuple[list[Any], int, str, str]] = {
    "changed": ([prose("x"), code("1 + 1", value("3"))], 2, "output", "“3” as committed and “2” in the run"),
    "missing": ([code("1 + 1")], 1, "missing", "nothing is committed; the run puts out text/plain “2”"),
    "gone": ([code("pass", value("2"))],
        1, "output", "text/plain is there as committed and not in the run: “2”"),
    "random-id": ([code("import uuid; print(uuid.uuid4())", said(f"{UUID}\n"))], 1, "random", "in another"),
    "address": ([code("object()", value("<object at 0x7f3a5c1e4d20>"))], 1, "random", "“at 0x7f3a5c1e4d20”"),
    "secret": ([code('print("gh" + "p_" + 36 * "a")', said(f"{TOKEN}\n"))], 1, "secret", "token of GitHub's"),
    "secret-in-code": ([code(f'token = "{TOKEN}"')], 1, "secret", "a token of GitHub's stands there"),
    "secret-of-this-machine": ([code('print(2 * "open-sesame-")', said("open-sesame-open-sesame-\n"))],
                               1, "secret", "the value of TEST_API_KEY"),
    "time": ([code("import datetime; print(datetime.datetime.now())", said("2026-01-05 09:00:00.000001\n"))],
             1, "clock", "in one run and"),
    "day": ([code("import datetime; print(datetime.date.today())", said("2026-01-05\n"))],
        1, "clock", "another"),
    "path": ([code('print("kept in /home/anna/mail")', said("kept in /home/anna/mail\n"))],
             1, "path", "“/home/anna/mail” is a path of one machine"),
    "unsolved": ([code('from labkit import course\ncourse.check("00.5", "a")')],
        1, "check", "00.5 is not solved"),
    "no-alt": ([code(f'from IPython.display import HTML\nHTML("{IMAGE}")',
                     value("<IPython.core.display.HTML object>", text_html='<img src="way.png">'))],
               1, "alt", "the image way.png has no text"),
    "no-alt-in-prose": ([prose("![](way.png)"), code("1", value("1"))],
        1, "alt", "the image way.png has no text"),
    "ignored": ([code("# NBVAL_IGNORE_OUTPUT\n1", value("2")), code("2", value("2"), tags=("nbval-skip",))],
                2, "ignored", "only 1 may"),
    "untagged": ([code("1 / 0", ERROR), code("2", value("2"))],
        1, "exception", "ZeroDivisionError: division by zero is committed"),
    "tagged-otherwise": ([code("1 / 0", ERROR, tags=("nbval-raises-exception",))],
        1, "exception", "with the tag"),
    "raised-nothing": ([code("1", value("1"), tags=("raises-exception",))], 1, "exception", "raised nothing"),
    "order": ([code("1", value("1"), count=3), code("2", value("2"), count=2)],
        1, "counts", "was run as number 3"),
    "not-run": ([code("1", value("1")), code("x = 1", count=None)], 2, "counts", "was not run"),
    "hidden-state": ([code("n", value("1")), code("n = 1")],
        1, "exception", "NameError: name 'n' is not defined"),
    "hash-seed": ([code('print({"smtp", "pop3", "imap", "dns"})', said("{'smtp', 'pop3', 'imap', 'dns'}\n"))],
                  1, "steady", "in one run and"),
    "time-zone": ([code("import time; print(time.timezone)", said("0\n"))], 1, "steady", "43200"),
    "locale": ([code('import os; print(os.environ["LC_ALL"])', said("C.UTF-8\n"))], 1, "steady", "tr_TR"),
    "width": ([code("import shutil; print(shutil.get_terminal_size().columns)", said("80\n"))],
              1, "steady", "“80” in one run and “203” in another"),
    "only-there": ([code('import os; 1 / (os.environ["COLUMNS"] == "80")', value("1.0"))],
                   1, "steady", "it stops with hash seed 4711, 14 hours ahead of UTC"),
    "dead": ([code("import os; os._exit(1)")], 1, "runs", "its kernel died"),
}  # fmt: skip

BAR = '" 33%|###3      | 1/3 [00:00<00:01,  1.94it/s]"'
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg"><title>a way</title></svg>'
SOUND: dict[str, list[Any]] = {
    "plain": [prose("![a way](way.png) and `![](not one)`"), code("x = 1"), code("x", value("1"))],
    "streams": [
        code("import sys; print(1)\nprint(2)\nprint(3, file=sys.stderr)",
             said("1\n2\n"), said("3\n", "stderr")),
    ],
    "order-of-streams": [code("for i in range(3): print(i, flush=True)", said("0\n"), said("1\n2\n"))],
    "raises": [code("1 / 0", ERROR, tags=("raises-exception",)), code("2", value("2"))],
    "within-budget": [code("# NBVAL_IGNORE_OUTPUT\nimport time; time.time()", value("1.0"))],
    "progress": [
        code(f"import sys\nfor i in range(3): print({BAR}, file=sys.stderr, end='\\r')\nprint('done')",
             said("done\n"), said(" 66%|######6   | 2/3 [00:01<00:00,  2.94it/s]\r", "stderr")),
        code("for i in range(3): print(i, end='\\r')\nprint('all')", said("7\rall\n")),
    ],
    "widget": [
        code("import ipywidgets\nipywidgets.IntProgress(value=3)\n",
             value("IntProgress(value=1)", **{"application_vnd.jupyter.widget-view+json": "x"})),
        code("from labkit import Faults, World\nisinstance(Faults(World()), object)", value("True")),
    ],
    "drawing": [
        code(f"from IPython.display import SVG\nSVG({DRAWING!r})",
             value("<IPython.core.display.SVG object>", **{"image_svg+xml": DRAWING})),
    ],
}  # fmt: skip


ALONE = ("unsolved", "ignored", "untagged", "order", "not-run", "hidden-state", "only-there", "dead")
"""Faults that need a notebook of their own; the others stand in one, as kernels take their time."""
TOGETHER = [name for name in FAULTS if name not in ALONE]


def place(name: str) -> tuple[str, int]:
    """The notebook of a fault, and the cell that is found in it."""
    cell = FAULTS[name][1]
    if name in ALONE:
        return f"bad-{name}.ipynb", cell
    return "bad-many.ipynb", sum(len(FAULTS[n][0]) for n in TOGETHER[: TOGETHER.index(name)]) + cell


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebooks")
    write(folder, "bad-many", *(cell for name in TOGETHER for cell in FAULTS[name][0]))
    for name in ALONE:
        write(folder, f"bad-{name}", *FAULTS[name][0])
    write(folder, "good", *(cell for cells in SOUND.values() for cell in cells))
    refresh(folder / "bad-unsolved.ipynb").keep()  # all else in it is as it should be
    return folder


@pytest.fixture(scope="module")
def checked(folder: Path) -> tuple[list[str], ET.Element, int]:
    """What the command says, line by line, its JUnit XML, and its exit code."""
    report = folder / "report.xml"
    options = ["--ignored", "1", "--checks", "solved", "-n", "2", "--junit", str(report)]
    patch = pytest.MonkeyPatch()
    patch.setenv("TEST_API_KEY", "open-sesame-")
    labkit = "import sys; from labkit.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", labkit, "notebooks", "check", str(folder), *options]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    patch.undo()
    assert not done.stderr, done.stderr
    return done.stdout.splitlines(), ET.parse(report).getroot(), done.returncode


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(
    name: str, folder: Path, checked: tuple[list[str], ET.Element, int]
) -> None:
    file, cell = place(name)
    _, _, rule, words = FAULTS[name]
    told = [line for line in checked[0] if line.startswith(f"{folder / file}: cell {cell}: ")]
    assert len(told) == 1, "it is told once, and nothing else with it"
    assert f": cell {cell}: [{rule}] " in told[0]
    assert words in told[0]
    assert told[0].endswith(".")


def test_nothing_is_found_in_sound_cells(folder: Path, checked: tuple[list[str], ET.Element, int]) -> None:
    told = [line for line in checked[0] if line.startswith(f"{folder / 'good.ipynb'}:")]
    assert len(told) == 1
    assert ": as it should be (" in told[0]


def test_the_summary_and_the_exit_code(checked: tuple[list[str], ET.Element, int]) -> None:
    lines, _, code = checked
    bad = len(ALONE) + 1
    assert lines[-1] == f"{bad + 1} notebooks, {bad} not as it should be: {len(FAULTS)} findings."
    assert code == 1


def test_junit_has_a_suite_for_each_notebook(
    folder: Path, checked: tuple[list[str], ET.Element, int]
) -> None:
    suites = {suite.get("name"): suite for suite in checked[1]}
    assert len(suites) == len(ALONE) + 2
    for name, (_, _, rule, _) in FAULTS.items():
        file, cell = place(name)
        found = {str(each.get("type")): str(each.text) for each in suites[str(folder / file)].iter("failure")}
        assert f"cell {cell}: [{rule}]" in found[rule]
        assert suites[str(folder / file)].get("failures") == str(len(found))
    assert not list(suites[str(folder / "good.ipynb")].iter("failure"))


LENIENT = {"progress": 2, "widget": 1}
"""Sound cells that nbval compares and no two runs can agree on; how many."""


def test_what_nbval_finds_is_found(folder: Path, checked: tuple[list[str], ET.Element, int]) -> None:
    files = ["bad-many.ipynb", "bad-untagged.ipynb", "good.ipynb"]
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "--tb=no", "-rf"]
    command += ["-n2", "--dist=loadfile", "-p", "no:cacheprovider", *files]
    said = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder, timeout=300).stdout
    failed = re.findall(
        r"^FAILED (\S+)::Cell (\d+)", said, flags=re.MULTILINE
    )  # it counts cells of code, from 0
    found = set()
    for name in FAULTS:
        file, cell = place(name)
        found.add(
            (file, str(sum(each.cell_type == "code" for each in read(folder / file).cells[: cell - 1])))
        )
    assert {file for file, _ in failed} >= {"bad-many.ipynb", "bad-untagged.ipynb"}
    assert [each for each in failed if each[0] != "good.ipynb" and each not in found] == []
    assert sum(file == "good.ipynb" for file, _ in failed) <= sum(LENIENT.values())


BARRED = """
import sys

class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jupyterlab", "jupyter_server", "ipywidgets", "anywidget", "voila"):
            raise ModuleNotFoundError(f"no {name} here", name=name)

sys.meta_path.insert(0, Barred())
"""


def test_it_needs_no_jupyterlab(tmp_path: Path) -> None:
    """A notebook of the course's form is made, run and checked where none of JupyterLab can be imported."""
    (tmp_path / "barred").mkdir()
    (tmp_path / "barred" / "sitecustomize.py").write_text(BARRED, encoding="utf-8")
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(tmp_path / "barred"))
    labkit = "import sys; from labkit.cli import main; sys.exit(main())"
    path = str(tmp_path / "own.ipynb")
    for arguments in (["new", path], ["refresh", path, "--yes"], ["check", path]):
        command = [sys.executable, "-c", labkit, "notebooks", *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
    patch.undo()
    assert done.stdout.endswith("1 notebook, nothing found.\n")


LOOPBACK = """
import labkit
world = labkit.World(network="loopback")
bob = world.user("bob@example.com")
alice = world.user("alice@example.com")
alice.submit(alice.compose(to=bob, subject="Hello", text="Hello"))
world.settle()
print(bob.retrieve("imap")[0].decode())
print(*world.capture.exchanges.text[:2], bob.server.where("imap"), object())
world.close()
"""


def test_a_notebook_on_real_ports_is_steady_with_the_sanitise_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "loopback", code(LOOPBACK))
    assert main(["notebooks", "refresh", "--yes", str(path)]) == 0
    assert main(["notebooks", "sanitise"]) == 0
    sanitise = capsys.readouterr().out.splitlines()[-1]
    assert main(["notebooks", "check", str(path)]) == 1
    assert ": cell 1: [" in capsys.readouterr().out
    assert main(["notebooks", "check", str(path), "--sanitise", sanitise]) == 0, capsys.readouterr().out
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    command += ["--nbval-sanitize-with", sanitise, str(path)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout

"""The map of the house, kept: who may import whom, and what."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "labkit"
ROOMS = [
    "errors",
    "standards",
    "message",
    "grammar",
    "states",
    "store",
    "net",
    "capture",
    "dissect",
    "tables",
    "datasets",
]
ROOMS += ["servers", "clients", "world", "views", "course"]
# These open every room, lazily.
EXEMPT = {"__init__", "__main__", "cli", "pytest_plugin"}
FREE_OF_TIME = ROOMS[: ROOMS.index("net")]
ALLOWED = {
    "asyncio": {"net", "servers/smtp", "world", "views/panels"},
    "pandas": {"tables", "servers", "clients", "world", "views", "course"},
    "numpy": {"capture", "dissect", "tables"},
    "pyarrow": {"capture", "dissect", "tables"},
    "ipywidgets": {"views", "course"},
    "IPython": {"views", "course"},
}
LATE = {"numpy", "pyarrow", "pandas"}  # imported where they are used, never when a module is

MODULES = sorted(HOUSE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(HOUSE).with_suffix("").parts[0]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(dotted name, at the module's top?) of all that a module imports when it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        for inner in ast.walk(node)
    }
    top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in for_types:
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "labkit":
                yield from ((f"labkit.{alias.name}", id(node) in top) for alias in node.names)
            else:
                yield str(node.module), id(node) in top


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_module_keeps_the_rules_of_its_room(path: Path) -> None:
    here = room(path)
    where = str(path.relative_to(HOUSE).with_suffix(""))
    assert here in ROOMS or here in EXEMPT, f"{where} stands in no room of the map"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, f"{where} has over 400 lines"
    if here in EXEMPT:
        return
    for name, at_top in imports(path):
        package, _, rest = name.partition(".")
        if package == "labkit" and rest:
            there = rest.split(".")[0]
            assert there in ROOMS[: ROOMS.index(here) + 1], f"{where} imports {name}, which is above it"
        if package in ALLOWED:
            assert any(where == w or where.startswith((f"{w}/", f"{w}_")) for w in ALLOWED[package]), (
                f"{where} may not import {package}"
            )
        if package in LATE:
            assert not at_top, f"{where} imports {package} before anybody uses it"
        if here in FREE_OF_TIME:
            assert package not in {"random", "socket", "time"}, (
                f"{where} imports {package}: it is given now() and token()"
            )


@pytest.mark.parametrize(
    "path", [p for p in MODULES if room(p) in FREE_OF_TIME], ids=lambda p: str(p.relative_to(HOUSE))
)
def test_no_wall_clock_below_net(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert f"{node.value.id}.{node.attr}" not in {"datetime.now", "datetime.utcnow", "date.today"}


def test_the_map_names_every_room() -> None:
    rooms = {p.name for p in HOUSE.iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert rooms <= {*ROOMS, "cli"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in rooms:
        assert f"{name}/" in readme, f"the map in README.md does not show {name}/"


HEAVY = {"pandas", "numpy", "pyarrow", "ipywidgets", "IPython", "jupyterlab", "matplotlib"}
HEAVY |= {"aiosmtpd", "cryptography", "dns", "rich", "typer", "uvloop"}


def test_importing_labkit_imports_nothing_heavy() -> None:
    code = f"import sys, labkit; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--help"], HEAVY - {"rich", "typer"} | {"asyncio", "email", "labkit.tables", "labkit.world"}),
        (
            ["dissect", str(ROOT / "datasets" / "postfix-relay-starttls.pcap")],
            HEAVY - {"numpy", "rich"}
            | {"asyncio", "email", "numpy.ma", "rich.progress", "rich.markdown", "labkit.world"}
            | {"labkit.dissect.imap", "labkit.dissect.pop3", "labkit.tables.mail", "labkit.tables.rows"},
        ),
    ],
    ids=["help", "dissect"],
)
def test_a_command_imports_only_what_it_uses(arguments: list[str], unused: set[str]) -> None:
    """How long a small capture takes is how long the imports take."""
    code = f"import sys; from labkit.cli import main; main({arguments}); "
    code += f"print(sorted({unused} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"

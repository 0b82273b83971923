"""labkit as others have it: a wheel in an environment of its own, no source tree anywhere near.

The environment is new; what labkit depends on is lent to it by the one that runs the tests, so that no
package index is asked.  labkit itself, its command and its pytest plugin come out of the wheel alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.course.index import TRACKS

ROOT = Path(__file__).parents[1]
PIP = ("--isolated", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")


@dataclass(frozen=True)
class Environment:
    """`folder/bin/python`, and the empty folder it is used in."""

    folder: Path
    empty: Path

    @property
    def programs(self) -> Path:
        return self.folder / ("Scripts" if os.name == "nt" else "bin")

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.programs), os.environ["PATH"]])
        known = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "LABKIT"))}
        program = shutil.which(str(command[0]), path=str(self.programs))
        assert program is not None, f"there is no {command[0]} in the environment"
        return subprocess.run(
            [program, *map(str, command[1:])],
            cwd=cwd or self.empty,
            env={**known, "PATH": path, "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
        )

    def pip(self, *what: str | Path) -> None:
        command = [sys.executable, "-m", "pip", "--python", self.programs / "python", *PIP, *what]
        done = subprocess.run(command, cwd=self.empty, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    environment = Environment(tmp_path_factory.mktemp("fresh"), tmp_path_factory.mktemp("empty"))
    venv.create(environment.folder, symlinks=os.name != "nt")
    scheme = {"base": str(environment.folder), "platbase": str(environment.folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", vars=scheme))
    # A line of a .pth file is a folder; the .pth files in that one, such as that of a checkout, do not count
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (wheel,) = wheels.glob("mail_labkit-*.whl")
    environment.pip("--ignore-installed", wheel)
    return environment


def test_it_is_the_wheel_that_is_used(installed: Environment) -> None:
    done = installed.run("python", "-c", "import labkit; print(labkit.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed.folder), done
    assert installed.run("labkit", "--version").stdout.startswith("labkit ")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_sample_project_passes_its_own_tests(
    installed: Environment, tmp_path: Path, options: tuple[str, ...]
) -> None:
    project = tmp_path / "newsletter"
    shutil.copytree(
        ROOT / "tests" / "sample_project", project, ignore=shutil.ignore_patterns("__pycache__", ".*")
    )
    installed.pip("--ignore-installed", "--no-build-isolation", project)
    done = installed.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, cwd=project)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_first_evening_in_an_empty_folder(installed: Environment) -> None:
    """The notebooks are laid out as `labkit lab` does, and put out what is committed, run from the wheel."""
    laid = installed.run("labkit", "lab", "--no-open")
    assert laid.returncode == 0, laid.stderr
    folder = installed.empty / "labkit-notebooks"
    evening = sorted(path for path in folder.glob("*.ipynb") if path.name[:2] in TRACKS["First evening"])
    ours = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in evening} == {name for name in ours if name[:2] in TRACKS["First evening"]}
    checked = installed.run("labkit", "notebooks", "check", *evening, "--checks", "unsolved", "-n", "2")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(evening)} notebooks, nothing found." in checked.stdout
    graded = installed.run("labkit", "notebooks", "grade", evening[0])
    assert graded.stdout.startswith("00-start-here: 0 of 5 solved"), graded.stderr

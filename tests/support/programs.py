"""Programs of the operating system, run without the settings of whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LONGEST_RUN = 60  # seconds
BETWEEN = "\x1f"  # values of one packet


def needs(*names: str) -> pytest.MarkDecorator:
    """Skips, and says why, where a program is missing; PATH often leaves out where root's programs lie."""
    missing = [name for name in names if shutil.which(name, path=_path()) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{' and '.join(missing)} not installed (make programs)")


def run(folder: Path, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder that is its home as well."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=LONGEST_RUN,
        check=False,
    )


def environment(home: Path) -> dict[str, str]:
    return {"PATH": _path(), "HOME": str(home), "LC_ALL": "C.UTF-8"}


def settings(folder: Path, name: str, text: str) -> str:
    """A file that only its owner may read, as programs ask for one with a password in it."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_text(text)
    return str(path)


def fields(file: Path, *names: str) -> list[list[str]]:
    """All values of some of Wireshark's fields, in the order of the packets; what is absent is left out."""
    command = ["tshark", "-r", file.name, "-T", "fields", "-E", f"aggregator={BETWEEN}", "-E", "separator=/t"]
    for name in names:
        command += ["-e", name]
    ran = run(file.parent, *command)
    assert ran.returncode == 0, ran.stderr
    columns = zip(*(line.split("\t") for line in ran.stdout.split("\n")[:-1]), strict=True)
    return [[value for cell in column for value in cell.split(BETWEEN) if value] for column in columns]


def _path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"

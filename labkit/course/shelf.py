"""The notebooks as they are shipped, and the learner's own copy of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import labkit
from labkit.capture.files import whole_file
from labkit.errors import LabError


@dataclass
class Laid:
    """What `lay_out` did: names of files, relative to the folder."""

    folder: Path
    new: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # the learner's own, which differ from ours

    @property
    def first(self) -> str:
        """The notebook to begin with."""
        return min(path.name for path in self.folder.glob("*.ipynb"))


def shelf() -> Path:
    """Where the notebooks lie: inside the installed package, or beside it in a checkout."""
    package = Path(labkit.__file__).parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise LabError("this installation has no notebooks in it")


def lay_out(folder: Path) -> Laid:
    """Copy every notebook that is not there yet; what is there is the learner's, and stays.

    Raises LabError if the folder cannot be made or written.
    """
    laid = Laid(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the folder {folder}: {error.strerror}") from error
    for source in sorted(shelf().glob("*.ipynb")):
        target = folder / source.name
        if not target.exists():
            with whole_file(target) as part:
                shutil.copyfile(source, part)
            laid.new.append(source.name)
        elif target.read_bytes() != source.read_bytes():
            laid.kept.append(source.name)
    return laid

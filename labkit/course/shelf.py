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
    """What `lay_out` did: names of files in the folder."""

    folder: Path
    names: list[str] = field(default_factory=list)  # all notebooks of the course, in reading order
    new: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)  # the learner's own, which differ from ours

    @property
    def first(self) -> str:
        """The notebook to begin with."""
        return self.names[0]


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
    sources = sorted(shelf().glob("*.ipynb"))
    laid = Laid(folder, names=[source.name for source in sources])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            target = folder / source.name
            if not target.exists():
                with whole_file(target) as part:
                    shutil.copyfile(source, part)
                laid.new.append(source.name)
            elif target.read_bytes() != source.read_bytes():
                laid.kept.append(source.name)
    except FileExistsError as error:
        raise LabError(f"{folder} is a file, not a folder") from error
    except OSError as error:
        raise LabError(f"cannot put notebooks into {folder}: {error.strerror}") from error
    return laid

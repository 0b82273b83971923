"""Files that appear whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike, fspath
from pathlib import Path

from labkit.errors import LabError


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[Path]:
    """A path to write to in place of `path`; once the block is through, it takes that name.

    If the block fails, what was written is removed and `path` stays as it was.  A device
    or a pipe is written to directly.  Raises LabError if the file cannot be written.
    """
    target = Path(fspath(path))
    special = target.exists() and not target.is_file()
    part = target if special else target.with_name(f"{target.name}.part")
    try:
        yield part
        if not special:
            part.replace(target)
    except OSError as error:
        raise LabError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if not special:
            with suppress(OSError):
                part.unlink(missing_ok=True)

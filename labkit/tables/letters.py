"""The messages of captures as files, one each: their very octets, under names that are made here.

A name says where the message was: `CONNECTION-EXCHANGE.eml`, and with a third number if an exchange
carried several; nothing in it comes from the message.  One that is not whole in the capture ends
in `.part.eml`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labkit.capture.files import whole_file
from labkit.errors import LabError
from labkit.tables.capture import Capture
from labkit.tables.carried import Carried


def write_letters(captures: Sequence[Capture], folder: Path) -> list[Path]:
    """Write every message into a new folder, or an empty one; with several captures a folder for each.

    Raises LabError if the folder has anything in it, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise LabError(f"{folder} is not empty: name a new folder")
        written = []
        for number, capture in enumerate(captures):
            place = folder / f"{number}" if len(captures) > 1 else folder
            place.mkdir(exist_ok=True)
            for each in capture.messages_carried():
                written.append(place / file_name(each))
                with whole_file(written[-1]) as part:
                    part.write_bytes(each.data)
    except OSError as error:
        raise LabError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error
    return written


def file_name(message: Carried) -> str:
    """From the numbers that the tables know the message by."""
    numbers = [message.talk.number, message.row.number, *([message.number] if message.number else [])]
    return "-".join(map(str, numbers)) + ("" if message.complete else ".part") + ".eml"

"""Key logs: what is a line of one, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.capture.keys import KeyLog, key_log
from labkit.errors import LabError

RANDOM = bytes(range(32))
LINE = b"CLIENT_RANDOM %s 0aFf" % RANDOM.hex().encode()


@pytest.mark.parametrize(
    "text",
    [
        LINE,
        LINE + b"\n",
        b"# a comment\r\n" + LINE + b"\r\n",
        b"\n\nnonsense\n" + LINE + b" \n",
        LINE.replace(b"0a", b"0A"),
    ],
)
def test_a_line_is_read_whatever_stands_around_it(text: bytes) -> None:
    assert KeyLog(text).of(RANDOM) == {"CLIENT_RANDOM": b"\x0a\xff"}


@pytest.mark.parametrize(
    "text",
    [b"", LINE[:-1], LINE.replace(b" ", b""), b" " + LINE, LINE + b" 00", LINE.replace(b"00", b"", 1), b"x"],
)
def test_what_is_no_line(text: bytes) -> None:
    assert len(KeyLog(text)) == 0


def test_a_log_comes_back_from_its_text() -> None:
    log = KeyLog(LINE + b"\n" + LINE.replace(b"CLIENT_RANDOM", b"EXPORTER_SECRET") + b"\n")
    assert (
        KeyLog(log.text()).text()
        == log.text()
        == log.text()
        .lower()
        .replace(b"client_random", b"CLIENT_RANDOM")
        .replace(b"exporter_secret", b"EXPORTER_SECRET")
    )
    assert len(log) == 1
    assert log.of(bytes(32)) == {}
    assert "0aff" not in repr(log), "a secret is not shown"


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(LINE)
    (tmp_path / "empty").write_bytes(b"# nothing yet\n")
    (tmp_path / "other").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = key_log(tmp_path / "keys")
    assert found is not None
    assert found.of(RANDOM)
    assert key_log(found) is found
    assert key_log(None) is None
    assert len(KeyLog.read(tmp_path / "empty")) == 0
    with pytest.raises(LabError, match="other is no key log: no line has"):
        KeyLog.read(tmp_path / "other")
    with pytest.raises(LabError, match=r"cannot read .+: No such file"):
        KeyLog.read(tmp_path / "absent")


@given(st.binary(max_size=300))
def test_any_octets(text: bytes) -> None:
    assert len(KeyLog(text)) == len(KeyLog(KeyLog(text).text()))

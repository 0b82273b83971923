"""Messages out of .eml, mbox and Maildir."""

from __future__ import annotations

import mailbox
from pathlib import Path

import pytest

from labkit.errors import LabError
from labkit.store.files import canonical, read_letters, read_messages

ONE = b"Subject: one\n\nFirst.\n"
TWO = b"Subject: two\n\nSecond.\n"


def test_an_eml_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(ONE)
    assert list(read_messages(tmp_path / "a.eml")) == [b"Subject: one\r\n\r\nFirst.\r\n"]


def test_an_mbox_gives_its_messages_in_order_and_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    box = mailbox.mbox(path)
    for message in (ONE, TWO):
        box.add(message)
    box.close()
    before = path.read_bytes()
    assert list(read_messages(path)) == [canonical(ONE), canonical(TWO)]
    assert path.read_bytes() == before


def test_a_maildir_gives_its_messages(tmp_path: Path) -> None:
    folder = mailbox.Maildir(tmp_path / "Maildir")
    for message in (ONE, TWO):
        folder.add(message)
    assert sorted(read_messages(tmp_path / "Maildir")) == [canonical(ONE), canonical(TWO)]


def test_a_folder_that_is_no_maildir_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no Maildir"):
        list(read_messages(tmp_path))


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "empty.eml").touch()
    with pytest.raises(LabError, match=r"empty\.eml is empty: there is no message in it"):
        list(read_messages(tmp_path / "empty.eml"))
    with pytest.raises(LabError, match=r"cannot read .*absent\.eml: No such file or directory"):
        list(read_messages(tmp_path / "absent.eml"))


def test_a_damaged_mailbox_is_refused_by_name_and_octet(tmp_path: Path) -> None:
    (tmp_path / "late.mbox").write_bytes(b"ubject: one\n\nFirst.\n")
    with pytest.raises(LabError, match=r"late\.mbox is damaged: expected 'From ' at octet 0"):
        list(read_messages(tmp_path / "late.mbox"))
    (tmp_path / "crash.mbox").write_bytes(b"From a\nSubject: one\n\n" + bytes(4096))
    with pytest.raises(LabError, match=r"crash\.mbox is damaged: a NUL at octet 21"):
        list(read_messages(tmp_path / "crash.mbox"))


def test_what_is_damaged_in_a_maildir_is_named_behind_the_others(tmp_path: Path) -> None:
    folder = mailbox.Maildir(tmp_path / "Maildir")
    first, _, third = (folder.add(message) for message in (ONE + b"\0", TWO, b"\0"))
    found: list[bytes] = []
    with pytest.raises(LabError) as damaged:
        found.extend(read_messages(tmp_path / "Maildir"))
    assert found == [canonical(TWO)]
    assert f"Maildir, {first} is damaged: a NUL at octet {len(ONE)}" in str(damaged.value)
    assert f"Maildir, {third} is damaged: a NUL at octet 0" in str(damaged.value)


def test_a_maildir_that_a_mail_program_works_in(tmp_path: Path) -> None:
    """What it takes out meanwhile is passed over, what it reads is found; what cannot be read is named."""
    mailbox.Maildir(tmp_path / "Maildir")
    for name in "123":
        (tmp_path / "Maildir" / "new" / name).write_bytes(ONE)
    reading = read_letters(tmp_path / "Maildir")
    assert next(reading).flags == frozenset()
    (tmp_path / "Maildir" / "new" / "2").unlink()
    (tmp_path / "Maildir" / "new" / "3").rename(tmp_path / "Maildir" / "cur" / "3:2,RS")
    assert [(letter.data, letter.flags) for letter in reading] == [
        (canonical(ONE), frozenset({"\\Answered", "\\Seen"}))
    ]
    (tmp_path / "Maildir" / "new" / "3.gone").symlink_to("nowhere")
    with pytest.raises(LabError, match=r"cannot read .*new.3\.gone: No such file"):
        list(read_messages(tmp_path / "Maildir"))


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_lines_end_in_crlf_whatever_the_file_has(ending: bytes) -> None:
    assert canonical(b"a" + ending + b"b\rc" + ending) == b"a\r\nb\rc\r\n"

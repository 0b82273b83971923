"""`labkit serve --store` and `labkit export`: what is there the next time, and how it gets out."""

from __future__ import annotations

import imaplib
import poplib
import re
import smtplib
from contextlib import closing
from pathlib import Path

import pytest
from support.serving import LETTER, SERVICES

from labkit.cli import main
from labkit.errors import LabError
from labkit.store.files import canonical
from labkit.world.serve import Options, Serving, serve

ANY = dict.fromkeys(SERVICES, 0)
BOB = {"bob@example.org": "correct horse"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with one message for Bob."""
    with (
        serve(Options(users=BOB, store=tmp_path / "mail", ports=ANY)) as served,
        smtplib.SMTP("127.0.0.1", served.endpoints["smtp"]["port"], "test") as client,
    ):
        client.sendmail("alice@example.com", ["bob@example.org"], canonical(LETTER))
    return tmp_path / "mail"


def where(served: Serving) -> tuple[str, int]:
    return "127.0.0.1", served.endpoints["pop3"]["port"]


def fetched(served: Serving, password: str) -> list[list[bytes]]:
    with closing(poplib.POP3(*where(served))) as client:
        client.user("bob")
        client.pass_(password)
        found = [client.retr(number + 1)[1] for number in range(client.stat()[0])]
        client.quit()
    return found


def test_users_and_mail_are_there_the_next_time(folder: Path) -> None:
    with serve(Options(store=folder, ports=ANY)) as served:
        assert served.passwords == BOB
        assert served.server.name == "mail.example.org"
        (letter,) = fetched(served, "correct horse")
        assert letter[-3:] == canonical(LETTER).split(b"\r\n")[-4:-1]
    with serve(Options(users={"carol@example.net": "x"}, store=folder, ports=ANY)) as served:
        assert served.passwords == {**BOB, "carol@example.net": "x"}
        assert served.server.domains == ["example.org", "example.net"]


def test_a_new_password_is_the_password(folder: Path) -> None:
    with serve(Options(users={"BOB@example.org": "new"}, store=folder, ports=ANY)) as served:
        assert served.passwords == {"bob@example.org": "new"}
        assert len(fetched(served, "new")) == 1
    with serve(Options(store=folder, ports=ANY)) as served:
        assert served.passwords == {"bob@example.org": "new"}


def test_files_of_mail_come_once(tmp_path: Path) -> None:
    mbox = tmp_path / "two.mbox"
    mbox.write_bytes(b"From a\nSubject: one\n\n1\n\nFrom a\nSubject: two\n\n2\n")
    options = Options(users=BOB, store=tmp_path / "mail", mail=[("Bob@example.org", mbox)], ports=ANY)
    with serve(options) as served, closing(poplib.POP3(*where(served))) as client:
        client.user("bob")
        client.pass_("correct horse")
        client.dele(1)
        client.quit()
    mbox.write_bytes(mbox.read_bytes() + b"\nFrom a\nSubject: three\n\n3\n")
    with serve(options) as served:
        assert [letter[0] for letter in fetched(served, "correct horse")] == [
            b"Subject: two",
            b"Subject: three",
        ]


def test_a_damaged_message_is_refused_by_name_and_octet_and_the_others_are_served(tmp_path: Path) -> None:
    mail = [("bob@example.org", tmp_path / name) for name in ("one.eml", "two.eml")]
    for _, path in mail:
        path.write_bytes(b"Subject: %b\n\n" % path.name.encode() + b"text\n" * 3000)
    options = Options(users=BOB, store=tmp_path / "store", mail=mail, ports=ANY)
    with serve(options):
        pass
    file = tmp_path / "store" / "store.sqlite"
    octets = file.read_bytes()
    file.write_bytes(octets.replace(b"Subject: one.eml", b"Subject: one.emm"))
    with serve(options) as served:
        where_it_is = r"the message is damaged on the disk \(body 1 in store.sqlite, from octet 0 on\)"
        with closing(poplib.POP3(*where(served))) as pop3:
            pop3.user("bob")
            pop3.pass_("correct horse")
            with pytest.raises(poplib.error_proto, match=rf"-ERR \[SYS/PERM\] {where_it_is}"):
                pop3.retr(1)
            assert pop3.retr(2)[1][0] == b"Subject: two.eml"
            pop3.quit()
        with imaplib.IMAP4("127.0.0.1", served.endpoints["imap"]["port"]) as imap:
            imap.login("bob", "correct horse")
            imap.select()
            status, (text,) = imap.fetch("1", "(BODY[])")
            assert status == "NO"
            assert re.search(rf"\[CORRUPTION\] {where_it_is}", text.decode())
            assert imap.fetch("2", "(BODY[HEADER])")[1][0][1] == b"Subject: two.eml\r\n\r\n"


def test_a_store_in_use_is_refused_and_stays_in_use(folder: Path) -> None:
    with serve(Options(store=folder, ports=ANY)) as served:
        with (
            pytest.raises(LabError, match="another process is using it"),
            serve(Options(store=folder, ports=ANY)),
        ):
            pass
        assert len(fetched(served, "correct horse")) == 1


def test_export(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = folder.parent / "files"
    assert main(["export", str(folder), str(target), "--format", "eml", "--user", "BOB@example.org"]) == 0
    assert capsys.readouterr() == (f"Written to {target}: 1 message of {folder}.\n", "")
    assert [file.relative_to(target) for file in target.rglob("*.eml")] == [
        Path("bob@example.org", "INBOX", "1.eml")
    ]
    assert main(["export", str(folder), str(target)]) == 1
    assert capsys.readouterr().err == f"labkit: {target} is not empty: name a new folder\n"
    assert main(["export", str(folder), str(target / "new"), "--user", "eve@example.org"]) == 1
    assert capsys.readouterr().err == f"labkit: {folder} has no user eve@example.org\n"
    assert main(["export", str(target), str(target / "new")]) == 1
    assert "there is no store.sqlite in it" in capsys.readouterr().err

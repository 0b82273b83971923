"""Dovecot's answers to a client that fetches in pieces, seen by `labkit record` between the two."""

from __future__ import annotations

import imaplib
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.dovecot import dovecot, why_not
from support.serving import LABKIT

from labkit.tables import read_capture

pytestmark = [pytest.mark.programs, pytest.mark.skipif(bool(why_not()), reason=str(why_not()))]

LETTER = b"From: a@example.org\r\nSubject: long\r\n\r\n" + b"".join(b"line %d\r\n" % n for n in range(30_000))
LONGEST = 60  # seconds


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
def test_a_long_message_in_pieces(tmp_path: Path, ending: bytes) -> None:
    """Whether it is stored with CRLF or with LF, what is sent has CRLF."""
    with ExitStack() as stack:
        mail = Path(stack.enter_context(TemporaryDirectory()))  # where Dovecot's own user may look
        for name in ("cur", "new", "tmp"):
            (mail / "bob" / name).mkdir(parents=True)
        (mail / "bob" / "new" / "1.1.host").write_bytes(LETTER.replace(b"\r\n", ending))
        _, imap = stack.enter_context(dovecot(mail, {"bob": "secret"}))
        command = [*LABKIT, "record", "--to", f"127.0.0.1:{imap}", "--service", "imap", "-o", "session.pcap"]
        recorder = stack.enter_context(
            subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        )
        stack.callback(recorder.kill)
        assert recorder.stdout is not None
        port = re.match(r"Listening on 127\.0\.0\.1:(\d+) for ", recorder.stdout.readline())
        assert port is not None
        with imaplib.IMAP4("127.0.0.1", int(port[1]), timeout=LONGEST) as client:
            client.login("bob", "secret")
            client.select()
            for origin in range(0, len(LETTER), 65_536):
                client.uid("FETCH", "1", f"(UID BODY.PEEK[]<{origin}.65536>)")
            client.fetch("1", "(BODY.PEEK[]<0.65536>)")
            client.fetch("1", "(BODY.PEEK[TEXT])")
            client.fetch("1", "(BODY.PEEK[])")
        recorder.send_signal(signal.SIGTERM)
        recorder.communicate(timeout=LONGEST)
        assert recorder.returncode == 0
    found = read_capture(tmp_path / "session.pcap").messages_carried()
    assert [(each.data == LETTER, each.complete, each.uid) for each in found] == [
        (True, True, 1),
        (True, True, 1),
        (True, True, None),
    ]

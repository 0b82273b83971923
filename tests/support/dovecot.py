"""Dovecot in a folder of its own: in the foreground, on free ports of 127.0.0.1, without root's files.

The peer of benchmarks; it is gone when the block ends.  Tuned: processes that wait for logins and serve
many sessions each, passwords in a file, no TLS, a Maildir that nobody else changes.  More processes or fewer,
no log, no penalties, a cache of logins: none of these made it faster.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = pop3 imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{mail}/%u
mail_fsync = {fsync}
mail_uid = dovecot
mail_gid = dovecot
first_valid_uid = 1
maildir_very_dirty_syncs = yes
pop3_no_flag_updates = yes
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={mail}/%u
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3 {{
  service_count = {sessions}
  process_min_avail = 2
}}
service imap {{
  service_count = {sessions}
  process_min_avail = 2
}}
"""


def why_not() -> str | None:
    """Why Dovecot cannot be measured here; None if it can."""
    if not os.access(PROGRAM, os.X_OK):
        return "there is no dovecot (Debian: dovecot-pop3d, dovecot-imapd)"
    if os.geteuid():
        return "dovecot's own processes change their user, which needs root"
    return None


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextmanager
def dovecot(
    mail: Path, users: Mapping[str, str], *, fsync: str = "optimized", sessions: int = 1000
) -> Iterator[tuple[int, int]]:
    """Its POP3 and IMAP ports; `mail` holds a Maildir for each of the users.

    A process serves so many `sessions`, one after another; Dovecot's own default is 1.
    """
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        pop3, imap = _free_port(), _free_port()
        lines = [f"{user}:{{PLAIN}}{password}::::::" for user, password in users.items()]
        (folder / "users").write_text("\n".join(lines) + "\n")
        settings = folder / "dovecot.conf"
        config = CONFIG.format(folder=folder, mail=mail, pop3=pop3, imap=imap, fsync=fsync, sessions=sessions)
        settings.write_text(config)
        mail.chmod(0o755)
        for each in [mail, *mail.rglob("*")]:
            shutil.chown(each, "dovecot", "dovecot")
        process = subprocess.Popen(
            [PROGRAM, "-F", "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            _until_it_answers(process, pop3, folder / "log")
            yield pop3, imap
        finally:
            process.terminate()
            process.wait(20)
            if process.stderr:
                process.stderr.close()


def _until_it_answers(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr else ""
            raise RuntimeError(f"dovecot ended: {said}{log.read_text() if log.exists() else ''}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
            if sock.recv(100).startswith(b"+OK"):
                return
        time.sleep(0.05)
    raise RuntimeError(f"dovecot does not answer: {log.read_text() if log.exists() else ''}")

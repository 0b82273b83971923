"""The fixtures, in a pytest of somebody else's."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
THEIR_TESTS = """
import imaplib, poplib, smtplib
import pytest

ids = []

@pytest.mark.parametrize("again", [1, 2])
def test_world(world, again):
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    with bob.server.offline():
        alice.submit(alice.compose(to=bob, text="hi"))
        world.wait(24 * 3600)
    world.settle()
    assert len(bob.retrieve("imap")) == 1
    ids.append(world.token(8))

def test_ids_come_from_the_name():
    assert ids[0] != ids[1]

def test_mail_server(mail_server):
    bob = mail_server.world.user("bob@example.com")
    with smtplib.SMTP(*mail_server.where("smtp")) as smtp:
        smtp.sendmail("me@example.net", "bob@example.com", "Subject: x\\n\\nhi")
    assert b"Subject: x" in mail_server.read("bob@example.com")[0]
    pop3 = poplib.POP3(*mail_server.where("pop3"))
    pop3.user("bob"), pop3.pass_(bob.password)
    assert pop3.stat()[0] == 1
    pop3.close()
    context = mail_server.world.trust()
    imap = imaplib.IMAP4_SSL("localhost", mail_server.where("imaps")[1], ssl_context=context)
    imap.login("bob", bob.password)
    imap.logout()
    smtplib.SMTP(*mail_server.where("submission"))  # left open
    assert len(mail_server.world.capture.connections) == 4
    with pytest.raises(Exception, match="does not offer 'nntp'; it offers smtp, submission, submissions"):
        mail_server.where("nntp")
"""


def run_pytest(folder: Path, *options: str, text: str = THEIR_TESTS) -> subprocess.CompletedProcess[str]:
    found = {each.value for each in entry_points(group="pytest11")}
    load = [] if "labkit.pytest_plugin" in found else ["-p", "labkit.pytest_plugin"]
    (folder / "test_theirs.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *load, *options]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")


def test_fixtures(tmp_path: Path) -> None:
    # what they leave open themselves is theirs to be warned of
    strict = ["-W", "error", "-W", "ignore:unclosed <socket:ResourceWarning"]
    done = run_pytest(tmp_path, *strict)
    assert "4 passed" in done.stdout, done.stdout
    assert done.returncode == 0


def test_fixtures_are_explained(tmp_path: Path) -> None:
    shown = run_pytest(tmp_path, "--fixtures").stdout
    assert "A simulated `labkit.World`" in shown
    assert "The mail server of example.com" in shown
    assert "Everything on the wire of this test" in shown
    assert "these lines were said" in shown
    assert "real_sockets" in run_pytest(tmp_path, "--markers").stdout


MY_PROGRAM = """
import smtplib
import types

def _send(host, port, to):
    with smtplib.SMTP(host, port) as server:
        server.sendmail("me@example.net", to, "Subject: Hello\\n\\nDear Bob")

my_program = types.SimpleNamespace(send=_send)
"""


def test_the_tests_of_the_readme_pass(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tests = re.search(r"## In your tests.*?```python\n(.*?)```", readme, flags=re.DOTALL)
    assert tests is not None
    assert "2 passed" in run_pytest(tmp_path, text=MY_PROGRAM + tests[1]).stdout


FAILING = """
import socket

def test_told(world, mail_server):
    bob = world.user("bob@example.org")
    bob.retrieve("pop3")
    assert not mail_server.where("smtp")

def test_not_told(world):
    world.user("bob@example.org").retrieve("pop3")

def test_broken(world, monkeypatch):
    monkeypatch.setattr("labkit.views.ladder.ladder", None)
    assert False

def test_refused(world):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 53))

def test_in_vain(world, capture, assert_exchange):
    assert_exchange(capture, "QUIT")
"""


def test_the_report_of_a_failure(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, text=FAILING).stdout
    told, broken, refused, in_vain = said.split("____ test_")[1:]
    assert told.count("What was on the wire") == 2  # both of its worlds
    assert "USER bob@example.org" in told
    assert "could not be shown: TypeError" in broken
    assert "a test with a simulated world called sendto on a real socket (('127.0.0.1', 53))" in refused
    assert "an expected line begins with 'C: ' or 'S: ', or is …; this is 'QUIT'" in in_vain
    assert "4 failed, 1 passed" in in_vain


def test_the_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"labkit": "labkit.pytest_plugin"}


def test_importing_it_is_cheap() -> None:
    code = (
        "import pytest, sys; before = set(sys.modules);"
        "import labkit.pytest_plugin; print(*sys.modules.keys() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {"labkit", "labkit.pytest_plugin"}


@pytest.mark.parametrize("name", ["world", "mail_server", "capture", "assert_exchange"])
def test_they_can_be_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / "conftest.py").write_text(f"import pytest\n@pytest.fixture\ndef {name}(): return 42\n")
    (tmp_path / "test_own.py").write_text(f"def test_own({name}): assert {name} == 42\n")
    assert "1 passed" in run_pytest(tmp_path, "-k", "own").stdout


TWO_TESTS = """
keys = []

def test_one(mail_server):
    keys.append(mail_server.world.authority)

def test_two(world):
    keys.append(world.authority)

def test_they_trust_the_same_authority():
    assert keys[0] is keys[1]
"""


def test_tls_keys_are_made_once_for_all_tests(tmp_path: Path) -> None:
    assert "3 passed" in run_pytest(tmp_path, text=TWO_TESTS).stdout

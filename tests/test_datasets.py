"""Every dataset is what its script makes, and the README beside them says what is in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import labkit
from labkit import cli, datasets
from labkit.dissect.exchange import Exchange, columns_of
from labkit.errors import LabError
from labkit.tables import read_capture

FOLDER = Path(labkit.__file__).parents[1] / "datasets"
SCRIPTS = sorted(FOLDER.glob("make_*.py"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")
LIMIT = 5_000_000  # octets of all of them: they are in the wheel

RECORDED = {  # connections by protocol, messages, the servers' software; whether TLS can be read
    "postfix-relay": ({"smtp": 3}, 3, {"Postfix"}, False),
    "postfix-relay-starttls": ({"smtp": 1}, 0, {"Postfix"}, False),
    "swaks-smtp": ({"smtp": 8}, 6, {"Postfix"}, False),
    "msmtp-starttls": ({"smtp": 2}, 2, {"Postfix"}, True),
    "real-journey": ({"smtp": 2, "pop3": 1}, 3, {"Postfix", "Dovecot"}, False),
    "fetchmail-pop3": ({"pop3": 1}, 3, {"Dovecot"}, False),
    "mpop-stls": ({"pop3": 1}, 3, {"Dovecot"}, True),
    "curl-pop3": ({"pop3": 5}, 1, {"Dovecot"}, False),
    "curl-imap-starttls": ({"imap": 5}, 1, {"Dovecot"}, True),
    "mbsync-imap": ({"imap": 2}, 3, {"Dovecot"}, False),
    "offlineimap-imap": ({"imap": 1}, 3, {"Dovecot"}, False),
    "neomutt-imap-starttls": ({"imap": 1}, 1, {"Dovecot"}, True),
    "imapclient-starttls": ({"imap": 1}, 2, {"Dovecot"}, True),
}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_the_same_octets_again(script: Path, tmp_path: Path) -> None:
    elsewhere = {**os.environ, "PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    subprocess.run([sys.executable, script, tmp_path], env=elsewhere, check=True)
    made = sorted(tmp_path.iterdir())
    assert made
    for file in made:
        same = file.read_bytes() == (FOLDER / file.name).read_bytes()
        assert same, f"datasets/{file.name} is not what {script.name} makes; if that is right: make refresh"


def test_the_tour_is_that_of_the_command_line(tmp_path: Path) -> None:
    assert cli.main(["tour", "--format", "pcap", "-o", str(tmp_path / "tour.pcap")]) == 0
    assert (tmp_path / "tour.pcap").read_bytes() == (FOLDER / "tour.pcap").read_bytes()


def test_the_readme_names_every_file_and_every_column() -> None:
    files = {file.name for file in FOLDER.iterdir() if file.is_file()} - {"README.md"}
    assert {name for name in files if name not in README} == set()
    for column in columns_of(Exchange):
        assert f"| {column.name} | {column.meaning} |" in README


def test_the_tour_holds_what_the_readme_says() -> None:
    capture = read_capture(FOLDER / "tour.pcap")
    assert capture.tape.notes == []
    assert capture.rows("connections")["protocol"] == ["smtp", "smtp", "pop3", "imap"]
    assert capture.rows("connections")["tls"] == ["none"] * 4
    assert [row.type for row in capture.rows("lookups")] == ["MX", "A"]
    assert len({row.trace_id for row in capture.rows("messages")}) == 1


# The loader


def test_every_capture_is_loaded_by_its_name() -> None:
    assert set(datasets.names()) == {file.stem for file in FOLDER.glob("*.pcap*")}
    assert datasets.names() == sorted(datasets.names())
    for name in datasets.names():
        capture = datasets.load(name)
        assert capture.name == name
        assert capture.tape.notes == []
        assert capture.rows()
    assert labkit.datasets is datasets


@pytest.mark.parametrize("name", ["nothing", "README", "../pyproject.toml", "", "make_tour"])
def test_what_is_no_dataset_is_refused(name: str) -> None:
    with pytest.raises(LabError, match=r"there is no dataset .* there are curl-imap-starttls, "):
        datasets.load(name)


def test_all_of_them_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < LIMIT


def test_the_readme_has_the_numbers_of_the_files(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).symlink_to(file)
    copy = tmp_path / "README.md"
    copy.unlink()
    copy.write_text(README, encoding="utf-8")
    subprocess.run([sys.executable, FOLDER / "describe.py", tmp_path], check=True)
    assert copy.read_text(encoding="utf-8") == README, "python datasets/describe.py"


@pytest.mark.parametrize("name", datasets.names())
def test_nothing_in_them_is_somebodys(name: str) -> None:
    """Addresses of documentation only (RFC 5737), and names of RFC 2606."""
    capture = datasets.load(name)
    nets = ("192.0.2.", "198.51.100.", "203.0.113.")
    ends = [*capture.rows("connections")["client"], *capture.rows("connections")["server"]]
    assert all(end.startswith(nets) for end in ends)
    for user in [*capture.rows("logins")["user"], *capture.rows("recipients")["address"]]:
        assert user is None or user.endswith(("@example.com", "@example.org", "@example.net"))


# What is in them


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_session_holds_what_it_should(name: str) -> None:
    protocols, messages, software, read = RECORDED[name]
    capture = datasets.load(name)
    connections = capture.rows("connections")
    assert Counter(connections["protocol"]) == protocols
    assert len(capture.rows("messages")) == messages
    assert set(connections["software"]) == software
    inside = [row for row in capture.rows() if row.encrypted and row.verb != "TLS"]
    assert bool(inside) == read
    assert all(connections["ended"])
    assert [row.flaw for row in capture.rows("flaws")] == []


def test_recorded_and_simulated_are_all_there_are() -> None:
    simulated = {"tour", "journey-delayed", "journey-twice", "journey-back", "office-day"}
    assert simulated | set(RECORDED) == set(datasets.names())


def test_the_journeys_go_wrong_as_they_should() -> None:
    delayed, twice, back = (
        datasets.load(f"journey-{name}").messages for name in ("delayed", "twice", "back")
    )
    relayed = delayed[delayed["step"] == "relay"]["time"].iloc[-1] - delayed["time"].iloc[0]
    assert relayed.total_seconds() > 3600
    assert twice["trace_id"].nunique() == 1
    assert (twice["direction"] == "retrieved").sum() == 2
    assert back["subject"].iloc[-1].startswith("Undelivered")


def test_a_letter_through_real_software_can_be_traced() -> None:
    found = datasets.load("real-journey").messages.mail.trace("letter1@alice-pc.example.com")
    assert found["step"].tolist() == ["submit", "relay", "access"]
    assert (found["added"].dropna() > 0).all()


def test_the_office_day_has_its_stranger() -> None:
    from labkit.tables.anomalies import anomalies

    capture = datasets.load("office-day")
    found = anomalies(capture, local=["example.com", "example.org", "example.net"])
    by_stranger = capture.connections.query("client == '203.0.113.66'")["connection"]
    told = found[found["connection"].isin(by_stranger) & (found["anomaly"] != "starttls-unused")]
    assert told["anomaly"].tolist() == ["relay-test", "mass-rcpt", "bare-lf"]

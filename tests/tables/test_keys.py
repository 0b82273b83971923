"""With a key log our own pcap of TLS gives the tables of the lab, which knew what was inside."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from support.packets import block, section

from labkit.capture.keys import KeyLog
from labkit.errors import LabError
from labkit.net.tls import Authority
from labkit.tables import TABLES, Capture, read_capture
from labkit.world.world import World

LIVE_ONLY = {"frame", "reply_frame", "client_name", "client_role", "server_name", "server_role"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def live(folder: Path) -> Capture:
    """All protocols, by STARTTLS and implicit TLS, on links of little bandwidth; large mails and small."""
    authority = Authority()
    authority.keylog = str(folder / "keys")
    world = World(seed=7, authority=authority)
    world.network.link(latency=0.1, bandwidth=640_000)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, text="x" * 90_000), tls="STARTTLS")
    alice.submit(alice.compose(to=bob, text=".\n..\nGrüße"), tls="implicit")
    world.settle()
    for protocol in ("pop3", "imap"):
        for tls in ("STARTTLS", "implicit"):
            bob.retrieve(protocol, tls=tls)
    with alice.smtplib() as smtp:
        smtp.starttls(context=world.trust())
        smtp.login(alice.address, alice.password)
    capture = world.capture
    world.close()
    capture.to_pcap(folder / "lab.pcap")
    return capture


def same(one: Capture, other: Capture) -> None:
    for table in TABLES:
        if table == "lookups":  # which names the host where it is known
            continue
        here, there = one.with_secrets().rows(table), other.with_secrets().rows(table)
        for name, values in here.columns.items():
            if name not in LIVE_ONLY:
                assert there[name] == values, (table, name)


def test_live_and_pcap_give_the_same_tables(live: Capture, folder: Path) -> None:
    read = read_capture(folder / "lab.pcap", name=live.name, keys=folder / "keys")
    same(live, read)
    assert sum(row.encrypted for row in read.rows()) > 40
    assert {row.protocol for row in read.rows() if row.encrypted} == {"smtp", "pop3", "imap"}
    assert {row.tls for row in read.rows("connections")} == {"none", "implicit", "STARTTLS"}
    assert [row.outcome for row in read.rows("logins")] == ["ok"] * 7
    assert max(row.octets for row in read.rows("messages")) > 90_000


def test_a_pcapng_holds_its_keys(live: Capture, folder: Path) -> None:
    live.to_pcap(folder / "lab.pcapng", keys=folder / "keys")
    read = read_capture(folder / "lab.pcapng", name=live.name)
    same(live, read)
    read.save(folder / "again.pcapng")
    same(live, read_capture(folder / "again.pcapng", name=live.name))
    read.without_secrets().save(folder / "masked.pcapng")
    masked = read_capture(folder / "masked.pcapng")
    assert not any(row.encrypted for row in masked.rows()), "the keys are secrets"
    assert len(masked.tape.keys) == 0


def test_an_archive_keeps_what_was_opened(live: Capture, folder: Path) -> None:
    read = read_capture(folder / "lab.pcap", name=live.name, keys=folder / "keys")
    read.save(folder / "lab.jsonl")
    same(read, read_capture(folder / "lab.jsonl"))
    read.to_pcap(folder / "again.pcap")
    same(live, read_capture(folder / "again.pcap", name=live.name, keys=folder / "keys"))


def test_without_keys_there_is_the_handshake(live: Capture, folder: Path) -> None:
    read = read_capture(folder / "lab.pcap")
    assert not any(row.encrypted for row in read.rows())
    handshakes = [row for row in read.rows() if row.verb == "TLS"]
    assert len(handshakes) == 7
    assert {(row.status, row.text) for row in handshakes} == {
        ("ServerHello", "TLSv1.3 TLS_AES_256_GCM_SHA384")
    }
    assert {row.argument for row in handshakes} == {"mail.example.com", "mail.example.org"}
    assert read.rows("flaws")["flaw"] == []


def test_other_keys_are_named(live: Capture, folder: Path) -> None:
    log = KeyLog.read(folder / "keys")
    (random, *_) = log._sessions
    log._sessions = {random: log._sessions[random]}
    read = read_capture(folder / "lab.pcap", keys=log)
    assert read.rows("flaws")["flaw"] == ["no-keys"] * 6
    assert any(row.encrypted for row in read.rows())
    with pytest.raises(LabError, match="is no key log"):
        read_capture(folder / "lab.pcap", keys=folder / "lab.pcap")


def test_secrets_of_other_kinds_are_passed_over(live: Capture, folder: Path) -> None:
    whole = (folder / "lab.pcapng").read_bytes()
    rest = whole[len(section()) :]
    for body in (b"WKPG\0\0\0\0", b"TLSK"[::-1] + b"\xff\xff\xff\xffCLIENT", b""):
        read = read_capture(io.BytesIO(section() + block(10, body) + rest), name=live.name)
        same(live, read)


@pytest.mark.parametrize("window", [1000, 20_000])
def test_in_windows(live: Capture, folder: Path, window: int) -> None:
    from labkit.capture.windows import Reading

    keys = KeyLog.read(folder / "keys")
    whole = read_capture(folder / "lab.pcap", keys=keys).tape.flows
    flows = [flow for some in Reading(folder / "lab.pcap", window=window, keys=keys) for flow in some]
    for one, other in zip(whole, sorted(flows, key=lambda flow: flow.number), strict=True):
        assert (one.client.data, one.server.data) == (other.client.data, other.server.data)


def packets_of(file: Path) -> list[bytes]:
    """The records of a pcap, with their headers."""
    data, at, found = file.read_bytes(), 24, []
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize("seed", range(12))
def test_packets_that_were_not_captured(live: Capture, folder: Path, seed: int) -> None:
    """Nothing is invented: what claims to be whole is, and where something is missing a row says so."""
    draw, keys = random.Random(seed), KeyLog.read(folder / "keys")
    packets = packets_of(folder / "lab.pcap")
    for number in sorted(draw.sample(range(len(packets)), 1 + seed % 4), reverse=True):
        del packets[number]
    head = (folder / "lab.pcap").read_bytes()[:24]
    read = read_capture(io.BytesIO(head + b"".join(packets)), name=live.name, keys=keys)
    known = {each.data for each in live.messages_carried()}
    for each in read.messages_carried():
        assert not each.complete or each.data in known
    said = {(row.verb, row.argument) for row in live.rows()}
    flawed = {(row.connection, row.exchange) for row in read.rows("flaws")}
    for row in read.rows():
        assert (row.verb, row.argument) in said or (row.connection, row.exchange) in flawed
    assert len(packets) == len(packets_of(folder / "lab.pcap")) - 1 - seed % 4

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.errors import LabError
from labkit.net.dns import (
    MailHost,
    NameNotFound,
    Names,
    NoAnswer,
    NullMX,
    ServerFailure,
    mail_hosts,
    resolve,
)


@pytest.fixture
def names():
    names = Names()
    names.add("example.org", "MX", "20 backup.example.org", "10 mx.example.org.")
    names.add("example.org", "TXT", "v=spf1 mx -all")
    names.add("mx.example.org", "A", "192.0.2.2")
    names.add("mail.example.org", "CNAME", "mx.example.org")
    names.add("null.example.org", "MX", "0 .")
    names.add("bare.example.org", "A", "192.0.2.3")
    names.add("broken.example.org", "MX", "10 mx.example.org")
    names.fail("broken.example.org")
    return names


@pytest.fixture
def lab(network, names):
    network.answer(network.host("ns"), 53, names.answer, service="dns")
    return network


def ask(network, name, kind):
    client = network.host("mta")
    return network.run(resolve(network, client, network.host("ns").address, name, kind))


def mail(network, domain):
    return network.run(mail_hosts(network, network.host("mta"), network.host("ns").address, domain))


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("example.org", "MX", ["10 mx.example.org", "20 backup.example.org"]),
        ("EXAMPLE.org.", "TXT", ["v=spf1 mx -all"]),
        ("mx.example.org", "A", ["192.0.2.2"]),
        ("mail.example.org", "A", ["192.0.2.2"]),
        ("null.example.org", "MX", ["0 ."]),
    ],
)
def test_values(lab, name, kind, values):
    assert sorted(ask(lab, name, kind)) == values


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("example.org", "AAAA", NoAnswer),
        ("org", "A", NoAnswer),
        ("example.com", "A", NameNotFound),
        ("broken.example.org", "MX", ServerFailure),
        ("below.broken.example.org", "A", ServerFailure),
    ],
)
def test_no_values(lab, name, kind, error):
    with pytest.raises(error):
        ask(lab, name, kind)


def test_the_question_is_captured(lab):
    ask(lab, "mx.example.org", "A")
    (connection,) = lab.tap.connections
    assert (connection.transport, connection.service) == ("udp", "dns")
    assert (connection.client_name, connection.server_name, connection.server_port) == ("mta", "ns", 53)
    question, answer = (dns.message.from_wire(record.data) for record in lab.tap.records)
    assert [record.sender for record in lab.tap.records] == ["client", "server"]
    assert question.is_response(answer)


def test_mail_hosts_in_the_order_of_preference(lab):
    assert mail(lab, "example.org") == [MailHost(10, "mx.example.org"), MailHost(20, "backup.example.org")]


def test_answers_keep_the_order_in_which_they_were_added(names):
    hosts = [f"10 mx{number}.example.net" for number in range(9)]
    names.add("many.example.org", "MX", *hosts)
    for _ in range(3):
        question = dns.message.make_query("many.example.org", "MX").to_wire()
        (answer,) = dns.message.from_wire(names.answer(question)).answer
        assert [rdata.to_text() for rdata in answer] == [f"{host}." for host in hosts]


def test_an_offline_host_gets_no_answer(lab):
    lab.host("mta").online = False
    with pytest.raises(ServerFailure):
        ask(lab, "example.org", "A")


def test_without_mx_the_domain_itself_takes_the_mail(lab):
    assert mail(lab, "bare.example.org") == [MailHost(0, "bare.example.org")]


@pytest.mark.parametrize(
    ("domain", "error"),
    [
        ("null.example.org", NullMX),
        ("example.com", NameNotFound),
        ("broken.example.org", ServerFailure),
    ],
)
def test_mail_that_has_nowhere_to_go(lab, domain, error):
    with pytest.raises(error):
        mail(lab, domain)


def test_nobody_answers_on_that_port(network):
    network.host("ns")
    with pytest.raises(ServerFailure, match="refused"):
        ask(network, "example.org", "A")


def test_a_silent_server_is_asked_again_and_then_given_up(simulated):
    simulated.answer(simulated.host("ns"), 53, lambda question: None, service="dns")
    before = simulated.now()
    with pytest.raises(ServerFailure):
        ask(simulated, "example.org", "A")
    assert (simulated.now() - before).total_seconds() == 10
    assert [connection.ended for connection in simulated.tap.connections] == ["timeout", "timeout"]


def test_removing_and_mending(names):
    names.remove("bare.example.org")
    names.remove("example.org", "TXT")
    names.fail("broken.example.org", False)
    assert rcode(names, "bare.example.org", "A") == "NXDOMAIN"
    assert rcode(names, "example.org", "TXT") == "NOERROR"
    assert rcode(names, "broken.example.org", "MX") == "NOERROR"


def test_aliases_in_a_circle_end(names):
    names.add("a.example.org", "CNAME", "b.example.org")
    names.add("b.example.org", "CNAME", "a.example.org")
    assert rcode(names, "a.example.org", "A") == "NOERROR"


def rcode(names, name, kind):
    response = dns.message.from_wire(names.answer(dns.message.make_query(name, kind).to_wire()))
    return dns.rcode.to_text(response.rcode())


def test_a_name_that_is_none():
    with pytest.raises(LabError, match=r"'a\.\.b' is no domain name"):
        Names().add("a..b", "A", "192.0.2.1")


@given(st.binary(max_size=80))
def test_any_octets_are_answered_or_ignored(data):
    answer = Names().answer(data)
    assert answer is None or dns.message.from_wire(answer)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (("example.org", "MX", "mx.example.org"), "'mx.example.org' is no record of type MX"),
        (("example.org", "A", "192.0.2.1", "192.0.2"), "'192.0.2' is no record of type A"),
        (("example.org", "MAIL", "x"), "no DNS records of type 'MAIL'"),
        (("example..org", "A", "192.0.2.1"), "no domain name"),
    ],
)
def test_what_no_zone_can_hold_is_said_in_words(record, words):
    names = Names()
    with pytest.raises(LabError, match=words):
        names.add(*record)
    assert not names._records

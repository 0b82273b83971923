"""The catalogue itself, and the short form in which a fault is named."""

from __future__ import annotations

import re
from typing import Any

import pytest

from labkit.errors import LabError
from labkit.net.faults import PASS, REFUSE, Event
from labkit.net.tap import Connection
from labkit.world.faults import CATALOGUE, at, parse


def connection(**facts: Any) -> Connection:
    known = {"client_name": "pc", "server_name": "mail.example.org", "service": "imap"} | facts
    return Connection(0, "tcp", "192.0.2.9", 49152, "192.0.2.1", 143, 0, **known)


@pytest.mark.parametrize("fault", CATALOGUE.values(), ids=lambda fault: fault.name)
def test_each_entry_tells_what_it_is(fault: Any) -> None:
    assert fault.sentence.endswith((".", "?"))
    assert len(fault.sentence) <= 110
    assert re.fullmatch(r"RFC \d+( \d+(\.\d+)*)?", fault.rfc)
    assert set(fault.protocols) <= {"smtp", "pop3", "imap"}
    needed = {each.name: "x" for each in fault.parameters if each.required}
    assert fault.make(**needed)(Event(connection(service=None), "client", b"", 0)) is not None


def test_the_places_stand_in_order() -> None:
    places = [fault.place for fault in CATALOGUE.values()]
    assert places == sorted(places, key=["network", "middle", "server"].index)
    assert len(CATALOGUE) == 22


@pytest.mark.parametrize(
    ("text", "arguments", "host", "service"),
    [
        ("refuse", {}, "*", None),
        ("refuse@*", {}, "*", None),
        ("Strip_STARTTLS@MAIL.example.org", {}, "mail.example.org", None),
        ("cut-after:120@mail.example.org", {"octets": 120}, "mail.example.org", None),
        ("cut-after:sender=client@mail.example.org:imap", {"sender": "client"}, "mail.example.org", "imap"),
        ("cut-after:120,client", {"octets": 120, "sender": "client"}, "*", None),
        ("latency:.5", {"seconds": 0.5}, "*", None),
        ("jitter", {"seed": 7}, "*", None),
        ("slow-reply:3,UID FETCH", {"seconds": 3.0, "verb": "UID FETCH"}, "*", None),
        ('rewrite-line:"a, b",a@b@*', {"old": "a, b", "new": "a@b"}, "*", None),
        ("rewrite-line:old=x=y", {"old": "x=y"}, "*", None),
        ("rewrite-line:x=y", {"old": "x=y"}, "*", None),
    ],
)
def test_the_short_form(text: str, arguments: dict[str, Any], host: str, service: str | None) -> None:
    chosen = parse(text, seed=7)
    assert (chosen.arguments, chosen.host, chosen.service) == (arguments, host, service)
    assert parse(str(chosen), seed=7).arguments == chosen.arguments


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no fault ''; there are latency, jitter"),
        ("latecny@mail.example.org", "there is no fault 'latecny'; did you mean latency?"),
        ("latency@", "names no host behind the @"),
        ("latency@mail.example.org:gopher", "there is no service 'gopher'; there are dns, smtp"),
        ("latency:soon", "seconds must be a number, 0 or more, not 'soon'"),
        ("latency:-1", "seconds must be a number, 0 or more, not '-1'"),
        ("latency:nan", "seconds must be a number"),
        ("latency:inf", "seconds must be a number"),
        ("cut-after:1.5", "octets must be a whole number, 0 or more, not '1.5'"),
        ("cut-after:5,me", "sender must be client or server, not 'me'"),
        ("refuse:5", "refuse takes no argument '5': refuse is written refuse"),
        ("latency:1,2", "latency takes no argument '2'"),
        ("latency:1,seconds=2", "seconds is given twice"),
        ("rewrite-line", "rewrite-line needs old: rewrite-line is written rewrite-line:OLD,new="),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    with pytest.raises(LabError, match=re.escape(words)):
        parse(text)


@pytest.mark.parametrize(
    ("host", "service", "facts", "meant"),
    [
        ("mail.example.org", None, {}, True),
        ("192.0.2.1", None, {}, True),
        ("*", None, {}, True),
        ("mail.example.com", None, {}, False),
        ("mail.example.org", "imap", {}, True),
        ("mail.example.org", "imap", {"service": "imaps"}, True),
        ("mail.example.org", "smtp", {}, False),
        ("pc", None, {"client_role": "recipient's host"}, True),
        ("pc", None, {"client_role": "sender's server"}, False),
    ],
)
def test_where_it_happens(host: str, service: str | None, facts: dict[str, str], meant: bool) -> None:
    rule = at(host, lambda event: REFUSE, service=service)
    assert rule(Event(connection(**facts), None, b"", 0)) == (REFUSE if meant else PASS)

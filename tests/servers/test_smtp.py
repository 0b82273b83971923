"""The SMTP server, octet by octet."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from email import message_from_bytes

import pytest
from support.office import Office
from support.wire import Wire

from labkit import standards
from labkit.errors import ProtocolError
from labkit.grammar import sasl
from labkit.grammar.framing import Buffer
from labkit.grammar.smtp import Refused, Reply
from labkit.servers.smtp import KNOWN_DIFFERENCES, REGISTRY

PLAIN = base64.b64encode(b"\0bob@example.org\0secret")
MESSAGE = b"Subject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def office() -> Iterator[Office]:
    with Office() as office:
        yield office


@pytest.fixture
def relay(office: Office) -> Wire:
    office.serve("smtp")
    return begun(office.wire("smtp"))


@pytest.fixture
def submission(office: Office) -> Wire:
    office.serve("submission")
    return begun(office.wire("submission"))


def begun(wire: Wire) -> Wire:
    assert wire.hear() == b"220 mx.example.org ESMTP labkit\r\n"
    wire.send(b"EHLO client.example\r\n")
    return wire


def say(wire: Wire, line: str) -> str:
    """One command, one reply without its last CRLF; every reply is one write."""
    reply = wire.send(line.encode() + b"\r\n")
    assert len(wire.chunks) == 1, wire.chunks
    return reply.decode().removesuffix("\r\n")


def converse(wire: Wire, *exchanges: tuple[str, str]) -> None:
    for line, reply in exchanges:
        assert say(wire, line).startswith(reply), line


def to_data(wire: Wire, *recipients: str) -> None:
    converse(wire, ("MAIL FROM:<alice@example.com>", "250 2.1.0"))
    for recipient in recipients or ("bob@example.org",):
        converse(wire, (f"RCPT TO:<{recipient}>", "250 2.1.5"))
    converse(wire, ("DATA", "354 Start mail input; end with <CRLF>.<CRLF>"))


def extensions(wire: Wire) -> list[str]:
    lines = say(wire, "EHLO client.example").split("\r\n")
    assert lines[0] == "250-mx.example.org greets client.example"
    return [line[4:] for line in lines[1:]]


# The session


def test_what_is_advertised_has_code_and_what_has_code_is_advertised(office: Office) -> None:
    assert REGISTRY.missing == []
    office.serve("submission")
    words = {line.split()[0] for line in extensions(begun(office.wire("submission")))}
    assert words == {c.name for c in standards.CAPABILITIES["smtp"] if c.advertised}


def test_what_is_offered_depends_on_where_and_how(office: Office) -> None:
    office.serve("smtp", size_limit=1000)
    office.serve("submission", login_needs_tls=True)
    office.serve("submissions")
    assert extensions(begun(office.wire("smtp"))) == [
        "SIZE 1000",
        "8BITMIME",
        "PIPELINING",
        "SMTPUTF8",
        "STARTTLS",
        "ENHANCEDSTATUSCODES",
        "HELP",
    ]
    plain = begun(office.wire("submission"))
    login = " ".join(["AUTH", *sasl.MECHANISMS])
    assert login not in extensions(plain)
    converse(plain, ("AUTH PLAIN", "538 5.7.11"), ("STARTTLS", "220 2.0.0"))
    plain.start_tls(office.authority.client_context(), "mx.example.org")
    converse(plain, ("MAIL FROM:<a@b>", "503 5.5.1"))
    offered = extensions(plain)
    assert login in offered
    assert "STARTTLS" not in offered
    converse(plain, ("STARTTLS", "503 5.5.1"), (f"AUTH PLAIN {PLAIN.decode()}", "235 2.7.0"))


def test_what_is_hidden_is_not_there(office: Office) -> None:
    office.serve("submission", hidden={"SIZE", "STARTTLS", "AUTH PLAIN"})
    office.serve("submissions", hidden={"AUTH"})
    some = begun(office.wire("submission"))
    offered = extensions(some)
    assert " ".join(["AUTH", *sasl.MECHANISMS[1:]]) in offered
    assert not {"SIZE 1000", "STARTTLS"} & set(offered)
    converse(some, ("AUTH PLAIN", "504 5.5.4"), ("STARTTLS", "502 5.5.1"))
    none = begun(office.wire("submissions"))
    assert not any(line.startswith("AUTH") for line in extensions(none))
    converse(none, ("AUTH PLAIN", "502 5.5.1"))


def test_implicit_tls(office: Office) -> None:
    office.serve("submissions")
    wire = begun(office.wire("submissions"))
    assert "STARTTLS" not in extensions(wire)
    converse(wire, (f"AUTH PLAIN {PLAIN.decode()}", "235"), ("MAIL FROM:<a@b.example>", "250"))
    converse(wire, ("RCPT TO:<c@d.example>", "250"), ("DATA", "354"), ("Subject: x\r\n\r\n.", "250"))
    assert b"with ESMTPSA id" in office.accepted[0].data


def test_no_tls_where_the_site_has_none() -> None:
    with Office(tls=False) as office:
        office.serve("smtp")
        wire = begun(office.wire("smtp"))
        assert "STARTTLS" not in extensions(wire)
        converse(wire, ("STARTTLS", "502 5.5.1"))


def test_what_is_pipelined_behind_starttls_is_dropped(office: Office, relay: Wire) -> None:
    assert relay.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@example.com>\r\n").startswith(b"220 2.0.0")
    relay.start_tls(office.authority.client_context(), "mx.example.org")
    assert relay.hear() == b""
    converse(relay, ("MAIL FROM:<a@b>", "503 5.5.1 Send EHLO"))


def test_a_handshake_that_fails_ends_the_connection(
    office: Office, relay: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    converse(relay, ("STARTTLS", "220"))
    assert b"451" not in relay.send(b"this is no ClientHello\r\n", moment=120)
    assert relay.closed
    assert begun(office.wire("smtp"))
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == []


def test_small_commands(relay: Wire) -> None:
    converse(
        relay,
        ("NOOP", "250 2.0.0 Ok"),
        ("noop anything", "250 2.0.0 Ok"),
        ("RSET", "250 2.0.0 Ok"),
        ("RSET now", "501 5.5.4"),
        ("HELP", "214-2.0.0 Commands: EHLO HELO MAIL RCPT DATA"),
        ("HELP rcpt", "214 2.0.0 RCPT: one recipient; a forward-path (RFC 5321 4.1.1.3)"),
        ("HELP me", "504 5.5.4"),
        ("VRFY bob@example.org", "250 2.1.5 <bob@example.org>"),
        ("VRFY <nobody@example.org>", "550 5.1.1"),
        ("VRFY someone@elsewhere.example", "252 2.0.0"),
        ("VRFY", "501 5.1.3"),
        ("EXPN staff", "502 5.5.1"),
        ("AUTH PLAIN", "502 5.5.1"),
        ("EHLO", "501 "),
        ("EHLO two words", "501 "),
        ("HELO client.example", "250 mx.example.org"),
        ("MAIL FROM:<a@b> SIZE=1", "555 5.5.4"),  # no extensions without EHLO
        ("QUIT now", "501 5.5.4"),
        ("QUIT", "221 2.0.0"),
    )
    assert relay.closed


def test_errors_never_end_the_session(relay: Wire) -> None:
    for line in ("", " ", "FOO", "EHLO\tx", "\0", "Subject: hello", "é") * 5:
        assert say(relay, line).startswith("500 5.5.2"), line
    converse(relay, ("NOOP", "250"))


def test_a_line_that_is_too_long_is_not_kept(relay: Wire) -> None:
    converse(relay, ("NOOP " + "x" * 505, "250"), ("NOOP " + "x" * 506, "500 5.5.2"))
    converse(relay, ("MAIL FROM:<a@b> SIZE=" + "1" * 600, "501 5.5.4"))
    assert relay.send(*[b"x" * 1000] * 500) == b""
    assert relay.send(b"\r\nNOOP\r\n") == b"500 5.5.2 The line is too long\r\n250 2.0.0 Ok\r\n"


def test_long_lines_are_a_matter_of_each_connection(office: Office, relay: Wire) -> None:
    for _ in range(20):
        say(relay, "EHLO client.example")
    begun(office.wire("smtp", 2))
    converse(relay, ("MAIL FROM:<a@b> AUTH=" + "x" * 1050, "500 5.5.2"))


def test_silence_ends_with_421(office: Office, relay: Wire) -> None:
    assert relay.send(moment=298) == b""
    assert relay.send(moment=4) == b"421 4.4.2 Nothing was heard for too long; goodbye\r\n"
    assert relay.closed
    assert office.network.tap.connections[0].ended == "timeout"


def test_silence_ends_a_message_too_and_a_slow_one_is_no_silence(office: Office, relay: Wire) -> None:
    to_data(relay)
    for _ in range(10):
        assert relay.send(b"a slow line\r\n", moment=200) == b""
    assert relay.send(moment=301).startswith(b"421 4.4.2")
    assert office.accepted == []


# Who may send what


def test_a_relay_takes_mail_for_its_own_mailboxes_only(relay: Wire) -> None:
    converse(
        relay,
        ("MAIL FROM:<alice@example.com>", "250 2.1.0"),
        ("RCPT TO:<bob@example.org>", "250 2.1.5"),
        ("RCPT TO:<BOB@EXAMPLE.ORG>", "250 2.1.5"),
        ("RCPT TO:<nobody@example.org>", "550 5.1.1 <nobody@example.org>: no such user here"),
        ("RCPT TO:<carol@example.net>", "550 5.7.1 <carol@example.net>: no relaying for strangers"),
        ("RCPT TO:<@example.org:carol@example.net>", "550 5.7.1"),  # a source route is no way in
        ("RCPT TO:<@elsewhere.example:bob@example.org>", "250 2.1.5"),
        ("RCPT TO:<postmaster>", "250 2.1.5"),
    )


def test_submission_wants_a_login_first(submission: Wire) -> None:
    converse(
        submission,
        ("MAIL FROM:<bob@example.org>", "530 5.7.0"),
        (f"AUTH PLAIN {PLAIN.decode()}", "235 2.7.0"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("MAIL FROM:<bob@example.org>", "250 2.1.0"),
        ("AUTH PLAIN", "503 5.5.1"),
        ("RCPT TO:<carol@example.net>", "250 2.1.5"),
        ("RCPT TO:<nobody@example.org>", "550 5.1.1"),
    )


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        ([f"auth plain {PLAIN.decode()}"], "235 2.7.0"),
        (["AUTH PLAIN", PLAIN.decode()], "235 2.7.0"),
        (["auth login", b64("bob@example.org"), b64("secret")], "235 2.7.0"),
        (["AUTH LOGIN " + b64("bob@example.org"), b64("secret")], "235 2.7.0"),
        (["AUTH PLAIN " + b64("\0bob@example.org\0wrong")], "535 5.7.8"),
        (["AUTH PLAIN " + b64("alice\0bob@example.org\0secret")], "535 5.7.8"),
        (["AUTH PLAIN " + b64("no secrets")], "501 5.5.2"),
        (["AUTH PLAIN x"], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", b64("bob@example.org"), "*"], "501 5.7.0"),
        (["AUTH LOGIN", "what?"], "501 5.5.2"),
        (["AUTH PLAIN", "x" * 20_000], "500 5.5.6"),
        (["AUTH SCRAM-SHA-9"], "504 5.5.4"),
        (["AUTH"], "501 5.5.2"),
    ],
)
def test_logins(submission: Wire, lines: list[str], last: str) -> None:
    *before, end = lines
    for line in before:
        assert say(submission, line).startswith("334 ")
    assert say(submission, end).startswith(last)
    converse(submission, ("NOOP", "250"))
    converse(submission, ("MAIL FROM:<bob@example.org>", "250" if last.startswith("235") else "530"))


def test_challenges_keep_their_space(submission: Wire) -> None:
    assert say(submission, "AUTH PLAIN") == "334 "
    converse(submission, ("*", "501"))
    assert say(submission, "AUTH LOGIN") == "334 VXNlcm5hbWU6"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MAIL", "501 5.5.4"),
        ("MAIL FROM:alice@example.com", "501 5.1.7 expected '<' (RFC 5321 4.1.2)"),
        ("MAIL FROM:<alice@>", "501 5.1.7"),
        ("MAIL FROM:<alice@example.com", "501 5.1.7"),
        ("MAIL FROM:<alice@example.com> FOO=1", "555 5.5.4"),
        ("MAIL FROM:<alice@example.com> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<alice@example.com> BODY=9BIT", "501 5.5.4"),
        ("MAIL FROM:<alice@example.com> SMTPUTF8=1", "501 5.5.4"),
        ("MAIL FROM:<älice@example.com>", "553 5.6.7"),
        ("MAIL FROM:<älice@example.com> SMTPUTF8", "250 2.1.0"),
        ("MAIL FROM:<>", "250 2.1.0"),
        ("MAIL FROM: <alice@example.com>", "250 2.1.0"),
        ("mail from:<alice@example.com> size=10 body=8bitmime AUTH=<>", "250 2.1.0"),
        ("MAIL FROM:<alice@example.com> SIZE=33554432", "250 2.1.0"),
        ("MAIL FROM:<alice@example.com> SIZE=33554433", "552 5.3.4"),
    ],
)
def test_mail(relay: Wire, line: str, reply: str) -> None:
    converse(relay, (line, reply), ("NOOP", "250"))


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("RCPT", "501 5.5.4"),
        ("RCPT TO:<>", "501 5.5.4"),
        ("RCPT TO:<bob>", "501 5.1.3"),
        ("RCPT TO:<bob@example.org> FOO", "555 5.5.4"),
        ("RCPT TO:<böb@example.org>", "553 5.6.7"),
    ],
)
def test_rcpt(relay: Wire, line: str, reply: str) -> None:
    converse(relay, ("MAIL FROM:<>", "250"), (line, reply), ("RCPT TO:<bob@example.org>", "250"))


def test_there_is_an_end_to_recipients(office: Office) -> None:
    office.serve("submission")
    wire = begun(office.wire("submission"))
    converse(wire, (f"AUTH PLAIN {PLAIN.decode()}", "235"), ("MAIL FROM:<bob@example.org>", "250"))
    replies = wire.send(b"".join(b"RCPT TO:<u%d@example.net>\r\n" % n for n in range(1001)), moment=10)
    lines = replies.splitlines()
    assert lines[:1000] == [b"250 2.1.5 Ok"] * 1000
    assert lines[1000].startswith(b"452 4.5.3")


# The message


def test_a_message_is_taken_with_its_trace_field(office: Office, relay: Wire) -> None:
    to_data(relay)
    wire_form = MESSAGE + b"..a dot\r\n..\r\n.\r\n"
    assert relay.send(wire_form) == b"250 2.0.0 Ok: queued as 0000000001\r\n"
    (envelope,) = office.accepted
    assert (envelope.reverse_path, envelope.forward_paths) == ("alice@example.com", ("bob@example.org",))
    assert (envelope.queue_id, envelope.user, envelope.body) == ("0000000001", None, None)
    received, _, rest = envelope.data.partition(b"+0000\r\n")
    assert rest == MESSAGE + b".a dot\r\n.\r\n"
    assert received.startswith(
        b"Received: from client.example ([192.0.2.2])\r\n"
        b"\tby mx.example.org with ESMTP id 0000000001\r\n"
        b"\tfor <bob@example.org>;\r\n"
        b"\tMon, 05 Jan 2026 09:00:0"
    )
    converse(relay, ("RCPT TO:<bob@example.org>", "503"), ("MAIL FROM:<>", "250"))


def test_with_several_recipients_the_trace_field_names_none(office: Office, relay: Wire) -> None:
    to_data(relay, "bob@example.org", "postmaster", "bob@example.org")
    converse(relay, (".", "250"))
    assert office.accepted[0].forward_paths == ("bob@example.org", "postmaster@mx.example.org")
    assert b"for <" not in office.accepted[0].data


def test_how_it_came_is_in_the_trace_field(office: Office) -> None:
    office.serve("smtp")
    office.serve("submission")
    helo = office.wire("smtp")
    helo.hear()
    converse(helo, ("HELO [192.0.2.2]", "250"))
    to_data(helo)
    converse(helo, (".", "250"))
    utf8 = begun(office.wire("smtp"))
    converse(utf8, ("MAIL FROM:<älice@example.com> SMTPUTF8 BODY=8BITMIME", "250"))
    converse(utf8, ("RCPT TO:<bob@example.org>", "250"), ("DATA", "354"), (".", "250"))
    user = begun(office.wire("submission"))
    converse(user, ("STARTTLS", "220"))
    user.start_tls(office.authority.client_context(), "mx.example.org")
    converse(user, ("EHLO me", "250"), (f"AUTH PLAIN {PLAIN.decode()}", "235"))
    to_data(user)
    converse(user, (".", "250"))
    said = [e.data.split(b" with ")[1].split(b" ")[0] for e in office.accepted]
    assert said == [b"SMTP", b"UTF8SMTP", b"ESMTPSA"]
    assert [(e.smtputf8, e.body, e.user) for e in office.accepted] == [
        (False, None, None),
        (True, "8BITMIME", None),
        (False, None, "bob@example.org"),
    ]


def test_a_submitted_message_gets_the_date_and_name_it_lacks(office: Office, submission: Wire) -> None:
    converse(submission, (f"AUTH PLAIN {PLAIN.decode()}", "235"))
    for text in (b"Subject: bare\r\n\r\nx\r\n", b"Date: yesterday\r\nMessage-ID: <1@a>\r\n\r\nx\r\n"):
        to_data(submission)
        assert submission.send(text + b".\r\n").startswith(b"250")
    bare, whole = (message_from_bytes(e.data) for e in office.accepted)
    assert bare["Date"].startswith("Mon, 05 Jan 2026 09:00:")
    assert bare["Message-ID"] == "<0000000000000001@mx.example.org>"
    assert (whole["Date"], whole["Message-ID"]) == ("yesterday", "<1@a>")
    assert len(whole.get_all("Date")) == 1


def test_a_relay_adds_the_trace_field_alone(office: Office, relay: Wire) -> None:
    to_data(relay)
    relay.send(b"Subject: bare\r\n\r\nx\r\n.\r\n")
    assert message_from_bytes(office.accepted[0].data).keys() == ["Received", "Subject"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_the_message_may_come_in_any_pieces(office: Office, relay: Wire, size: int) -> None:
    to_data(relay)
    octets = MESSAGE + b"..\r\nend\r\n.\r\nNOOP\r\nMAIL FROM:<>\r\n"
    pieces = [octets[n : n + size] for n in range(0, len(octets), size)]
    assert relay.send(*pieces).split(b"\r\n")[1:] == [b"250 2.0.0 Ok", b"250 2.1.0 Ok", b""]
    assert office.accepted[0].data.endswith(MESSAGE + b".\r\nend\r\n")


def test_everything_pipelined(office: Office, relay: Wire) -> None:
    commands = b"MAIL FROM:<>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
    replies = relay.send(commands + MESSAGE + b".\r\nQUIT\r\nNOOP\r\n")
    codes = [line[:9] for line in replies.decode().splitlines()]
    assert codes == ["250 2.1.0", "550 5.1.1", "250 2.1.5", "354 Start", "250 2.0.0", "221 2.0.0"]
    assert len(office.accepted) == 1


@pytest.mark.parametrize(
    "ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n. \r\n", b"\n.\r\n\n"]
)
def test_nothing_else_ends_a_message(office: Office, relay: Wire, ending: bytes) -> None:
    to_data(relay)
    smuggled = b"text" + ending + b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nevil"
    assert relay.send(smuggled) == b""
    assert relay.send(b"\r\n.\r\n").startswith(b"250 2.0.0")
    assert len(office.accepted) == 1
    assert office.accepted[0].data.endswith(smuggled.replace(b"\r\n.", b"\r\n") + b"\r\n")


def test_a_message_that_is_too_large_is_not_kept(office: Office) -> None:
    office.serve("smtp", size_limit=1000)
    wire = begun(office.wire("smtp"))
    converse(wire, ("MAIL FROM:<> SIZE=1001", "552 5.3.4"))
    for size, reply in ((1000, b"250 2.0.0"), (1001, b"552 5.3.4"), (3_000_000, b"552 5.3.4")):
        to_data(wire)
        line = b"." * 98 + b"\r\n"
        text = line * (size // 100) + b"x" * (size % 100)
        text = text[:-2] + b"\r\n" if size % 100 else text
        stuffed = text.replace(b"\r\n.", b"\r\n..")
        assert wire.send(b"." + stuffed + b".\r\nNOOP\r\n").startswith(reply)
        converse(wire, ("RCPT TO:<bob@example.org>", "503"))
    assert len(office.accepted) == 1


def test_what_is_refused_takes_no_room(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    class Watched(Buffer):
        def feed(self, data: bytes) -> None:
            super().feed(data)
            kept.append(len(self))

    monkeypatch.setattr("labkit.servers.smtp_engine.Buffer", Watched)
    office.serve("smtp", size_limit=30_000)
    wire = begun(office.wire("smtp"))
    to_data(wire)
    assert wire.send(*[b"x" * 10_000] * 1000, moment=10) == b""
    assert wire.send(b"\r\n.\r\n").startswith(b"552 5.3.4")
    assert len(kept) > 10
    assert max(kept) < 150_000  # the limit, and what the link carries at once


def test_mail_that_runs_in_a_circle_is_stopped(office: Office, relay: Wire) -> None:
    to_data(relay)
    assert relay.send(b"Received: from a by b\r\n" * 100 + b"\r\n.\r\n").startswith(b"250")
    to_data(relay)
    assert relay.send(b"Received: from a by b\r\n" * 101 + b"\r\n.\r\n").startswith(b"554 5.4.6")
    assert len(office.accepted) == 1


def test_the_host_may_refuse_a_message(office: Office, relay: Wire) -> None:
    office.failure = Refused(Reply(452, ("No room",), "4.3.1"))
    to_data(relay)
    converse(relay, (".", "452 4.3.1 No room"), ("NOOP", "250"))


@pytest.mark.parametrize("failure", [ZeroDivisionError(), ProtocolError("a field of the host's own")])
def test_a_host_that_fails_is_a_temporary_failure(
    office: Office, relay: Wire, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    office.failure = failure
    to_data(relay)
    with caplog.at_level(logging.CRITICAL):
        converse(relay, (".", "451 4.3.0"), ("NOOP", "250"))
    office.failure = None
    to_data(relay)
    converse(relay, (".", "250"))


@pytest.mark.parametrize("sent", [b"", MESSAGE, MESSAGE + b".", MESSAGE + b".\r"])
def test_a_client_that_vanishes_leaves_nothing(office: Office, relay: Wire, sent: bytes) -> None:
    to_data(relay)
    relay.send(sent)
    relay.cut()
    office.network.wait(600)
    assert office.accepted == []
    assert office.store.account("bob@example.org").inbox.uids == []  # type: ignore[union-attr]


def test_a_client_that_vanishes_behind_the_last_dot_has_sent_its_mail(office: Office, relay: Wire) -> None:
    office.delay = 10
    to_data(relay)
    assert relay.send(MESSAGE + b".\r\n") == b""
    relay.cut()
    office.network.wait(20)
    assert len(office.accepted) == 1


def test_the_differences_are_said_with_their_sections() -> None:
    assert all(section.startswith("RFC ") for section in KNOWN_DIFFERENCES)


def test_a_bare_lf_ends_a_command(relay: Wire) -> None:
    """KNOWN_DIFFERENCES, RFC 5321 2.3.8."""
    assert relay.send(b"NOOP\nNOOP\n") == b"250 2.0.0 Ok\r\n" * 2


def test_what_waits_when_the_client_closes_is_not_carried_out(office: Office, relay: Wire) -> None:
    """KNOWN_DIFFERENCES, RFC 5321 3.8."""
    relay.transport.write(b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n" + MESSAGE + b".\r\n")
    relay.transport.write_eof()
    office.network.wait(1)
    assert relay.closed
    assert office.accepted == []


def test_the_server_says_what_it_waits_for(office: Office, relay: Wire) -> None:
    to_data(relay)
    assert "waits for a line with only a dot" in office.network._who_waits()

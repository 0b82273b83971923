"""The helpers of analysts, on small captures of which every answer is worked out by hand."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pandas as pd
import pytest

from labkit.capture.tape import Tape
from labkit.errors import LabError
from labkit.net.tap import Connection, Record, Tap
from labkit.tables import Capture, Captures, analysis, anomalies

START = 1_767_603_600_000_000  # 2026-01-05T09:00:00Z
LETTER = b"From: a@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nHello.\r\n"
RECEIVED = b"Received: from a.example.com by b.example.org; Mon, 05 Jan 2026 09:00:01 +0000\r\n"
EHLO = b"250-mx.example.org\r\n250 STARTTLS\r\n"


def capture(*talks: tuple[str, int, list[tuple[int, bytes]]], name: str = "hand") -> Capture:
    """Connections as (service, when in ms, [(when in ms, octets)]); "<" before octets: the server's."""
    tap = Tap()
    for number, (service, opened, said) in enumerate(talks):
        port = {"smtp": 25, "submission": 587, "pop3": 110, "imap": 143}[service]
        begin = START + opened * 1000
        client = f"192.0.2.{1 + number % 2}"
        made = Connection(number, "tcp", client, 49152 + number, "198.51.100.2", port, begin, service=service)
        made.server_name = "mx.example.org"
        tap.connections.append(made)
        for at, data in said:
            side: Any = "server" if data.startswith(b"<") else "client"
            time = begin + at * 1000
            tap.records.append(Record(number, time, time, side, data.removeprefix(b"<"), "plain"))
        last = said[-1][0] if said else 0
        made.closed, made.ended, made.closed_by = begin + last * 1000, "quit", "client"
    return Capture(Tape.from_tap(tap, name=name))


SMTP: list[tuple[int, bytes]] = [
    (10, b"<220 mx.example.org ESMTP Postfix\r\n"),
    (20, b"EHLO a.example.com\r\n"),
    (50, b"<" + EHLO),
    (100, b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"),
    (140, b"<250 ok\r\n250 ok\r\n354 go on\r\n"),
    (150, LETTER + b".\r\n"),
    (250, b"<250 ok\r\n"),
    (300, b"QUIT\r\n"),
    (320, b"<221 bye\r\n"),
]


def pop3(password: str = "secret", message: bytes = RECEIVED + LETTER) -> list[tuple[int, bytes]]:
    verdict = b"<+OK\r\n" if password == "secret" else b"<-ERR no\r\n"
    said = [(0, b"<+OK Dovecot ready. <1.2@mx.example.org>\r\n"), (10, b"USER bob\r\n"), (30, b"<+OK\r\n")]
    said += [(40, b"PASS %s\r\n" % password.encode()), (60, verdict)]
    if password == "secret":
        said += [(70, b"RETR 1\r\n"), (110, b"<+OK\r\n" + message + b".\r\n")]
    return said


def rows(frame: pd.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    plain = frame[list(names)].astype(object)
    return list(plain.where(plain.notna(), None).itertuples(index=False, name=None))


def test_round_trips() -> None:
    (found,) = rows(
        capture(("smtp", 0, SMTP)).exchanges.mail.round_trips(),
        *("capture", "connection", "protocol", "exchanges", "round_trips"),
        *("latency_s", "slowest_s", "waiting_s", "thinking_s", "span_s"),
    )
    # Greeting, EHLO, MAIL, RCPT, DATA, the message, QUIT.  EHLO, the three at once, the message, QUIT.
    assert found[:5] == ("hand", 0, "smtp", 7, 4)
    # Replies took 30, 40, 40, 40, 100 and 20 ms.
    assert found[5:7] == pytest.approx((0.040, 0.100))
    assert found[7] == pytest.approx(0.030 + 0.040 + 0.100 + 0.020)
    # From the greeting to EHLO 10 ms; from there to MAIL 50, to the message 10, to QUIT 50.
    assert found[8] == pytest.approx(0.120)
    assert found[9] == pytest.approx(0.310)


def test_round_trips_are_those_of_the_table_connections() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 5000, pop3()), ("pop3", 9000, pop3("wrong")))
    counted = seen.exchanges.mail.round_trips()["round_trips"]
    assert counted.tolist() == seen.connections["round_trips"].tolist() == [4, 3, 2]


def test_connections_without_a_word_have_no_round_trips() -> None:
    seen = capture(("smtp", 0, []), ("smtp", 1000, SMTP), ("pop3", 5000, []), ("smtp", 7000, SMTP[:1]))
    assert seen.connections["round_trips"].tolist() == [0, 4, 0, 0]
    assert capture(("smtp", 0, [])).connections["round_trips"].tolist() == [0]


def test_think_times() -> None:
    found = capture(("smtp", 0, SMTP)).exchanges.mail.think_times()
    assert rows(found, "verb", "exchange") == [("EHLO", 1), ("MAIL", 2), (".", 5), ("QUIT", 6)]
    assert found["think_s"].tolist() == pytest.approx([0.010, 0.050, 0.010, 0.050])
    assert found["latency_s"].tolist() == pytest.approx([0.030, 0.040, 0.100, 0.020])


def test_a_command_without_an_answer_before_it_has_no_think_time() -> None:
    early = [(0, b"EHLO a.example.com\r\n"), (10, b"<220 mx ESMTP\r\n"), (20, b"<250 mx\r\n")]
    found = capture(("smtp", 0, early)).exchanges.mail.think_times()
    assert found["think_s"].isna().all()


def test_timeline() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 100, pop3("wrong")), ("pop3", 1000, pop3()))
    found = seen.exchanges.mail.timeline("100ms")
    times = (found["time"] - pd.Timestamp("2026-01-05T09:00Z")) // pd.Timedelta("1ms")
    found = found.assign(ms=times)
    assert rows(found, "ms", "protocol", "exchanges", "refused") == [
        (0, "smtp", 2, 0),  # the greeting, EHLO
        (100, "smtp", 4, 0),  # MAIL, RCPT, DATA, the message
        (100, "pop3", 3, 1),  # the greeting, USER, PASS
        (300, "smtp", 1, 0),  # QUIT
        (1000, "pop3", 4, 0),
    ]
    assert found["octets"].sum() == sum(
        len(data.removeprefix(b"<")) for _, data in [*SMTP, *pop3(), *pop3("wrong")]
    )


@pytest.mark.parametrize("every", ["soon", "0s", "-1s", "", "1ME"])
def test_a_stretch_that_is_no_length_of_time(every: str) -> None:
    with pytest.raises(LabError, match=f"'{every}' is no length of time"):
        capture(("smtp", 0, SMTP)).exchanges.mail.timeline(every)


def test_matrix() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 0, pop3()), ("pop3", 500, pop3("wrong")))
    assert seen.connections.mail.matrix().to_dict() == {"mx.example.org": {"192.0.2.1": 2, "192.0.2.2": 1}}
    assert seen.connections.mail.matrix("round_trips").to_dict() == {
        "mx.example.org": {"192.0.2.1": 6, "192.0.2.2": 3}
    }
    octets = sum(len(data.removeprefix(b"<")) for _, data in pop3())
    assert seen.connections.mail.matrix("octets").loc["192.0.2.2", "mx.example.org"] == octets
    with pytest.raises(LabError, match="a matrix counts connections, exchanges, round_trips, octets"):
        seen.connections.mail.matrix("weight")


def test_software() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 0, pop3()), ("pop3", 500, pop3("wrong")))
    found = seen.connections.mail.software()
    assert rows(found, "server_port", "protocol", "software", "greeting", "connections", "with_tls") == [
        (25, "smtp", "Postfix", "mx.example.org ESMTP Postfix", 1, 0),
        (110, "pop3", "Dovecot", "Dovecot ready.", 2, 0),  # though each greeting has its own Message-ID
    ]
    assert (found["last_seen"] - found["first_seen"]).dt.total_seconds().tolist() == [0, 0.5]


def test_authentication() -> None:
    seen = capture(("pop3", 0, pop3()), ("pop3", 500, pop3("wrong")), ("pop3", 900, pop3("wrong")))
    found = seen.logins.mail.authentication()
    assert rows(found, "user", "mechanism", "encrypted", "attempts", "succeeded", "refused") == [
        ("bob", "USER", False, 3, 1, 2)
    ]


def test_trace_across_captures() -> None:
    """A letter is relayed in one capture and fetched in another; another lies in the mailbox too."""
    other = LETTER.replace(b"<1@", b"<2@").replace(b"Hello", b"Farewell")
    one = capture(("smtp", 0, SMTP), name="relay")
    two = capture(("pop3", 5000, pop3()), ("pop3", 6000, pop3(message=other)), name="access")
    messages = Captures([one, two]).messages
    found = messages.mail.trace()
    assert rows(found, "journey", "hop", "capture", "connection", "direction", "added", "same_body") == [
        (0, 0, "relay", 0, "sent", None, True),
        (0, 1, "access", 0, "retrieved", len(RECEIVED), True),
        (1, 0, "access", 1, "retrieved", None, True),
    ]
    # The message began 150 ms after the start, RETR 5070.
    assert found["since_s"].tolist()[1] == pytest.approx(4.920)
    for of in ("<1@example.com>", "1@example.com", *messages.iloc[0][["trace_id", "sha256", "body_sha256"]]):
        assert rows(messages.mail.trace(of), "journey", "hop") == [(0, 0), (0, 1)]
    assert messages.mail.trace("nothing@example.com").empty


def test_a_list_that_changes_the_body_is_followed_by_the_message_id() -> None:
    changed = RECEIVED + LETTER.replace(b"Hello", b"[list] Hello")
    seen = capture(("smtp", 0, SMTP), ("pop3", 5000, pop3(message=changed)))
    assert seen.messages["trace_id"].nunique() == 2
    assert rows(seen.messages.mail.trace(), "journey", "same_body") == [(0, True), (0, False)]


# What is suspicious


def named(found: pd.DataFrame) -> list[tuple[Any, ...]]:
    return rows(found, "connection", "exchange", "anomaly", "detail")


def test_plaintext_passwords_and_starttls_unused() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 5000, pop3()))
    assert named(anomalies.anomalies(seen)) == [
        (0, 1, "starttls-unused", "MAIL, RCPT, DATA"),
        (1, 2, "plaintext-password", "bob by USER"),
    ]
    assert named(seen.exchanges.mail.starttls_unused()) == [(0, 1, "starttls-unused", "MAIL, RCPT, DATA")]
    assert named(seen.logins.mail.plaintext_passwords()) == [(1, 2, "plaintext-password", "bob by USER")]


def test_starttls_that_is_used_is_no_anomaly() -> None:
    used = [*SMTP[:3], (60, b"STARTTLS\r\n"), (70, b"<220 go\r\n"), (80, b"\x16\x03\x01\x00\x02\x01\x00")]
    assert capture(("smtp", 0, used)).exchanges.mail.starttls_unused().empty


def test_starttls_of_imap_is_offered_in_the_greeting() -> None:
    greeting = (0, b"<* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hello\r\n")
    login = [(10, b"a LOGIN bob secret\r\n"), (20, b"<a OK [CAPABILITY IMAP4rev1] in\r\n")]
    begun = [(10, b"a STARTTLS\r\n"), (20, b"<a OK go on\r\n")]
    seen = capture(("imap", 0, [greeting, *login]), ("imap", 100, [greeting, *begun]), ("smtp", 200, SMTP))
    found = seen.exchanges.mail.starttls_unused()
    assert rows(found, "connection", "exchange", "detail", "rfc") == [
        (0, 0, "LOGIN", "RFC 9051 6.2.1"),
        (2, 1, "MAIL, RCPT, DATA", "RFC 3207 4"),
    ]


def test_starttls_that_was_refused_is_no_use() -> None:
    refused = [*SMTP[:3], (60, b"STARTTLS\r\n"), (70, b"<454 4.7.0 not now\r\n"), *SMTP[3:]]
    found = capture(("smtp", 0, refused)).exchanges.mail.starttls_unused()
    assert named(found) == [(0, 1, "starttls-unused", "STARTTLS, MAIL, RCPT, DATA")]


def test_a_password_that_was_not_said_was_not_heard() -> None:
    asked = [*SMTP[:3], (60, b"AUTH PLAIN\r\n"), (70, b"<538 5.7.11 Encryption required\r\n")]
    imap = [(0, b"<* OK hello\r\n"), (1, b"a AUTHENTICATE PLAIN\r\n"), (2, b"<a NO [PRIVACYREQUIRED] no\r\n")]
    said = [*imap, (3, b"b LOGIN bob secret\r\n"), (4, b"<b NO [PRIVACYREQUIRED] no\r\n")]
    seen = capture(("submission", 0, asked), ("imap", 100, imap), ("imap", 200, said))
    assert seen.logins["mechanism"].tolist() == ["PLAIN", "PLAIN", "PLAIN", "LOGIN"]
    assert named(seen.logins.mail.plaintext_passwords()) == [(2, 2, "plaintext-password", "bob by LOGIN")]


def test_bare_line_ends() -> None:
    bare = [*SMTP[:5], (150, b"Subject: x\r\n\r\none\ntwo\r\n.\r\n"), *SMTP[6:]]
    seen = capture(("smtp", 0, bare))
    (found,) = named(anomalies.bare_lines(seen.flaws, seen.exchanges))
    assert found[:3] == (0, 5, "bare-lf")
    assert found[3].startswith("bare-lf: ")


def rcpt(*addresses: tuple[str, bytes]) -> list[tuple[int, bytes]]:
    said = [(0, b"<220 mx ESMTP\r\n"), (1, b"HELO a\r\n"), (2, b"<250 mx\r\n")]
    said += [(3, b"MAIL FROM:<a@example.com>\r\n"), (4, b"<250 ok\r\n")]
    for number, (address, reply) in enumerate(addresses):
        said += [
            (5 + 2 * number, b"RCPT TO:<%s>\r\n" % address.encode()),
            (6 + 2 * number, b"<" + reply + b"\r\n"),
        ]
    return said


def test_relay_tests() -> None:
    seen = capture(
        ("smtp", 0, rcpt(("v@example.net", b"554 5.7.1 no"), ("x@example.org", b"550 5.1.1 unknown"))),
        ("smtp", 100, rcpt(("v@example.net", b"550 relaying denied"), ("b@example.org", b"250 ok"))),
        ("smtp", 200, rcpt(("v@example.net", b"250 ok"))),
    )
    known = seen.recipients, seen.exchanges
    refused = [
        (0, 3, "relay-test", "v@example.net: refused"),
        (1, 3, "relay-test", "v@example.net: refused"),
    ]
    assert named(anomalies.relay_tests(*known)) == refused
    accepted = (2, 3, "relay-test", "v@example.net: accepted")
    assert named(anomalies.relay_tests(*known, local=["Example.org"])) == [*refused, accepted]


def test_relay_tests_are_known_by_what_is_said_not_by_whose_address_it_is() -> None:
    postfix = b"454 4.7.1 <v@example.net>: Relay access denied"  # unless it is told otherwise
    typo = b"550 5.1.1 <x@relay.example.org>: User unknown"
    seen = capture(
        (
            "smtp",
            0,
            rcpt(("v@example.net", postfix), ("x@relay.example.org", typo), ("postmaster", b"250 ok")),
        ),
        ("smtp", 100, rcpt(("b@example.org", b"250 ok"), ("g@example.org", b"450 4.7.1 Greylisted"))),
    )
    for local in ([], ["example.org"], "example.org"):
        found = anomalies.relay_tests(seen.recipients, seen.exchanges, local)
        assert named(found) == [(0, 3, "relay-test", "v@example.net: refused")]


def test_who_has_logged_in_may_send_elsewhere() -> None:
    login = [(2, b"AUTH PLAIN AGEAYg==\r\n"), (3, b"<235 ok\r\n")]
    talk = rcpt(("v@example.net", b"250 ok"))
    seen = capture(("submission", 0, [*talk[:3], *login, *talk[3:]]))
    assert anomalies.relay_tests(seen.recipients, seen.exchanges, local=["example.org"]).empty


def test_mass_rcpt() -> None:
    many = [(f"user{n}@example.org", b"250 ok" if n % 5 == 0 else b"550 5.1.1 unknown") for n in range(20)]
    seen = capture(("smtp", 0, rcpt(*many)), ("smtp", 900, rcpt(*many[:19])))
    assert named(seen.recipients.mail.mass_rcpt()) == [(0, 3, "mass-rcpt", "20 recipients, 16 refused")]
    assert len(seen.recipients.mail.mass_rcpt(at_least=19)) == 2


# How they are asked


QUESTIONS = {
    "exchanges": ("think_times", "round_trips", "timeline", "starttls_unused"),
    "connections": ("matrix", "software"),
    "logins": ("authentication", "plaintext_passwords"),
    "recipients": ("mass_rcpt",),
    "messages": ("trace",),
}


def test_nothing_gives_nothing_with_the_same_columns() -> None:
    nothing, something = Capture(Tape("nothing")), capture(("smtp", 0, SMTP), ("pop3", 0, pop3()))
    for table, questions in QUESTIONS.items():
        for question in set(questions) - {"matrix"}:  # whose columns are the servers
            empty = getattr(nothing.table(table).mail, question)()
            full = getattr(something.table(table).mail, question)()
            assert empty.empty
            assert list(empty.columns) == list(full.columns), question
    assert anomalies.anomalies(nothing).empty
    assert nothing.connections.mail.matrix().empty


def test_what_is_asked_of_the_wrong_table_is_said() -> None:
    seen = capture(("smtp", 0, SMTP))
    with pytest.raises(LabError, match="round trips is asked of the table exchanges: this one has no column"):
        seen.connections.mail.round_trips()
    with pytest.raises(LabError, match="a trace is asked of the table messages"):
        seen.exchanges.mail.trace()


def test_nothing_is_changed_in_what_is_given() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 0, pop3()))
    before = seen.exchanges
    frame = before.copy()
    for question in ("think_times", "round_trips", "timeline", "starttls_unused"):
        getattr(frame.mail, question)()
    pd.testing.assert_frame_equal(frame, before)


def by_csv(frame: pd.DataFrame) -> pd.DataFrame:
    file = io.StringIO()
    frame.to_csv(file, index=False)
    file.seek(0)
    return pd.read_csv(file)


@pytest.mark.parametrize(
    "away",
    [
        by_csv,
        lambda frame: pd.DataFrame(frame.to_dict("records")),
        lambda frame: frame.astype(object),
        lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
        lambda frame: frame.sample(frac=1, random_state=1),
        lambda frame: frame.set_index("capture"),
        lambda frame: frame.set_index(["connection", "time" if "time" in frame else "start"]),
        lambda frame: frame.set_index("time" if "time" in frame else "start", drop=False),
    ],
    ids=["csv", "records", "objects", "arrow", "shuffled", "indexed", "indexed-twice", "indexed-kept"],
)
def test_tables_that_have_been_elsewhere_give_the_same_answers(away: Any) -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 100, pop3("wrong")), ("pop3", 1000, pop3()))
    for table, questions in QUESTIONS.items():
        frame = seen.table(table)
        for question in questions:
            found, expected = (getattr(each.mail, question)() for each in (away(frame), frame))
            pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected), check_dtype=False)


def test_times_without_a_zone_are_in_utc_and_others_stay_in_theirs() -> None:
    frame = capture(("smtp", 0, SMTP)).exchanges
    times = ["time", "sent_at", "first_reply_at", "replied_at"]
    naive = frame.assign(**{name: frame[name].dt.tz_localize(None) for name in times})
    pd.testing.assert_frame_equal(naive.mail.round_trips(), frame.mail.round_trips())
    assert naive.mail.timeline()["time"].tolist() == frame.mail.timeline()["time"].tolist()
    there = frame.assign(time=frame["time"].dt.tz_convert("Asia/Tokyo")).mail.timeline("1min")
    assert str(there["time"].iloc[0]) == "2026-01-05 18:00:00+09:00"


def test_what_is_no_column_of_the_table_is_said() -> None:
    frame = capture(("smtp", 0, SMTP)).exchanges
    for question in QUESTIONS["exchanges"]:
        with pytest.raises(LabError, match="asked of the table exchanges: this one has no column 'time'"):
            getattr(frame.drop(columns="time").mail, question)()
    with pytest.raises(LabError, match="column 'time' of this one holds no times"):
        frame.assign(time="noon").mail.timeline()


def test_every_column_is_explained() -> None:
    seen = capture(("smtp", 0, SMTP), ("pop3", 0, pop3()))
    for table, question in (
        ("exchanges", analysis.think_times),
        ("exchanges", analysis.round_trips),
        ("exchanges", analysis.timeline),
        ("connections", analysis.software),
        ("logins", analysis.authentication),
        ("messages", analysis.trace),
    ):
        assert question.__doc__
        assert "RFC" in question.__doc__ or question is analysis.timeline
        for column in question(seen.table(table)).columns:
            assert f"`{column}`" in question.__doc__, (question.__name__, column)


def test_the_accessor_is_there_without_asking_for_it() -> None:
    code = "import labkit, sys; assert 'pandas' not in sys.modules; world = labkit.World();"
    code += "world.user('a@example.com').retrieve(); print(len(world.capture.exchanges.mail.round_trips()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_what_is_no_table_and_no_capture_is_said() -> None:
    of = capture(("pop3", 0, pop3()))
    with pytest.raises(LabError, match="mass RCPT is asked of the table recipients, not of Capture"):
        anomalies.mass_rcpt(of)  # type: ignore[arg-type]
    with pytest.raises(LabError, match="in a capture or a world, not in"):
        anomalies.anomalies(of.exchanges)
    for none in ("x", [0], 1.5):
        with pytest.raises(LabError, match="as in where"):
            of.where(none)  # type: ignore[arg-type]

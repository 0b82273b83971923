"""The IMAP session: octets in and actions out; logins, literals, limits, ends."""

from __future__ import annotations

import base64
import ssl
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.imap import Talk, account, make_site

from labkit import standards
from labkit.grammar.sasl import MECHANISMS
from labkit.net.session import Close, Send
from labkit.servers.imap import REGISTRY
from labkit.servers.imap.session import CHUNK
from labkit.servers.site import Site

CAPABILITIES = "IMAP4rev1 SASL-IR LITERAL+ ID NAMESPACE UNSELECT UIDPLUS MOVE IDLE"
LOGINS = " ".join(f"AUTH={name}" for name in MECHANISMS)
BEFORE_LOGIN = CAPABILITIES.replace("SASL-IR", f"{LOGINS} SASL-IR")


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def talk(site: Site) -> Talk:
    return Talk(site)


def test_all_that_the_standards_promise_has_code() -> None:
    assert REGISTRY.missing == []
    commands = {command.verb for command in standards.COMMANDS["imap"]}
    assert set(REGISTRY.handlers) == commands


def test_greeting_and_capabilities(talk: Talk) -> None:
    assert talk.greeting == (f"* OK [CAPABILITY {BEFORE_LOGIN}] imap.example.org IMAP4rev1 service ready")
    assert talk("a CAPABILITY") == f"* CAPABILITY {BEFORE_LOGIN}\r\na OK CAPABILITY completed"
    talk.login()
    after = CAPABILITIES.replace("SASL-IR ", "")
    assert talk("a CAPABILITY") == f"* CAPABILITY {after}\r\na OK CAPABILITY completed"


def test_what_is_hidden_is_not_there(site: Site) -> None:
    talk = Talk(site, hidden={"IDLE", "AUTH=PLAIN"})
    assert "IDLE" not in talk.greeting
    assert "AUTH=PLAIN" not in talk.greeting
    assert "PLAIN" not in talk("a AUTHENTICATE PLAIN").split()
    assert talk.login()("a IDLE") == "a BAD there is no command IDLE here"


def test_id_and_noop(talk: Talk) -> None:
    assert talk('a ID ("name" "mutt")') == '* ID ("name" "labkit")\r\na OK ID completed'
    assert talk("b NOOP") == "b OK NOOP completed"


def test_logout_says_bye_and_hears_no_more(talk: Talk) -> None:
    assert talk.send(b"a LOGOUT\r\nb NOOP\r\n") == (
        "* BYE imap.example.org IMAP4rev1 server logging out\r\na OK LOGOUT completed"
    )
    assert talk.closed
    assert talk("c NOOP") == ""


# Logging in


@pytest.mark.parametrize(
    "words",
    [
        'LOGIN fred "fast car"',
        'login Fred@Example.Org "fast car"',
        "LOGIN {4+}\r\nfred {8+}\r\nfast car",
    ],
)
def test_login(talk: Talk, words: str) -> None:
    assert talk(f"a {words}") == "a OK LOGIN completed"
    assert talk('a LOGIN fred "fast car"') == "a BAD LOGIN is no command for the authenticated state"


@pytest.mark.parametrize("words", ["LOGIN fred wrong", 'LOGIN nobody "fast car"', 'LOGIN "" ""'])
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(talk: Talk, words: str) -> None:
    assert talk(f"a {words}") == "a NO [AUTHENTICATIONFAILED] wrong name or password"
    assert talk("b SELECT INBOX").startswith("b BAD")
    talk.login()


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_authenticate_plain(talk: Talk) -> None:
    assert talk("a AUTHENTICATE PLAIN") == "+ "
    assert talk.session.waiting_for == "the next response of AUTHENTICATE"
    assert talk(b64("\0fred\0fast car")) == "a OK AUTHENTICATE completed"


def test_authenticate_login(talk: Talk) -> None:
    assert talk("a authenticate login") == f"+ {b64('Username:')}"
    assert talk(b64("fred")) == f"+ {b64('Password:')}"
    assert talk(b64("fast car")) == "a OK AUTHENTICATE completed"


def test_authenticate_with_an_initial_response(talk: Talk) -> None:
    assert talk(f"a AUTHENTICATE PLAIN {b64(chr(0) + 'fred' + chr(0) + 'fast car')}").startswith("a OK")


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("*", "a BAD the client cancelled the exchange"),
        ("???", "a BAD expected base64 at octet 0 of the response"),
        (b64("fred"), "a BAD expected an identity to act as (or nothing), NUL, the user's name, NUL, the"),
        (b64("\0fred\0slow"), "a NO [AUTHENTICATIONFAILED] wrong name or password"),
        (b64("root\0fred\0fast car"), "a NO [AUTHORIZATIONFAILED] fred may not act for others"),
        ("A" * 70_000, "a BAD a line of more than 65536 octets"),
    ],
)
def test_authenticate_in_vain(talk: Talk, response: str, answer: str) -> None:
    talk("a AUTHENTICATE PLAIN")
    assert talk(response).startswith(answer)
    assert talk("b NOOP") == "b OK NOOP completed"


def test_an_unknown_mechanism(talk: Talk) -> None:
    mechanisms = " ".join(MECHANISMS)
    assert talk("a AUTHENTICATE GSSAPI") == f"a NO [CANNOT] the mechanisms here are {mechanisms}"


# TLS


def test_starttls() -> None:
    talk = Talk(make_site(tls=ssl.create_default_context))
    assert "STARTTLS" in talk.greeting
    assert talk.send(b"a STARTTLS\r\nb NOOP\r\n") == "a OK begin TLS negotiation now"
    assert talk.begins_tls
    assert talk.take(talk.session.encrypted()) == ""
    assert talk("c NOOP") == "c OK NOOP completed"  # and nothing of b, which came in plain text
    assert "STARTTLS" not in talk("c CAPABILITY")
    assert talk("d STARTTLS") == "d BAD there is no command STARTTLS here"


def test_no_starttls_without_a_certificate_or_inside_tls(site: Site) -> None:
    assert Talk(site)("a STARTTLS") == "a BAD there is no command STARTTLS here"
    inside = Talk(make_site(tls=ssl.create_default_context), encrypted=True)
    assert "STARTTLS" not in inside.greeting


# Literals and limits


def test_a_literal_is_asked_for(talk: Talk) -> None:
    assert talk("a LOGIN {4}") == "+ ready for 4 octets"
    assert talk.session.waiting_for == "4 octets of a literal in the not authenticated state"
    assert talk.send(b"fred") == ""
    assert talk(" {8}") == "+ ready for 8 octets"
    assert talk("fast car") == "a OK LOGIN completed"


def test_a_message_that_is_too_big_is_refused_unread(site: Site) -> None:
    talk = Talk(site, message_limit=1000).login()
    assert talk("a APPEND INBOX {1001}") == "a NO [TOOBIG] a message may have 1000 octets"
    assert talk("b NOOP") == "b OK NOOP completed"
    assert talk("c APPEND INBOX {1001+}") == "c NO [TOOBIG] a message may have 1000 octets"
    assert talk.send(b"d NOOP\r\n" * 125 + b"x\r\n") == ""
    assert talk("e NOOP") == "e OK NOOP completed"
    assert talk("f APPEND INBOX {1000}") == "+ ready for 1000 octets"
    assert len(account(site).inbox) == 0


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("a LOGIN {70000}", "a BAD [TOOBIG] the command is too long"),
        ("a LOGIN " + "x" * 70_000, "a BAD [TOOBIG] the command is too long"),
        ("a APPEND INBOX {5}", "a BAD APPEND is no command for the not authenticated state"),
        ("a FOO {5}", "a BAD expected a command that is known"),
        ("{5}", "* BAD expected a tag"),
        ("x" * 70_000, "* BAD expected a space"),
    ],
)
def test_what_is_not_worth_reading(talk: Talk, line: str, answer: str) -> None:
    assert talk(line) == answer
    assert talk("b NOOP") == "b OK NOOP completed"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("", "* BAD expected a tag"),
        ("a", "a BAD expected a space"),
        ("a JUMP", "a BAD expected a command that is known"),
        ("a NOOP now", "a BAD expected the end of the line"),
        ("a LOGIN fred", "a BAD expected a space"),
        ("\xff NOOP", "* BAD expected a tag"),
        ("a SELECT INBOX", "a BAD SELECT is no command for the not authenticated state"),
        ("a FETCH 1 FLAGS", "a BAD FETCH is no command for the not authenticated state"),
    ],
)
def test_bad(talk: Talk, line: str, answer: str) -> None:
    assert talk(line) == answer


# Octets and writes


def test_pipelined_commands_are_answered_in_order_each_in_one_write(talk: Talk) -> None:
    talk.send(b'a LOGIN fred "fast car"\r\nb SELECT INBOX\r\nc NOOP\r\nd FOO\r\ne CAPABILITY\r\n')
    tails = [action.data.splitlines()[-1][:4] for action in talk.actions if isinstance(action, Send)]
    assert tails == [b"a OK", b"b OK", b"c OK", b"d BA", b"e OK"]


def test_a_long_answer_leaves_in_chunks(site: Site) -> None:
    for _ in range(40):
        account(site).inbox.append(b"x" * 10_000)
    talk = Talk(site).select()
    talk("a FETCH 1:* BODY[]")
    sizes = [len(action.data) for action in talk.actions if isinstance(action, Send)]
    assert sum(sizes) > 400_000
    assert len(sizes) == 6
    assert max(sizes) < CHUNK + 11_000


SESSION = (
    b'a LOGIN {4+}\r\nfred "fast car"\r\nb APPEND INBOX {6}\r\nA: b\r\n\r\nc SELECT INBOX\r\nd IDLE\r\n'
    b"DONE\r\ne FETCH 1 (FLAGS BODY[])\r\nf AUTHENTICATE PLAIN\r\ng LOGOUT\r\n"
)


@given(st.lists(st.integers(1, len(SESSION)), max_size=12))
def test_chunks_make_no_difference(cuts: list[int]) -> None:
    whole = Talk(make_site())
    expected = whole.send(SESSION)
    assert expected.endswith("g OK LOGOUT completed")
    parts = Talk(make_site())
    ends = [0, *sorted(cuts), len(SESSION)]
    pieces = [parts.send(SESSION[a:b]) for a, b in pairwise(ends)]
    assert "\r\n".join(filter(None, pieces)) == expected


# The end


def test_autologout(talk: Talk) -> None:
    assert talk.session.idle_timeout == 1800
    assert talk.take(talk.session.timed_out()) == "* BYE autologout: nothing was heard for too long"
    assert talk.closed


def test_a_client_that_vanishes_leaves_nothing_behind(site: Site) -> None:
    talk = Talk(site).select()
    talk("a APPEND INBOX {100}")
    talk.send(b"half a message")
    mailbox = account(site).inbox
    assert mailbox.watchers
    talk.session.lost()
    assert not mailbox.watchers
    assert len(mailbox) == 0


def test_end_of_file_closes(talk: Talk) -> None:
    assert list(talk.session.eof()) == [Close()]


# Whatever comes


WORDS = st.sampled_from(
    b"( ) 1 2 1:* 9 FLAGS BODY[] BODY[1.HEADER] <0.5> +FLAGS -FLAGS.SILENT (\\Seen) (\\Deleted) NOT OR ALL "
    b"UID HEADER a/b INBOX {1+}\r\nx {3}\r\nabc &- & * % CHARSET UTF-8 TEXT x DONE = FULL (UIDNEXT)".split(
        b" "
    )
)
VERBS = st.sampled_from([*(verb.encode() for verb in REGISTRY.handlers if verb != "LOGOUT"), b"XYZ"])
LINES = st.builds(
    lambda verb, words: b" ".join([b"a", verb, *words]) + b"\r\n", VERBS, st.lists(WORDS, max_size=5)
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LINES | st.binary(max_size=40), max_size=12))
def test_nothing_that_is_sent_raises(stream: list[bytes]) -> None:
    site = make_site()
    account(site).inbox.append(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--\r\n")
    account(site).inbox.append(b"\0\xff: \r\n")
    one, other = Talk(site).select(), Talk(site).select()
    for octets in stream:
        one.send(octets)
        other("n NOOP")
        other.hear()
    one.session.lost()
    other.session.lost()
    assert not account(site).inbox.watchers

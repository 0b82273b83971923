"""IMAP's commands about mailboxes (RFC 3501 6.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.imap import Talk, account, make_site

from labkit.servers.imap.patterns import matches
from labkit.servers.site import Site


@pytest.fixture
def site() -> Site:
    site = make_site()
    for name in ("foo/bar/baz", "Zürich", "old"):
        account(site).create(name)
    return site


@pytest.fixture
def talk(site: Site) -> Talk:
    return Talk(site).login()


def test_select(site: Site, talk: Talk) -> None:
    inbox = account(site).inbox
    inbox.append(b"one", ["\\Seen"])
    inbox.append(b"two", ["Junk"])
    assert talk.lines("a SELECT inbox") == [
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Junk)",
        "* 2 EXISTS",
        "* 2 RECENT",
        "* OK [UNSEEN 2] the first message not yet seen",
        f"* OK [UIDVALIDITY {inbox.uidvalidity}] UIDs are valid",
        "* OK [UIDNEXT 3] the next UID, as foreseen",
        "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Junk \\*)] flags that last",
        "a OK [READ-WRITE] SELECT completed",
    ]


def test_examine(site: Site, talk: Talk) -> None:
    account(site).inbox.append(b"one")
    answer = talk.lines("a EXAMINE INBOX")
    assert "* OK [PERMANENTFLAGS ()] flags that last" in answer
    assert answer[-1] == "a OK [READ-ONLY] EXAMINE completed"
    assert talk("b STORE 1 +FLAGS (\\Seen)") == "b NO the mailbox was opened to be read only"
    assert talk("c EXPUNGE") == "c NO the mailbox was opened to be read only"
    assert "* 1 RECENT" in talk("d SELECT INBOX")  # EXAMINE leaves messages recent


def test_a_select_that_fails_leaves_nothing_selected(talk: Talk) -> None:
    talk("a SELECT INBOX")
    assert talk("b SELECT nowhere") == "b NO [NONEXISTENT] mailbox nowhere does not exist"
    assert talk("c CHECK") == "c BAD CHECK is no command for the authenticated state"
    talk("d SELECT INBOX")
    assert talk("e SELECT *").startswith("e BAD")
    assert talk("f CHECK") == "f OK CHECK completed"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("a CREATE new", "a OK CREATE completed"),
        ("a CREATE old/", "a NO [ALREADYEXISTS] mailbox old exists already"),
        ("a CREATE inbox", "a NO [ALREADYEXISTS] mailbox INBOX exists already"),
        ("a CREATE foo//bar", "a NO [CANNOT] not a name for a mailbox: 'foo//bar'"),
        (f"a CREATE {'x' * 256}", "a NO [LIMIT] a mailbox's name may have 255 characters"),
        ("a DELETE old", "a OK DELETE completed"),
        ("a DELETE INBOX", "a NO [CANNOT] INBOX is always there and cannot be deleted"),
        ("a DELETE nowhere", "a NO [NONEXISTENT] mailbox nowhere does not exist"),
        ("a RENAME old new", "a OK RENAME completed"),
        ("a RENAME nowhere new", "a NO [NONEXISTENT] mailbox nowhere does not exist"),
        ("a RENAME foo old", "a NO [ALREADYEXISTS] mailbox old exists already"),
        ("a RENAME foo foo/in", "a NO [CANNOT] foo cannot be moved below itself"),
        ("a STATUS nowhere (UNSEEN)", "a NO [NONEXISTENT] mailbox nowhere does not exist"),
        ("a DELETE &ZeVnLIqe-", "a NO [NONEXISTENT] mailbox \\u65e5\\u672c\\u8a9e does not exist"),
        ("a NAMESPACE", '* NAMESPACE (("" "/")) NIL NIL\r\na OK NAMESPACE completed'),
    ],
)
def test_one_command(talk: Talk, line: str, answer: str) -> None:
    assert talk(line) == answer


def listed(talk: Talk, line: str) -> list[str]:
    *found, last = talk.lines(f"a {line}")
    verb = line.split(" ")[0]
    assert last == f"a OK {verb} completed"
    return [each.removeprefix(f"* {verb} ") for each in found]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ('"" ""', ['(\\Noselect) "/" ""']),
        (
            '"" *',
            [
                *('() "/" INBOX', '() "/" Z&APw-rich', '() "/" foo', '() "/" foo/bar'),
                *('() "/" foo/bar/baz', '() "/" old'),
            ],
        ),
        ('"" %', ['() "/" INBOX', '() "/" Z&APw-rich', '() "/" foo', '() "/" old']),
        ("foo/ %", ['() "/" foo/bar']),
        ('foo "/%/b*"', ['() "/" foo/bar/baz']),
        ('"" inb*', ['() "/" INBOX']),
        ('"" nothing', []),
    ],
)
def test_list(talk: Talk, arguments: str, names: list[str]) -> None:
    assert listed(talk, f"LIST {arguments}") == names


def test_a_level_without_a_mailbox_is_listed_as_such(talk: Talk) -> None:
    talk("a DELETE foo")
    assert listed(talk, 'LIST "" foo') == ['(\\Noselect) "/" foo']
    assert talk("b SELECT foo").startswith("b NO [NONEXISTENT]")
    assert talk("c DELETE foo") == "c NO [HASCHILDREN] foo has mailboxes below it, such as foo/bar"


def test_subscriptions(talk: Talk) -> None:
    for name in ("foo/bar", "INBOX", "gone/by", "old"):
        assert talk(f"a SUBSCRIBE {name}") == "a OK SUBSCRIBE completed"
    assert talk("a UNSUBSCRIBE old") == "a OK UNSUBSCRIBE completed"
    assert listed(talk, 'LSUB "" *') == ['() "/" INBOX', '() "/" foo/bar', '(\\Noselect) "/" gone/by']
    assert listed(talk, 'LSUB "" %') == [
        '() "/" INBOX',
        '(\\Noselect) "/" foo',
        '(\\Noselect) "/" gone',
    ]


def test_status_of_a_mailbox_that_is_not_open(site: Site, talk: Talk) -> None:
    old = account(site).mailbox("old")
    old.append(b"one", ["\\Seen"])
    old.append(b"two")
    assert talk("a STATUS old (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)") == (
        f"* STATUS old (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY {old.uidvalidity} UNSEEN 1)\r\n"
        "a OK STATUS completed"
    )


def test_append(site: Site, talk: Talk) -> None:
    old = account(site).mailbox("old")
    assert talk('a APPEND old (\\Seen Work) "17-Jul-1996 02:44:25 -0700" {4+}\r\nA:\r\n') == (
        f"a OK [APPENDUID {old.uidvalidity} 1] APPEND completed"
    )
    (message,) = old
    assert message.data == b"A:\r\n"
    assert message.flags == {"\\Seen", "Work"}
    assert message.internal_date.isoformat() == "1996-07-17T09:44:25+00:00"
    assert talk("b APPEND old {0+}\r\n").startswith("b OK [APPENDUID")
    assert talk("c APPEND nowhere {1+}\r\nx") == "c NO [TRYCREATE] mailbox nowhere does not exist"
    assert talk("d APPEND old {1+}\r\n\0") == "d BAD expected a literal without NUL"
    assert len(old) == 2


def test_append_to_the_selected_mailbox_is_news(talk: Talk) -> None:
    talk("a SELECT old")
    assert talk.lines("b APPEND old {1+}\r\nx")[:2] == ["* 1 EXISTS", "* 1 RECENT"]


NAMES = st.text("ab/%*", max_size=8)


@given(NAMES, NAMES)
def test_patterns_agree_with_the_rule_itself(pattern: str, name: str) -> None:
    def meant(pattern: str, name: str) -> bool:
        if not pattern:
            return not name
        if pattern[0] == "*":
            return any(meant(pattern[1:], name[i:]) for i in range(len(name) + 1))
        if pattern[0] == "%":
            level = len(name.split("/")[0])
            return any(meant(pattern[1:], name[i:]) for i in range(level + 1))
        return name[:1] == pattern[0] and meant(pattern[1:], name[1:])

    assert matches(pattern, name) is meant(pattern, name)


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not matches("*a" * 100 + "b", "a" * 250)

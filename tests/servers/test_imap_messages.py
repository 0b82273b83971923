"""IMAP's commands about messages (RFC 3501 6.4), and what two sessions tell each other's clients."""

from __future__ import annotations

import pytest
from support.imap import Talk, account, make_site

from labkit.servers.site import Site
from labkit.store.mailbox import Mailbox


@pytest.fixture
def site() -> Site:
    site = make_site()
    inbox = account(site).inbox
    inbox.expunge([inbox.append(b"gone").uid])
    for number in range(2, 6):  # message n has UID n + 1
        inbox.append(b"Subject: %d\r\n\r\nbody %d\r\n" % (number, number))
    account(site).create("old")
    Talk(site).select().session.lost()  # no message is recent any more
    return site


@pytest.fixture
def inbox(site: Site) -> Mailbox:
    return account(site).inbox


@pytest.fixture
def talk(site: Site) -> Talk:
    return Talk(site).select()


def flags(inbox: Mailbox) -> list[set[str]]:
    return [set(message.flags) for message in inbox]


# FETCH


def test_fetch_by_number_and_by_uid(talk: Talk) -> None:
    assert talk.lines("a FETCH 1,3 (UID RFC822.SIZE)") == [
        "* 1 FETCH (UID 2 RFC822.SIZE 22)",
        "* 3 FETCH (UID 4 RFC822.SIZE 22)",
        "a OK FETCH completed",
    ]
    assert talk.lines("b UID FETCH 1:3,99 RFC822.SIZE") == [
        "* 1 FETCH (UID 2 RFC822.SIZE 22)",
        "* 2 FETCH (UID 3 RFC822.SIZE 22)",
        "b OK UID FETCH completed",
    ]
    assert talk.lines("c UID FETCH 99:* UID")[0] == "* 4 FETCH (UID 5)"


def test_numbers_that_are_not_there(site: Site, talk: Talk) -> None:
    assert talk("a FETCH 5 UID") == "a BAD there are only 4 messages"
    assert talk("b FETCH 2:9 UID") == "b BAD there are only 4 messages"
    assert talk("c UID FETCH 99 UID") == "c OK UID FETCH completed"
    assert Talk(site).select("old")("d FETCH * UID") == "d BAD there are only 0 messages"


@pytest.mark.parametrize("item", ["BODY[]", "BODY[TEXT]", "BODY[1]<0.1>", "RFC822", "RFC822.TEXT"])
def test_fetching_a_body_sets_seen_and_says_so(talk: Talk, inbox: Mailbox, item: str) -> None:
    assert talk(f"a FETCH 1 {item}").startswith("* 1 FETCH (FLAGS (\\Seen) ")
    assert flags(inbox)[0] == {"\\Seen"}
    assert "FLAGS" not in talk(f"b FETCH 1 {item}")


@pytest.mark.parametrize("item", ["BODY.PEEK[]", "RFC822.HEADER", "BODY", "ENVELOPE", "FULL"])
def test_looking_sets_nothing(talk: Talk, inbox: Mailbox, item: str) -> None:
    talk(f"a FETCH 1:* {item}")
    assert flags(inbox) == [set()] * 4


def test_examine_never_sets_seen(site: Site, inbox: Mailbox) -> None:
    talk = Talk(site).select(verb="EXAMINE")
    assert talk("a FETCH 1 BODY[TEXT]") == "* 1 FETCH (BODY[TEXT] {8}\r\nbody 2\r\n)\r\na OK FETCH completed"
    assert flags(inbox)[0] == set()


def test_flags_are_told_once(talk: Talk, inbox: Mailbox) -> None:
    assert talk("a FETCH 1 (FLAGS BODY[])").count("FLAGS") == 1
    inbox.change_flags([2], ["\\Flagged"], "add")
    assert talk.lines("b FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS (\\Flagged \\Seen))", "b OK FETCH completed"]


# STORE


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("+FLAGS (\\Seen)", {"\\Seen", "\\Draft"}),
        ("-FLAGS \\Draft Junk", set()),
        ("FLAGS (\\Deleted work)", {"\\Deleted", "work"}),
        ("FLAGS ()", set()),
        ("+FLAGS (\\Recent \\Strange)", {"\\Draft"}),
    ],
)
def test_store(talk: Talk, inbox: Mailbox, change: str, after: set[str]) -> None:
    inbox.change_flags([2], ["\\Draft"], "add")
    talk("n NOOP")
    answer = talk.lines(f"a STORE 1 {change}")
    assert answer[-2:] == [f"* 1 FETCH (FLAGS ({' '.join(sorted(after))}))", "a OK STORE completed"]
    assert flags(inbox)[0] == after


def test_store_silently_and_by_uid(talk: Talk) -> None:
    assert talk("a STORE 1 +FLAGS.SILENT (\\Seen)") == "a OK STORE completed"
    assert talk.lines("b UID STORE 2:3 +FLAGS (\\Flagged)") == [
        "* 1 FETCH (UID 2 FLAGS (\\Flagged \\Seen))",
        "* 2 FETCH (UID 3 FLAGS (\\Flagged))",
        "b OK UID STORE completed",
    ]


def test_a_new_keyword_is_announced_to_all(site: Site, talk: Talk) -> None:
    other = Talk(site).select()
    known = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft Work)"
    assert talk.lines("a STORE 1 +FLAGS (Work)") == [
        known,
        "* 1 FETCH (FLAGS (Work))",
        "a OK STORE completed",
    ]
    assert other.lines("b NOOP") == [known, "* 1 FETCH (FLAGS (Work))", "b OK NOOP completed"]


# EXPUNGE, CLOSE, UNSELECT


def test_expunge_counts_down(talk: Talk, inbox: Mailbox) -> None:
    talk("a STORE 1,3:4 +FLAGS.SILENT (\\Deleted)")
    assert talk.lines("b EXPUNGE") == ["* 1 EXPUNGE", "* 2 EXPUNGE", "* 2 EXPUNGE", "b OK EXPUNGE completed"]
    assert inbox.uids == [3]


def test_uid_expunge(talk: Talk, inbox: Mailbox) -> None:
    talk("a STORE 1:3 +FLAGS.SILENT (\\Deleted)")
    assert talk.lines("b UID EXPUNGE 3:5") == ["* 2 EXPUNGE", "* 2 EXPUNGE", "b OK UID EXPUNGE completed"]
    assert inbox.uids == [2, 5]


def test_close_expunges_in_silence_and_unselect_does_not(talk: Talk, inbox: Mailbox) -> None:
    talk("a STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert talk("b UNSELECT") == "b OK UNSELECT completed"
    assert len(inbox) == 4
    talk("c EXAMINE INBOX")
    assert talk("d CLOSE") == "d OK CLOSE completed"
    assert len(inbox) == 4
    talk("e SELECT INBOX")
    assert talk("f CLOSE") == "f OK CLOSE completed"
    assert inbox.uids == [3, 4, 5]
    assert talk("g CHECK").startswith("g BAD")
    assert not inbox.watchers


# COPY and MOVE


def test_copy(site: Site, talk: Talk, inbox: Mailbox) -> None:
    talk("a STORE 2 +FLAGS.SILENT (\\Flagged)")
    old = account(site).mailbox("old")
    validity = old.uidvalidity
    assert talk("b COPY 2:4 old") == f"b OK [COPYUID {validity} 3:5 1:3] COPY completed"
    assert flags(old) == [{"\\Flagged"}, set(), set()]
    assert [m.internal_date for m in old] == [m.internal_date for m in inbox][1:]
    assert talk("c UID COPY 2,5 old") == f"c OK [COPYUID {validity} 2,5 4:5] UID COPY completed"
    assert talk("d UID COPY 99 old") == "d OK UID COPY completed"
    assert talk("e COPY 1 nowhere") == "e NO [TRYCREATE] mailbox nowhere does not exist"


def test_copy_into_the_same_mailbox(talk: Talk) -> None:
    assert talk.lines("a COPY 1 INBOX")[0] == "* 5 EXISTS"


def test_move(site: Site, talk: Talk, inbox: Mailbox) -> None:
    old = account(site).mailbox("old")
    assert talk.lines("a MOVE 2:3 old") == [
        f"* OK [COPYUID {old.uidvalidity} 3:4 1:2] moved",
        "* 2 EXPUNGE",
        "* 2 EXPUNGE",
        "a OK MOVE completed",
    ]
    assert talk.lines("b UID MOVE 2 old")[-2:] == ["* 1 EXPUNGE", "b OK UID MOVE completed"]
    assert (inbox.uids, len(old)) == ([5], 3)


def test_nothing_moves_out_of_what_is_read_only(site: Site, inbox: Mailbox) -> None:
    talk = Talk(site).select(verb="EXAMINE")
    assert talk("a MOVE 1 old") == "a NO the mailbox was opened to be read only"
    assert talk("b COPY 1 old").startswith("b OK")
    assert len(inbox) == 4


# Two sessions


def test_news_comes_with_the_next_command(site: Site, talk: Talk, inbox: Mailbox) -> None:
    inbox.append(b"new")
    inbox.change_flags([2], ["\\Seen"], "add")
    assert talk.hear() == ""  # not before: no command is in progress
    assert talk.lines("a NOOP") == [
        *("* 5 EXISTS", "* 1 RECENT", "* 1 FETCH (FLAGS (\\Seen))", "a OK NOOP completed"),
    ]
    assert talk("b NOOP") == "b OK NOOP completed"
    assert "(\\Recent)" in talk("c FETCH 5 FLAGS")
    assert "(\\Recent)" not in Talk(site).select()("d FETCH 5 FLAGS")


@pytest.mark.parametrize("command", ["FETCH 4 UID", "STORE 4 +FLAGS.SILENT (\\Seen)", "SEARCH ALL"])
def test_no_expunge_while_numbers_are_in_use(talk: Talk, inbox: Mailbox, command: str) -> None:
    inbox.expunge([3])
    answer = talk(f"a {command}")
    assert "EXPUNGE" not in answer
    assert "a OK" in answer
    assert talk.lines("b NOOP") == ["* 2 EXPUNGE", "b OK NOOP completed"]


@pytest.mark.parametrize("command", ["UID FETCH 5 UID", "UID SEARCH ALL", "COPY 1 old", "CHECK"])
def test_expunge_with_other_commands(talk: Talk, inbox: Mailbox, command: str) -> None:
    inbox.expunge([3])
    assert "* 2 EXPUNGE" in talk.lines(f"a {command}")


def test_a_message_that_another_session_expunged(talk: Talk, inbox: Mailbox) -> None:
    inbox.expunge([3])
    assert "Subject: 3" in talk("a FETCH 2 BODY.PEEK[]")
    assert talk.lines("b STORE 1:2 +FLAGS (\\Seen)") == [
        "* 1 FETCH (FLAGS (\\Seen))",
        "b NO [EXPUNGEISSUED] another session expunged some of these messages",
    ]
    assert talk("c COPY 1:2 old").endswith(
        "c NO [EXPUNGEISSUED] another session expunged some of these messages"
    )


def test_a_change_of_two_sessions_is_told_to_the_other(site: Site, talk: Talk) -> None:
    other = Talk(site).select()
    talk("a STORE 1 +FLAGS.SILENT (\\Seen)")
    assert talk("b NOOP") == "b OK NOOP completed"
    assert other.lines("c UID FETCH 3 UID") == [
        "* 2 FETCH (UID 3)",
        "* 1 FETCH (UID 2 FLAGS (\\Seen))",
        "c OK UID FETCH completed",
    ]


def test_the_mailbox_is_deleted_under_a_session(site: Site, talk: Talk) -> None:
    other = Talk(site).select("old")
    account(site).mailbox("old").append(b"x")
    talk("a DELETE old")
    assert other("b NOOP") == "b OK NOOP completed"
    assert other("c FETCH 1 UID") == "c BAD there are only 0 messages"


# IDLE


def test_idle(talk: Talk, inbox: Mailbox) -> None:
    assert talk("a IDLE") == "+ idling"
    assert talk.session.waiting_for == "DONE"
    assert talk.woken == 0
    inbox.append(b"new")
    assert talk.woken == 1
    assert talk.hear() == "* 5 EXISTS\r\n* 1 RECENT"
    inbox.expunge([2])
    assert talk.hear() == "* 1 EXPUNGE"
    assert talk.hear() == ""
    inbox.change_flags([3], ["\\Seen"], "add")
    assert talk.lines("done") == ["* 1 FETCH (FLAGS (\\Seen))", "a OK IDLE completed"]
    inbox.append(b"newer")
    assert talk.hear() == ""


def test_idle_begins_with_the_news(talk: Talk, inbox: Mailbox) -> None:
    inbox.append(b"new")
    assert talk.lines("a IDLE") == ["+ idling", "* 5 EXISTS", "* 1 RECENT"]


def test_idle_ends_with_done_alone(talk: Talk) -> None:
    talk("a IDLE")
    assert talk("b NOOP") == "a BAD expected DONE"
    assert talk("c NOOP") == "c OK NOOP completed"


def test_idle_without_a_mailbox(site: Site) -> None:
    talk = Talk(site).login()
    assert talk.send(b"a IDLE\r\nDONE\r\n") == "+ idling\r\na OK IDLE completed"

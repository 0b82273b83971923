"""The eight stages of a POP3 server: transcripts after RFC 1939, with the sizes of its own examples."""

from __future__ import annotations

from labkit.course.stages import Stage

LUNCH = b"""\
From: smith@bar.com
To: mrose@dewey
Subject: lunch today

Are you hungry?  The usual place, at noon?

John Smith
""".replace(b"\n", b"\r\n")
DOTS = b"""\
From: jones@foo.com
To: mrose@dewey
Subject: the other one

This message has a line that is only a dot:
.
and one that begins with two:
..
On the wire each gets one more (RFC 1939 3).
Jones
""".replace(b"\n", b"\r\n")

LOGIN = """\
S: +OK …
C: USER mrose
S: +OK …
C: PASS tanstaaf
S: +OK …
"""


def _again(client: int) -> str:
    """The login on a later connection."""
    return "".join(f"{client} {line}\n" for line in LOGIN.splitlines())


_SCRIPTS = (
    ("The greeting, and the end", "RFC 1939 3 and 4", """\
# The server speaks first.
S: +OK …
# What it does not know it refuses, and goes on.
C: HELO
S: -ERR …
# Whoever says QUIT is done: the server answers, and closes the connection.
C: QUIT
S: +OK …
> closed
"""),
    ("Who are you?", "RFC 1939 4 and 7", """\
S: +OK …
# PASS comes directly behind USER.
C: PASS tanstaaf
S: -ERR …
C: USER mrose
S: +OK …
# A wrong password is refused, and the client may begin again.
C: PASS swordfish
S: -ERR …
C: USER mrose
S: +OK …
# The password of mrose is tanstaaf.
C: PASS tanstaaf
S: +OK …
# USER belongs to the authorization state, and this is the transaction state now.
C: USER mrose
S: -ERR …
"""),
    ("What is there?", "RFC 1939 5", """\
S: +OK …
# Before the login there is nothing to see.
C: STAT
S: -ERR …
C: USER mrose
S: +OK …
C: PASS tanstaaf
S: +OK …
# How many letters, and how many octets they have together.
C: STAT
S: +OK 2 320 …
# A reply of several lines ends with a line that is only a dot.
C: LIST
S: +OK …
S: 1 120 …
S: 2 200 …
S: .
# With a number, LIST is about that letter, in one line.
C: LIST 2
S: +OK 2 200 …
# What is not there, and what is no number, is refused.
C: LIST 3
S: -ERR …
C: LIST two
S: -ERR …
"""),
    ("A letter", "RFC 1939 5", f"""\
{LOGIN}# The letter, line by line, and the dot.
C: RETR 1
S: +OK …
S: From: smith@bar.com
S: To: mrose@dewey
S: Subject: lunch today
S:
S: Are you hungry?  The usual place, at noon?
S:
S: John Smith
S: .
C: RETR 3
S: -ERR …
# Without a number there is nothing to give.
C: RETR
S: -ERR …
# Commands may come in small letters (RFC 1939 3).
C: list 1
S: +OK 1 120 …
"""),
    ("The dots", "RFC 1939 3", f"""\
{LOGIN}# A line of the letter that begins with a dot gets one more: none may look like the end.
C: RETR 2
S: +OK …
S: From: jones@foo.com
S: To: mrose@dewey
S: Subject: the other one
S:
S: This message has a line that is only a dot:
S: ..
S: and one that begins with two:
S: ...
S: On the wire each gets one more (RFC 1939 3).
S: Jones
S: .
"""),
    ("Marks", "RFC 1939 5", f"""\
{LOGIN}# DELE only marks. What is marked is not there any more, for any command.
C: DELE 1
S: +OK …
C: DELE 1
S: -ERR …
C: RETR 1
S: -ERR …
C: STAT
S: +OK 1 200 …
# The other letters keep their numbers.
C: LIST
S: +OK …
S: 2 200 …
S: .
# NOOP does nothing, and RSET takes all marks away.
C: NOOP
S: +OK …
C: RSET
S: +OK …
C: STAT
S: +OK 2 320 …
"""),
    ("A lasting name, and the update", "RFC 1939 6 and 7", f"""\
{LOGIN}# UIDL gives each letter a name of its own: 1 to 70 visible characters.
C: UIDL
S: +OK …
S: 1 $one
S: 2 $two
S: .
C: UIDL 2
S: +OK 2 $two
C: DELE 1
S: +OK …
# The connection breaks before QUIT: nothing is deleted.
> cut
{_again(2)}2 C: STAT
2 S: +OK 2 320 …
2 C: DELE 1
2 S: +OK …
# QUIT is what deletes. In the next session the number of the other letter has changed; its name has not.
2 C: QUIT
2 S: +OK …
2 > closed
{_again(3)}3 C: UIDL
3 S: +OK …
3 S: 1 $two
3 S: .
"""),
    ("The lock", "RFC 1939 4, RFC 2449 8.1.2", f"""\
{LOGIN}# One session at a time. [IN-USE] says: the password was right, try again later.
2 S: +OK …
2 C: USER mrose
2 S: +OK …
2 C: PASS tanstaaf
2 S: -ERR [IN-USE] …
# The second client leaves. The lock was not its own, so the maildrop stays locked.
2 > cut
3 S: +OK …
3 C: USER mrose
3 S: +OK …
3 C: PASS tanstaaf
3 S: -ERR [IN-USE] …
# The first leaves without a word: its lock goes with it.
> cut
3 C: USER mrose
3 S: +OK …
3 C: PASS tanstaaf
3 S: +OK …
# QUIT lets the lock go too.
3 C: QUIT
3 S: +OK …
3 > closed
{_again(4)}"""),
)  # fmt: skip

STAGES = tuple(
    Stage(number, title, source, script, (LUNCH, DOTS))
    for number, (title, source, script) in enumerate(_SCRIPTS, 1)
)

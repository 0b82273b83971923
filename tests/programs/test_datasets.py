"""What labkit finds in the datasets is what tshark finds; where not, it is said who is right, and why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from support.programs import fields, needs, run

from labkit import datasets
from labkit.grammar.framing import dot_stuff
from labkit.tables import Capture

pytestmark = [pytest.mark.programs, needs("tshark")]


class Differences(NamedTuple):
    tshark: Counter[str]
    labkit: Counter[str]


NONE = Differences(Counter(), Counter())

# Postfix pipelines QUIT behind a message's final dot, in the packet of that dot (RFC 2920 3.1): tshark takes
# all of the packet for the message.
BEHIND_THE_DOT = {"postfix-relay": 3, "real-journey": 1, "swaks-smtp": 2, "msmtp-starttls": 1}
# labkit's relay pipelines DATA too.  Where the recipient was refused there is no 354, and RSET and QUIT
# follow (RFC 2920 3.1): tshark takes what follows DATA for a message, whatever the server said.
DATA_REFUSED = {"journey-back": 1, "journey-delayed": 2, "office-day": 2}
# Decrypted, tshark does not know of DATA and takes the first words of the message's lines for commands.
LINES_OF_A_MESSAGE = {"msmtp-starttls"}
# tshark takes what is in an APPEND's literal, when it has a packet of its own, for a command.
LITERAL = {"imapclient-starttls": Counter({"RE:": 1})}

# mpop pipelines (RFC 2449 6.6): of several replies in one packet tshark sees the first.
IN_ONE_PACKET = {"mpop-stls": 2}


def compared(theirs: list[str], ours: list[str]) -> Differences:
    one, other = Counter(each.upper() for each in theirs), Counter(each.upper() for each in ours)
    return Differences(one - other, other - one)


@pytest.fixture(scope="module", params=datasets.names())
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def capture(name: str) -> Capture:
    return datasets.load(name).with_secrets()


def test_smtp(name: str, capture: Capture) -> None:
    commands, codes = fields(datasets.path(name), "smtp.req.command", "smtp.response.code")
    rows = capture.rows().where(protocol="smtp").where(lambda row: row.verb != "TLS")
    assert Counter(codes) == Counter(row.status for row in rows if row.status)  # several connections at once
    # Lines of a login and a message's end have fields of their own there; STARTTLS is cut to four letters.
    said = [row.verb[:4] for row in rows if row.verb not in (None, ".", "(response)")]
    found = compared(commands, said)
    if name in LINES_OF_A_MESSAGE:
        body = b"".join(each.data for each in capture.messages_carried()).upper()
        assert all(word.lstrip(".").encode() in body for word in found.tshark)
        found = found._replace(tshark=Counter())
    refused = DATA_REFUSED.get(name, 0)
    quits = BEHIND_THE_DOT.get(name, 0) + refused
    assert found == Differences(Counter(), +Counter({"QUIT": quits, "RSET": refused}))


def test_pop3(name: str, capture: Capture) -> None:
    file = datasets.path(name)
    commands, indicators = fields(file, "pop.request.command", "pop.response.indicator")
    rows = capture.rows().where(protocol="pop3").where(lambda row: row.verb != "TLS")
    # It takes the lines of a login for commands (RFC 5034 4), and has no field for the "+" before them.
    said = [row.argument if row.verb == "(response)" else row.verb for row in rows if row.verb]
    assert compared(commands, list(filter(None, said))) == NONE
    replies = [row.status for row in rows if row.status not in (None, "+")]
    assert compared(indicators, replies) == Differences(
        Counter(), +Counter({"+OK": IN_ONE_PACKET.get(name, 0)})
    )


def test_imap(name: str, capture: Capture) -> None:
    (commands,) = fields(datasets.path(name), "imap.request.command")
    rows = capture.rows().where(protocol="imap").where(lambda row: row.verb != "TLS")
    # A UID command is the command behind the word there.
    said = [row.verb.split()[-1] for row in rows if row.verb not in (None, "(response)")]
    assert compared(commands, said) == Differences(LITERAL.get(name, Counter()), Counter())


@pytest.mark.parametrize(
    "name",
    [
        *("tour", "journey-back", "journey-delayed", "journey-twice", "postfix-relay", "real-journey"),
        *("mbsync-imap", "offlineimap-imap", "neomutt-imap-starttls", "curl-imap-starttls"),
    ],
)
def test_messages(name: str, tmp_path: Path) -> None:
    """By SMTP and IMAP; of POP3 it joins what was said before to the first, and has no others.

    It leaves the dots in that SMTP puts before dots (RFC 5321 4.5.2).
    """
    file = datasets.path(name)
    ran = run(file.parent, "tshark", "-q", "-r", file.name, "--export-objects", f"imf,{tmp_path}")
    assert ran.returncode == 0, ran.stderr
    theirs = {path.read_bytes().rstrip(b"\r\n") for path in tmp_path.iterdir()}
    carried = [each for each in datasets.load(name).messages_carried() if each.talk.protocol != "pop3"]
    assert carried
    for each in carried:
        stuffed = dot_stuff(each.data).removesuffix(b".\r\n") if each.talk.protocol == "smtp" else each.data
        assert stuffed.rstrip(b"\r\n") in theirs

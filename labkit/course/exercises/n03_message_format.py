"""Exercises of notebook 03, the format of a message."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import Unreadable, mapping, word
from labkit.course.answers import text as text_of
from labkit.course.evidence import DEVICES, Evidence
from labkit.course.model import exercise
from labkit.course.sample_letter import SAMPLE
from labkit.message.fields import iter_fields
from labkit.message.linting import lint
from labkit.message.mime import parse
from labkit.message.trace import parse_received
from labkit.views.message import complaint, octets_of
from labkit.views.rows import select
from labkit.views.words import listing, short, visible

LONG = (
    "Subject: The minutes of the meeting of the committee for the preparation of the next meeting of the "
    "committee"
)
"""The field of 03.1, on one line."""
LINE = 78
REPLY = {
    "In-Reply-To": "<3@bob-pc.example.org>",
    "References": "<1@alice-pc.example.com> <3@bob-pc.example.org>",
}
"""What an answer to Bob's letter of 03.2 must say."""
BROKEN = """\
From: Alice Smith alice@example.com
To: bob@example.org
Subject: Lunch
Subject: Lunch on Friday
Date: Mon, 32 Jan 2026 09:00:00
Message-ID: 4711

Noon as always?
"""


@exercise(
    "03.1",
    title="Fold it",
    question="""
        `long` is a field on one line of 109 characters. Write the same field on lines of at most 78, so that
        every reader puts the same value together again. Answer with a text in which lines end in `\\r\\n`.
    """,
    expects="a text with \\r\\n between its lines",
    hints=(
        "A line that begins with white space belongs to the field above it. Where may you break the line, "
        "so that nothing of the value changes?",
        "Break before a space that is there anyway: the space stays, and becomes the first of the next line.",
        'With the part before a space and the part from that space on: `answer = first + "\\r\\n" + rest`, '
        "where `rest` begins with the space.",
    ),
    solution="""
        Put CRLF before one of the spaces, and leave the space where it is:

            place = long.rindex(" ", 0, 78)
            answer = long[:place] + "\\r\\n" + long[place:]
    """,
    second_way="""
        Python's own library folds too:

            from email.message import EmailMessage
            letter = EmailMessage()
            letter["Subject"] = long.removeprefix("Subject: ")
            answer = letter.as_string().replace("\\n", "\\r\\n").strip()
    """,
    explanation="""
        Folding puts a line end before white space that is there, and unfolding takes only the line end away
        (RFC 5322 2.2.3). A field can be read by a person and by a program of 1982.
    """,
)
def fold_it(answer: Any) -> str | None:
    text = text_of(answer).replace("\\r\\n", "\r\n").removesuffix("\r\n")  # typed into the card, perhaps
    if "\n" in text.replace("\r\n", ""):
        return "A line ends in \\n alone. In a message a line ends in \\r\\n."
    lines = text.split("\r\n")
    if len(lines) == 1:
        return f"That is one line of {len(text)} characters. Put a line end into it."
    for number, line in enumerate(lines, 1):
        if not line.strip():
            return f"Line {number} is empty, and an empty line ends the header."
        if number > 1 and line[0] not in " \t":
            return (
                f"Line {number} begins with “{short(visible(line), 20)}”. Without white space in front it is "
                "no part of the field above it."
            )
        if len(line) > LINE:
            return f"Line {number} has {len(line)} characters; at most {LINE} are asked for."
    if (joined := text.replace("\r\n", "")) != LONG:
        more = "more" if len(joined) > len(LONG) else "less" if len(joined) < len(LONG) else "other"
        at = next((i for i, (a, b) in enumerate(zip(joined, LONG, strict=False)) if a != b), len(LONG))
        return (
            f"Unfolded, it is another value, with {more} than before: it differs at “"
            f"{visible(joined[max(0, at - 12) : at + 8])}”. Each space stays exactly once."
        )
    return None


@exercise(
    "03.2",
    title="An answer in its thread",
    question="""
        Alice answers the letter that you see above. Which `In-Reply-To` and which `References` does her
        answer have? Fill in both values as they stand in the header.
    """,
    expects='a dict with the values of "In-Reply-To" and "References"',
    hints=(
        "In-Reply-To names the letter that is answered. References names the whole way there.",
        "The letter that is answered has a Message-ID, and References of its own.",
        "References are those of the letter that is answered, and its Message-ID behind them, with a space "
        "between.",
    ),
    solution="""
        The Message-ID of Bob's letter, and all that came before it:

            answer = {
                "In-Reply-To": "<3@bob-pc.example.org>",
                "References": "<1@alice-pc.example.com> <3@bob-pc.example.org>",
            }
    """,
    second_way="""
        Let the fields be read for you:

            from labkit.message.fields import get
            own = get(letter, "Message-ID").decode()
            before = get(letter, "References").decode()
            answer = {"In-Reply-To": own, "References": f"{before} {own}"}
    """,
    explanation="""
        That is all a thread is: each letter names those before it, the newest last (RFC 5322 3.6.4). A reader
        can draw the tree even where a letter is missing.
    """,
)
def an_answer_in_its_thread(answer: Any) -> str | None:
    given = mapping(answer)
    for name, right in REPLY.items():
        if name.lower() not in given:
            return f"{name} is missing."
        value = given[name.lower()]
        if value is ... or value is None:
            return f"{name} has no value yet."
        found, wanted = " ".join(str(value).split()), right.split()
        ids = found.split()
        if found == right:
            continue
        if [f"<{each.strip('<>')}>" for each in ids] == wanted:
            return f"{name}: the angle brackets belong to an identification. Write them too."
        if name == "References" and ids == wanted[::-1]:
            return "References: the oldest comes first, and the letter that is answered last."
        if name == "References" and ids == wanted[-1:]:
            return "References names only the letter that is answered. What of the one before it?"
        if name == "References" and ids == wanted[:1]:
            return "References names only the first letter. The one that is answered belongs to it."
        if name == "In-Reply-To" and len(ids) > 1:
            return "In-Reply-To names the one letter that is answered; the way there stands in References."
        if name == "In-Reply-To" and ids == REPLY["References"].split()[:1]:
            return "In-Reply-To: that is Alice's own first letter. She answers Bob's."
        return f"{name}: {short(visible(found), 60) or 'nothing'} is not what stands in Bob's letter."
    return None


FIELDS_ASKED = ("Message-ID", "lower Received", "upper Received", "Return-Path")


@exercise(
    "03.3",
    title="Who wrote it?",
    question="""
        Four of the fields that Bob's letter arrived with: which device wrote each of them?
    """,
    expects='a dict of four devices, such as "sender\'s host"',
    hints=(
        "Compare the header of the letter as it was submitted, as it was relayed, and as Bob got it.",
        "What stands in it when a device sends it and did not when the device got it, that device wrote.",
        "A server writes one Received when it takes a letter. Return-Path is written by the one that puts it "
        "into a mailbox.",
    ),
    solution="""
        Each server wrote one Received, the lower one first; and the last server wrote the envelope's sender
        on top:

            answer = {
                "Message-ID": "sender's host",
                "lower Received": "sender's server",
                "upper Received": "recipient's server",
                "Return-Path": "recipient's server",
            }
    """,
    second_way="""
        Count the fields on each leg. A field that is new on a leg was written by whoever sent it there:

            names = world.capture.headers.groupby(["connection", "name"]).size().unstack(0)
    """,
    explanation="""
        The order tells it too: everything below the lowest Received was there when the letter left its
        author's host, and each server adds on top. Only what your own server added is sure to be true.
    """,
)
def who_wrote_it(answer: Any, capture: Evidence) -> str | None:
    written = _written_by(capture)
    if len(written) < len(FIELDS_ASKED):
        return "No letter went the whole way in this world. Run the section from its first cell."
    given = mapping(answer)
    for name in FIELDS_ASKED:
        if name.lower() not in given:
            return f"There is no device for {name}."
        device = given[name.lower()]
        if device is ... or device is None:
            return f"There is no device for {name} yet."
        if word(device) not in DEVICES:
            return f"“{short(str(device), 40)}” is none of the four devices: {listing(DEVICES)}."
        if word(device) != written[name]:
            return _wrong_device(name, word(device), written[name])
    return None


def _wrong_device(name: str, given: str, right: str) -> str:
    if name == "Message-ID":
        return f"Message-ID is there from the first leg on: before the {given} had the letter."
    if given == "recipient's host":
        return f"{name} stood in the letter when Bob's host got it; a host that fetches mail adds nothing."
    if name == "Return-Path":
        return f"Return-Path is not in the letter yet when the {given} sends it on."
    if given == "sender's host":
        return f"{name}: a Received is written by the device that receives."
    return f"{name}: the {given} wrote the other Received. Which of the two was written first?"


def _written_by(capture: Evidence) -> dict[str, str]:
    """The device that wrote each field that is asked for, from the legs on which it stands."""
    legs: list[tuple[str, list[str]]] = []
    for letter in sorted(capture.messages, key=lambda row: row["time"]):
        side = "client" if letter.get("direction") == "sent" else "server"
        headers = select(
            capture.rows("headers"), connection=letter["connection"], exchange=letter["exchange"]
        )
        legs.append((capture.role(letter["connection"], side), [str(row["name"]).lower() for row in headers]))
    found = {
        "Message-ID": _first_with(legs, "message-id", 1),
        "lower Received": _first_with(legs, "received", 1),
        "upper Received": _first_with(legs, "received", 2),
        "Return-Path": _first_with(legs, "return-path", 1),
    }
    return {name: device for name, device in found.items() if device}


def _first_with(legs: list[tuple[str, list[str]]], name: str, times: int) -> str | None:
    return next((device for device, names in legs if names.count(name) >= times), None)


@exercise(
    "03.4",
    title="Where did it wait?",
    question="""
        The letter to the gardeners (`SAMPLE`) was on its way for 17 minutes. At which host did it spend
        nearly all of them? Answer with the host's name.
    """,
    expects="the name of a host",
    hints=(
        "`hops` shows the delay beside the host that took the letter *after* the wait.",
        "Who had the letter before that host took it?",
        "The row with 1026 seconds says from whom the letter came. That host had it for so long.",
    ),
    solution="""
        The longest delay is before mx2.example.org took the letter, so it lay at the host from which that one
        had it:

            answer = "lists.example.net"
    """,
    second_way="""
        Ask the table:

            way = hops(SAMPLE)
            answer = way.loc[way.delay_s.idxmax(), "from"]
    """,
    explanation="""
        A Received says when a host *took* the letter, so the time between two of them was spent at the lower
        one. A quarter of an hour is typical of greylisting: mx2 refused the list once, and it came back.
    """,
)
def where_did_it_wait(answer: Any) -> str | None:
    hops = [
        parse_received(field.value) for field in iter_fields(octets_of(SAMPLE)) if field.name == "Received"
    ]
    given = word(answer).rstrip(".")
    names = [hop.by or "" for hop in hops]  # the newest first
    if given == "lists.example.net":
        return None
    if given == "mx2.example.org":
        return "mx2.example.org took the letter when the long time was over. Where had it been until then?"
    if given == "mail.example.com":
        return (
            "mail.example.com has a clock that is ahead: the next host took the letter 4 seconds “before” "
            "it. It was there for a moment only."
        )
    if given in names:
        return f"{given} was the last to take it, 3 seconds after the host before."
    known = listing(sorted(set(names)))
    return f"“{short(visible(given), 40)}” is no host that took the letter: there are {known}."


@exercise(
    "03.5",
    title="Mend it",
    question="""
        `broken` is a letter that readers show with a shrug. Mend it, so that `complaints` finds no error in
        it any more. The text, the sender and the recipient stay.
    """,
    expects="the text of a letter",
    hints=(
        "`complaints(broken)` names each fault, with the line and a caret. Mend one, and ask again.",
        "The address needs its angle brackets; one Subject must go; January has 31 days, and a date has a "
        "zone.",
        "`From: Alice Smith <alice@example.com>`, `Date: Mon, 5 Jan 2026 09:00:00 +0000`, `Message-ID: "
        "<4711@example.com>`.",
    ),
    solution="""
        Four lines change:

            answer = \"\"\"From: Alice Smith <alice@example.com>
            To: bob@example.org
            Subject: Lunch on Friday
            Date: Mon, 5 Jan 2026 09:00:00 +0000
            Message-ID: <4711@alice-pc.example.com>

            Noon as always?
            \"\"\"
    """,
    second_way="""
        Replace in the text what is wrong:

            answer = (
                broken.replace("alice@example.com", "<alice@example.com>")
                .replace("Subject: Lunch\\n", "")
                .replace("Mon, 32 Jan 2026 09:00:00", "5 Jan 2026 09:00:00 +0000")
                .replace("4711", "<4711@alice-pc.example.com>")
            )
    """,
    explanation="""
        Readers would have shown the broken one too, and each in its own way: one with the first Subject,
        another with the second. A letter that keeps the rules looks the same to all of them.
    """,
)
def mend_it(answer: Any) -> str | None:
    if not isinstance(answer, str | bytes):
        raise Unreadable("The answer is not a text.")
    data = octets_of(answer)
    if (answer if isinstance(answer, str) else answer.decode("utf-8", "replace")).strip() == BROKEN.strip():
        return "That is the broken letter, as it was. `complaints(broken)` tells what is wrong with it."
    root = parse(data)
    for found in lint(data):
        if found.severity == "error":
            where = complaint(data, found).partition(": error: ")
            return f"There is still an error in {where[0]}: {found.sentence} ({found.rule})"
    for name, said in (("From", b"alice@example.com"), ("To", b"bob@example.org")):
        if said not in (root.get(name) or b""):
            return f"{name} does not name {said.decode()} any more. Keep what was right."
    if b"Lunch" not in (root.get("Subject") or b""):
        return "The letter has lost its subject. One of the two had to go, not both."
    if b"Noon as always?" not in root.body:
        return "The text of the letter is gone, or has become a part of the header."
    return None

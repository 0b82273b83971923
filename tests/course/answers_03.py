"""Right answers and typical mistakes for the exercises of notebook 03."""

from __future__ import annotations

from typing import Any

from labkit.course.exercises.n03_message_format import BROKEN, LONG, REPLY
from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, Any]


def travelled(*, fetched: bool = True) -> Tables:
    """Alice's letter to Bob, on all its legs or left at his server."""
    world = World(seed=0)
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, subject="Lunch on Friday", text="Noon as always?\n"))
    world.settle()
    if fetched:
        bob.retrieve("pop3")
    tables = {
        name: rows_of(world.capture, name)
        for name in ("connections", "exchanges", "messages", "headers", "lookups")
    }
    world.close()
    return tables


WAY = travelled()
PLACE = LONG.rindex(" ", 0, 78)
FOLDED = LONG[:PLACE] + "\r\n" + LONG[PLACE:]
ID, FIRST = REPLY["In-Reply-To"], REPLY["References"].split()[0]
WROTE = {
    "Message-ID": "sender's host",
    "lower Received": "sender's server",
    "upper Received": "recipient's server",
    "Return-Path": "recipient's server",
}
MENDED = (
    BROKEN.replace("alice@example.com", "<alice@example.com>")
    .replace("Subject: Lunch\n", "")
    .replace("Mon, 32", "5")
    .replace("09:00:00", "09:00:00 +0000")
    .replace("4711", "<4711@example.com>")
)


def replied(**fields: Any) -> tuple[Any]:
    return ({"In-Reply-To": ID, "References": REPLY["References"], **fields},)


def wrote(**fields: Any) -> tuple[Any, Tables]:
    return {**WROTE, **{name.replace("_", " "): device for name, device in fields.items()}}, WAY


CASES: dict[str, tuple[Any, Any, Any]] = {
    "03.1": (
        (LONG,),
        [
            (FOLDED,),
            (LONG.replace(" of ", "\r\n of ").encode(),),
            (FOLDED + "\r\n",),
            (FOLDED.replace("\r\n", r"\r\n"),),
        ],
        [
            ((FOLDED.replace("\r", ""),), "A line ends in \\n alone"),
            ((LONG[: PLACE + 1] + "\r\n" + LONG[PLACE + 1 :],), "Line 2 begins with “"),
            ((FOLDED + "\r\n \r\n",), "Line 3 is empty"),
            ((LONG[:PLACE] + "\r\n " + LONG[PLACE:],), "with more than before"),
            ((LONG[:90] + "\r\n " + LONG[91:],), "Line 1 has 90 characters"),
            ((FOLDED.replace("minutes", "minute"),), "with less than before"),
        ],
    ),
    "03.2": (
        ({"In-Reply-To": ..., "References": ...},),
        [replied(), ({"references": f"{FIRST}  {ID}", "in-reply-to": f" {ID}"},)],
        [
            (replied(References=ID), "names only the letter that is answered"),
            (replied(References=FIRST), "names only the first letter"),
            (replied(References=f"{ID} {FIRST}"), "the oldest comes first"),
            (replied(**{"In-Reply-To": f"{FIRST} {ID}"}), "names the one letter that is answered"),
            (replied(**{"In-Reply-To": FIRST}), "Alice's own first letter"),
            (replied(**{"In-Reply-To": ID.strip("<>")}), "the angle brackets"),
            (replied(References="Lunch on Friday"), "is not what stands in Bob's letter"),
            (({"In-Reply-To": ID},), "References is missing"),
            (replied(References=None), "References has no value yet"),
        ],
    ),
    "03.3": (
        (dict.fromkeys(WROTE, ...), WAY),
        [wrote(), ({name.upper(): f" {device.title()}" for name, device in WROTE.items()}, WAY)],
        [
            (wrote(**{"Message-ID": "sender's server"}), "from the first leg on"),
            (wrote(**{"Return-Path": "sender's server"}), "not in the letter yet"),
            (wrote(**{"Return-Path": "recipient's host"}), "a host that fetches mail adds nothing"),
            (wrote(lower_Received="sender's host"), "by the device that receives"),
            (
                wrote(lower_Received="recipient's server", upper_Received="sender's server"),
                "the other Received",
            ),
            (wrote(upper_Received="mail.example.org"), "is none of the four devices"),
            (wrote(upper_Received=None), "no device for upper Received yet"),
            (({"Message-ID": "sender's host"}, WAY), "no device for lower Received"),
            ((WROTE, travelled(fetched=False)), "No letter went the whole way"),
        ],
    ),
    "03.4": (
        (...,),
        [("lists.example.net",), (" Lists.Example.Net. ",)],
        [
            (("mx2.example.org",), "Where had it been until then?"),
            (("mail.example.com",), "has a clock that is ahead"),
            (("store.example.org",), "was the last to take it"),
            (("dsl-200.example.com",), "is no host that took the letter"),
            ((1026,), "not a word in quotes"),
        ],
    ),
    "03.5": (
        (BROKEN,),
        [(MENDED,), (MENDED.replace("\n", "\r\n").replace("5 Jan", "Mon, 5 Jan").encode(),)],
        [
            ((MENDED.replace("Jan 2026", "Foo 2026"),), "This is no month"),
            ((MENDED.replace("Subject", "Subject: x\nSubject"),), "Subject stands more than once"),
            ((MENDED.replace("<4711@example.com>", "<4711>"),), "must stand one @"),
            ((MENDED[MENDED.index("\n") + 1 :],), "There is no From"),
            ((MENDED.replace("Subject: Lunch on Friday\n", ""),), "has lost its subject"),
            ((MENDED.replace("bob@", "carol@"),), "To does not name bob@example.org"),
            ((MENDED.partition("\n\n")[0] + "\n\nHello\n",), "The text of the letter is gone"),
            ((5,), "The answer is not a text"),
        ],
    ),
}

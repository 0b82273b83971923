"""Exercises of notebook 02, addresses."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import mapping, word, words
from labkit.course.evidence import Evidence
from labkit.course.model import Choice, exercise, quiz
from labkit.message.historical import recognise
from labkit.views.rows import Row, select
from labkit.views.words import listing

DOMAIN, SERVER = "example.org", "mail.example.org"
RIGHT_ONES = {
    "a": "It is the plainest of all.",
    "c": "Between quotes a local part may have spaces.",
    "e": "Braces are among the signs that need no quotes; so are `!#$%&'*+-/=?^_|~` and the backquote.",
    "f": "Brackets hold an address of the internet itself, here one of IPv6.",
}
WRONG_ONES = {
    "b": "a space needs quotes",
    "d": "between two dots something must stand",
    "g": "no local part begins with a dot, unless in quotes",
    "h": "a domain has letters, digits and hyphens, and no underscore",
}


@exercise(
    "02.1",
    title="Which of them is none?",
    question="""
        Some of the eight are no addresses by the rules of SMTP. Which? Answer with their letters.
    """,
    expects="""a list of letters, such as `["a", "b"]`""",
    hints=(
        "Four of them are none. Quotes and brackets make strange things possible.",
        "A plain local part is made of words with single dots between them. A domain has letters, digits and "
        "hyphens.",
        "`parse_mailbox(text)` reads an address, or says where it cannot be one, and by which rule.",
    ),
    solution="""
        The space, the two dots, the dot in front, the underscore:

            answer = ["b", "d", "g", "h"]
    """,
    second_way="""
        Let the lab read them:

            from labkit import ProtocolError

            answer = []
            for letter, text in candidates.items():
                try:
                    parse_mailbox(text)
                except ProtocolError as error:
                    print(letter, error)
                    answer.append(letter)
    """,
    explanation="""
        RFC 5321 4.1.2 has the grammar. A web form that refuses `{bob}@example.org` is wrong, and so is one
        that takes `b..ob`. The only proof that an address works is a letter that arrives.
    """,
)
def which_is_none(answer: Any) -> str | None:
    given = {each.strip("(). ") for each in words(answer)}
    if strange := sorted(given - RIGHT_ONES.keys() - WRONG_ONES.keys()):
        return f"{listing(strange)} is no letter of the list."
    for letter in sorted(given & RIGHT_ONES.keys()):
        return f"{letter} is an address. {RIGHT_ONES[letter]}"
    missing = sorted(WRONG_ONES.keys() - given)
    if missing:
        found = f"Right so far: {listing(f'{each} ({WRONG_ONES[each]})' for each in sorted(given))}. "
        return f"{found if given else ''}There {'are' if len(missing) > 1 else 'is'} {len(missing)} more."
    return None


@exercise(
    "02.2",
    title="A second host",
    question="""
        Give example.org a second mail host, which takes Bob's letter while his server is off. His own server
        must still be asked first.
    """,
    hints=(
        "The first world of this section has such a host. Which line made it, and what does its number say?",
        "The lower preference is tried first. That of mail.example.org is 10.",
        '`world.domain("example.org", server="backup.example.org", preference=20)`',
    ),
    solution="""
        A host with a higher number:

            world.domain("example.org", server="backup.example.org", preference=20)
    """,
    second_way="""
        Two of them, and any name will do. Equal numbers are tried in an order drawn by lot:

            world.domain("example.org", server="mx1.example.net", preference=50)
            world.domain("example.org", server="mx2.example.net", preference=50)
    """,
    explanation="""
        The second host is no copy of the first: it has none of its mailboxes. It takes the letter so that the
        sender is rid of it, and then waits in the sender's stead (RFC 5321 5.1).
    """,
)
def a_second_host(capture: Evidence) -> str | None:
    calls = [row for row in capture.speaking("smtp") if row.get("client_name") == "mail.example.com"]
    calls = sorted(calls, key=lambda row: row["connection"])
    asked = _tried(capture)
    if not asked:
        return "Alice's server has sent nothing in this world. Run the cell from its first line."
    taken = [row for row in calls if _took(capture, row)]
    if not taken:
        return f"Alice's server knew only {listing(asked)}, and still has the letter. A second MX is missing."
    if taken[0].get("server_name") == SERVER:
        return "Bob's own server took the letter. It must be off meanwhile, as it stands in the cell."
    if not any(row.get("server_name") == SERVER and row["connection"] < taken[0]["connection"]
               for row in capture.connections if row.get("client_name") == "mail.example.com"):  # fmt: skip
        return (
            f"{taken[0].get('server_name')} took the letter, and nobody had asked {SERVER} before. The lower "
            "preference is tried first."
        )
    return None


def _tried(capture: Evidence) -> list[str]:
    """The hosts that the MX records of the domain named, in the last answer."""
    answers = [row for row in capture.rows("lookups") if (row.get("name"), row.get("type")) == (DOMAIN, "MX")]
    last = str(answers[-1].get("answer") or "") if answers else ""
    return [each.split()[-1].rstrip(".") for each in last.split(" / ") if each.split()]


def _took(capture: Evidence, connection: Row) -> bool:
    return bool(select(capture.accepted(), connection=connection["connection"]))


alias_or_list = quiz(
    "02.3",
    title="Which was it?",
    question="""
        You wrote to all@example.net. An hour later you get a notice: “old-member@example.com: no such user”.
        Eighty others got your letter. What is all@example.net?
    """,
    choices=(
        Choice("a", "A group in your header.",
               "Then your own program would have put eighty addresses into the envelope, and you would have "
               "written them yourself."),
        Choice("b", "An alias.",
               "Its server replaced the forward-path and left the reverse-path: yours. So whoever refused "
               "told you, about an address that you have never seen.", right=True),
        Choice("c", "A mailing list.",
               "A list puts its owner into the reverse-path, and the owner would have been told. You would "
               "never have heard of the old member."),
        Choice("d", "A domain with two MX records.",
               "Those lead to hosts. They make one letter of one letter."),
    ),
    hints=(
        "Who is told of a failure? The address in MAIL. Whose was it at the end of the way?",
        "A list changes the envelope's from, an alias does not.",
        "Look at the two results in `told`, and put yourself in Alice's place.",
    ),
    solution="""
        b. The notice came to you, so the reverse-path was still yours.
    """,
    second_way="""
        Look at the field Return-Path in a copy that arrived: behind an alias it has the writer's address,
        behind a list the owner's.
    """,
)  # fmt: skip


@exercise(
    "02.4",
    title="The last host",
    question="""
        Three addresses of the museum. Which host was each to reach in the end? Write its name as one would
        write it today, where that differs.
    """,
    expects="a dict with a host for each of the three addresses",
    hints=(
        "A bang path is read from the left: each host dials the next.",
        "With % it is the other way: the host behind the @ takes the letter, and turns the last % into an @.",
        "Britain wrote domains from the large to the small: uk.ac.oxford.vax.",
    ),
    solution="""
        The last one dialled, the one before the last @, and the name turned round:

            answer = {"seismo!mcvax!bob": "mcvax", "bob%vax1@gateway.example": "vax1",
                      "bob@uk.ac.oxford.vax": "vax.oxford.ac.uk"}
    """,
    second_way="""
        The lab has read them already:

            answer = {address: recognise(address).route[-1] for address in answer}
    """,
    explanation="""
        Every one of them mixes *who* with *the way to him*. The domain of 1983 separated the two, and MX in
        1986 left the way to the DNS: since then an address says nothing about routes, and lasts.
    """,
)
def the_last_host(answer: Any) -> str | None:
    given = mapping(answer)
    for address in ("seismo!mcvax!bob", "bob%vax1@gateway.example", "bob@uk.ac.oxford.vax"):
        value = given.get(address)
        if value in (..., None, ""):
            return f"Which host was {address} to reach?"
        host = word(value).rstrip(".")
        found = recognise(address)
        assert found is not None
        if host == found.route[-1]:
            continue
        if host == "bob":
            return "Bob is the user; the question is about his host."
        if host in found.route:
            return f"{host} was only on the way of {address}. {found.sentence}"
        if host == "uk.ac.oxford.vax":
            return "So it was written then. Turn it round, label by label."
        return f"{host} is not where {address} was to end. {found.sentence}"
    return None

"""Exercises of notebook 04, MIME."""

from __future__ import annotations

from typing import Any

from labkit.course.answers import Unreadable, numbers
from labkit.course.answers import text as text_of
from labkit.course.model import exercise
from labkit.course.postcard import PICTURE, POSTCARD
from labkit.message.linting import lint
from labkit.message.mime import Part, parse
from labkit.views.message import complaint, octets_of
from labkit.views.words import plural, short, visible

BOB = "Qm9iIQ=="
CHEESE = "K=C3=A4se =3D 2 =E2=82=AC"
PICTURE_PART = "1.2.2"


@exercise(
    "04.1",
    title="base64 by hand",
    question="""
        Write the four octets of `Bob!` in base64, by hand or with the arithmetic above, not with the module
        `base64`.
    """,
    expects="a text of eight characters",
    hints=(
        "Three octets make four characters. Four octets are three, and one that is left over.",
        "The last group has one octet, 8 bits: put zeros behind it until there are 12, two digits. Then two "
        "`=` say what is missing.",
        "`Bob` is 010000 100110 111101 100010, which is Q, m, 9, i. `!` is 00100001, filled up: 001000 "
        "010000.",
    ),
    solution="""
        `Bob` is `Qm9i`. `!` is 33, 00100001; with four zeros that is 001000 and 010000, 8 and 16, `I` and
        `Q`:

            answer = "Qm9iIQ=="
    """,
    second_way="""
        Let Python do the bits, as the cell above does:

            bits = "".join(f"{octet:08b}" for octet in b"Bob!")
            bits += "0" * (-len(bits) % 6)
            digits = [ALPHABET[int(bits[place : place + 6], 2)] for place in range(0, len(bits), 6)]
            answer = "".join(digits) + "=" * (-len(digits) % 4)
    """,
    explanation="""
        Two `=` say: of the last three octets there was only one. So a decoder knows where to stop, and the
        zeros that filled the group up are thrown away.
    """,
)
def base64_by_hand(answer: Any) -> str | None:
    text = text_of(answer).strip()
    if text == BOB:
        return None
    if text.rstrip("=") == BOB.rstrip("="):
        return "The digits are right. How many `=` make the last group one of four characters?"
    if text == "Qm9iIQo=":
        return "That has a line feed behind the exclamation mark, and is five octets long."
    if text.startswith("Qm9i"):
        return "`Bob` is right. The `!` stands alone: fill its 8 bits up with zeros, not with anything else."
    if text.lower() == BOB.lower():
        return "Capital and small letters are different digits: Q is 16, q is 42."
    if len(text) != len(BOB):
        return f"Four octets make eight characters, with the `=`; yours are {len(text)}."
    return "Those are other digits. Write the octets as bits, and cut them into groups of six from the left."


@exercise(
    "04.2",
    title="Quoted-printable by hand",
    question="""
        Write the line `Käse = 2 €` in quoted-printable, with the charset UTF-8.
    """,
    expects="a text",
    hints=(
        "Which characters are no harmless ASCII? And which one is ASCII and has a meaning of its own here?",
        'What are the octets of `ä` and of `€`? `"ä€".encode()` shows them.',
        "`ä` is C3 A4, `€` is E2 82 AC, and `=` itself is 3D.",
    ),
    solution="""
        Three characters are written as octets, one of them the equals sign:

            answer = "K=C3=A4se =3D 2 =E2=82=AC"
    """,
    second_way="""
        Python knows it as well:

            import quopri
            answer = quopri.encodestring("Käse = 2 €".encode()).decode()
    """,
    explanation="""
        A person can nearly read it, which was the idea. A text in Greek would be three times as long, and
        nobody could: for that base64 is better.
    """,
)
def quoted_printable_by_hand(answer: Any) -> str | None:
    text = text_of(answer).rstrip("\r\n")
    if text == CHEESE:
        return None
    if not text.isascii():
        rest = next(character for character in text if not character.isascii())
        return f"“{rest}” is not ASCII: write each of its octets as = and two digits."
    if "=E4" in text.upper() or "=80" in text:
        return "Those are the octets of another charset. In UTF-8 `ä` has two octets and `€` has three."
    if text.upper() == CHEESE.replace("=3D", "=").upper():
        return "The equals sign has a meaning here, so it cannot stand for itself. It is the octet 3D."
    if text == CHEESE.replace(" ", "=20"):
        return "That can be read, but a space in the middle of a line needs no quoting. Leave it as it is."
    if text.upper() == CHEESE.upper():
        return (
            "The hexadecimal digits are capital letters here, and the others as in the line (RFC 2045 6.7)."
        )
    return f"Decoded, that is not the line: {short(visible(_decoded(text)), 40)}"


def _decoded(text: str) -> str:
    header = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return parse(header + text.encode("utf-8", "replace")).text()


@exercise(
    "04.3",
    title="From octet to octet",
    question="""
        The picture of the sea is in `POSTCARD`, in base64. From which octet to which? Answer with two
        numbers, so that `POSTCARD[first:behind]` is the body of that part, and nothing else.
    """,
    expects="two numbers",
    hints=(
        "`segments(POSTCARD)` lists every piece of the letter. Which part is the picture, and which of its "
        "two pieces is the body?",
        "A body begins behind the empty line of its header, and ends before the line end that belongs to "
        "the delimiter.",
        "The picture is part 1.2.2.",
    ),
    solution="""
        The row of part 1.2.2 whose `what` is body:

            answer = (869, 1067)
    """,
    second_way="""
        Let the tree be asked:

            from labkit.message.mime import parse
            part = next(part for part in parse(POSTCARD).walk() if part.content_type == "image/png")
            answer = (part.header_end, part.end)
    """,
    explanation="""
        Nothing had to be decoded or copied for that. An IMAP server does the same when a reader asks for one
        part of a large letter, and sends these octets alone.
    """,
)
def from_octet_to_octet(answer: Any) -> str | None:
    given = numbers(answer)
    if len(given) != 2:
        return "Two numbers are asked for: the first octet, and the one behind the last."
    first, behind = given
    part = next(each for each in parse(POSTCARD).walk() if each.path == PICTURE_PART)
    if (first, behind) == (part.header_end, part.end):
        return None
    if behind <= first:
        return "The second number is the larger one: the octet behind the last."
    if first == part.offset:
        return "The first octet is that of the part's header. The body begins behind the empty line."
    if first != part.header_end:
        return _somewhere_else(first)
    if behind == part.end + 2:
        return "At the end are two octets too many: the CRLF before a delimiter belongs to the delimiter."
    if behind == part.end - 2:
        return (
            "Two octets are missing: there are two line ends, that of the last line of base64 and that of "
            "the delimiter, and the first belongs to the body."
        )
    if behind == part.end - 1:
        return "The second number is that of the octet *behind* the last one, as always in Python."
    return "The body begins there, and ends somewhere else: directly before the next delimiter."


def _somewhere_else(first: int) -> str:
    for part in parse(POSTCARD).walk():
        if first == part.header_end:
            return f"There begins the body of part {part.path}, which is {part.content_type}."
    return "At that octet no body begins. Look for the part with the type image/png."


@exercise(
    "04.4",
    title="The octets that were meant",
    question="""
        Take the picture out of the letter: its octets, as they were before they were encoded. Do not use the
        lab's parser; you know where it lies.
    """,
    expects="octets",
    hints=(
        "Cut out the body of the part by its two numbers, and undo the encoding that its header names.",
        "`base64.b64decode` takes octets and leaves line ends aside.",
        "`base64.b64decode(POSTCARD[869:1067])`",
    ),
    solution="""
        Cut, and decode:

            import base64
            answer = base64.b64decode(POSTCARD[869:1067])
    """,
    second_way="""
        The standard library's parser walks the same tree:

            import email
            letter = email.message_from_bytes(POSTCARD)
            for part in letter.walk():
                if part.get_content_type() == "image/png":
                    answer = part.get_payload(decode=True)
    """,
    explanation="""
        It begins with 137 and `PNG`, as every such picture does. 143 octets became 198 on their way: a third
        more for base64, and the line ends.
    """,
)
def the_octets_that_were_meant(answer: Any) -> str | None:
    if isinstance(answer, bytearray | memoryview):
        answer = bytes(answer)
    if isinstance(answer, str):
        return "That is text. A picture is octets: decode it, and do not write it as text."
    if not isinstance(answer, bytes):
        raise Unreadable("The answer is not octets.")
    if answer == PICTURE:
        return None
    part = next(each for each in parse(POSTCARD).walk() if each.path == PICTURE_PART)
    if answer.split() == part.body.split():
        return "That is the body as it was sent, in base64. Decode it."
    if part.body in answer:
        return "That is the part with its header. Only the body was encoded."
    if PICTURE.startswith(answer) and answer:
        return f"The end is missing: you have {len(answer)} octets of {len(PICTURE)}."
    for each in parse(POSTCARD).walk():
        if answer in (each.body, each.decoded()):
            return f"Those are the octets of part {each.path}, which is {each.content_type}."
    return f"Those are {len(answer)} octets, and not the picture's. It begins with `\\x89PNG`."


@exercise(
    "04.5",
    title="Two readings of one letter",
    question="""
        Write a letter by hand that says the same twice, as plain text and as HTML, so that every reader shows
        the best that it can. `complaints` of `labkit.views.message` finds no error in it.
    """,
    expects="the text of a letter",
    hints=(
        "The type of the whole is multipart/alternative. Which of the two comes first?",
        "Each part begins behind a line with `--` and the boundary, and has a header of its own and an empty "
        "line. The last line has `--` at its end too.",
        "Header: From, Date, `MIME-Version: 1.0`, `Content-Type: multipart/alternative; boundary=cut`. Body: "
        "`--cut`, the plain part, `--cut`, the HTML part, `--cut--`.",
    ),
    solution="""
        The plain one first, the one with more in it last:

            answer = \"\"\"From: alice@example.com
            Date: Mon, 5 Jan 2026 09:00:00 +0000
            Message-ID: <2@alice-pc.example.com>
            MIME-Version: 1.0
            Content-Type: multipart/alternative; boundary=cut

            --cut
            Content-Type: text/plain

            Lunch?
            --cut
            Content-Type: text/html

            <p>Lunch?</p>
            --cut--
            \"\"\"
    """,
    second_way="""
        The standard library writes such letters:

            from email.message import EmailMessage
            letter = EmailMessage()
            letter["From"] = "alice@example.com"
            letter["Date"] = "Mon, 5 Jan 2026 09:00:00 +0000"
            letter.set_content("Lunch?\\n")
            letter.add_alternative("<p>Lunch?</p>\\n", subtype="html")
            answer = letter.as_string()
    """,
    explanation="""
        A reader takes the last part that it understands (RFC 2046 5.1.4). So the plain one stands first: who
        knows nothing of MIME sees it before all the signs.
    """,
)
def two_readings(answer: Any) -> str | None:
    if not isinstance(answer, str | bytes):
        raise Unreadable("The answer is not a text.")
    data = octets_of(answer)
    root = parse(data)
    if root.get("MIME-Version") is None:
        return "There is no MIME-Version, so for a reader the whole body is plain text, boundaries and all."
    if not root.content_type.startswith("multipart/"):
        return f"The whole letter is {root.content_type}. Two readings need a multipart."
    if root.content_type != "multipart/alternative":
        return (
            f"{root.content_type} shows all its parts, one behind the other. Which one lets a reader choose?"
        )
    return _wrong_parts(root) or _error(data)


def _wrong_parts(root: Part) -> str | None:
    kinds = [part.content_type for part in root.children]
    if kinds == ["text/html", "text/plain"]:
        return "The last part is the one that a reader prefers. HTML has more to say: it comes last."
    if "missing-close-boundary" in {defect.name for defect in root.defects}:
        return "The line that ends the letter is missing: `--`, the boundary, and `--` once more."
    if len(kinds) != 2:
        return f"The letter has {plural(len(kinds), 'part')} between its boundaries; two are asked for."
    if kinds == ["text/plain", "text/plain"]:
        return (
            "Both parts are taken for plain text. Does the second have a Content-Type, and an empty line "
            "below it?"
        )
    if kinds != ["text/plain", "text/html"]:
        return f"The parts are {kinds[0]} and {kinds[1]}. Plain text and HTML are asked for."
    if not all(part.body.strip() for part in root.children):
        return "A part has no body: behind its header comes an empty line, then the text."
    return None


def _error(data: bytes) -> str | None:
    for found in lint(data):
        if found.severity == "error":
            where = complaint(data, found).partition(": error: ")[0]
            return f"There is an error in {where}: {found.sentence} ({found.rule})"
    return None

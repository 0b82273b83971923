"""Right answers and typical mistakes for the exercises of notebook 04."""

from __future__ import annotations

from typing import Any

from labkit.course.postcard import PICTURE, POSTCARD
from labkit.message.mime import parse

SEA = next(part for part in parse(POSTCARD).walk() if part.content_type == "image/png")
FIRST, BEHIND = SEA.header_end, SEA.end
BOTH = """\
From: alice@example.com
Date: Mon, 5 Jan 2026 09:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=cut

--cut
Content-Type: text/plain

Lunch?
--cut
Content-Type: text/html

<p>Lunch?</p>
--cut--
"""
OTHER = (
    BOTH.replace("cut", '"a b"')
    .replace('--"a b"', "--a b")
    .replace("--cut\nContent-Type: text/plain\n", "--cut\n")
)
TURNED = BOTH.replace("html", "x").replace("plain", "html").replace("/x", "/plain")
MONSTER = b"\x89PNG\r\n"


CASES: dict[str, tuple[Any, Any, Any]] = {
    "04.1": (
        (...,),
        [("Qm9iIQ==",), (b" Qm9iIQ==\n",)],
        [
            (("Qm9iIQ",), "How many `=`"),
            (("Qm9iIQo=",), "a line feed behind the exclamation mark"),
            (("Qm9iIf==",), "fill its 8 bits up with zeros"),
            (("qm9iiq==",), "Q is 16, q is 42"),
            (("Bob!",), "yours are 4"),
            (("AAAAAA==",), "groups of six"),
            ((5,), "a number, not a text"),
        ],
    ),
    "04.2": (
        (...,),
        [("K=C3=A4se =3D 2 =E2=82=AC",), (b"K=C3=A4se =3D 2 =E2=82=AC\r\n",)],
        [
            (("Käse = 2 €",), "“ä” is not ASCII"),
            (("K=C3=A4se =3D 2 €",), "“€” is not ASCII"),
            (("K=E4se =3D 2 =80",), "another charset"),
            (("K=C3=A4se = 2 =E2=82=AC",), "It is the octet 3D"),
            (("K=c3=a4se =3d 2 =e2=82=ac",), "capital letters here"),
            (("K=C3=A4se=20=3D=202=20=E2=82=AC",), "needs no quoting"),
            (("Kaese =3D 2 =E2=82=AC",), "Decoded, that is not the line: Kaese = 2 €"),
        ],
    ),
    "04.3": (
        (...,),
        [((FIRST, BEHIND),), (f"{FIRST}, {BEHIND}",)],
        [
            (((SEA.offset, BEHIND),), "that of the part's header"),
            (((FIRST, BEHIND + 2),), "two octets too many"),
            (((FIRST, BEHIND - 2),), "Two octets are missing"),
            (((FIRST, BEHIND - 1),), "*behind* the last one"),
            (((FIRST, BEHIND + 20),), "ends somewhere else"),
            (((406, 437),), "body of part 1.1, which is text/plain"),
            (((5, 20),), "no body begins"),
            (((BEHIND, FIRST),), "the larger one"),
            ((FIRST,), "Two numbers are asked for"),
        ],
    ),
    "04.4": (
        (...,),
        [(PICTURE,), (bytearray(PICTURE),)],
        [
            ((SEA.body,), "in base64. Decode it"),
            ((POSTCARD[SEA.offset : SEA.end],), "the part with its header"),
            ((SEA.body.decode(),), "That is text"),
            ((PICTURE[:140],), "you have 140 octets of 143"),
            ((b"Sun from ten o'clock on.\r\n",), "part 3.1, which is text/plain"),
            ((MONSTER + b"x",), "Those are 7 octets"),
            ((7,), "not octets"),
        ],
    ),
    "04.5": (
        (...,),
        [(BOTH,), (OTHER.replace("\n", "\r\n").encode(),)],
        [
            ((TURNED,), "it comes last"),
            ((BOTH.replace("MIME-Version: 1.0\n", ""),), "There is no MIME-Version"),
            ((BOTH.replace("alternative", "mixed"),), "Which one lets a reader choose?"),
            ((BOTH.replace("multipart/alternative", "text/html"),), "Two readings need a multipart"),
            ((BOTH.replace("--cut--", ""),), "The line that ends the letter"),
            (
                (BOTH.replace("--cut\nContent-Type: text/html", "Content-Type: text/html"),),
                "has 1 part between",
            ),
            ((BOTH.replace("text/html", "text"),), "Both parts are taken for plain text"),
            ((BOTH.replace("text/html", "image/png"),), "text/plain and image/png"),
            ((BOTH.replace("\nLunch?\n", "\n\n"),), "A part has no body"),
            ((BOTH.replace("Date: Mon", "Date: Tue"),), "There is an error in line 2, column 7"),
            ((5,), "The answer is not a text"),
        ],
    ),
}

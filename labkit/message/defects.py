"""What can be wrong with a part of a message, named: the reader goes on, and says where (RFC 2045-2047).

A name here is short enough for a table's cell; the sentence says what readers do about it.
"""

from __future__ import annotations

from typing import NamedTuple


class Defect(NamedTuple):
    """A name of DEFECTS, and the octet of the whole message at which it shows."""

    name: str
    offset: int


class Kind(NamedTuple):
    """What a defect is, and the section that it breaks."""

    sentence: str
    rule: str


DEFECTS = {
    "missing-empty-line": Kind(
        "The header ends with a line that is no field, not with an empty line.", "RFC 5322 2.1"
    ),
    "bad-content-type": Kind("Content-Type is not type/subtype; text/plain is taken.", "RFC 2045 5.2"),
    "repeated-parameter": Kind("A parameter that stands twice; the first counts.", "RFC 2045 5.1"),
    "unknown-encoding": Kind(
        "No such Content-Transfer-Encoding; the octets stay as they are.", "RFC 2045 6.1"
    ),
    "encoded-composite": Kind(
        "A multipart or message with an encoding, which its parts must have; it stays closed.", "RFC 2045 6.4"
    ),
    "missing-boundary": Kind(
        "A multipart without a boundary parameter; its body is left in one piece.", "RFC 2046 5.1.1"
    ),
    "boundary-in-use": Kind(
        "The boundary of a multipart around it; its body is left in one piece.", "RFC 2046 5.1.2"
    ),
    "boundary-too-long": Kind(
        "A boundary of more than 70 characters; it is used all the same.", "RFC 2046 5.1.1"
    ),
    "no-parts": Kind("A multipart in whose body its boundary does not open any part.", "RFC 2046 5.1.1"),
    "missing-close-boundary": Kind(
        "A multipart whose last boundary line, ending in --, never comes.", "RFC 2046 5.1.1"
    ),
    "nested-too-deep": Kind(
        "More parts inside each other than anybody writes; this one is left in one piece.", "RFC 2046 5.1"
    ),
    "base64-foreign": Kind("An octet that is no digit of base64; it is passed over.", "RFC 2045 6.8"),
    "base64-cut": Kind("Base64 that ends inside an octet; what is whole is read.", "RFC 2045 6.8"),
    "base64-goes-on": Kind("Base64 that goes on behind its padding; the rest is not read.", "RFC 2045 6.8"),
    "quoted-foreign": Kind(
        "An octet that quoted-printable must write as =XX; it is taken as it is.", "RFC 2045 6.7"
    ),
    "quoted-bad-escape": Kind("A = without two hexadecimal digits; it is taken as it is.", "RFC 2045 6.7"),
    "quoted-space-at-end": Kind(
        "White space at the end of a line, which transport may lose; it is dropped.", "RFC 2045 6.7"
    ),
    "uuencode": Kind("uuencode, which no standard defines; it is read all the same.", "RFC 2045 6.3"),
    "uuencode-damaged": Kind(
        "uuencode without its begin or end line, or with a line of the wrong length.", "RFC 2045 6.3"
    ),
    "eight-bit": Kind("An octet above 127 where 7bit was promised; it stays as it is.", "RFC 2045 2.7"),
    "nul": Kind("A NUL, which only binary may have; it stays as it is.", "RFC 2045 2.8"),
    "unknown-charset": Kind("A charset nobody knows; UTF-8 is tried.", "RFC 2046 4.1.2"),
    "not-in-charset": Kind(
        "An octet that the charset does not have; it is shown as an escape.", "RFC 2046 4.1.2"
    ),
}

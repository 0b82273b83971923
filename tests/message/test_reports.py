"""Reports say what became of a message, to programs that parse them as the RFCs say."""

import email
import email.policy
from datetime import UTC, datetime, timedelta

from labkit.message import lint
from labkit.message.compose import compose
from labkit.message.mailbox import Mailbox
from labkit.message.mime import Part, parse
from labkit.message.reports import Fate, delivery_report, disposition_notification, read_status

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
LETTER = compose(
    sender="Alice <alice@example.org>",
    to=["bob@example.net", "carol@example.net"],
    subject="Grüße",
    text="Hello!\n",
    date=NINE,
    message_id="<1@example.org>",
)
BOB = Fate(Mailbox("bob", "example.net"), "failed", "5.1.1", "550 5.1.1 no such\r\n user", "mx.example.net")
CAROL = Fate(Mailbox("käthe", "example.net"), "delivered", "2.0.0")


def report(**more: object) -> bytes:
    asked = {"host": "mail.example.org", "to": "alice@example.org", "text": "It did not arrive.\n"}
    return delivery_report(
        LETTER, [BOB, CAROL], date=NINE, message_id="<2@mail.example.org>", **{**asked, **more}
    )


def check(data: bytes) -> Part:
    assert [found for found in lint(data) if found.severity == "error"] == []
    root = parse(data)
    assert root.content_type == "multipart/report"
    return root


def test_delivery_report() -> None:
    root = check(report(arrived=NINE - timedelta(hours=1), envelope_id="QQ314159"))
    text, status, header = root.children
    assert root.params["report-type"] == "delivery-status"
    assert text.text() == "It did not arrive.\r\n"
    assert status.content_type == "message/delivery-status"
    assert read_status(status.body) == [
        {
            "Original-Envelope-Id": "QQ314159",
            "Reporting-MTA": "dns; mail.example.org",
            "Arrival-Date": "Mon, 05 Jan 2026 08:00:00 +0000",
        },
        {
            "Final-Recipient": "rfc822; bob@example.net",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.example.net",
            "Diagnostic-Code": "smtp; 550 5.1.1 no such user",
        },
        {"Final-Recipient": "utf-8; käthe@example.net", "Action": "delivered", "Status": "2.0.0"},
    ]
    assert header.content_type == "text/rfc822-headers"
    assert header.body == LETTER[: parse(LETTER).header_end]
    assert root.get("Auto-Submitted") == b"auto-replied"


def test_the_standard_library_reads_it() -> None:
    root = email.message_from_bytes(report(), policy=email.policy.default)
    status = root.get_payload()[1]
    assert [block["Action"] for block in status.get_payload()] == [None, "failed", "delivered"]


def test_nothing_failed() -> None:
    data = delivery_report(
        b"Subject: a\nX: b\n c\n\nbody",
        [CAROL],
        host="mail.example.org",
        to="alice@example.org",
        text="",
        date=NINE,
        message_id="<2@mail.example.org>",
    )
    root = check(data)
    assert root.get("Subject") == b"Delivery status of your message"
    assert root.children[2].body == b"Subject: a\r\nX: b\r\n c\r\n\r\n"


def test_disposition_notification() -> None:
    for automatic, mode in ((False, b"MDN-sent-manually"), (True, b"MDN-sent-automatically")):
        data = disposition_notification(
            LETTER,
            reader="labkit",
            recipient=Mailbox("bob", "example.net"),
            to="alice@example.org",
            date=NINE,
            message_id="<3@example.net>",
            automatic=automatic,
        )
        root = check(data)
        (status,) = read_status(root.children[1].body)
        assert status["Original-Message-ID"] == "<1@example.org>"
        assert status["Disposition"].encode().endswith(mode + b"; displayed")
        assert (root.get("Auto-Submitted") is None) is not automatic


def test_status_of_any_octets() -> None:
    assert read_status(b"") == []
    assert read_status(b"A: b\n\n\nnothing\nC: d") == [{"A": "b"}, {"C": "d"}]


def test_the_same_octets_each_time() -> None:
    assert report() == report()
    boundaries = iter(["one"])
    assert b'boundary="one"' in report(boundary=lambda: next(boundaries))

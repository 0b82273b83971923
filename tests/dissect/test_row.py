"""The rows of a flow in their two forms."""

from labkit.dissect.row import Row, Sheet

FIELDS = ("verb", "status", "mailbox")


def sheet(**more):
    return Sheet(None, {"number": [1, 2], "state": ["A", "A"], "verb": ["STAT", "QUIT"], **more})


def test_sheets_that_say_the_same_are_told_to_be_alike():
    assert sheet(status=[b"+OK", b"+OK"]).told(FIELDS) == sheet(status=(b"+OK", b"+OK")).told(FIELDS)
    assert sheet(argument=[b"1", None]).told(FIELDS) == sheet().told(FIELDS)
    assert sheet().told(FIELDS) != sheet(status=[b"+OK", b"-ERR"]).told(FIELDS)


def test_sheets_of_different_length_are_never_alike():
    assert Sheet(None, {"number": [1]}).told(FIELDS) != Sheet(None, {"number": [1, 2]}).told(FIELDS)


def test_sheets_made_of_rows_are_compared_too():
    rows = [Row(1, "A", "STAT", None, 0, 6), Row(2, "A", "QUIT", None, 6, 12)]
    assert Sheet(rows).told(FIELDS) == Sheet(list(rows)).told(FIELDS)
    assert Sheet(rows).told(FIELDS) != Sheet(rows[:1]).told(FIELDS)

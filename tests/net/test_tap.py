from __future__ import annotations

from labkit.net.network import Host
from labkit.net.tap import Record, Tap

A, B = Host("a", "192.0.2.1", "sender's host"), Host("", "192.0.2.2")


def test_connections_are_numbered_and_name_the_hosts():
    tap = Tap()
    first, second = (tap.open("tcp", (A, 49152 + i), (B, 25), 7, "smtp") for i in range(2))
    assert (first.number, second.number) == (0, 1)
    assert (first.client_name, first.client_role, first.server_name) == ("a", "sender's host", None)


def test_the_first_end_counts():
    tap = Tap()
    connection = tap.open("tcp", (A, 1), (B, 25), 7)
    tap.close(connection, 8, "quit", "client")
    tap.close(connection, 9, "reset", "server")
    assert (connection.closed, connection.ended, connection.closed_by) == (8, "quit", "client")


def test_a_connection_is_introduced_before_anybody_hears_of_it():
    tap, roles = Tap(), []

    def greet(connection):
        connection.client_role = "sender's host"

    tap.watch(lambda seen: roles.append(getattr(seen, "client_role", "of a record")))
    tap.introduce(greet)
    connection = tap.open("tcp", (A, 1), (B, 25), 7)
    tap.add(Record(0, 7, 8, "client", b"x", "plain"))
    tap.close(connection, 9, "quit", "client")
    assert roles == ["sender's host", "of a record", "sender's host"]


def test_watchers_hear_of_everything_until_they_leave():
    tap, seen = Tap(), []
    leave = tap.watch(seen.append)
    connection = tap.open("tcp", (A, 1), (B, 25), 7)
    record = Record(0, 7, 8, "client", b"x", "plain")
    index = tap.add(record)
    tap.close(connection, 9, "quit", "client")
    assert seen == [connection, record, connection]
    leave()
    tap.add(record)
    assert len(seen) == 3
    tap.amend(index, None)
    assert tap.records[index].arrived is None

from __future__ import annotations

from typing import Any

from labkit.views.ends import ends_of


def connection(number: int, step: str | None, client: str, server: str, **more: Any) -> dict[str, Any]:
    return {
        "connection": number,
        "step": step,
        "client": client,
        "server": server,
        "client_name": None,
    } | more


def roles(rows: list[dict[str, Any]]) -> dict[str, str | None]:
    found = {}
    for row in ends_of(rows).values():
        found |= {row["client_name"]: row["client_role"], row["server_name"]: row["server_role"]}
    return found


def test_parts_tell_the_roles_where_the_table_has_none() -> None:
    rows = [
        connection(0, "submit", "a", "b"),
        connection(1, "relay", "b", "c"),
        connection(2, "access", "d", "c"),
    ]
    assert roles(rows) == {
        "a": "sender's host",
        "b": "sender's server",
        "c": "recipient's server",
        "d": "recipient's host",
    }


def test_a_host_in_several_parts_has_no_role() -> None:
    rows = [connection(0, "submit", "a", "b"), connection(1, "access", "d", "b")]
    assert roles(rows) == {"a": "sender's host", "b": None, "d": "recipient's host"}


def test_what_the_table_says_is_believed() -> None:
    rows = [
        connection(0, "relay", "b", "bob", server_role="recipient's host"),
        connection(1, "relay", "b", "bob"),
    ]
    assert roles(rows) == {"b": "sender's server", "bob": "recipient's host"}


def test_a_question_to_the_dns_has_ends_too() -> None:
    rows = [connection(0, "relay", "b", "c")]
    ends = ends_of(rows, [{"connection": 1, "client": "b", "time": 5}])
    assert (ends[1]["client_role"], ends[1]["server_name"], ends[1]["protocol"]) == (
        "sender's server",
        "name server",
        "dns",
    )

"""What a listener is said to learn is what the wire gives away, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.errors import LabError
from labkit.views.overheard import COMMON, overheard
from labkit.world.world import World

WAYS: dict[str, dict[str, str]] = {
    "USER": {},
    "APOP": {"mechanism": "APOP"},
    "PLAIN": {"mechanism": "PLAIN"},
    "CRAM-MD5": {"mechanism": "CRAM-MD5"},
    "SCRAM-SHA-256": {"mechanism": "SCRAM-SHA-256"},
    "STLS": {"tls": "STARTTLS"},
}


def learnt(password: str) -> dict[str, dict[str, Any]]:
    worlds = {}
    for name, way in WAYS.items():
        worlds[name] = world = World()
        bob = world.user("bob@example.org", password=password)
        bob.server.mailbox("bob@example.org").append(bob.compose(to=bob, subject="Secret"))
        assert len(bob.retrieve("pop3", **way)) == 1  # type: ignore[arg-type]
    rows = overheard(worlds).set_index("login").to_dict("index")
    for world in worlds.values():
        world.close()
    return rows


def test_each_login_gives_away_what_it_must() -> None:
    rows = learnt("sunshine")
    assert {name for name, row in rows.items() if row["password"] == "read"} == {"USER", "PLAIN"}
    assert {name for name, row in rows.items() if row["letters"] == "hidden"} == {"STLS"}
    assert {name for name, row in rows.items() if row["name"] == "hidden"} == {"STLS"}
    again = {name for name, row in rows.items() if row["the same words again"] == "open the mailbox"}
    assert again == {"USER", "PLAIN"}
    assert {name: row["guessing"] for name, row in rows.items()} == {
        "USER": "no need to",
        "APOP": "found, 1 hash a guess",
        "PLAIN": "no need to",
        "CRAM-MD5": "found, 2 hashes a guess",
        "SCRAM-SHA-256": "found, 8 192 hashes a guess",
        "STLS": "nothing to try on",
    }


def test_a_password_on_nobodys_list_is_not_found() -> None:
    rows = learnt("pdq-9-hilltop-Umbra")
    for name in ("APOP", "CRAM-MD5", "SCRAM-SHA-256"):
        assert rows[name]["password"] == "hidden"
        assert rows[name]["guessing"].startswith("not found, ")


def test_the_list_of_common_passwords_has_each_once() -> None:
    assert len(COMMON) == len(set(COMMON)) == 40


def test_a_world_without_pop3_is_refused_in_words() -> None:
    with World() as world:
        world.user("bob@example.org").retrieve("imap")
        with pytest.raises(LabError, match="nobody fetched mail with POP3"):
            overheard({"nothing": world})

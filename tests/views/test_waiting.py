from __future__ import annotations

import pytest

from labkit.views.waiting import compare, traffic, waiting
from labkit.world.world import World


@pytest.fixture
def fetched() -> World:
    """One letter that waits an hour at the recipient's server."""
    world = World()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    alice.submit(alice.compose(to=bob, subject="One hour", text="Hello"))
    world.wait(3600)
    bob.retrieve("pop3")
    return world


@pytest.fixture
def returned() -> World:
    """One letter to a host that is never there."""
    world = World(domains=("example.com",))
    alice = world.user("alice@example.com")
    with world.always_on("bob@example.org").offline():
        alice.submit(alice.compose(to="bob@example.org", subject="In vain", text="Hello"))
        world.settle()
    alice.retrieve("pop3")
    return world


def test_a_letter_rests_where_it_was_taken_until_it_is_taken_on(fetched: World) -> None:
    (letter,) = traffic(fetched).letters
    assert [stay.device for stay in letter.stays] == ["sender's server", "recipient's server"]
    assert letter.fate == "arrived"
    assert letter.end == letter.arrived == letter.stays[-1].until
    assert 3599e6 < letter.stays[1].until - letter.stays[1].since < 3601e6


def test_fetching_again_changes_nothing(fetched: World) -> None:
    (before,) = traffic(fetched).letters
    fetched.user("bob@example.org").retrieve("imap")
    assert traffic(fetched).letters == [before]


def test_a_letter_that_nobody_fetched_is_on_its_way() -> None:
    world = World()
    alice = world.user("alice@example.com")
    world.user("bob@example.org")
    alice.submit(alice.compose(to="bob@example.org", text="Hello"))
    world.settle()
    (letter,) = traffic(world).letters
    assert (letter.fate, letter.end, letter.stays[-1].until) == ("on its way", None, None)
    assert "on its way" in str(waiting({"": world}))


def test_whoever_fetches_the_notice_knows_that_the_letter_is_returned(returned: World) -> None:
    (letter,) = traffic(returned).letters
    assert letter.fate == "returned"
    assert letter.end is not None
    assert letter.end - letter.sent > 5 * 86_400_000_000


def test_the_drawing_and_its_twin_say_the_same(fetched: World, returned: World) -> None:
    picture = waiting({"POP3": fetched, "SMTP": returned}, online=(19, 21))
    assert "1 h at the recipient's server, arrived" in picture.text
    assert "5 d" in picture.text
    svg = picture.svg or ""
    assert svg.count("One hour: arrived after 1 h") == 1
    assert svg.count("In vain: returned after 5 d") == 1
    assert "online, 19:00 to 21:00" in svg
    assert "online" not in (waiting({"POP3": fetched}).svg or "")
    assert "POP3: 1 letter, 1 arrived." in picture.alt
    assert ">Tue</text>" in svg


def test_what_takes_less_than_a_day_is_drawn_in_hours(fetched: World) -> None:
    svg = waiting({"POP3": fetched}).svg or ""
    assert all(f">{hour}</text>" in svg for hour in ("09:00", "10:00"))
    assert ">Mon</text>" not in svg


def test_compared_side_by_side(fetched: World, returned: World) -> None:
    table = compare({"POP3": fetched, "SMTP": returned}).set_index("")
    assert list(table.columns) == ["POP3", "SMTP"]
    assert list(table.loc["returned to the sender"]) == ["0", "1"]
    assert list(table.loc["tries that nobody answered"]) == ["0", "34"]
    assert list(table.loc["delay, longest"]) == ["1 h", ""]
    assert list(table.loc["where the letters waited"]) == ["recipient's server", "sender's server"]


def test_nothing_was_sent() -> None:
    world = World()
    assert traffic(world).letters == []
    assert "no letters" in waiting({"": world}).alt
    assert len(compare({"nothing": world})) == 10

from __future__ import annotations

import pytest

from labkit.errors import LabError
from labkit.world.journey import travel


def test_five_steps(either):
    told = []
    journey = travel(either, told=told.append)
    assert told == journey.steps
    assert [(step.number, step.name, step.device) for step in journey.steps] == [
        (1, "composed", "sender's host"),
        (2, "submitted", "sender's server"),
        (3, "delivered", "recipient's server"),
        (4, "received and processed", "recipient's server"),
        (5, "accessed", "recipient's host"),
    ]
    services = [
        [either.network.tap.connections[number].service for number in step.connections]
        for step in journey.steps
    ]
    assert services == [[], ["submission"], ["dns", "dns", "smtp"], [], ["pop3", "imap"]]
    ((by_pop3,), (by_imap,)) = journey.retrieved.values()
    assert by_pop3 == by_imap
    assert by_pop3.endswith(journey.sent)
    assert b"\r\n.A line that begins with a dot" in by_pop3


@pytest.mark.parametrize("retrieve", ["pop3", "imap"])
def test_one_way_to_fetch_it(world, retrieve):
    journey = travel(world, retrieve=retrieve)
    assert list(journey.retrieved) == [retrieve]
    assert journey.steps[-1].text == (
        f"On bob-pc.example.org, Bob fetches the message with {retrieve.upper()}."
    )


def test_a_message_of_ones_own_goes_as_it_is(world):
    sent = b"From: somebody@else.example\r\nSubject: mine\r\n\r\nno date, no id\r\n"
    (message,) = travel(world, sent).retrieved["pop3"]
    assert message.endswith(sent)
    assert b"Message-ID: <" in message.removesuffix(sent)


def test_a_second_journey_has_its_own_connections(world):
    first, second = travel(world), travel(world)
    numbers = [[number for step in each.steps for number in step.connections] for each in (first, second)]
    assert numbers == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    assert "as UID 2:" in second.steps[3].text


def test_a_message_that_comes_back(world):
    world.names.remove("example.org")
    with pytest.raises(LabError, match="did not arrive"):
        travel(world)

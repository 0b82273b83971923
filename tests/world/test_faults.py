"""Every fault of the catalogue, with each protocol it claims, on both networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.faults import CASES, ENDS_WELL, MAIL, NOT_SERVED, SMTP, Case, Scene, not_offered, play, story

from labkit.net.tap import Record
from labkit.views.rows import rows_of
from labkit.world.faults import CATALOGUE, cut_before_final_reply, temporary_failure
from labkit.world.world import World

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.fault}-{case.action}")


@each_case
@pytest.mark.parametrize("network", ["simulated", "loopback"])
def test_what_becomes_of_it(case: Case, network: str, make: Callable[..., World]) -> None:
    if network == "loopback" and not case.loopback:
        pytest.skip("real time would have to pass")
    scene = Scene(make(network=network), patient=network == "simulated")
    play(case, scene)
    told = story(scene.world.capture, case.server)
    if network == "loopback":  # who closed first is a race there, and how soon a reset is seen
        told = [line.partition(":")[2] for line in told]
        assert told == [line.partition(":")[2] for line in case.told]
    else:
        assert told == list(case.told)
    assert case.error in scene.error
    assert bool(case.error) == bool(scene.error)
    assert case.copies in (None, scene.copies)
    assert case.check(scene)
    scene.act(case.action)  # the fault is gone: the world is as good as new
    assert scene.error == ""
    assert story(scene.world.capture, case.server)[-1] == ENDS_WELL[case.action].replace(
        "quit", story(scene.world.capture, case.server)[-1].partition(":")[0]
    )


def octets(world: World) -> list[Record]:
    """All that was said; ciphertext differs from run to run."""
    return [record for record in world.network.tap.records if record.layer != "tls"]


@each_case
def test_twice_is_the_same(case: Case, make: Callable[..., World]) -> None:
    first, second = Scene(make(seed=3)), Scene(make(seed=3))
    play(case, first)
    play(case, second)
    assert octets(first.world) == octets(second.world)
    assert rows_of(first.world.capture, "exchanges") == rows_of(second.world.capture, "exchanges")


def test_every_fault_has_a_case_for_each_protocol_it_claims() -> None:
    claimed = {(name, protocol) for name, fault in CATALOGUE.items() for protocol in fault.protocols}
    assert claimed == {(case.name, case.protocol) for case in CASES}


def test_lots_are_drawn_from_the_seed(make: Callable[..., World]) -> None:
    def took(seed: int) -> float:
        scene = Scene(make(seed=seed))
        play(Case("jitter:1", "pop3", ()), scene)
        return scene.seconds

    assert took(1) == took(1) != took(2)


def test_two_faults_at_once(make: Callable[..., World]) -> None:
    scene = Scene(make())
    with scene.world.fault(f"slow-reply:3@{MAIL}"), scene.world.fault(f"temporary-failure:1@{MAIL}"):
        scene.act("smtp")
    assert story(scene.world.capture) == [NOT_SERVED, SMTP]
    assert scene.seconds > 3 * 10


def test_a_fault_elsewhere_changes_nothing(make: Callable[..., World]) -> None:
    scene = Scene(make())
    with scene.world.fault("refuse@mail.example.net"), scene.world.fault(f"refuse@{MAIL}:imap"):
        scene.act("smtp")
    assert (scene.error, story(scene.world.capture)) == ("", [SMTP])


def test_the_dns_can_fall_silent(make: Callable[..., World]) -> None:
    scene = Scene(make())
    with scene.world.fault("blackhole@ns.example.net"):
        scene.act("smtp")
    assert scene.copies == 0
    assert {row["outcome"] for row in rows_of(scene.world.capture, "lookups")} == {"unanswered"}


def test_a_submission_is_spared_the_cut_unless_it_is_named(make: Callable[..., World]) -> None:
    scene = Scene(make())
    with scene.world.fault(cut_before_final_reply()):
        scene.act("smtp")
    assert (scene.error, scene.copies) == ("", 2)
    with scene.world.fault(cut_before_final_reply(service="submission")):
        scene.act("smtp")
    assert "waiting for the reply to the message" in scene.error


def test_a_rule_can_be_switched_on_in_the_middle_of_a_conversation(make: Callable[..., World]) -> None:
    scene = Scene(make())
    console = scene.alice.console(MAIL, 25)
    console.connect()
    console.ask("EHLO me.example.com")
    with scene.world.fault(temporary_failure()):
        assert console.ask("MAIL FROM:<a@example.com>").startswith("250")
        assert console.ask("RCPT TO:<bob@example.org>").startswith("450")
        assert console.ask("RCPT TO:<bob@example.org>").startswith("250")
        assert console.ask("DATA").startswith("354")
        assert console.ask("RCPT TO: this is no command\n.").startswith("250")


@pytest.mark.parametrize("size", [1, 3])
def test_whole_lines_are_changed_also_when_octets_come_in_pieces(
    size: int, make: Callable[..., World]
) -> None:
    scene = Scene(make())
    for port, line in ((25, b"EHLO me"), (110, b"CAPA"), (143, b"a CAPABILITY")):
        with scene.world.fault(f"strip-starttls@{MAIL}"), scene.world.fault(f"split:{size}@{MAIL}"):
            console = scene.bob.console(MAIL, port)
            console.connect()
            for at in range(0, len(line) + 2, size):
                console.send_octets((line + b"\r\n")[at : at + size])
            scene.world.wait(1)
    for word in ("250-STARTTLS", "STLS", "STARTTLS"):
        assert not_offered(word)(scene)
    assert story(scene.world.capture) == [
        "None: 220 EHLO=250",
        "None: +OK CAPA=+OK",
        "None: OK CAPABILITY=OK",
    ]

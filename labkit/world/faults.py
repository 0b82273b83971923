"""What can go wrong on the way, in mail's words.

Each is a rule for `world.fault(rule)`: a function from what is sent to a verdict
(see `labkit.net.faults`).  The name says what happens; the docstring, what follows.
"""

from __future__ import annotations

from labkit.net.faults import CUT, PASS, Event, Hold, Rule, Verdict


def cut_before_final_reply(*, times: int = 1, service: str = "smtp") -> Rule:
    """The 250 after the data never arrives: the client retries, and the mailbox gets two copies.

    The server has taken the message and says so; the client cannot know (RFC 1047).
    """
    in_data: set[int] = set()
    left = times

    def rule(event: Event) -> Verdict:
        nonlocal left
        number = event.connection.number
        if event.connection.service != service or left == 0:
            return PASS
        if event.sender == "server" and event.data.startswith(b"354"):
            in_data.add(number)
        elif event.sender == "server" and number in in_data:
            left -= 1
            return CUT
        return PASS

    return rule


def delay(seconds: float, *, service: str | None = None) -> Rule:
    """Everything the servers say comes this much later: each reply costs the client that wait."""

    def rule(event: Event) -> Verdict:
        ours = service in (None, event.connection.service)
        return Hold(seconds) if ours and event.sender == "server" else PASS

    return rule


def no_answer(host: str) -> Rule:
    """Connections to this host are never answered: the client waits in vain, and tries later."""

    def rule(event: Event) -> Verdict:
        to_host = host in (event.connection.server, event.connection.server_name)
        return CUT if event.sender is None and to_host else PASS

    return rule

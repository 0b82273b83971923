"""Where a conversation stands: a state machine as a dissection asks it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from labkit.states.machine import Machine

_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}\r?\n")


@dataclass(slots=True, eq=False)
class Place:
    """A state: its name, the verbs that may come there, and where verb and status lead."""

    state: Enum
    name: str
    legal: frozenset[str]
    steps: dict[tuple[str, Any], Place]


class Rules:
    """A state machine as a dissection asks it; made once for a protocol."""

    def __init__(self, machine: Machine[Any]) -> None:
        self.start: Enum = machine.start
        legal = {state: frozenset(machine.legal(state)) for state in machine.table}
        self.known = frozenset[str]().union(*legal.values())
        self.places: dict[Enum, Place] = {
            state: Place(state, str(state.value), legal.get(state, frozenset()), {})
            for state in type(machine.start)
        }
        for state, steps in machine.table.items():
            self.places[state].steps.update({step: self.places[after] for step, after in steps.items()})


class Progress:
    """Where a conversation stands in its state machine, and whether a command may come there."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._known = rules.known
        self._place = rules.places[rules.start]

    @property
    def state(self) -> Enum:
        return self._place.state

    @property
    def name(self) -> str:
        return self._place.name

    def enter(self, state: Enum) -> None:
        """The conversation is in this state now."""
        self._place = self._rules.places[state]

    def judge(self, verb: str) -> str | None:
        """The name of the flaw of sending `verb` now, or None."""
        if verb in self._place.legal:
            return None
        return "out-of-order" if verb in self._known else "unknown-command"

    def resume(self, verb: str) -> None:
        """Where commands are missing, the conversation is where `verb` may come."""
        self._place = next(place for place in self._rules.places.values() if verb in place.legal)

    def step(self, verb: str, status: Any) -> None:
        """The verb was answered so."""
        self._place = self._place.steps.get((verb, status), self._place)

    def may_be_response(self, line: bytes) -> bool:
        """Whether a line behind AUTH, of which no reply is known, is a line of the login: a secret."""
        return _BASE64.fullmatch(line) is not None and line.strip().decode().upper() not in self._known

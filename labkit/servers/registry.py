"""Which code stands behind which capability: what is advertised is implemented, and the other way round.

`labkit.standards` says, as data, what labkit speaks and which commands come with
which capability.  A server attaches its code with a decorator::

    REGISTRY: Registry[Handler] = Registry("pop3")

    @REGISTRY.provides("TOP", "TOP")
    def _top(self, command): ...

    @REGISTRY.provides("PIPELINING")       # a capability without commands of its own
    def receive(self, data): ...

A name that the standards do not have is an error at once, when the module is imported.  What
they have and no code provides is in `missing`, which a test expects to be empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from labkit import standards
from labkit.errors import LabError

Handler = TypeVar("Handler", bound=Callable[..., Any])
Code = TypeVar("Code", bound=Callable[..., Any])


class Registry(Generic[Handler]):
    """One protocol's capabilities and the handlers of its commands.

    `handlers[verb]` is the code of a command, `capability[verb]` the capability it comes with,
    `provided` the names of all capabilities that have code.
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.handlers: dict[str, Handler] = {}
        self.capability: dict[str, str] = {}
        self.provided: set[str] = set()

    def provides(self, capability: str, *verbs: str) -> Callable[[Code], Code]:
        """Says that the decorated code is behind a capability and, as handler, behind these commands."""
        entry = standards.capability(self.protocol, capability)
        if entry is None:
            raise LabError(f"labkit.standards has no {self.protocol} capability {capability}")
        for verb in verbs:
            if verb not in entry.commands:
                raise LabError(f"labkit.standards has no command {verb} with {capability}")
            if verb in self.handlers:
                raise LabError(f"{verb} has a handler already")

        def attach(code: Code) -> Code:
            self.provided.add(capability)
            for verb in verbs:
                self.handlers[verb] = cast(Handler, code)
                self.capability[verb] = capability
            return code

        return attach

    @property
    def missing(self) -> list[str]:
        """Capabilities and commands that the standards promise and no code provides."""
        entries = standards.CAPABILITIES[self.protocol]
        return [entry.name for entry in entries if entry.name not in self.provided] + [
            verb for entry in entries for verb in entry.commands if verb not in self.handlers
        ]

    def advertised(self) -> list[str]:
        """The names of the capabilities that have code and are advertised, in the standards' order."""
        return [
            entry.name
            for entry in standards.CAPABILITIES[self.protocol]
            if entry.advertised and entry.name in self.provided
        ]

"""The catalogue: each fault's name, sentence, RFC section and parameters; and its short form as text.

    fault = NAME [":" argument *("," argument)] ["@" (HOST / "*") [":" SERVICE]]
    argument = [parameter "="] value       ; in quotes if it holds a comma

`cut-after:120@mail.example.org`, `latency:0.2@mail.example.org:imap`, `strip-starttls`.  Without
a host, or with "*", it holds everywhere.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from inspect import getdoc, signature
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from labkit import standards
from labkit.errors import LabError
from labkit.net.faults import PASS, Event, Rule, Verdict

if TYPE_CHECKING:
    from labkit.world.world import World

Place = Literal["network", "middle", "server"]
F = TypeVar("F", bound=Callable[..., Rule])

EVERYWHERE = "*"
SERVICES = ("dns", *(port.service for port in standards.PORTS))


@dataclass(frozen=True, slots=True)
class Parameter:
    """What can be said about a fault; `choices` when only some values mean something."""

    name: str
    kind: type
    default: Any = None
    required: bool = False
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """The value that a text stands for; raises LabError."""
        if self.choices and text not in self.choices:
            raise LabError(f"{self.name} must be {' or '.join(self.choices)}, not {text!r}")
        try:
            value = self.kind(text)
        except ValueError:
            value = None
        if value is None or (self.kind is not str and not 0 <= value < float("inf")):
            wanted = "a whole number" if self.kind is int else "a number"
            raise LabError(f"{self.name} must be {wanted}, 0 or more, not {text!r}")
        return value

    def __str__(self) -> str:
        shown = "…" if self.default == "" else self.default
        return self.name.upper() if self.required else f"{self.name}={shown}"


@dataclass(frozen=True)
class Fault:
    """One entry: `make` gives a new rule; `protocols` are those whose conversations it can change."""

    name: str
    place: Place
    sentence: str
    rfc: str
    protocols: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    make: Callable[..., Rule]

    @property
    def usage(self) -> str:
        """Its short form, with the values that hold when nothing is said."""
        named = [str(each) for each in self.parameters if each.name != "seed"]
        return self.name + (f":{','.join(named)}" if named else "")


CATALOGUE: dict[str, Fault] = {}


def fault(place: Place, rfc: str, *, protocols: Sequence[str] = ("smtp", "pop3", "imap")) -> Callable[[F], F]:
    """Puts the function below it into the catalogue."""

    def enter(make: F) -> F:
        name = make.__name__.replace("_", "-")
        sentence = (getdoc(make) or "").partition("\n")[0]
        CATALOGUE[name] = Fault(name, place, sentence, rfc, tuple(protocols), _parameters(make), make)
        ordered = sorted(CATALOGUE.values(), key=lambda each: get_args(Place).index(each.place))
        CATALOGUE.clear()
        CATALOGUE.update((each.name, each) for each in ordered)
        return make

    return enter


def _parameters(make: Callable[..., Rule]) -> tuple[Parameter, ...]:
    hints = get_type_hints(make)
    found = []
    for name, each in signature(make).parameters.items():
        hint = hints[name]
        kind = hint if hint in (int, float) else str
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        required = each.default is each.empty
        found.append(Parameter(name, kind, None if required else each.default, required, choices))
    return tuple(found)


def at(host: str, rule: Rule, *, service: str | None = None) -> Rule:
    """Keep a rule to the connections that one host serves (or, being a user's host, makes).

    `service` keeps it to one of its services: "imap" means imaps too.
    """

    def there(event: Event) -> Verdict:
        connection = event.connection
        if service is not None and connection.service not in (service, f"{service}s"):
            return PASS
        named = {connection.server_name, connection.server}
        if connection.client_role in ("sender's host", "recipient's host"):
            named |= {connection.client_name, connection.client}
        return rule(event) if host == EVERYWHERE or host in named else PASS

    return there


@dataclass(frozen=True)
class Chosen:
    """A fault with its arguments, and where it is to happen; `host` "*" is everywhere."""

    fault: Fault
    arguments: dict[str, Any]
    host: str
    service: str | None
    rule: Rule

    def __str__(self) -> str:
        line = StringIO()
        given = (f"{name}={value}" for name, value in self.arguments.items() if name != "seed")
        csv.writer(line, lineterminator="").writerow(given)
        said = line.getvalue()
        where = self.host + (f":{self.service}" if self.service else "")
        return f"{self.fault.name}{':' if said else ''}{said}@{where}"


def parse(text: str, *, seed: int | str = 0) -> Chosen:
    """Read the short form; raises LabError with what is wrong and what would be right."""
    what, separator, where = text.strip().rpartition("@")
    if not separator:
        what, where = where, EVERYWHERE
    name, _, arguments = what.partition(":")
    found = CATALOGUE.get(name.strip().lower().replace("_", "-"))
    if found is None:
        raise LabError(_unknown(name.strip()))
    host, _, service = where.strip().lower().partition(":")
    if not host:
        raise LabError(f"{text!r} names no host behind the @: say which, or {EVERYWHERE} for all")
    if service and service not in SERVICES:
        raise LabError(f"there is no service {service!r}; there are {', '.join(SERVICES)}")
    given = _arguments(found, arguments)
    if any(each.name == "seed" for each in found.parameters):
        given.setdefault("seed", seed)
    rule = at(host, found.make(**given), service=service or None)
    return Chosen(found, given, host, service or None, rule)


@contextmanager
def switched_on(world: World, texts: Iterable[str]) -> Iterator[list[Chosen]]:
    """Let these faults, in their short form, act in a world, while in this block.

    Raises LabError for one that cannot be read, or that names a host the world does not have.
    """
    chosen = [parse(text, seed=world.seed) for text in texts]
    for each in chosen:
        if each.host != EVERYWHERE and world.network.hosts.at(each.host) is None:
            raise LabError(f"{each}: there is no host {each.host}; there are {_hosts(world)}")
    with ExitStack() as stack:
        for each in chosen:
            stack.enter_context(world.fault(each.rule))
        yield chosen


def _hosts(world: World) -> str:
    return ", ".join([*world.servers, world.name_server.name, *(user.name for user in world.users.values())])


def _unknown(name: str) -> str:
    near = get_close_matches(name.lower(), CATALOGUE, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(CATALOGUE)}"
    return f"there is no fault {name!r}; {hint}"


def _arguments(fault: Fault, text: str) -> dict[str, Any]:
    known = {each.name: each for each in fault.parameters}
    takes = f"{fault.name} is written {fault.usage}"
    given: dict[str, Any] = {}
    for place, one in enumerate(next(csv.reader([text], skipinitialspace=True), [])):
        name, named, value = one.partition("=")
        name = name.strip().replace("-", "_")
        if not named or name not in known:
            if place >= len(known):
                raise LabError(f"{fault.name} takes no argument {one!r}: {takes}")
            name, value = list(known)[place], one
        if name in given:
            raise LabError(f"{name} is given twice: {takes}")
        given[name] = known[name].read(value.strip())
    for each in known.values():
        if each.required and each.name not in given:
            raise LabError(f"{fault.name} needs {each.name}: {takes}")
    return given

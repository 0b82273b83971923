"""The cases of notebook 13 (see answers.py), in worlds in which somebody really types them."""

from __future__ import annotations

from typing import Any

from labkit.course.first_server import FirstServer
from labkit.course.fortnight import fortnight, second_host
from labkit.course.pop_server import PopServer
from labkit.servers.pop3 import Pop3Session
from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]
LOGIN = "USER bob@example.org\nPASS secret-bob\n"


def tuesday(*lines: str, before: str = "") -> Tables:
    """Monday's letters fetched, the first of them deleted elsewhere, two new ones; then this is typed.

    `before` is typed on a connection that nobody closes.
    """
    world, bob = _world()
    inbox = bob.server.mailbox("bob@example.org")
    for number in (1, 2, 3):
        inbox.append(bob.compose(to=bob, subject=f"Monday {number}"))
    bob.retrieve("pop3")
    _type(bob, f"{LOGIN}DELE 1\nQUIT")
    for number in (1, 2):
        inbox.append(bob.compose(to=bob, subject=f"Tuesday {number}"))
    if before:
        console = bob.console("mail.example.org", 110)
        console.connect()
        console.type(LOGIN + before)
    if lines:
        _type(bob, LOGIN + "\n".join(lines))
    return _tables(world)


def met(*said: tuple[str, str]) -> Tables:
    """Two hosts, "pc" and "phone", and a third connection of the phone, "again"."""
    world, bob = _world()
    phone = second_host(bob, "bob-phone.example.org")
    ends = {name: host.console("mail.example.org", 110)
            for name, host in (("pc", bob), ("phone", phone), ("again", phone))}  # fmt: skip
    for end in ends.values():
        end.connect()
    for name, text in said:
        if text == "(close)":
            ends[name].close()
            world.wait(1)
        else:
            ends[name].type(text)
    return _tables(world)


def served(*lines: str, server: Any = FirstServer, letters: int = 1) -> Tables:
    world, bob = _world(server)
    for _ in range(letters):
        bob.server.mailbox("bob@example.org").append(bob.compose(to=bob, subject="Lunch on Friday"))
    if lines:
        _type(bob, "\n".join(lines))
    return _tables(world)


def _type(bob: Any, text: str) -> None:
    console = bob.console("mail.example.org", 110)
    try:
        console.connect()
        console.type(text)
    finally:
        console.close()


def _world(server: Any = Pop3Session) -> tuple[World, Any]:
    world = World(pop3=server)
    return world, world.user("bob@example.org")


def _tables(world: World) -> Tables:
    names = ("connections", "exchanges", "messages", "lookups")
    tables = {name: rows_of(world.capture, name) for name in names}
    world.close()
    return tables


class Matching(PopServer):
    """The second way: one `answer` with a `match`."""

    def greet(self) -> str:
        self.name, self.account, self.found, self.marked = "", None, [], set()
        return "+OK"

    def answer(self, line: str) -> Any:
        verb, *rest = line.split(" ", 1)
        argument = rest[0] if rest else ""
        match verb.upper():
            case "QUIT":
                if self.account:
                    self.account.inbox.expunge([self.found[at - 1].uid for at in self.marked])
                self.hang_up()
            case "USER" if self.account is None:
                self.name = argument
            case "PASS" if self.account is None:
                account = self.store.authenticate(self.name, argument)
                if account is None or not account.lock():
                    return "-ERR [IN-USE]" if account else "-ERR no"
                self.account, self.found = account, list(account.inbox)
            case "STAT" | "LIST" | "UIDL" | "RETR" | "DELE" | "NOOP" | "RSET" if self.account is not None:
                return self._read(verb.upper(), argument)
            case _:
                return b"-ERR"
        return "+OK"

    def _read(self, verb: str, argument: str) -> Any:
        here = {at: one for at, one in enumerate(self.found, 1) if at not in self.marked}
        number = int(argument) if argument.isdecimal() else None
        if (argument or verb in ("RETR", "DELE")) and number not in here:
            return "-ERR no such letter\r\n"
        if verb == "STAT":
            return f"+OK {len(here)} {sum(one.size for one in here.values())} so far"
        if verb in ("LIST", "UIDL"):
            about = {at: one.size if verb == "LIST" else f"id-{one.uid}" for at, one in here.items()}
            if number:
                return f"+OK {number} {about[number]}"
            return "\r\n".join(["+OK", *(f"{at} {value}" for at, value in about.items()), "."])
        if verb == "RETR":
            return b"+OK\r\n" + here[number].data.replace(b"\r\n.", b"\r\n..") + b"."
        self.marked = {*self.marked, number} if verb == "DELE" else set() if verb == "RSET" else self.marked
        return "+OK"

    def gone(self) -> None:
        if self.account is not None:
            self.account.unlock()


class NoDots(FirstServer):
    def do_RETR(self, argument: str) -> Any:
        number = self.pick(argument)
        data = self.letters[number].data.removesuffix(b"\r\n") if number else b""
        return ["+OK", *data.split(b"\r\n"), "."] if number else "-ERR"


class EmptyLine(FirstServer):
    def do_RETR(self, argument: str) -> Any:
        number = self.pick(argument)
        return ["+OK", self.letters[number].data, "."] if number else "-ERR"


class Hasty(FirstServer):
    def do_DELE(self, argument: str) -> Any:
        number = self.pick(argument)
        if number is None:
            return "-ERR"
        self.account.inbox.expunge([self.letters.pop(number).uid])
        return "+OK"


class Unlocks(FirstServer):
    def gone(self) -> None:
        self.store.account("mrose@dewey.example.org").unlock()


class Endless(FirstServer):
    def do_STAT(self, argument: str) -> Any:
        while True:
            pass


class Raises(FirstServer):
    def do_USER(self, argument: str) -> Any:
        return self.user + argument


class Silent(FirstServer):
    def do_NOOP(self, argument: str) -> Any:
        pass


KEPT = fortnight("keep")
_LETTERS = [row for row in rows_of(KEPT.capture, "messages") if row["direction"] == "retrieved"]
ALL = sum(row["octets"] for row in _LETTERS)
ONCE = sum({row["message_id"]: row["octets"] for row in _LETTERS}.values())
VAIN = ALL - 2 * ONCE
IN = "USER bob@example.org\nPASS secret-bob"
FIRST, REFUSED = ("pc", IN), ("phone", IN)
FETCH = (*IN.splitlines(), "RETR 1", "QUIT")

CASES: dict[str, tuple[Any, ...]] = {
    "13.1": (
        (tuesday("UIDL", "QUIT"),),
        [(tuesday("UIDL", "RETR 3", "RETR 4", "QUIT"),),
         (tuesday("UIDL 3", "RETR 3", "UIDL", "RETR 4"),),
         (tuesday("UIDL", "RETR 3", "RETR 4", before="RETR 1\nRETR 3\nQUIT"),)],
        [
            ((tuesday("UIDL", "RETR 1", "RETR 2", "RETR 3", "RETR 4"),), "“Monday 2” was fetched again"),
            ((tuesday("UIDL", "RETR 4", "QUIT"),), "“Tuesday 1” is still on the server"),
            ((tuesday("RETR 3", "RETR 4", "QUIT"),), "how did your program know"),
            ((tuesday("UIDL", "RETR b'3'"),), "RETR asked for letter “b'3'”, which is no number"),
            ((tuesday("UIDL", before="UIDL\nRETR b'3'"),), "still has the maildrop"),
            ((tuesday("UIDL", "RETR 17", "QUIT"),), "RETR was refused with `-ERR no such message"),
        ],
    ),
    "13.2": (
        (..., KEPT),
        [(VAIN, KEPT), (str(VAIN), KEPT), (float(VAIN), KEPT)],
        [
            ((ALL, KEPT), "the first time was not in vain"),
            ((ALL - ONCE, KEPT), "Bob has two hosts"),
            ((len(_LETTERS) - 56, KEPT), "asks for their octets"),
            ((1, KEPT), "more than that"),
            ((ALL * 9, KEPT), "less than that"),
            ((VAIN, tuesday()), "nothing was fetched twice"),
        ],
    ),
    "13.3": (
        (met(),),
        [(met(FIRST, REFUSED, ("pc", "QUIT"), REFUSED),),
         (met(REFUSED, FIRST, ("phone", "(close)"), FIRST),)],
        [
            ((met(FIRST),), "Nobody was refused with [IN-USE]"),
            ((met(FIRST, ("phone", "USER bob@example.org\nPASS wrong")),), "for another reason"),
            ((met(FIRST, REFUSED),), "Now let it in"),
            ((met(FIRST, REFUSED, REFUSED),), "still locked"),
            ((met(FIRST, REFUSED, ("pc", "QUIT"), ("again", IN)),), "on another connection"),
        ],
    ),
    "13.4": (
        (PopServer,),
        [(FirstServer,), (Matching,), (Pop3Session,)],
        [
            ((NoDots,), "Stage 5, The dots"),
            ((EmptyLine,), "an empty line too many"),
            ((Hasty,), "The connection breaks before QUIT: nothing is deleted"),
            ((Unlocks,), "The lock was not its own"),
            ((Endless,), "never came to an end"),
            ((Raises,), "AttributeError"),
            ((Silent,), "`answer` returned nothing"),
            ((FirstServer(Any),), "not a class"),
        ],
    ),
    "13.5": (
        (served(),),
        [(served(*FETCH),), (served(*FETCH, server=Matching),)],
        [
            ((served(*FETCH, server=Pop3Session),), "labkit's own server that answered"),
            ((served("QUIT"),), "nobody has logged in"),
            ((served(*IN.splitlines(), "QUIT"),), "has not fetched the letter"),
            ((served(*FETCH, letters=0),), "refused RETR with"),
        ],
    ),
}  # fmt: skip

"""The cases of notebook 02 (see answers.py)."""

from __future__ import annotations

from typing import Any

from labkit.views.rows import rows_of
from labkit.world.world import World

Tables = dict[str, list[Any]]


def waited(*hosts: tuple[str, int], off: bool = True, send: bool = True) -> Tables:
    """The world of the exercise, in which example.org has these hosts besides its own."""
    world = World()
    alice, bob = world.user("alice@example.com"), world.user("bob@example.org")
    for host, preference in hosts:
        world.domain("example.org", server=host, preference=preference)
    letter = alice.compose(to=bob, subject="Dinner", text="On Saturday?\n")
    if off:
        with bob.server.offline():
            if send:
                alice.submit(letter)
            world.wait(600)
    elif send:
        alice.submit(letter)
        world.settle()
    names = ("connections", "exchanges", "messages", "lookups")
    tables = {name: rows_of(world.capture, name) for name in names}
    world.close()
    return tables


MUSEUM = {
    "seismo!mcvax!bob": "mcvax",
    "bob%vax1@gateway.example": "vax1",
    "bob@uk.ac.oxford.vax": "vax.oxford.ac.uk",
}

CASES: dict[str, tuple[Any, Any, Any]] = {
    "02.1": (
        (...,),
        [(["b", "d", "g", "h"],), ("H, G, D and B",)],
        [
            ((["b", "c", "d", "g", "h"],), "c is an address. Between quotes"),
            ((["e"],), "e is an address. Braces"),
            ((["b", "d"],), "There are 2 more"),
            ((["f", "h"],), "Brackets hold"),
            ((["z"],), "no letter of the list"),
        ],
    ),
    "02.2": (
        (waited(),),
        [
            (waited(("backup.example.org", 20)),),
            (waited(("mx1.example.net", 50), ("mx2.example.net", 50)),),
        ],
        [
            ((waited(("backup.example.org", 5)),), "nobody had asked mail.example.org before"),
            ((waited(("backup.example.org", 20), off=False),), "Bob's own server took the letter"),
            ((waited(send=False),), "has sent nothing"),
        ],
    ),
    "02.3": (
        (...,),
        [("b",), (" B ",)],
        [(("a",), "written them yourself"), (("c",), "the owner would"), (("d",), "lead to hosts")],
    ),
    "02.4": (
        (dict.fromkeys(MUSEUM, ...),),
        [(MUSEUM,), ({key: value.upper() for key, value in MUSEUM.items()},)],
        [
            ((MUSEUM | {"seismo!mcvax!bob": "seismo"},), "seismo was only on the way"),
            ((MUSEUM | {"bob%vax1@gateway.example": "gateway.example"},), "only on the way"),
            ((MUSEUM | {"bob@uk.ac.oxford.vax": "uk.ac.oxford.vax"},), "Turn it round"),
            ((MUSEUM | {"seismo!mcvax!bob": "bob"},), "Bob is the user"),
            ((MUSEUM | {"bob%vax1@gateway.example": "vax2"},), "vax2 is not where"),
        ],
    ),
}  # fmt: skip

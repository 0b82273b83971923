"""The stages of the POP3 server, the words they find, and the folds of the notebook that builds it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from answers_13 import Endless, Matching

import labkit.course.first_server
from labkit.course.first_server import FirstServer
from labkit.course.pop_server import NoReply, PopServer, written
from labkit.course.stages import Stage, first_departure, play
from labkit.course.stages_pop3 import STAGES
from labkit.servers.pop3 import Pop3Session
from labkit.world.world import World

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "13-pop3-in-practice.ipynb"


def words(server: Any, script: str) -> str:
    parted = first_departure(server, [Stage(1, "x", "RFC 1939", script)])
    return "" if parted is None else parted.words


@pytest.mark.parametrize("server", [FirstServer, Matching, Pop3Session])
def test_a_whole_server_passes_every_stage(server: Any) -> None:
    assert first_departure(server, STAGES) is None
    assert str(play(server)).startswith("8 of 8 stages passed")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("S: +OK …\nC: NOOP\nS: +OK …", "After `C: NOOP` the transcript has `+OK …`; your server said `-ERR"),
        ("S: +OK …\nS: more", "the transcript has `more`; your server said nothing"),
        ("S: +OK …\nC: QUIT", "your server also said `+OK goodbye`"),
        ("C: QUIT", "At the beginning your server also said `+OK my own server is ready`"),
        ("S: +OK …\n> closed", "keeps the connection open"),
        ("S: +OK …\nC: QUIT\nS: +OK …\nC: QUIT", "has closed the connection"),
        ("# It greets.\n# Always.\nS: Hello", "It greets. Always."),
        ("S: +OK …\n2 S: -ERR …", "After connection 2 began"),
        ("S: +OK", "`+OK my own server is ready`"),
        ("S: +O …", "the transcript has `+O …`"),
    ],
)
def test_it_tells_where_they_part(script: str, why: str) -> None:
    assert why in words(FirstServer, script)


def test_a_name_stands_for_one_word_and_two_for_two() -> None:
    class Says(PopServer):
        def greet(self) -> Any:
            return ["+OK", "1 a", "2 b"]

        def answer(self, line: str) -> Any:
            return line

    start = "S: +OK\nS: 1 $one\nS: 2 $two\n"
    assert words(Says, f"{start}C: b a\nS: $two $one") == ""
    assert "has `b`" in words(Says, f"{start}C: a\nS: $two")
    assert words(Says, "S: +OK\nS: 1 $one\nS: 2 $one") != ""
    assert words(Says, f"{start}C: x a\nS: x $three") != ""


@pytest.mark.parametrize("server", [None, 3, int, lambda: None, object(), Endless, "FirstServer", list])
def test_whatever_is_handed_over_gets_words(server: Any) -> None:
    assert len(str(play(server)).split()) > 5


def test_a_script_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="stage 1: no line"):
        words(FirstServer, "Q: what?")


@pytest.mark.parametrize(
    ("reply", "octets"),
    [("+OK", b"+OK\r\n"), (b"+OK\r\n", b"+OK\r\n"), (["+OK", b"", "."], b"+OK\r\n\r\n.\r\n"),
     (("+OK", "ä"), "+OK\r\nä\r\n".encode()), (["+OK", ""], b"+OK\r\n\r\n")],
)  # fmt: skip
def test_a_reply_is_written(reply: Any, octets: bytes) -> None:
    assert written(reply, "answer") == octets


@pytest.mark.parametrize("reply", [None, ..., 7, [], ["+OK", 7], {"+OK": 1}, "+OK\nmore"])
def test_what_is_no_reply_is_refused(reply: Any) -> None:
    with pytest.raises(NoReply, match="`answer` returned"):
        written(reply, "answer")


def test_an_error_in_it_ends_the_connection_and_not_the_world() -> None:
    class Stumbles(FirstServer):
        def do_STAT(self, argument: str) -> Any:
            raise RuntimeError("oops")

    with World(pop3=Stumbles) as world:
        bob = world.user("bob@example.org")
        console = bob.console(bob.server, 110)
        console.connect()
        said = console.type("USER bob@example.org\nPASS secret-bob\nSTAT\nNOOP")
        assert "-ERR this server has stumbled" in said
        assert "closed the connection" in said
        assert bob.retrieve("pop3") == []  # the lock is gone


def test_it_takes_lines_however_they_are_cut() -> None:
    session = FirstServer(STAGES[0].site())
    list(session.connected("192.0.2.7", False))
    said = [action for octet in b"USER mrose\r\n" for action in session.receive(bytes([octet]))]
    assert [action.data for action in said] == [b"+OK and the password?\r\n"]
    assert next(iter(session.receive(b"x" * 5000))).data == b"-ERR the line is too long\r\n"


# ---- What the notebook shows ---------------------------------------------------------


def folds() -> list[str]:
    text = "\n".join(
        c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "markdown"
    )
    return re.split(r"<summary><b>Stage \d: |<summary>The whole server", text)[1:]


def code(fold: str) -> str:
    found = re.search(r"```python\n(.*?)```", fold, re.DOTALL)
    assert found is not None
    return found[1]


def methods(source: str) -> dict[str, ast.FunctionDef]:
    """The methods of a class, or of a piece of one."""
    source = source if "class " in source else f"class MyServer(PopServer):\n{source}"
    whole = next(node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    return {node.name: node for node in whole.body if isinstance(node, ast.FunctionDef)}


def test_the_transcripts_in_the_notebook_are_those_that_are_played() -> None:
    assert len(folds()) == 9
    for stage, fold in zip(STAGES, folds(), strict=False):
        assert fold.startswith(f"{stage.title}</b> ({stage.source})")
        assert f"```text\n{stage.script.strip()}\n```" in fold


def test_the_solution_of_each_stage_passes_it() -> None:
    known: dict[str, ast.FunctionDef] = {}
    for stage, fold in zip(STAGES, folds(), strict=False):
        names: dict[str, Any] = {"PopServer": PopServer}
        before = dict(known)
        known |= methods(code(fold))
        for have, reached in ((before, False), (known, True)):
            body: list[ast.stmt] = list(have.values()) or [ast.Pass()]
            made = ast.ClassDef("MyServer", [ast.Name("PopServer", ast.Load())], [], body, [])
            if "type_params" in ast.ClassDef._fields:
                made.type_params = []
            module = ast.fix_missing_locations(ast.Module([made], []))
            exec(compile(module, "stage", "exec"), names)
            parted = first_departure(names["MyServer"], STAGES[: stage.number])
            assert (parted is None) is reached, (stage.number, parted)
    whole = methods(code(folds()[8]))
    assert {name: ast.dump(node) for name, node in known.items()} == {
        name: ast.dump(node) for name, node in whole.items()
    }


def test_the_whole_server_in_the_notebook_is_the_one_that_runs() -> None:
    ours = methods(Path(labkit.course.first_server.__file__).read_text(encoding="utf-8"))
    shown = methods(code(folds()[8]))
    assert {name: ast.dump(node) for name, node in ours.items()} == {
        name: ast.dump(node) for name, node in shown.items()
    }

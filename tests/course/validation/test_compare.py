"""Outputs beside each other: what counts, and what a difference is called."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from support.notebooks import code, notebook, raised, said, shown, value

from labkit.course.validation.compare import Difference, comparable, difference, read_replacements
from labkit.course.validation.rules import look
from labkit.errors import LabError


@pytest.mark.parametrize(
    ("outputs", "counts"),
    [
        ([said("a\n"), said("b\n"), said("c\n", "stderr")], [("stdout", "a\nb\n"), ("stderr", "c\n")]),
        ([said("a\n"), value("1"), said("b\n")], [("stdout", "a\nb\n"), ("text/plain", "1")]),
        ([said("10%\r20%\rdone\n")], [("stdout", "done\n")]),
        ([said("a\r\nb\n")], [("stdout", "a\r\nb\n")]),
        ([said("wrong\b\b\b\b\bright")], [("stdout", "right")]),
        ([said(" 40%|####      | 2/5 [00:01<00:01,  1.9it/s]\n", "stderr")], []),
        ([said("40%| is what he said\n")], [("stdout", "40%| is what he said\n")]),
        ([raised("ValueError", "no")], [("error", "ValueError: no")]),
        ([value("x", text_html="<b>")], [("text/html", "<b>"), ("text/plain", "x")]),
        ([shown(image_png="aaaa", text_plain="<Figure size 640x480 with 1 Axes>")], [("image/png", "")]),
        ([shown(image_png="aaaa", text_plain="a curve")], [("text/plain", "a curve"), ("image/png", "")]),
        ([value("Box()", **{"application_vnd.jupyter.widget-view+json": "id"})], []),
        ([shown(text_latex="$x$")], [("text/latex", "$x$")]),
    ],
)
def test_what_counts(outputs: list[Any], counts: list[tuple[str, str]]) -> None:
    assert comparable(outputs) == counts


@pytest.mark.parametrize(
    ("was", "now", "rule"),
    [
        ("at 09:00:01.5", "at 09:00:02.5", "clock"),
        ("on 2026-01-05.", "on 2026-01-06.", "clock"),
        ("1767603600", "1767603601", "clock"),
        ("id t0kpm80c", "id t0zzm80c", "random"),
        ("<a at 0x7f1234567>", "<a at 0x7f7654321>", "random"),
        ("3 letters", "4 letters", "steady"),
        ("Istanbul", "İstanbul", "steady"),
    ],
)
def test_what_breaks_which_rule(was: str, now: str, rule: str) -> None:
    found = difference([("stdout", was)], [("stdout", now)])
    assert found is not None
    assert found.rule() == rule


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [
        (
            [("stdout", "a")],
            [("stdout", "a"), ("text/plain", "2")],
            "text/plain is there now and not then: “2”",
        ),
        ([("stdout", "a")], [], "stdout is there then and not now: “a”"),
        ([("stdout", "a")], [("stderr", "a")], "stderr is there now and not then: “a”"),
        ([("stdout", 60 * "a" + "b")], [("stdout", 60 * "a" + "c")], f"stdout is “…{25 * 'a'}b” then and"),
        ([("stdout", "a")], [("stdout", "ab")], "stdout is “a” then and “ab” now"),
    ],
)
def test_how_it_is_told(was: list[tuple[str, str]], now: list[tuple[str, str]], words: str) -> None:
    found = difference(was, now)
    assert found is not None
    assert found.told("then", "now").startswith(words)


def test_no_difference() -> None:
    same = [("stdout", "a"), ("text/plain", "1")]
    assert difference(same, list(same)) is None
    assert Difference("stdout", None, "a").rule() == "steady"


SHIPPED = Path(str(files("labkit.course.validation") / "sanitise.cfg"))


def test_the_sanitise_file_that_is_shipped() -> None:
    replacements = read_replacements(SHIPPED)
    assert len(replacements) == SHIPPED.read_text(encoding="utf-8").count("regex: ")
    runs = [
        "Date: Mon, 23 Nov 2026 18:25:31 +0000\n250 2.0.0 Ok: queued as 3f85d4570c\n"
        "127.0.0.1:41235 after 0.136 ms\n"
        "Message-ID: <8c1f@pc.example.com>\n<object at 0x7f0123456789> in /tmp/labkit-x1/mail",
        "Date: Tue, 24 Nov 2026 08:05:09 +0000\n250 2.0.0 Ok: queued as 88aa0170ff\n"
        "127.0.0.1:50111 after 1.2 ms\n"
        "Message-ID: <77ab@pc.example.com>\n<object at 0x7f9999999999> in /tmp/labkit-y2/mail",
    ]
    first, second = (comparable([said(text)], replacements) for text in runs)
    assert difference(first, second) is None
    assert difference(comparable([said(runs[0])]), comparable([said(runs[1])])) is not None
    kept = "MAIL FROM:<alice@example.com> 550 5.1.1 no such user, 3 of 4"
    assert comparable([said(kept.replace("<alice@", "<ID@"))]) == comparable([said(kept)], replacements)


def test_a_sanitise_file_that_is_none(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cfg"
    bad.write_text("[x]\nregex: (\nreplace: y\n", encoding="utf-8")
    with pytest.raises(LabError, match="is no sanitise file"):
        read_replacements(bad)
    with pytest.raises(LabError, match="cannot read"):
        read_replacements(tmp_path / "none.cfg")


LONG = {
    "base64": 200_000 * "aB3/+.",
    "digits": 1_000_000 * "7",
    "lines": 100_000 * "http://a.example/b c-d\n",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", LONG)
def test_long_outputs_take_no_longer_than_they_are(name: str) -> None:
    """A million characters, such as a picture in HTML: nothing here is quadratic."""
    text = LONG[name]
    looked = notebook(code("x", said(text), value("y", text_html=f"<p>{text}")))
    assert list(look(looked, ignored=0, checks="any")) == []
    found = difference(comparable([said(f"{text}0")]), comparable([said(f"{text}1")]))
    assert found is not None
    assert found.rule() in ("steady", "random")
    assert len(found.told("then", "now")) < 200

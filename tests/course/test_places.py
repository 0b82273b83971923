"""Where the course explains its words, and that none of them is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from labkit import course
from labkit.course import places, terms
from labkit.course.shelf import shelf

NOTEBOOKS = sorted(shelf().glob("[0-9][0-9]-*.ipynb"))
NOUNS = """
access, access protocol, address literal, alias, attachment, autologout, base64, body, bounce, boundary,
capability, client, command, connection, continuation, delivery, digest, domain, dot-stuffing, envelope,
exchange, extension, fault, field, flag, flaw, folding, forward-path, frame, greeting, greylisting,
group, half-close, header, host, ladder, literal, local part, lock, mail exchanger, mailbox, maildrop,
mailing list, mechanism, media type, multipart, null MX, null reverse-path, octet, open relay, path,
pipelining, port, preference, protocol, queue, quoted-printable, recipient, record, relay, reply, reply
code, response code, reverse-path, round trip, sender, sequence number, server, session, smuggling,
source route, state, store and forward, submission, tag, temporary failure, timestamp, trace field,
transaction, transfer encoding, unique-id, untagged response, update state, verb
"""
"""The nouns of RFC 5321 2.3, 5322 2 and 3, 5598, 1939, 2045, 9051, and of this house."""


def prose(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells  # type: ignore[no-untyped-call]
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_glossary_has_every_noun_that_a_notebook_uses(path: Path) -> None:
    text, known = prose(path), {term.term for term in terms.TERMS}
    used = {noun for noun in " ".join(NOUNS.split()).split(", ") if places.pattern(noun).search(text)}
    assert not used - known, "labkit/course/terms.py lacks these words of the notebook"


def test_the_words_are_where_they_are_said_to_be() -> None:
    kept = json.loads(places.FILE.read_text(encoding="utf-8"))
    assert kept == places.find(shelf()), "a notebook or the glossary has changed: run make refresh"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_section_named_is_in_its_notebook(path: Path) -> None:
    kept = json.loads(places.FILE.read_text(encoding="utf-8"))
    headings = re.findall(r"^##? (?:\d+\. )?(.+)$", prose(path), flags=re.MULTILINE)
    for term, (number, section) in kept.items():
        assert number != path.name[:2] or section in headings, term


def test_terms_are_in_lower_case_unless_they_are_names() -> None:
    for term in terms.TERMS:
        is_name = len(re.findall("[A-Z]", term.term)) > 1 or term.term in ("Received", "A-label")
        assert term.term == term.term.lower() or is_name, term.term


def test_the_section_in_which_a_word_is_set_apart_comes_first(tmp_path: Path) -> None:
    def notebook(number: str, *cells: tuple[str, str]) -> None:
        made = {"cells": [{"cell_type": kind, "source": [text]} for kind, text in cells]}
        (tmp_path / f"{number}-x.ipynb").write_text(json.dumps(made), encoding="utf-8")

    notebook("00", ("markdown", "# Zero\nAn envelope; two bounces."), ("markdown", "## 1. Queue\nA tag."))
    words = ("code", 'course.glossary("envelope", "literal")')
    here = ("markdown", "## 2. Here\nThe *envelope* is …")
    notebook("01", ("markdown", "# One\nan envelope and a tag"), here, words, ("code", "relay = 1"))
    assert places.find(tmp_path) == {
        "bounce": ["00", "Zero"],
        "envelope": ["01", "Here"],
        "literal": ["01", "Here"],
        "queue": ["00", "Queue"],
        "tag": ["00", "Queue"],
    }


def test_a_word_is_folded_and_told_under_the_pointer() -> None:
    shown = course.glossary("envelope")
    assert "notebook 00, “Find your own words”)" in " ".join(str(shown).split())
    html = str(shown._repr_html_())
    assert '<summary><abbr title="The reverse-path and the forward-paths' in html
    assert "<details>" in html


def test_without_a_word_it_is_a_table() -> None:
    html = str(course.glossary()._repr_html_())
    assert html.count("<tr>") == len(terms.TERMS) + 1
    assert html.count('<th scope="col"') == 4
    assert html.count('<th scope="row"') == len(terms.TERMS)

"""What all views promise: valid, escaped, deterministic, with a twin, and readable for everybody."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labkit.errors import LabError
from labkit.states import smtp
from labkit.views.bytes import annotate
from labkit.views.journey import journey
from labkit.views.ladder import ladder
from labkit.views.moments import moments, still
from labkit.views.picture import Picture
from labkit.views.report import report
from labkit.views.states import diagram
from labkit.views.states_table import matrix
from labkit.views.style import css
from labkit.views.summary import summary

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></svg><iframe>",
    "\x00\x0b\u202e]]>&",
)
HARMLESS = {
    "code", "desc", "details", "div", "g", "p", "pre", "span", "style", "summary", "table", "tbody", "td",
    "th", "thead", "title", "tr", "svg", "circle", "line", "path", "rect", "text", "tspan", "b", "caption",
    "h2", "h3", "dl", "dt", "dd",
}  # fmt: skip


def pictures(rows: dict[str, Any]) -> list[Picture]:
    lines = [
        {"capture": "t", "connection": row["connection"], "exchange": row["exchange"], "sender": "client",
         "offset": 0, "raw": f"{row['verb']} {row['argument']}\r\n".encode()}
        for row in rows["exchanges"]
    ]  # fmt: skip
    flaws = [
        {"capture": "t", "connection": row["connection"], "exchange": row["exchange"], "sender": "client",
         "offset": 1, "flaw": "bare-lf", "detail": str(row["argument"]), "meaning": "m", "rfc": "RFC 5321"}
        for row in rows["exchanges"][:3]
    ]  # fmt: skip
    hops = [
        {"capture": "t", "connection": 3, "exchange": 5, "message": None, "hop": 1, "by": row["client_name"],
         "from_name": row["client_name"], "with": "ESMTP", "id": row["server"], "time": None}
        for row in rows["connections"][:1]
    ]  # fmt: skip
    source = rows | {"lines": lines, "flaws": flaws, "hops": hops}
    walk = moments(source, every="exchange")
    return [
        ladder(source),
        ladder(source, scale="time", selected=(0, 5)),
        annotate(source),
        annotate(source, hex=True),
        journey(source),
        *(still(walk, k) for k in range(0, len(walk), 5)),
        diagram(smtp.MACHINE, source),
        matrix(smtp.MACHINE, source),
        summary(source, plots=False),
        report(source, plots=False),
    ]


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_hostile_text_in_every_column_stays_text(journey_rows: dict[str, Any], payload: str) -> None:
    fixed = ("capture", "protocol", "step", "outcome", "direction", "tls", "ended", "state")
    fixed += ("client_role", "server_role")
    hostile = {
        name: [
            {k: payload if isinstance(v, str) and k not in fixed else v for k, v in row.items()}
            for row in rows
        ]
        for name, rows in journey_rows.items()
    }
    for picture in pictures(hostile):
        tags = Tags(picture.page())
        assert tags.names - {"html", "head", "meta", "body"} <= HARMLESS
        assert tags.handlers == []
        if picture.svg:
            ElementTree.fromstring(picture.svg)  # well-formed, also alone
        assert "\x00" not in picture.page() + str(picture)


def test_hostile_names_of_roles_and_states_stay_text(journey_rows: dict[str, Any]) -> None:
    for row in journey_rows["connections"]:
        row["client_role"] = row["step"] = row["tls"] = PAYLOADS[0]
    for row in journey_rows["exchanges"]:
        row["state"] = row["protocol"] = row["outcome"] = PAYLOADS[1]
    for picture in pictures(journey_rows):
        assert Tags(picture.page()).handlers == []
        assert "script" not in Tags(picture.page()).names


def test_drawings_speak_to_screen_readers(journey_rows: dict[str, Any]) -> None:
    for picture in pictures(journey_rows):
        assert picture.alt.endswith(".")
        assert len(str(picture).splitlines()) > 5
        if picture.svg:
            root = ElementTree.fromstring(picture.svg)
            assert root.attrib["role"] == "img"
            assert [child.tag.split("}")[1] for child in root][:2] == ["title", "desc"]
            assert str(picture).splitlines()[0] in picture._repr_html_()  # the twin is folded below


def test_the_same_in_every_process(journey_rows: dict[str, Any]) -> None:
    code = (
        "from labkit.states import smtp; from labkit.views.states import diagram;"
        "from labkit.views.style import css; print(diagram(smtp.MACHINE)._repr_html_())"
    )
    runs = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        environment = {"PYTHONHASHSEED": seed, "TZ": zone}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        runs.add(run.stdout)
    assert len(runs) == 1


def test_the_style_knows_both_themes_and_asks_nobody() -> None:
    text = css("svg", "ladder", "states", "bytes", "card", "fold")
    assert '[data-jp-theme-light="false"]' in text
    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    assert "<" not in text


def test_save(tmp_path: Path) -> None:
    picture = ladder([])
    assert picture.save(tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "<!DOCTYPE html>" in picture.save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert picture.save(tmp_path / "a.txt").read_text(encoding="utf-8") == str(picture) + "\n"
    with pytest.raises(LabError, match=r"\.png"):
        picture.save(tmp_path / "a.png")


def test_html_is_a_div_and_needs_no_script(journey_rows: dict[str, Any]) -> None:
    for picture in pictures(journey_rows):
        html = picture._repr_html_()
        assert html.startswith('<div class="lk">')
        assert "<script" not in html
        assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")

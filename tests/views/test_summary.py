from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from labkit import World, datasets
from labkit.errors import LabError
from labkit.views import plots, summary_plots
from labkit.views.report import report
from labkit.views.summary import class_name, figures, summary

pytest.importorskip("matplotlib")


def test_figures_of_a_journey(journey_rows: dict[str, Any]) -> None:
    found = {group.name: group for group in figures(journey_rows).groups}
    assert list(found) == ["SMTP submission", "DNS look-up", "SMTP delivery", "POP3 access"]
    delivery = found["SMTP delivery"]
    assert (delivery.connections, delivery.exchanges, delivery.unanswered) == (2, 12, 1)
    assert found["SMTP submission"].refused == 1
    assert figures(journey_rows).messages == 4


def test_latencies_are_counted_in_classes(journey_rows: dict[str, Any]) -> None:
    for row in journey_rows["exchanges"][:2]:
        row["latency_s"] = 0.012
    found = figures(journey_rows)
    assert [class_name(bounds) for bounds in found.classes] == [
        "10 to 20 ms", "20 to 50 ms", "50 to 100 ms", "100 to 200 ms",
    ]  # fmt: skip
    assert found.counts(found.groups[0])[:3] == [2, 0, 0]
    assert sum(map(sum, map(found.counts, found.groups))) == sum(len(g.latencies) for g in found.groups)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((0, 10), "0 to 0.01 ms"),
        ((500_000, 1_000_000), "500 ms to 1 s"),
        ((2_000_000, 5_000_000), "2 to 5 s"),
    ],
)
def test_names_of_classes(bounds: tuple[int, int], words: str) -> None:
    assert class_name(bounds) == words


def test_the_text_says_what_the_page_says(journey_rows: dict[str, Any]) -> None:
    picture = summary(journey_rows)
    assert "4 messages carried" in str(picture)
    assert "100 to 200 ms  ████" in str(picture)
    html = picture._repr_html_()
    assert html.count("<svg") == 2
    assert "SMTP submission" in html


class Marks(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bad += [tag] if tag in ("script", "iframe", "img", "image", "foreignobject") else []
        self.bad += [name for name, value in attrs if name.startswith("on")]
        self.bad += [f"{n}={v}" for n, v in attrs if n in ("src", "href") and not (v or "").startswith("#")]


def test_plots_are_escaped_well_formed_and_follow_the_theme(journey_rows: dict[str, Any]) -> None:
    for row in journey_rows["connections"]:
        row["protocol"] = '"><script>alert(1)</script>'
    for draw in (summary_plots.latencies, summary_plots.legs):
        svg = draw(figures(journey_rows))
        assert Marks(svg).bad == []
        root = ElementTree.fromstring(svg)
        assert root.attrib["role"] == "img"
        assert [child.tag.split("}")[1] for child in root][:2] == ["title", "desc"]
        assert "var(--lk-client)" in svg or "var(--lk-bad)" in svg
        drawn = svg.partition("</style>")[2]  # behind the stylesheet
        assert not set(plots.COLOURS.values()) & {word.strip(';"') for word in drawn.split()}
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_a_plot_is_the_same_in_every_process() -> None:
    code = (
        "from labkit.views.summary import Figures, Group;"
        "from labkit.views.summary_plots import latencies, legs;"
        "g = Group('SMTP relay', 'smtp', 1, 2, 1, 100, 200, 0, 0, [40000, 50]); "
        "f = Figures([g], 1, 0, 5, [(20, 50), (50, 100)]); print(latencies(f), legs(f))"
    )
    runs = set()
    for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo")):
        environment = {"PYTHONHASHSEED": seed, "TZ": zone, "HOME": str(Path.home())}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        runs.add(done.stdout)
    assert len(runs) == 1


def test_without_matplotlib_the_plots_are_left_out_and_that_is_said(
    journey_rows: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    picture = summary(journey_rows)
    assert "The plots are left out: plots need matplotlib" in picture._repr_html_()
    assert "SMTP delivery" in str(picture)
    with pytest.raises(LabError, match="matplotlib"), plots.figure():
        pass


def test_a_plot_of_ones_own() -> None:
    with plots.figure() as (drawing, (axes,)):
        axes.plot([1, 2], [3, 4], color=plots.COLOURS["client"])
        made = plots.picture(drawing, "A line", "A line that rises.", "3, 4")
    assert str(made) == "3, 4"
    assert "stroke: var(--lk-client)" in (made.svg or "")


def test_a_report_is_one_page_with_every_connection(journey_rows: dict[str, Any], tmp_path: Path) -> None:
    page = report(journey_rows, title="Friday").save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert page.count("<details><summary>") >= 4
    assert "<title>Friday</title>" in page
    assert "3: SMTP delivery, mail.example.org to mx.example.net, port 25" in page
    assert "2 more connections not shown" in report(journey_rows, limit=2, plots=False).page()


def test_a_capture_is_one_page_of_its_own_with_every_octet(tmp_path: Path) -> None:
    with World(seed=0) as world:
        alice = world.user("alice@example.com")
        alice.submit(alice.compose(to=alice, subject="Long", text="".join(f"line {n}\n" for n in range(99))))
        world.settle()
        capture = world.capture
    assert capture.to_html(tmp_path / "a.html") is None
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert page == capture.to_html()
    assert all(f">line {n}<" in page for n in range(99)), "nothing is folded"
    assert "lines of data" in report(capture, plots=False).page()
    assert not re.search(r"<script|src=|url\((?!#)|@import|<link", page), "it asks for nothing from elsewhere"
    assert "secret-alice" not in page
    assert ">EHLO</span>" in page
    assert "the command's word" in page, "each part is explained"


def test_the_figures_are_those_of_the_tables() -> None:
    capture = datasets.load("tour")
    head = str(summary(capture, title="Tour", plots=False)).splitlines()[0]
    assert head == (
        "Tour: 4 connections, 2 look-ups, 28 exchanges, 22 round trips, 4 messages carried, 5 225 octets, "
        "0 refusals, 0 without reply, 0 flaws, 1.02 s from first to last"
    )
    assert len(capture.connections) == 4
    assert "1 connection, 4 exchanges" in summary(datasets.load("postfix-relay-starttls"), plots=False).alt


def test_nothing_was_captured() -> None:
    empty: dict[str, Any] = {"exchanges": [], "connections": []}
    assert "0 exchanges" in str(summary(empty))
    assert "<svg" in report(empty)._repr_html_()

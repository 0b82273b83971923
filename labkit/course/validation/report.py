"""What was found, told: lines for people, and JUnit XML for the services that run the tests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from labkit.capture.files import whole_file
from labkit.course.validation.findings import RULES, Result
from labkit.views.words import plural

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def lines(result: Result) -> Iterable[str]:
    """One line for a notebook that is as it should be, else one for each finding."""
    if result.ok:
        yield f"{result.notebook}: as it should be ({result.seconds:.1f} s)"
    yield from map(str, result.findings)


def summary(results: Sequence[Result]) -> str:
    found = sum(len(result.findings) for result in results)
    bad = sum(not result.ok for result in results)
    notebooks = plural(len(results), "notebook")
    if not bad:
        return f"{notebooks}, nothing found."
    return f"{notebooks}, {bad} not as it should be: {plural(found, 'finding')}."


def write_junit(results: Sequence[Result], path: Path) -> None:
    """A suite for each notebook, a test case for each rule."""
    suites = ET.Element("testsuites", name="labkit notebooks check")
    for result in results:
        broken = {finding.rule for finding in result.findings}
        suite = ET.SubElement(
            suites,
            "testsuite",
            name=str(result.notebook),
            tests=str(len(RULES)),
            failures=str(len(broken)),
            errors="0",
            skipped="0",
            time=f"{result.seconds:.3f}",
        )
        for rule, meaning in RULES.items():
            case = ET.SubElement(
                suite, "testcase", classname=result.notebook.stem, name=f"{rule}: {meaning}", time="0"
            )
            told = [_NOT_XML.sub("�", str(each)) for each in result.findings if each.rule == rule]
            if told:
                failure = ET.SubElement(case, "failure", type=rule, message=told[0])
                failure.text = "\n".join(told)
    tree = ET.ElementTree(suites)
    ET.indent(tree)
    with whole_file(path) as part:
        tree.write(part, encoding="utf-8", xml_declaration=True)

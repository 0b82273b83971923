"""What every notebook keeps: form, sections, exercises, and outputs that say the same everywhere.

That the outputs are right is found out by running them (`make notebooks`).
"""

from __future__ import annotations

import ast
import html.parser
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from labkit.course import catalogue
from labkit.course.validation import rules
from labkit.course.validation.refresh import written
from labkit.world.world import World

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
TOPICS: list[dict[str, Any]] = tomllib.loads((FOLDER / "coverage.toml").read_text(encoding="utf-8"))["topic"]
SLOW_READER = 140  # words a minute

pytestmark = pytest.mark.usefixtures("own_progress")
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def cells(path: Path, kind: str) -> list[Any]:
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def prose(path: Path) -> str:
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


def headings(path: Path) -> list[str]:
    """Titles of the sections, without their numbers."""
    return re.findall(r"^##+ (?:\d+\. )?(.+)$", prose(path), flags=re.MULTILINE)


def sections(path: Path) -> list[tuple[str, list[str]]]:
    """Each section's title and its code cells; the introduction is the first."""
    found: list[tuple[str, list[str]]] = [("introduction", [])]
    for cell in read(path).cells:
        if cell.cell_type == "code":
            found[-1][1].append(cell.source)
        elif title := re.match(r"## (.+)", cell.source):
            found.append((title[1], []))
    return found


def run(code: list[str]) -> Any:
    """Run cells in a namespace of their own, end their worlds; returns what the last one shows."""
    names: dict[str, Any] = {"__name__": "__main__"}
    worlds: list[World] = []
    shown: Any = None
    for source in code:
        *body, last = ast.parse(source).body
        value = last.value if isinstance(last, ast.Expr) else None
        body += [] if value else [last]
        exec(compile(ast.Module(body, []), "cell", "exec"), names)
        worlds += [value for value in names.values() if isinstance(value, World)]
        shown = eval(compile(ast.Expression(value), "cell", "eval"), names) if value else None
    for world in worlds:
        world.close()
    return shown


def outputs(path: Path) -> list[Any]:
    return [output for cell in cells(path, "code") for output in cell.outputs]


@pytest.fixture
def own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("LABKIT_WIDGETS", "0")


@every_notebook
class TestForm:
    def test_it_is_what_a_refresh_would_write(self, path: Path) -> None:
        assert path.read_text(encoding="utf-8") == written(nbformat.read(path, as_version=4))

    def test_what_is_committed_keeps_every_rule(self, path: Path) -> None:
        assert list(rules.look(read(path), ignored=0, checks="unsolved")) == []

    def test_it_is_valid_and_its_cells_have_names_of_their_own(self, path: Path) -> None:
        nbformat.validate(read(path))
        names = [cell.id for cell in read(path).cells]
        assert len(set(names)) == len(names)

    def test_it_was_run_once_from_top_to_bottom(self, path: Path) -> None:
        counts = [cell.execution_count for cell in cells(path, "code")]
        assert counts == list(range(1, len(counts) + 1))

    def test_no_output_is_an_error_a_widget_or_a_bitmap(self, path: Path) -> None:
        kinds = {kind for output in outputs(path) for kind in output.get("data", {})}
        assert kinds <= {"text/plain", "text/html", "image/svg+xml", "text/markdown"}
        assert not [output for output in outputs(path) if output.output_type == "error"]
        assert not [output for output in outputs(path) if output.get("name") == "stderr"]

    def test_no_output_knows_this_machine(self, path: Path) -> None:
        text = json.dumps(outputs(path))
        assert not re.search(r"/home/|/root|/tmp/|site-packages| at 0x[0-9a-f]{6}", text)

    def test_no_word_is_hidden_in_a_long_line(self, path: Path) -> None:
        for cell in cells(path, "code"):
            assert max(map(len, cell.source.splitlines())) <= 110


@every_notebook
class TestAnatomy:
    def test_it_opens_with_a_title_its_minutes_and_a_mystery(self, path: Path) -> None:
        first = cells(path, "markdown")[0].source
        assert re.match(r"# \w", first)
        assert re.search(r"^\*\d+ minutes\. You need ", first, flags=re.MULTILINE)
        assert "**The mystery.**" in first

    def test_it_predicts_breaks_and_looks_back(self, path: Path) -> None:
        text = prose(path)
        for words in ("**Predict", "**Explain", "weird experiment", "## Recap", "**Since 2005.**", "RFC 5321",
                      "**The next question.**"):  # fmt: skip
            assert words in text
        recap = text.partition("## Recap")[2]
        assert re.findall(r"^(\d)\. ", recap, flags=re.MULTILINE) == list("12345")

    def test_it_can_be_read_in_its_time(self, path: Path) -> None:
        minutes = re.search(r"^\*(\d+) minutes", prose(path), flags=re.MULTILINE)
        assert minutes is not None
        words = len(re.sub(r"<details>.*?</details>", "", prose(path), flags=re.DOTALL).split())
        assert words / SLOW_READER <= int(minutes[1]) * 0.6  # the rest is for doing

    def test_each_section_runs_alone(self, path: Path) -> None:
        for _, code in sections(path):
            run(code)

    def test_its_exercises_are_all_shown_and_checked_in_order(self, path: Path) -> None:
        code = "\n".join(cell.source for cell in cells(path, "code"))
        numbers = [exercise.number for exercise in catalogue.of(path.stem[:2])]
        assert re.findall(r'course\.exercise\("([\d.]+)"', code) == numbers
        assert re.findall(r'course\.check\("([\d.]+)"', code) == numbers

    def test_none_of_its_exercises_is_solved_in_advance(self, path: Path) -> None:
        said = [str(output.get("data", {}).get("text/plain", "")) for output in outputs(path)]
        assert len([text for text in said if text.startswith("✗")]) == len(catalogue.of(path.stem[:2]))
        assert not [text for text in said if text.startswith("✓")]

    def test_its_links_lead_to_notebooks_that_are_there(self, path: Path) -> None:
        for target in re.findall(r"\]\(([^)#]+\.ipynb)\)", prose(path)):
            assert (FOLDER / target).is_file()


LETTER = "MAIL FROM:<me@example.com>\\nRCPT TO:<bob@example.org>\\nDATA\\nHello\\n."
TWICE = "MAIL FROM:<me@example.com>\\nRCPT TO:<bob@example.org>\\nRCPT TO:<bob@example.org>\\nDATA\\n."
TO_BOB = "MAIL FROM:<me@example.com>\\nRCPT TO:<bob@example.org>\\n"
BLIND = f"{TO_BOB}RCPT TO:<carol@example.org>\\nDATA\\nTo: bob@example.org\\n\\nHi\\n."
SECOND_HOST = """world.domain("example.org", server="backup.example.org", preference=20)
"""
OWN_HOST = """world.always_on("bob@bob.example.net")
alice.submit(alice.compose(to="bob@bob.example.net", text="Hello"))
world.settle()
"""
WAITED = """letters = world.capture.messages
answer = letters.groupby("trace_id").time.agg(lambda at: at.max() - at.min()).max().total_seconds() / 3600
"""
MENDED = """answer = (
    broken.replace("alice@example.com", "<alice@example.com>")
    .replace("Subject: Lunch\\n", "")
    .replace("Mon, 32 Jan 2026 09:00:00", "5 Jan 2026 09:00:00 +0000")
    .replace("4711", "<4711@alice-pc.example.com>")
)"""
BOTH = '''answer = """From: alice@example.com
Date: Mon, 5 Jan 2026 09:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=cut

--cut
Content-Type: text/plain

Lunch?
--cut
Content-Type: text/html

<p>Lunch?</p>
--cut--
"""'''
LOG_IN = "USER bob@example.org\\nPASS secret-bob\\nDELE 2"
DIGEST = """import hashlib
digest = hashlib.md5((greeting[greeting.index("<"):] + "secret-bob").encode()).hexdigest()"""
GUESSED = """import hashlib
rows = world.capture.with_secrets().exchanges
timestamp, digest = rows.text.iloc[0].split()[-1], rows.argument.iloc[1].split()[1]
book = {hashlib.md5((timestamp + word).encode()).hexdigest(): word for word in COMMON}
answer = book[digest]"""
MARKED = f"""for ending in ("RSET\\nQUIT", "NOOP"):
    console = bob.console(bob.server, 110)
    console.connect()
    console.type("{LOG_IN}")
    console.type(ending)
    console.close()
"""
AT_ONCE = """["USER bob@example.org", "PASS secret-bob", *(f"RETR {n}" for n in range(1, 21)), "QUIT"]"""
HOST, SERVER = "sender's host", "sender's server"
BY_NAME = """for line in client.uidl()[1]:
    if line.split()[1] not in known:
        client.retr(int(line.split()[0]))
"""
IN_VAIN = """letters = world.capture.messages.query("direction == 'retrieved'")
answer = letters.octets.sum() - 2 * letters.drop_duplicates("message_id").octets.sum()"""
OPEN = "USER bob@example.org\\nPASS secret-bob"
MET = "".join(
    f'{who}.type("{said}")\n'
    for who, said in (("pc", OPEN), ("phone", OPEN), ("pc", "QUIT"), ("phone", OPEN))
)
OWN_SERVER = "from labkit.course.first_server import FirstServer as MyServer\n"
WIDTH = """ends = world.capture.exchanges.query("step == 'submit' and verb == '.'")
answer = 8 * ends.octets_sent.diff().iloc[-1] / ends.latency_s.diff().iloc[-1]"""
POPLIB = """client = bob.poplib()
client.user("bob@example.org")
client.pass_("secret-bob")
client.retr(1)
"""
WRITTEN: dict[str, dict[str, str]] = {
    "00.1": {"Lunch on Friday": "My own words", "answer = ...": "answer = [0, 3, 4]"},
    "00.2": {'"submission": ..., "delivery": ..., "access": ...': """'submission': 'smtp', 'delivery': 'smtp',
             'access': 'pop3'"""},
    "00.3": {"NOOP": LETTER},
    "00.4": {"answer = ...": "answer = (3, 5)"},
    "00.5": {"answer = ...": "answer = 'c'"},
    "01.1": {'"compose": ..., "submit": ..., "deliver": ..., "receive": ..., "access": ...': f"""
             "compose": "{HOST}", "submit": "{HOST}", "deliver": "{SERVER}",
             "receive": "recipient's server", "access": "recipient's host" """},
    "01.2": {'"client": ..., "server": ...': f"""
             "client": ["{HOST}", "{SERVER}"], "server": ["{SERVER}", "recipient's server"]"""},
    "01.3": {"# Here Bob's own host comes into the world, and Alice writes to him.\n": OWN_HOST},
    "01.4": {"answer = ...\n": WAITED},
    "01.5": {"answer = ...": "answer = 'b'"},
    "02.1": {"answer = ...": "answer = list('bdgh')"},
    "02.2": {"# Here example.org gets a second host.\n": SECOND_HOST},
    "02.3": {"answer = ...": "answer = 'b'"},
    "02.4": {"course.check": "answer = {a: recognise(a).route[-1] for a in answer}\ncourse.check"},
    "03.1": {"answer = long": """place = long.rindex(" ", 0, 78)
answer = long[:place] + "\\r\\n" + long[place:]"""},
    "03.2": {'"In-Reply-To": ..., "References": ...': """"In-Reply-To": "<3@bob-pc.example.org>",
             "References": "<1@alice-pc.example.com> <3@bob-pc.example.org>" """},
    "03.3": {'"Message-ID": ..., "lower Received": ..., "upper Received": ..., "Return-Path": ...': f"""
             "Message-ID": "{HOST}", "lower Received": "{SERVER}",
             "upper Received": "recipient's server", "Return-Path": "recipient's server" """},
    "03.4": {"answer = ...": "answer = 'lists.example.net'"},
    "03.5": {"answer = broken": MENDED},
    "04.1": {"answer = ...": "answer = 'Qm9iIQ=='"},
    "04.2": {"answer = ...": "answer = 'K=C3=A4se =3D 2 =E2=82=AC'"},
    "04.3": {"answer = ...": "answer = 869, 1067"},
    "04.4": {"answer = ...": "import base64\nanswer = base64.b64decode(POSTCARD[869:1067])"},
    "04.5": {"answer = ...": BOTH},
    "06.1": {'submission.type("NOOP")': 'submission.type("EHLO me-pc.example.com")',
             "answer = ...": 'answer = "AUTH"'},
    "06.2": {'console.type("NOOP")': f'console.type("EHLO me.example.com\\nSTAT\\n{TWICE}")'},
    "06.3": {"course.check": """means = dict(zip("2345", ("done", "go on", "not now", "no")))
answer = {code: means[code[0]] for code in answer}
course.check"""},
    "06.4": {"NOOP": "EHLO me\\nNOOP\\nHELP\\nVRFY bob@example.org\\nRSET\\nQUIT"},
    "07.1": {'console.type("EHLO me-pc.example.com")': f'console.type("EHLO me\\n{BLIND}")'},
    "07.2": {"answer = ...": "answer = 'c'"},
    "07.3": {"answer = ...": """answer = world.capture.recipients.query("code == 550").address"""},
    "07.4": {"RSET": f"{TO_BOB}DATA\\n\\n..\\nmore\\n."},
    "07.5": {"NOOP": f"{TO_BOB}RSET\\n{TO_BOB.replace('bob', 'carol')}DATA\\n."},
    "12.1": {"NOOP": f"{LOG_IN}\\nQUIT"},
    "12.2": {'digest = "00000000000000000000000000000000"': DIGEST},
    "12.3": {"answer = ...": GUESSED},
    "12.4": {"# Here Bob calls twice, marks letters, and leaves in two ways.\n": MARKED},
    "12.5": {'["CAPA", "QUIT"]': AT_ONCE},
    "13.1": {"# Here you fetch what is not in `known`, and nothing else.\n": BY_NAME},
    "13.2": {"answer = ...": IN_VAIN},
    "13.3": {"# Here both log in, and the phone gets in at last.\n": MET},
    "13.4": {"play(MyServer)": OWN_SERVER},
    "13.5": {"world = World": f"{OWN_SERVER}world = World",
             "# Here Bob fetches the letter with bob.poplib().\n": POPLIB},
    "14.1": {"secret-bob": "secret-bob\\na2 STATUS INBOX (MESSAGES)\\na3 LOGOUT"},
    "14.2": {"RFC822.SIZE": "FLAGS\\na4 FETCH 1:* ENVELOPE"},
    "14.3": {"b1 NOOP": "b1 APPEND INBOX {24}\\nSubject: Dots\\n\\n.\\nmore"},
    "14.4": {"answer = ...": "answer = 'b'"},
    "22.1": {"answer = ...": "answer = (day.recipients.code >= 500).sum()"},
    "22.2": {"answer = ...": "answer = 'erin@example.net'"},
    "22.3": {"answer = ...": "answer = trace.message_id[trace.hop.idxmax()]"},
    "22.4": {"answer = ...": "answer = 'b'"},
    "22.5": {"answer = ...": "answer = 'bob@example.org'"},
    "23.1": {"answer = ...": "answer = world.capture.exchanges.mail.round_trips().round_trips.iloc[-1]"},
    "23.2": {"# Here Bob fetches them again, in another way.\n": "bob.retrieve('pop3', pipelined=True)\n"},
    "23.3": {"answer = ...": "answer = 'c'"},
    "23.4": {"answer = ...": WIDTH},
    "23.5": {'"A": ..., "B": ..., "C": ...': '"A": "server", "B": "client", "C": "line"'},
    "24.1": {"answer = ...": "answer = 4"},
    "24.2": {"answer = ...": "answer = 'b'"},
    "24.3": {"latency:1": "half-close"},
    "24.4": {"answer = ...": "answer = 3"},
    "24.5": {"answer = ...": "answer = 'c'"},
}  # fmt: skip
"""What a learner writes into the cells of each exercise, in place of what stands there."""


@pytest.mark.parametrize("number", [exercise.number for exercise in catalogue.every()])
def test_every_exercise_can_be_solved_where_it_stands(number: str) -> None:
    path = next(path for path in NOTEBOOKS if path.stem.startswith(number[:2]))
    check = f'course.check("{number}"'
    code = next(code for _, code in sections(path) if any(check in source for source in code))
    end = next(place for place, source in enumerate(code) if check in source) + 1
    begin = max((place for place in range(end - 1) if "course.check(" in code[place]), default=-1) + 1
    before, mine = code[:begin], code[begin:end]
    for old, new in WRITTEN[number].items():
        assert any(old in source for source in mine)
        mine = [source.replace(old, new) for source in mine]
    said = str(run(before + mine))
    assert said.startswith(f"✓ {number} solved"), said


class Tables(html.parser.HTMLParser):
    """Rows and columns of the tables in a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sizes: list[list[int]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "table":
            self.sizes.append([0, 0])
        elif tag == "tbody":
            self.sizes[-1][0] = 0
        elif tag == "tr":
            self.sizes[-1][0] += 1
        elif tag == "th":
            self.sizes[-1][1] += 1


def test_the_first_table_is_small() -> None:
    pages = [
        output.data["text/html"] for output in outputs(NOTEBOOKS[0]) if "text/html" in output.get("data", {})
    ]
    rows, columns = next(size for page in pages for size in Tables(page).sizes)
    assert 1 <= rows <= 12
    assert columns == 5


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic["about"][:40])
def test_every_topic_has_its_section(topic: dict[str, Any]) -> None:
    assert set(topic) <= {"about", "notebook", "section", "since"}
    path = FOLDER / f"{topic['notebook']}.ipynb"
    assert path.is_file(), f"there is no notebook {topic['notebook']}"
    assert topic["section"] in headings(path)


@every_notebook
def test_every_section_is_there_for_a_topic(path: Path) -> None:
    named = {topic["section"] for topic in TOPICS if topic["notebook"] == path.stem}
    assert {heading for heading in headings(path) if heading != "A weird experiment"} == named


def test_no_topic_is_told_twice() -> None:
    assert len({topic["about"] for topic in TOPICS}) == len(TOPICS)

"""`labkit notebooks check | refresh | new | grade | sanitise`: notebooks held to their word."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labkit.cli.complaints import complain
from labkit.cli.options import Command, Group, misused, option
from labkit.errors import LabError

if TYPE_CHECKING:
    from labkit.course.validation.findings import Result

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Validate, refresh, begin and grade notebooks, of the course or of your own.\n\n"
    "Needs pip install 'mail-labkit\\[ci]', and no JupyterLab.",
)

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH", help="Notebooks, and folders of them.", show_default=False)
]
Timeout = Annotated[float, option("--timeout", form="SECONDS", help="What a single cell may take.")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-n", metavar="N", min=0, help="Notebooks at a time; 0 is one for each CPU.")
]


@app.command(cls=Command)
def check(
    paths: Paths,
    ignored: Annotated[
        int, option(form="N", help="So many cells of a notebook may keep their output from being compared.")
    ] = 0,
    checks: Annotated[
        Literal["any", "solved", "unsolved"],
        option(form="HOW", help="Checks of exercises are all solved, all unsolved, or any."),
    ] = "any",
    sanitise: Annotated[
        list[Path] | None,
        option(form="FILE", help="Replacements made before outputs are compared, in nbval's form. (Repeat.)"),
    ] = None,
    jobs: Jobs = 0,
    timeout: Timeout = 120,
    junit: Annotated[Path | None, option(form="FILE", help="Also write what was found as JUnit XML.")] = None,
) -> None:
    """Run notebooks twice, in surroundings that differ, and compare all outputs with those committed.

    Each finding names the notebook, the cell (counted from 1), and the rule. The
    two runs differ in hash seed, time zone, locale and width. A cell that is
    meant to raise has the tag raises-exception; nbval's comments and tags that
    hide an output are counted against --ignored.

    [dim]labkit notebooks check notebooks[/dim]
    [dim]labkit notebooks check lecture.ipynb --ignored 2 --junit report.xml[/dim]
    """
    from labkit.course.validation.check import Options, check_all
    from labkit.course.validation.compare import read_replacements
    from labkit.course.validation.notebook import find_notebooks, needs
    from labkit.course.validation.report import lines, summary, write_junit

    if ignored < 0 or timeout <= 0:
        raise misused("--ignored or --timeout", "it cannot be less than nothing")
    needs("nbclient", "ipykernel")
    replacements = [pair for path in sanitise or () for pair in read_replacements(path)]
    options = Options(ignored, timeout, checks, replacements)

    def tell(result: Result) -> None:
        print("\n".join(lines(result)), flush=True)

    results = check_all(find_notebooks(paths), options, jobs, tell)
    if junit is not None:
        write_junit(results, junit)
    print(summary(results))
    if not all(result.ok for result in results):
        raise typer.Exit(1)


@app.command(cls=Command)
def refresh(
    paths: Paths,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    timeout: Timeout = 120,
) -> None:
    """Run notebooks, show what would change in their outputs, and write it once you agree.

    A notebook in which a cell fails stays as it was. Without a terminal to ask
    at, nothing is written unless --yes says so.

    [dim]labkit notebooks refresh notebooks/00-start-here.ipynb[/dim]
    [dim]labkit notebooks refresh notebooks --yes[/dim]
    """
    from labkit.course.validation.notebook import find_notebooks, needs
    from labkit.course.validation.refresh import refresh as refreshed

    needs("nbclient", "ipykernel")
    failed = unwritten = 0
    for path in find_notebooks(paths):
        try:
            found = refreshed(path, timeout=timeout)
        except LabError as error:
            complain(f"{error}.")
            failed += 1
            continue
        if not found.changed:
            print(f"{path}: as it was")
            continue
        changes = found.changes or ("the form of the file only; no output",)
        print("\n".join([f"{path}: changes in", *(f"  {line}" for line in changes)]), flush=True)
        if yes or (sys.stdin.isatty() and typer.confirm(f"Write {path}?")):
            found.keep()
            print(f"{path}: written")
        else:
            unwritten += 1
            print(f"{path}: not written")
    if failed or unwritten:
        raise typer.Exit(1)


@app.command(cls=Command)
def new(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Its file; .ipynb is added.", show_default=False)
    ],
) -> None:
    """Begin a notebook with the anatomy of the course: mystery, predict, run, look, explain, break it, recap.

    [dim]labkit notebooks new 30-my-own[/dim]
    """
    from labkit.course.validation.notebook import needs
    from labkit.course.validation.skeleton import begin

    needs("nbformat")
    made = begin(name)
    print(f"{made} is there. Fill it in; then: labkit notebooks refresh {made}")


@app.command(cls=Command)
def grade(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Notebooks that learners worked on.", show_default=False),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="For a program: one list, an object for each.")
    ] = False,
    jobs: Jobs = 0,
    timeout: Timeout = 120,
) -> None:
    """Run learners' notebooks, and tell who solved which exercises, and why not.

    A file counts for what its checks say when it is run anew, not for what stands
    in it. It is a program of somebody else's: run it where it can do no harm.

    [dim]labkit notebooks grade */00-start-here.ipynb[/dim]
    [dim]labkit notebooks grade anna.ipynb ben.ipynb --json[/dim]
    """
    from labkit.course.validation.grade import grade_all
    from labkit.course.validation.notebook import find_notebooks, needs

    needs("nbclient", "ipykernel")
    graded = grade_all(find_notebooks(paths), timeout=timeout, jobs=jobs)
    failed = [each for each in graded if isinstance(each, LabError)]
    found = [each for each in graded if not isinstance(each, LabError)]
    for error in failed:
        complain(f"{error}.")
    if as_json:
        print(json.dumps([each.as_json() for each in found], indent=1, ensure_ascii=False))
    else:
        for each in found:
            print(f"{each.who}: {len(each.solved)} of {len(each.solved) + len(each.unsolved)} solved")
            print("".join(f"  ✓ {number}\n" for number in each.solved), end="")
            print("".join(f"  · {number} {each.reasons[number]}\n" for number in each.unsolved), end="")
            print(f"  {each.trouble}\n" if each.trouble else "", end="")
    if failed:
        raise typer.Exit(1)


@app.command(cls=Command)
def sanitise() -> None:
    """Say where the file is that tells nbval what to leave out of account, for notebooks on real ports.

    [dim]pytest --nbval --nbval-sanitize-with "$(labkit notebooks sanitise)" notebooks[/dim]
    """
    from importlib.resources import files

    print(files("labkit.course.validation") / "sanitise.cfg")

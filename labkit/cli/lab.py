"""`labkit lab`: the course, in JupyterLab."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labkit.cli.options import option


def lab(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Your copy of the notebooks; nothing in it is overwritten.")
    ] = Path("labkit-notebooks"),
    no_open: Annotated[bool, typer.Option("--no-open", help="Copy only; do not start JupyterLab.")] = False,
    app: Annotated[
        str | None, option("--app", form="NOTEBOOK", help="Serve this one as a web page, by Voilà.")
    ] = None,
) -> None:
    """Put a copy of the notebooks into a folder, and open JupyterLab there.

    What you have worked on stays as it is. Further options go to JupyterLab.

    [dim]labkit lab[/dim]
    [dim]labkit lab my-notes --no-browser --port 8890[/dim]
    [dim]labkit lab --app 00-start-here[/dim]
    """
    from labkit.course.shelf import lay_out
    from labkit.course.start import open_app, open_lab

    laid = lay_out(folder)
    print(f"{folder}: {len(laid.new)} of {len(laid.names)} notebooks copied; the others were there.")
    for name in laid.kept:
        print(f"{name} is no longer as it was shipped: it is yours, and stays as it is.")
    if no_open:
        return
    options = context.args
    raise typer.Exit(open_app(laid, app, options) if app else open_lab(laid, options))

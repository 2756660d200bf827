"""`python -m bench [NAME...] --state .local`: measure, and write what was found."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import record
from bench.figures import Finding
from bench.record import Record
from bench.registry import SUBJECTS, NoSuchSubject, chosen
from bench.subject import Subject


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Subjects or figures; all without one.")] = None,
    state: Annotated[Path, typer.Option(help="The folder of all local state.")] = Path(".local"),
) -> None:
    """Measure one subject after another."""
    console, kept = Console(), Record(state)
    try:
        subjects = chosen(names or ())
    except NoSuchSubject as unknown:
        known = ", ".join(subject.name for subject in SUBJECTS)
        typer.secho(f"no such measurement: {unknown}; there are {known}", err=True)
        raise typer.Exit(2) from None
    for number, subject in enumerate(subjects, 1):
        kept.keep(subject, _measured(subject, f"{number}/{len(subjects)}", console))
    _conclude(kept, subjects, console)


def _measured(subject: Subject, place: str, console: Console) -> Finding:
    began = time.monotonic()
    with console.status(f"{place} {subject.name}") as status:
        finding = subject.measure(lambda busy: status.update(f"{place} {subject.name}: {busy}"))
    console.print(f"{place} {subject.name} [dim]{time.monotonic() - began:.0f} s[/dim]")
    return finding


def _conclude(kept: Record, subjects: list[Subject], console: Console) -> None:
    found = kept.sum_up(SUBJECTS)
    if len(found) == len(SUBJECTS):
        record.PAGE.write_text(record.page(found, os.cpu_count() or 1))
    shown = Table(*record.HEAD)
    for subject in subjects:
        for figure in found[subject.name].figures:
            shown.add_row(*(cell.strip("`*") for cell in record.row(figure)))
    console.print(shown)


if __name__ == "__main__":
    typer.run(main)

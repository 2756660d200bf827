"""`python -m bench [NAME...] --state .local`: measure, and write what was found."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import machine, record
from bench.figures import Finding, Round
from bench.machine import Spent
from bench.progress import Progress
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
    before, shown = Spent.now(), Progress(console, f"{place} {subject.name}")
    with shown.running():
        finding = subject.measure(shown.tell)
    after = Spent.now()
    round_ = Round(f"{datetime.now(UTC):%Y-%m-%d}", after.at_s - before.at_s, after.others_since(before))
    console.print(f"{place} {subject.name}: {round_.seconds:.0f} s", highlight=False)
    return finding._replace(round=round_)


def _conclude(kept: Record, subjects: list[Subject], console: Console) -> None:
    found = kept.sum_up(SUBJECTS)
    if len(found) == len(SUBJECTS):
        record.PAGE.write_text(record.page(found, machine.described()))
    shown = Table(*record.HEAD)
    for subject in subjects:
        for figure in found[subject.name].figures:
            shown.add_row(*(cell.strip("`*") for cell in record.row(figure)))
    console.print(shown)


if __name__ == "__main__":
    typer.run(main)

"""Where findings go: kept in STATE/bench/, summed up in STATE/bench.json and, once all are there, in the docs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.figures import Figure, Finding, show, table
from bench.subject import Subject

PAGE = Path("docs/benchmarks.md")

INTRODUCTION = """\
# Benchmarks

Made by `make bench`, which measures everything anew, and writes this page and `.local/bench.json`. Absolute times do
not travel: they are this machine's, beside whatever else ran, and have no target. What has one is a count or a ratio to
a yardstick of its own kind (the peer), measured in the same run. Measured on {machine}.
"""

HEAD = ("figure", "value", "unit", "peer", "peer's value", "target", "reached")


class Record:
    """The findings of a state folder; measuring one subject leaves the others as they were."""

    def __init__(self, state: Path) -> None:
        self._summary = state / "bench.json"
        self._folder = state / "bench"

    def keep(self, subject: Subject, finding: Finding) -> None:
        """Store a finding in place of the subject's earlier one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file(subject).write_text(json.dumps(finding.dump(), indent=1) + "\n")

    def findings(self, subjects: Sequence[Subject]) -> dict[str, Finding]:
        """What is known of each subject that was measured, by its name."""
        files = {subject.name: self._file(subject) for subject in subjects}
        return {name: Finding.load(json.loads(file.read_text())) for name, file in files.items() if file.exists()}

    def sum_up(self, subjects: Sequence[Subject]) -> Mapping[str, Finding]:
        """Write `bench.json` from all that is known, and return it."""
        found = self.findings(subjects)
        figures = {figure.name: figure.brief() for finding in found.values() for figure in finding.figures}
        self._summary.write_text(json.dumps(figures, indent=1) + "\n")
        return found

    def _file(self, subject: Subject) -> Path:
        return self._folder / f"{subject.name}.json"


def page(found: Mapping[str, Finding], machine: str) -> str:
    """The page of all findings on a machine."""
    rows = [row(figure) for finding in found.values() for figure in finding.figures]
    parts = [INTRODUCTION.format(machine=machine), table(HEAD, rows), "", "## How each was measured, and what was seen"]
    for name, finding in found.items():
        parts += ["", f"### {name}", "", finding.how]
        parts += [f"\n{note}" for note in (*finding.notes, finding.round) if note]
    return "\n".join(parts) + "\n"


def row(figure: Figure) -> tuple[str, ...]:
    """A figure's line of the table."""
    peer_value = "" if figure.peer_value is None else show(figure.peer_value)
    reached = {None: "", True: "yes", False: "**no**"}[figure.reached]
    target = "" if figure.target is None else str(figure.target)
    return (f"`{figure.name}`", show(figure.value), figure.unit, figure.peer or "", peer_value, target, reached)

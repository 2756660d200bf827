"""What a measurement finds, and the small sums over what was measured."""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Self


class Bound(StrEnum):
    """Which side of a target is good."""

    AT_MOST = "<="
    AT_LEAST = ">="


class Target(NamedTuple):
    """What a figure has to reach."""

    bound: Bound
    value: float

    def met(self, value: float) -> bool:
        """Whether a value reaches it."""
        return value <= self.value if self.bound is Bound.AT_MOST else value >= self.value

    def __str__(self) -> str:
        return f"{self.bound} {show(self.value)}"


def at_most(value: float) -> Target:
    """A figure that should be small."""
    return Target(Bound.AT_MOST, value)


def at_least(value: float) -> Target:
    """A figure that should be large."""
    return Target(Bound.AT_LEAST, value)


class Figure(NamedTuple):
    """One line of the table; without a target it is there for comparison only."""

    name: str
    value: float
    unit: str
    target: Target | None = None
    peer: str | None = None
    peer_value: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.target.met(self.value)

    def brief(self) -> dict[str, Any]:
        """The figure as `bench.json` says it; a peer only where there is one."""
        peer = {} if self.peer is None else {"peer": self.peer, "peer_value": self.peer_value}
        return {"value": self.value, "unit": self.unit, **peer, "target": self.target and self.target.value}

    def dump(self) -> dict[str, Any]:
        """The figure as it is kept between runs."""
        return {**self._asdict(), "target": self.target and [*self.target]}

    @classmethod
    def load(cls, kept: dict[str, Any]) -> Self:
        """The figure as it was kept."""
        target = kept["target"] and Target(Bound(kept["target"][0]), kept["target"][1])
        return cls(**{**kept, "target": target})


class Round(NamedTuple):
    """When a subject was measured, how long it took, and the share of all cores that others used meanwhile."""

    day: str
    seconds: float
    others: float | None

    def __str__(self) -> str:
        beside = "" if self.others is None else f"; other programs used {self.others:.0%} of the machine meanwhile"
        return f"Measured on {self.day} in {show(round(self.seconds))} s{beside}."


class Finding(NamedTuple):
    """All that one subject measured.

    `how` says in a sentence or two what was done, rounds and load included; `notes` are paragraphs or tables in
    Markdown about what was found, a profile for example.
    """

    figures: Sequence[Figure]
    how: str
    notes: Sequence[str] = ()
    round: Round | None = None

    def dump(self) -> dict[str, Any]:
        """The finding as it is kept between runs."""
        return {**self._asdict(), "figures": [figure.dump() for figure in self.figures]}

    @classmethod
    def load(cls, kept: dict[str, Any]) -> Self:
        """The finding as it was kept."""
        measured = kept.get("round")
        figures = [Figure.load(each) for each in kept["figures"]]
        return cls(figures, kept["how"], kept["notes"], None if measured is None else Round(*measured))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all values do not exceed; raises `ValueError` when there is none."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """The lower middle value."""
    return percentile(values, 0.5)


def show(value: float) -> str:
    """A number as the table shows it: three digits that matter, thousands set apart."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

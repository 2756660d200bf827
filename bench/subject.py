"""What the registry knows of a measurement."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.figures import Finding

type Tell = Callable[[str], None]
"""Shows what a measurement is busy with."""


class Subject(NamedTuple):
    """One measurement: it yields every figure it names, and nothing else with a target.

    `measure` may take minutes and may use both cores, as no other measurement runs beside it.
    """

    name: str
    figures: Sequence[str]
    measure: Callable[[Tell], Finding]

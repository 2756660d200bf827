"""When a run is over: every shard told what it did, or nobody serves it any more.

The schedule promises a minute at least once. Its second execution finds every shard in another's hands, so that its own
workers are through says nothing of the run.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from quantleap.domain.execution import Holder, Plan, Report
from quantleap.domain.runs import total

MOST_ROUNDS = 3
"""How often one execution tries to serve what no worker reported, before it takes the silence for the last word."""


class Round(NamedTuple):
    """One time that an execution sent workers to its shards; `served` is false where they could not even be started."""

    execution: str
    number: int
    served: bool = True

    @property
    def holder(self) -> str:
        """The name its workers take shards under: an earlier round's may still be alive, as another execution's may."""
        return f"{self.execution}/{self.number}"

    @property
    def next(self) -> "Round":
        """The round after it."""
        return Round(self.execution, self.number + 1)

    @property
    def last(self) -> bool:
        """Whether no other follows."""
        return self.number + 1 >= MOST_ROUNDS


class Silence(NamedTuple):
    """The shards that did not report: others may yet, up to a moment; were left by who took them; or are our own."""

    served: Mapping[int, datetime]
    left: tuple[int, ...]
    ours: tuple[int, ...]


def silence(missing: Iterable[int], holders: Mapping[int, Holder], over: Round, now: datetime) -> Silence:
    """Sort them by who could know; a shard that nobody ever took is our own once our workers went for it."""
    served: dict[int, datetime] = {}
    left: list[int] = []
    ours: list[int] = []
    for number in missing:
        held = holders.get(number)
        if over.served and (held is None or held.name == over.holder):
            ours.append(number)
        elif held is not None and held.ends >= now:
            served[number] = held.ends
        else:
            left.append(number)
    return Silence(served, tuple(left), tuple(ours))


class Standing(NamedTuple):
    """What is to become of a run: it is closed with a `report`, shards are served again, or others waited for.

    None of these where it was closed before and nothing is new.
    """

    report: Report | None = None
    again: tuple[int, ...] = ()
    until: datetime | None = None


def added_up(made: Plan, reports: Mapping[int, Report]) -> Report:
    """The shards' reports as the run's."""
    return total(list(reports.values())).model_copy(update={"missing_shards": len(made.served) - len(reports)})

"""The tables of docs/internal-docs/scale.md, written between its marks; the words around them are a person's."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.figures import show, table
from bench.quotas import QUOTAS, WARM_LEAD_S, Run, binding, cost

PAGE = Path("docs/internal-docs/scale.md")
MARKS = ("runs", "quotas", "costs")


class Played(NamedTuple):
    """What a run came to; times in seconds after the boundary, `late` the share whose worker came too late."""

    subscribers: int
    admitted_per_s: float
    warm_lead_s: float
    ticket_units: int
    plan_s: float
    first_order_s: float
    last_order_s: float
    last_arrival_s: float
    over_s: float
    states: dict[str, int]
    late: float

    @property
    def run(self) -> Run:
        """As the quotas see it."""
        return Run(self.subscribers, self.ticket_units)

    @property
    def free(self) -> bool:
        """Whether the broker takes what comes and the lead is the usual one."""
        return math.isinf(self.admitted_per_s) and self.warm_lead_s == WARM_LEAD_S


def write(played: Sequence[Played], page: Path = PAGE) -> None:
    """Put the tables of these runs where the page has its marks."""
    free = [each for each in played if each.free]
    made = dict(zip(MARKS, (runs(played), quotas([each.run for each in free]), costs(free)), strict=True))
    page.write_text(filled(page.read_text(), made))


def filled(text: str, tables: dict[str, str]) -> str:
    """A page with each table between its two marks, whatever stood there."""
    for name, made in tables.items():
        marks = re.compile(rf"(<!-- {name}: made by `make bench` -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        text = marks.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
    return text


def runs(played: Sequence[Played]) -> str:
    """How long each run took, and what became of its orders."""
    head = ("subscribers", "workers", "broker admits", "lead", "last order left", "last at the broker", "what became")
    return table(head, [_run(each) for each in played])


def _run(each: Played) -> tuple[str, ...]:
    admits = "all at once" if math.isinf(each.admitted_per_s) else f"{show(each.admitted_per_s)}/s"
    times = (f"{seconds:.1f} s" for seconds in (each.last_order_s, each.last_arrival_s))
    counts = (show(each.subscribers), show(each.run.workers), admits, f"{each.warm_lead_s:.0f} s")
    return (*counts, *times, _outcomes(each))


def _outcomes(each: Played) -> str:
    intents = sum(each.states.values())
    ordered = sorted(each.states.items(), key=lambda state: -state[1])
    said = [f"{name.replace('_', ' ')} {count / intents:.0%}" for name, count in ordered]
    return ", ".join([*said, f"**{each.late:.0%} of the subscribers skipped: worker late**"] if each.late else said)


def quotas(of: Sequence[Run]) -> str:
    """The share of each quota that each run uses; the largest of a run in bold."""
    head = ("quota", "limit", *(show(run.subscribers) for run in of))
    most = [binding(run) for run in of]
    return table(
        head,
        [
            (
                quota.name,
                quota.limit,
                *(_share(quota.used(run), first=quota is top) for run, top in zip(of, most, strict=True)),
            )
            for quota in QUOTAS
        ],
    )


def _share(used: float, *, first: bool) -> str:
    said = f"{used:.1%}" if used < 0.1 else f"{used:,.0%}"
    return f"**{said}**" if first else said


def costs(played: Sequence[Played]) -> str:
    """US dollars of a run by service."""
    bills = [cost(each.run, each.plan_s, each.warm_lead_s + min(each.over_s, 30)) for each in played]
    head = ("US $ a run", *(show(each.subscribers) for each in played))
    rows = [(name, *(f"{bill[name]:.4f}" for bill in bills)) for name in bills[0]]
    totals = [sum(bill.values()) for bill in bills]
    rows.append(("**all**", *(f"**{total:.4f}**" for total in totals)))
    shares = zip(totals, played, strict=True)
    rows.append(("a thousand subscribers", *(f"{total / each.subscribers * 1000:.4f}" for total, each in shares)))
    return table(head, rows)

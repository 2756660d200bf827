"""The schedule delivers a minute twice: both executions at work side by side, in every order, and either one dies.

The steps are the real ones over the real table and bucket; workers are told apart by their leases alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from quantleap.adapters import keys
from quantleap.adapters.table import Table
from quantleap.domain.errors import Conflict
from quantleap.domain.events import EventType
from quantleap.domain.execution import Due, Report, Trigger
from quantleap.domain.ports import Runs
from quantleap.handlers import precision_timer as steps
from quantleap.runtime import engine, outcomes, wiring
from quantleap.services.precision_timer import Timer
from tests.builders import NINE_TWENTY, TEMPLATE
from tests.integration.test_precision_timer import (
    WARM,
    Starter,
    feed,  # noqa: F401 - a fixture
    market,  # noqa: F401 - a fixture
    timer,  # noqa: F401 - a fixture
)
from tests.unit.test_rehearsal import CONTEXT

PROCESS = timedelta(seconds=180)
LEAD = timedelta(seconds=30)

AMONG = (0, 4, 6)
"""How many steps the other execution takes before the first goes on: none, until workers began, until some ended."""


@dataclass
class World:
    """One minute that is started twice: its clock, the workers alive, and what was said of its runs."""

    market: Timer
    boundary: datetime
    now: datetime
    serving: dict[int, str] = field(default_factory=dict)
    """By shard, the execution whose worker is at work on it."""
    told: list[Report] = field(default_factory=list)
    starter: Starter = field(default_factory=Starter)

    @property
    def runs(self) -> Runs:
        return self.market.runs

    def close(self, _run_id: str, report: Report, _at: datetime) -> None:
        assert not self.serving, "closed while somebody serves it"
        assert self.now >= self.boundary, "closed before it began"
        self.told.append(report)


@dataclass
class Execution:
    """The state machine, a step at a time; whose workers are `sound` do their shard, others die before they report."""

    name: str
    world: World
    sound: bool = True
    until: datetime | None = None
    over: bool = False

    def steps(self) -> Iterator[None]:
        world = self.world
        request = Trigger(at=world.boundary, template_id=TEMPLATE).model_dump(mode="json", exclude_none=True)
        state = steps.due({"started_at": world.now.isoformat(), "request": request}, CONTEXT)
        yield
        state = steps.plan(state, CONTEXT)
        yield
        state = steps.decide(state, CONTEXT)
        world.now = max(world.now, world.boundary - LEAD)
        yield
        while state["status"] != "reported":
            if state["status"] in {"planned", "left"}:
                yield from self._execute(state)
            state = steps.report({"execution": self.name, "planned": state}, CONTEXT)
            self.until = datetime.fromisoformat(state["until"]) if state["status"] == "served" else None
            yield
        self.over = True

    def _execute(self, state: dict[str, Any]) -> Iterator[None]:
        world = self.world
        begun = []
        for item in world.market.plans.read_list(state["key"]):
            try:
                lease = world.runs.take_lease(
                    item["run_id"], item["shard"], f"{self.name}/{state['round']}", 0, world.now, world.now + PROCESS
                )
            except Conflict:
                continue
            begun.append((item, lease))
            if self.sound:
                world.serving[item["shard"]] = self.name
        yield
        for item, _ in begun if self.sound else ():
            world.now = max(world.now, world.boundary + timedelta(seconds=5))
            world.runs.report(item["run_id"], item["shard"], Report(seats=2))
            world.serving.pop(item["shard"])
            yield


def dies(world: World, execution: Execution) -> None:
    """An execution and its workers are gone."""
    world.serving = {shard: name for shard, name in world.serving.items() if name != execution.name}


def advance(world: World, execution: Execution, left: Iterator[None], count: int) -> None:
    """So many steps of an execution, those it may take before it has to wait."""
    for _ in range(count):
        if execution.until is not None and world.now <= execution.until:
            return
        next(left, None)


def to_the_end(world: World, *each: tuple[Execution, Iterator[None]]) -> None:
    """Let executions go on, and time with them, until all are over."""
    for _ in range(100):
        open_ = [(execution, left) for execution, left in each if not execution.over]
        if not open_:
            return
        free = [(e, left) for e, left in open_ if e.until is None or world.now > e.until]
        if free:
            advance(world, *free[0], 1)
        else:
            world.now = min(e.until for e, _ in open_ if e.until) + timedelta(seconds=1)
    pytest.fail("an execution never ends")


@pytest.fixture
def world(market: Timer, monkeypatch: pytest.MonkeyPatch) -> World:  # noqa: F811 - a fixture
    made = World(market, NINE_TWENTY, WARM)
    made.market = market._replace(clock=lambda: made.now)
    monkeypatch.setattr(engine, "timer", lambda: made.market)
    monkeypatch.setattr(engine, "warm_lead", lambda: LEAD)
    monkeypatch.setattr(engine, "soonest", lambda: timedelta(seconds=5))
    monkeypatch.setattr(wiring, "starter", lambda: made.starter)
    monkeypatch.setattr(outcomes, "tell_run", made.close)
    return made


def minute(world: World, number: int) -> World:
    """Another minute of the same world, which nobody has started yet."""
    world.boundary = NINE_TWENTY + timedelta(minutes=10 * number)
    world.now = world.boundary - (NINE_TWENTY - WARM)
    world.serving, world.told = {}, []
    world.market = world.market._replace(
        feed=Moving(world.market.feed, world) if number == 0 else world.market.feed,
    )
    return world


class Moving:
    """The market as of the world's own time."""

    def __init__(self, seen: Any, world: World) -> None:
        self.seen = seen
        self.world = world

    def snapshot(self, *series: Any) -> Any:
        return self.seen.snapshot(*series)._replace(as_of=self.world.now)


def kinds(table: Table, world: World) -> list[str]:
    """What was told of the run's end."""
    (due,) = (each for each in world.runs.of_day(world.boundary) if each.boundary == world.boundary)
    return [event for event in (EventType.EXECUTION_COMPLETED, EventType.EXECUTION_FAILED) if told(table, due, event)]


def told(table: Table, due: Due, kind: EventType) -> bool:
    rows = (row for part in keys.events("zebu#test") for row in table.query_all("user_id = :part", part=part))
    return any(row["type"] == kind and row["data"]["run_id"] == due.run_id for row in rows)


@pytest.mark.parametrize("first", range(9))
def test_two_executions_of_a_minute_close_it_once_and_well_in_whatever_order(
    world: World, table: Table, first: int
) -> None:
    for number, second in enumerate(AMONG):
        here = minute(world, number)
        one, other = Execution("one", here), Execution("other", here)
        left, others = one.steps(), other.steps()

        advance(here, one, left, first)
        advance(here, other, others, second)
        to_the_end(here, (one, left), (other, others))

        assert [(report.seats, report.missing_shards) for report in here.told] == [(6, 0)]
        assert kinds(table, here) == ["execution.completed"]


@pytest.mark.parametrize("first", range(9))
def test_the_second_takes_over_and_closes_the_run_when_the_first_dies(world: World, table: Table, first: int) -> None:
    for number, second in enumerate(AMONG):
        here = minute(world, number)
        one, other = Execution("one", here), Execution("other", here)
        left, others = one.steps(), other.steps()

        advance(here, one, left, first)
        advance(here, other, others, second)
        dies(here, one)
        to_the_end(here, (other, others))

        assert [(report.seats, report.missing_shards) for report in here.told] == [(6, 0)]
        assert kinds(table, here) == ["execution.completed"]


@pytest.mark.parametrize("sound", [False, True])
def test_shards_whose_workers_fail_are_served_by_the_other_execution_or_missed(world: World, *, sound: bool) -> None:
    for number, first in enumerate((0, 3, 5)):
        here = minute(world, number)
        one, other = Execution("one", here, sound=False), Execution("other", here, sound=sound)
        left, others = one.steps(), other.steps()

        advance(here, one, left, first)
        to_the_end(here, (one, left), (other, others))

        assert here.told[-1].missing_shards == (0 if sound else 3)
        assert len(here.told) == len({report.missing_shards for report in here.told}), "told twice"

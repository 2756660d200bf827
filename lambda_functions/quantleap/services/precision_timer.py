"""Everything slow that happens before a boundary: what is due, for whom, with which orders.

Each step may run twice or beside itself: the first plan and the first decision of a run are the ones that count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import NamedTuple, TypeGuard

from quantleap.domain import closing, planning
from quantleap.domain.basket import Basket, Day, slot
from quantleap.domain.broker import Instrument
from quantleap.domain.clock import IST, Clock
from quantleap.domain.contracts import Contract, Index, NotListed
from quantleap.domain.errors import InvalidRequest, QuantLeapError, Unavailable
from quantleap.domain.execution import Decision, Due, Kind, Plan, Report, Seat, Trigger, Venue
from quantleap.domain.ids import ALPHABET, Randomness
from quantleap.domain.market import Snapshot
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import (
    Baskets,
    Brokers,
    InstrumentMasters,
    MarketFeed,
    PlanStore,
    Runs,
    Subscriptions,
)
from quantleap.domain.runs import RECENT, entry_of, exit_of, latest_entry
from quantleap.domain.sessions import Calendar

PLAN_ID_LENGTH = 8

LEAD = timedelta(minutes=2)
"""From the minute the schedule fires to the boundary it serves.

EventBridge Scheduler fires anywhere inside its minute, so the lead that is left is 60 to 120 seconds.
"""


class Timer(NamedTuple):
    """What the steps before the boundary need."""

    baskets: Baskets
    subscriptions: Subscriptions
    runs: Runs
    plans: PlanStore
    feed: MarketFeed
    masters: InstrumentMasters
    brokers: Brokers
    calendar: Calendar
    clock: Clock
    draw: Randomness
    shard_size: int


def boundary_after(started: datetime) -> datetime:
    """The boundary a scheduled start serves, whatever second of its minute it came in."""
    return started.replace(second=0, microsecond=0) + LEAD


def due(timer: Timer, boundary: datetime) -> list[Due]:
    """What enters at a boundary: nothing outside a session, else one query.

    Raises `CalendarExhausted` past the end of the session table: no trade on a day nobody announced.
    """
    if not timer.calendar.is_open(boundary):
        return []
    local = boundary.astimezone(IST)
    name = slot(Day.of(local), local.time())
    lines = timer.baskets.due(name)
    entries = [timer.baskets.get(line.template_id) for line in lines if line.entered is None]
    return [
        *(entry_of(basket, boundary, basket.slots()[name], None) for basket in entries if _still_due(basket, name)),
        *(exit_of(line.entered, boundary, line.strategies) for line in lines if _leaves(line.entered, boundary)),
    ]


def _still_due(basket: Basket, name: str) -> bool:
    """The schedule is an index, which may lag behind the basket it was made from."""
    return basket.marketplace is not None and name in basket.slots()


def _leaves(entered: Due | None, boundary: datetime) -> TypeGuard[Due]:
    """Whether a run entered on the very day: the slot of a weekday comes again each week."""
    return entered is not None and entered.boundary.astimezone(IST).date() == boundary.astimezone(IST).date()


def triggered(timer: Timer, trigger: Trigger) -> list[Due]:
    """What a trigger asks for, for its tenant alone: every strategy of a template, or the end of its latest entry."""
    if trigger.kind is Kind.EXIT:
        return _latest_exit(timer, trigger)
    basket = timer.baskets.get(trigger.template_id)
    return [entry_of(basket, trigger.at, tuple(range(len(basket.strategies))), trigger.scope)]


def _latest_exit(timer: Timer, trigger: Trigger) -> list[Due]:
    recent = timer.runs.of_tenant(Tenant.of(trigger.scope), RECENT, None).items
    entered = latest_entry(recent, trigger.template_id, trigger.scope, trigger.at)
    return [] if entered is None else [exit_of(entered, trigger.at, entered.strategies)]


def plan(timer: Timer, dues: Iterable[Due]) -> list[Plan]:
    """Who each run is for, cut into shards and stored; runs nobody follows are left out.

    The seats are written before the plan that names them, so a plan that is found is whole.
    """
    return [made for made in (_plan(timer, each) for each in dues) if made.shards]


def _plan(timer: Timer, each: Due) -> Plan:
    if each.closes is not None:
        return _plan_exit(timer, each, timer.runs.plan(each.closes))
    seats = timer.subscriptions.seats(each.template_id)
    shards = planning.shard((s for s in seats if each.scope in {None, s.tenant}), timer.shard_size)
    made = Plan(
        due=each,
        plan_id=timer.draw(ALPHABET, PLAN_ID_LENGTH),
        shards=len(shards),
        tenants=_shards_by_tenant(shards),
        venues=_venues(shards),
    )
    if not shards:
        return made
    timer.plans.write_seats(made, shards)
    adopted = timer.runs.adopt_plan(made)
    _schedule_exits(timer, each)
    return adopted


def _plan_exit(timer: Timer, each: Due, entered: Plan) -> Plan:
    """An exit has the shards of the run it closes."""
    made = entered.model_copy(update={"due": each, "plan_id": timer.draw(ALPHABET, PLAN_ID_LENGTH)})
    return timer.runs.adopt_plan(made)


def _schedule_exits(timer: Timer, entered: Due) -> None:
    """Before anything is sent, note when it is to be closed, by the version that enters."""
    local = entered.boundary.astimezone(IST)
    basket = timer.baskets.get(entered.template_id)
    timer.runs.schedule_exits(entered, basket.exits(Day.of(local), local.time(), entered.strategies))


def _shards_by_tenant(shards: Sequence[Sequence[Seat]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, dict[int, None]] = defaultdict(dict)
    for number, seats in enumerate(shards):
        for seat in seats:
            found[seat.tenant][number] = None
    return {tenant: tuple(numbers) for tenant, numbers in found.items()}


def _venues(shards: Iterable[Sequence[Seat]]) -> tuple[Venue, ...]:
    seats = chain.from_iterable(shards)
    return tuple(sorted({Venue.of(seat.tenant, each) for seat in seats for each in seat.allocations}))


def decide(timer: Timer, plans: Iterable[Plan]) -> list[Decision]:
    """Strikes, contracts and prices of each run, decided once for all its subscribers.

    A run that cannot be decided is decided to be refused: every subscriber reads why, and other runs go on.
    """
    return [_decide(timer, made) for made in plans]


def _decide(timer: Timer, made: Plan) -> Decision:
    try:
        decision = _decision(timer, made)
    except (QuantLeapError, NotListed) as refusal:
        reason = refusal.reason if isinstance(refusal, QuantLeapError) else "series_not_listed"
        decision = Decision(run_id=made.due.run_id, decided_at=timer.clock(), refusal=reason)
    adopted = timer.runs.adopt_decision(decision)
    timer.plans.write_decision(made, adopted)
    return adopted


def _decision(timer: Timer, made: Plan) -> Decision:
    on = made.due.boundary.astimezone(IST).date()
    masters = _masters(timer, made)
    if made.due.closes is not None:
        entry = timer.runs.plan(made.due.closes)
        entered = timer.plans.decision(entry.due.run_id, entry.plan_id)
        snapshots = _snapshots(timer, closing.chains(entered, made.due))
        return closing.decide(made.due, entered, snapshots, masters, timer.clock(), on)
    basket = timer.baskets.get(made.due.template_id)
    if basket.live_version != made.due.version:
        raise planning.Undecidable("The template's version moved", code="template_version_moved")
    snapshots = _snapshots(timer, planning.expiries(basket, made.due.strategies, on, timer.calendar))
    return planning.decide(made.due, basket, snapshots, masters, timer.calendar, timer.clock(), on)


def _snapshots(timer: Timer, wanted: Iterable[tuple[Index, date]]) -> dict[tuple[Index, date], Snapshot]:
    return {(index, expiry): timer.feed.snapshot(index, expiry) for index, expiry in wanted}


def _masters(timer: Timer, made: Plan) -> dict[str, Mapping[Contract, Instrument]]:
    """The lists of the venues a run trades at; a venue that has none is left out and its seats are skipped."""
    day = made.due.boundary.astimezone(IST).date()
    found: dict[str, Mapping[Contract, Instrument]] = {}
    for venue in made.venues:
        with suppress(InvalidRequest, Unavailable):
            found[str(venue)] = timer.masters.master(timer.brokers.broker(*venue), day)
    return found


def close(runs: Runs, run: str) -> Report:
    """Add up the shards' reports into the run's and store it."""
    made = runs.plan(run)
    reports = runs.reports(made)
    total = add(reports).model_copy(update={"missing_shards": made.shards - len(reports)})
    runs.close(run, total)
    return total


def add(reports: Sequence[Report]) -> Report:
    """Counts add up; of the times the worst is what a run is judged by."""
    return Report(
        seats=sum(report.seats for report in reports),
        counts=_sum(report.counts for report in reports),
        skipped=_sum(report.skipped for report in reports),
        refused=_sum(report.refused for report in reports),
        boundary_error_ms=_worst(report.boundary_error_ms for report in reports),
        dispatch_p99_ms=_worst(report.dispatch_p99_ms for report in reports),
        acknowledge_p99_ms=_worst(report.acknowledge_p99_ms for report in reports),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _worst(values: Iterable[Decimal | None]) -> Decimal | None:
    return max((value for value in values if value is not None), default=None)

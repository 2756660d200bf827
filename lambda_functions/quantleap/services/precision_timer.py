"""Everything slow that happens before a boundary: what is due, for whom, with which orders.

Each step may run twice or beside itself: the first plan and the first decision of a run are the ones that count.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import chain
from typing import NamedTuple, TypeGuard

from quantleap.domain import closing, planning, telling
from quantleap.domain.basket import Basket, Day, slot
from quantleap.domain.broker import Instrument
from quantleap.domain.clock import IST, Clock
from quantleap.domain.contracts import Contract, Index, NotListed
from quantleap.domain.errors import InvalidRequest, QuantLeapError, Unavailable, Undecidable
from quantleap.domain.execution import Decision, Due, Kind, Plan, Report, Seat, Trigger, Venue
from quantleap.domain.firing import fits
from quantleap.domain.halts import HALTED, Halt, Trade, halted
from quantleap.domain.ids import ALPHABET, Randomness
from quantleap.domain.market import Snapshot
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import (
    Baskets,
    Brokers,
    Halts,
    InstrumentMasters,
    MarketFeed,
    PlanStore,
    Runs,
    Starter,
    Subscriptions,
)
from quantleap.domain.runs import RECENT, asked, entry_of, exit_of, latest_entry, sandbox_boundary, total
from quantleap.domain.sessions import Calendar, CalendarExhausted, Session

PLAN_ID_LENGTH = 8

UNLISTED: Mapping[type[Exception], str] = {NotListed: "series_not_listed", CalendarExhausted: "sessions_unknown"}
"""Why a run is refused whose expiry cannot be told: nothing such is listed, or it lies past the session table."""

LEAD = timedelta(minutes=2)
"""From the minute the schedule fires to the boundary it serves.

EventBridge Scheduler fires anywhere inside its minute, so the lead that is left is 60 to 120 seconds.
"""


class Timer(NamedTuple):
    """What the steps before the boundary need."""

    baskets: Baskets
    subscriptions: Subscriptions
    runs: Runs
    halts: Halts
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
    """What enters or leaves at a boundary: nothing outside a session, else one query.

    Raises `CalendarExhausted` past the end of the session table: no trade on a day nobody announced.
    """
    local = boundary.astimezone(IST)
    session = timer.calendar.session(local.date())
    if session is None or not session.holds(boundary):
        return []
    name = slot(Day.of(local), local.time())
    lines = timer.baskets.due(name)
    baskets = [timer.baskets.get(line.template_id) for line in lines if line.entered is None]
    entries = ((basket, _entering(basket, name, session)) for basket in baskets)
    return [
        *(entry_of(basket, boundary, numbers, None) for basket, numbers in entries if numbers),
        *(exit_of(line.entered, boundary, line.strategies) for line in lines if _leaves(line.entered, boundary)),
    ]


def _entering(basket: Basket, name: str, session: Session) -> tuple[int, ...]:
    """The strategies that enter: the schedule is an index, which may lag behind the basket it was made from."""
    if basket.marketplace is None:
        return ()
    return tuple(number for number in basket.slots().get(name, ()) if fits(basket.strategies[number], session))


def _leaves(entered: Due | None, boundary: datetime) -> TypeGuard[Due]:
    """Whether a run entered on the very day: the slot of a weekday comes again each week."""
    return entered is not None and entered.boundary.astimezone(IST).date() == boundary.astimezone(IST).date()


def triggered(timer: Timer, trigger: Trigger) -> list[Due]:
    """What a trigger asks for, of its tenant alone if it names one: a template's every strategy, or an exit."""
    if trigger.kind is Kind.EXIT:
        return _exit_of(timer, trigger)
    basket = timer.baskets.get(trigger.template_id)
    return [entry_of(basket, trigger.at, tuple(range(len(basket.strategies))), trigger.scope)]


def _exit_of(timer: Timer, trigger: Trigger) -> list[Due]:
    entered = _entered(timer, trigger)
    if entered is None:
        return []
    strategies = trigger.strategies or entered.strategies
    return [exit_of(entered, trigger.at, strategies, scope=trigger.scope, only=trigger.only)]


def _entered(timer: Timer, trigger: Trigger) -> Due | None:
    if trigger.closes is not None:
        return timer.runs.plan(trigger.closes).due
    if trigger.scope is None:
        return None
    recent = timer.runs.of_tenant(Tenant.of(trigger.scope), RECENT, None).items
    return latest_entry(recent, trigger.template_id, trigger.scope, trigger.at)


def plan(timer: Timer, dues: Iterable[Due]) -> list[Plan]:
    """Who each run is for, cut into shards and stored; runs nobody follows are left out.

    The seats are written before the plan that names them, so a plan that is found is whole.
    """
    halts = timer.halts.list()
    return [made for made in (_plan(timer, each, halts) for each in dues) if made.shards]


def _plan(timer: Timer, each: Due, halts: Sequence[Halt]) -> Plan:
    if each.closes is not None:
        return _plan_exit(timer, each, timer.runs.plan(each.closes))
    shards = planning.shard(_seats(timer, each, halts), timer.shard_size, each.run_id)
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


def _seats(timer: Timer, each: Due, halts: Sequence[Halt]) -> list[Seat]:
    """Who follows the template; for whom trading is halted at the boundary keeps a seat that says so."""
    seats = (s for s in timer.subscriptions.seats(each.template_id) if each.scope in {None, s.tenant})
    return [seat._replace(halted=_halt(halts, seat, each)) for seat in seats]


def _halt(halts: Sequence[Halt], seat: Seat, each: Due) -> str | None:
    trade = Trade(Tenant.of(seat.tenant).partner_id, each.template_id, seat.user_id)
    return HALTED if halted(halts, trade, each.boundary) else None


def _plan_exit(timer: Timer, each: Due, entered: Plan) -> Plan:
    """An exit has the shards of the run it closes, and of its tenants those it concerns."""
    tenants = {name: shards for name, shards in entered.tenants.items() if _concerned(each, name)}
    change = {"due": each, "plan_id": timer.draw(ALPHABET, PLAN_ID_LENGTH), "tenants": tenants}
    made = entered.model_copy(update=change)
    return timer.runs.adopt_plan(made)


def _concerned(each: Due, tenant: str) -> bool:
    if each.only is not None and each.only.startswith("partner:"):
        return each.only == f"partner:{Tenant.of(tenant).partner_id}"
    return each.scope in {None, tenant}


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
        decision = choose(timer, made)
    except (QuantLeapError, NotListed, CalendarExhausted) as refusal:
        reason = refusal.reason if isinstance(refusal, QuantLeapError) else UNLISTED[type(refusal)]
        decision = Decision(run_id=made.due.run_id, decided_at=timer.clock(), refusal=reason)
    adopted = timer.runs.adopt_decision(decision)
    timer.plans.write_decision(made, adopted)
    return adopted


def choose(timer: Timer, made: Plan) -> Decision:
    """The contracts and prices of a run as the market stands; raises where they cannot be told."""
    on = made.due.boundary.astimezone(IST).date()
    masters = _masters(timer, made)
    if made.due.closes is not None:
        entry = timer.runs.plan(made.due.closes)
        entered = timer.plans.decision(entry.due.run_id, entry.plan_id)
        snapshots = _snapshots(timer, closing.chains(entered, made.due))
        return closing.decide(made.due, entered, snapshots, masters, timer.clock(), on)
    basket = timer.baskets.get(made.due.template_id)
    if basket.live_version != made.due.version:
        raise Undecidable("The template's version moved", code="template_version_moved")
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


def close(timer: Timer, starter: Starter, lead: timedelta, run: str) -> Report:
    """Add up the shards' reports into the run's, tell of its end, and have positions closed that stand half.

    Each part has the same effect when it is done again, so whatever dies in between is done again whole.
    """
    runs = timer.runs
    made = runs.plan(run)
    reports = runs.reports(made)
    added = total(reports).model_copy(update={"missing_shards": made.shards - len(reports)})
    runs.close(run, added, telling.of_run(made, added, runs.decided(run)))
    if added.unwind:
        _unwind(timer, starter, lead, made.due, added.unwind)
    return added


def _unwind(timer: Timer, starter: Starter, lead: timedelta, entered: Due, strategies: tuple[int, ...]) -> None:
    """Close what stands half, as soon as a run can be made ready."""
    boundary = sandbox_boundary(None, timer.clock(), lead)
    due = exit_of(entered, boundary, strategies, only=closing.INCOMPLETE)
    starter.start(due, asked(due))

"""Everything slow that happens before a boundary: what is due, for whom, with which orders.

Each step may run twice or beside itself: the first plan and the first decision of a run are the ones that count.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import NamedTuple, TypeGuard

from quantleap.domain import closing, planning, telling
from quantleap.domain.basket import Basket, Day, slot
from quantleap.domain.broker import Broker, Instrument
from quantleap.domain.clock import IST, Clock
from quantleap.domain.contracts import Contract, Index, NotListed
from quantleap.domain.ending import added_up
from quantleap.domain.errors import InvalidRequest, QuantLeapError, Unavailable, Undecidable
from quantleap.domain.execution import Decision, Due, Kind, Plan, Report, Seat, Trigger, Venue
from quantleap.domain.firing import fits
from quantleap.domain.halts import HALTED, Halt, Trade, halted
from quantleap.domain.ids import ALPHABET, Randomness
from quantleap.domain.market import Snapshot
from quantleap.domain.partner import Environment, Tenant
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
from quantleap.domain.runs import RECENT, Left, asked, entry_of, exit_of, latest_entry, sandbox_boundary
from quantleap.domain.sessions import Calendar, CalendarExhausted, Provisional, Session
from quantleap.domain.sizing import caps
from quantleap.services.gathering import Gathered, gather

log = logging.getLogger(__name__)

type Chain = tuple[Index, date]
"""The options of an index that expire on a day."""

PLAN_ID_LENGTH = 8

PLANNED_AT_MOST = 2
"""How often a step tries to plan a run that faults."""

NOT_PLANNED = "a run could not be planned"
"""What the log says of it; an alarm listens for it."""

UNLISTED: Mapping[type[Exception], str] = {
    NotListed: "series_not_listed",
    CalendarExhausted: "sessions_unknown",
    Provisional: "sessions_provisional",
}
"""Why a run is refused whose expiry cannot be told: nothing such is listed, or the exchange has not published the day.

A day that nobody has published for certain is good enough for the sandbox.
"""

CANNOT_BE_DECIDED = (QuantLeapError, NotListed, CalendarExhausted)

LISTS_PATIENCE_S = 7.0
FEED_PATIENCE_S = 7.0
"""How long a step waits for all lists and for all chains.

One list that has to be fetched anew may take 5 seconds, a chain twice the feed's 3. So a step whose brokers and whose
feed all hang has 6 of its 20 seconds left to read and write its runs in, about 50 ms each; and what a step has decided
before it dies, its next try does not decide again.
"""

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
    """What enters or leaves at a boundary: nothing outside a session, else one query and one read of the templates.

    Raises `CalendarExhausted` past the end of the session table: no trade on a day nobody announced.
    """
    local = boundary.astimezone(IST)
    session = timer.calendar.session(local.date())
    if session is None or not session.holds(boundary):
        return []
    name = slot(Day.of(local), local.time())
    lines = timer.baskets.due(name)
    baskets = timer.baskets.many(line.template_id for line in lines if line.entered is None)
    entries = ((basket, _entering(basket, name, session)) for basket in baskets.values())
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
    """What a trigger asks for, of its tenant alone if it names one: a template's strategies, or an exit."""
    if trigger.kind is Kind.EXIT:
        return _exit_of(timer, trigger)
    basket = timer.baskets.get(trigger.template_id)
    return [entry_of(basket, trigger.at, _asked_to_enter(basket, trigger), trigger.scope)]


def _asked_to_enter(basket: Basket, trigger: Trigger) -> tuple[int, ...]:
    """Every strategy; for everybody at a minute of the schedule, whose run this then is, those of that minute."""
    local = trigger.at.astimezone(IST)
    scheduled = () if trigger.scope or local.second else basket.slots().get(slot(Day.of(local), local.time()), ())
    return scheduled or tuple(range(len(basket.strategies)))


def _exit_of(timer: Timer, trigger: Trigger) -> list[Due]:
    entered = _entered(timer, trigger)
    if entered is None:
        return []
    strategies = trigger.strategies or entered.strategies
    left = Left(trigger.follows, trigger.shards or (), trigger.tries or 1) if trigger.follows else None
    return [exit_of(entered, trigger.at, strategies, scope=trigger.scope, only=trigger.only, left=left)]


def _entered(timer: Timer, trigger: Trigger) -> Due | None:
    if trigger.closes is not None:
        return timer.runs.plan(trigger.closes).due
    if trigger.scope is None:
        return None
    recent = timer.runs.of_tenant(Tenant.of(trigger.scope), RECENT, None).items
    return latest_entry(recent, trigger.template_id, trigger.scope, trigger.at)


def plan(timer: Timer, dues: Iterable[Due]) -> list[Plan]:
    """Who each run is for, cut into shards and stored; runs nobody follows are left out.

    The seats are written before the plan that names them, so a plan that is found is whole. A run that faults is tried
    once more after the others, and then left out and told; where nothing can be planned that is raised.
    """
    halts, left = timer.halts.list(), list(dues)
    plans: dict[str, Plan] = {}
    faults: list[Exception] = []
    for _ in range(PLANNED_AT_MOST):
        faults = []
        made = [_spared(faults, _plan, timer, each, halts) for each in left]
        plans |= {each.due.run_id: each for each in made if each is not None}
        left = [each for each in left if each.run_id not in plans]
    if left and not plans:
        raise ExceptionGroup("no run could be planned", faults)
    for each, fault in zip(left, faults, strict=True):
        log.error("%s: %s: %s", NOT_PLANNED, each.run_id, type(fault).__name__)
    return [each for each in plans.values() if each.shards]


def _plan(timer: Timer, each: Due, halts: Sequence[Halt]) -> Plan:
    if each.closes is not None:
        return _plan_exit(timer, each, timer.runs.plan(each.closes))
    basket = timer.baskets.get(each.template_id)
    shards = planning.shard(_seats(timer, each, basket, halts), timer.shard_size, each.run_id)
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
    _schedule_exits(timer, adopted.due)
    return adopted


def _seats(timer: Timer, each: Due, basket: Basket, halts: Sequence[Halt]) -> list[Seat]:
    """Who follows the template; who may not trade at the boundary, or not that much, keeps a seat that says so.

    Subscribing asks how much one may trade as well, but the template and the exchange's figures change after it.
    """
    oversized = caps(basket, each.boundary.astimezone(IST).date(), timer.calendar.data)
    seats = (s for s in timer.subscriptions.seats(each.template_id) if each.scope in {None, s.tenant})
    return [s._replace(halted=_halt(halts, s, each), oversized=oversized(s.allocations)) for s in seats]


def _halt(halts: Sequence[Halt], seat: Seat, each: Due) -> str | None:
    trade = Trade(Tenant.of(seat.tenant).partner_id, each.template_id, seat.user_id)
    return HALTED if halted(halts, trade, each.boundary) else None


def _plan_exit(timer: Timer, each: Due, entered: Plan) -> Plan:
    """An exit has the shards of the run it closes, or some of them, and of its tenants those it concerns."""
    change = {"due": each, "plan_id": timer.draw(ALPHABET, PLAN_ID_LENGTH)}
    made = entered.model_copy(update=change)
    served = frozenset(made.served)
    theirs = {name: tuple(n for n in shards if n in served) for name, shards in entered.tenants.items()}
    tenants = {name: shards for name, shards in theirs.items() if shards and _concerned(each, name)}
    return timer.runs.adopt_plan(made.model_copy(update={"tenants": tenants}))


def _concerned(each: Due, tenant: str) -> bool:
    if each.only is not None and each.only.startswith("partner:"):
        return each.only == f"partner:{Tenant.of(tenant).partner_id}"
    return each.scope in {None, tenant}


def _schedule_exits(timer: Timer, entered: Due) -> None:
    """Before anything is sent, note when it is to be closed, by the version that enters; one that moved enters none."""
    local = entered.boundary.astimezone(IST)
    basket = timer.baskets.get(entered.template_id)
    if basket.live_version != entered.version:
        return
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


class Question(NamedTuple):
    """A run that is to be decided: by its template, or by what it closes; and the option chains it asks for."""

    due: Due
    venues: Sequence[Venue]
    source: Basket | Decision
    chains: Sequence[Chain]

    @property
    def on(self) -> date:
        """The day of its boundary in India."""
        return self.due.boundary.astimezone(IST).date()


class View(NamedTuple):
    """What a step sees of the brokers' lists and of the market, once for all its runs."""

    lists: Mapping[tuple[Venue, date], Mapping[Contract, Instrument]]
    market: Gathered[Chain, Snapshot]


def decide(timer: Timer, plans: Iterable[Plan]) -> list[Decision]:
    """Strikes, contracts and prices of each run, decided once for all its subscribers.

    A run that cannot be decided is decided to be refused: every subscriber reads why, and other runs go on. One that
    was decided before stays so and asks for nothing; its decision is written again for the workers, because whoever
    decided it may have died before that. A fault in one run is raised once the others are decided.
    """
    faults: list[Exception] = []
    begun = [(made, each) for made in plans if (each := _spared(faults, _begin, timer, made)) is not None]
    view = _look(timer, [each for _, each in begun if isinstance(each, Question)])
    decided = [_spared(faults, _conclude, timer, made, each, view) for made, each in begun]
    if faults:
        raise ExceptionGroup("some runs could not be decided", faults)
    return [each for each in decided if each is not None]


def _spared[**P, T](faults: list[Exception], work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What one run comes to; its fault must not be the others', and is kept."""
    try:
        return work(*args, **kwargs)
    except Exception as fault:  # noqa: BLE001 - raised or told once the others are through
        faults.append(fault)
        return None


def _conclude(timer: Timer, made: Plan, begun: Question | Decision, view: View) -> Decision:
    return _keep(timer, made, _finish(timer, begun, view))


def _begin(timer: Timer, made: Plan) -> Question | Decision:
    decided = timer.runs.decided(made.due.run_id)
    if decided is not None:
        return decided
    try:
        return _question(timer, made)
    except CANNOT_BE_DECIDED as refusal:
        return _refused(timer, made.due, refusal)


def _finish(timer: Timer, begun: Question | Decision, view: View) -> Decision:
    if isinstance(begun, Decision):
        return begun
    try:
        return _answer(timer, begun, view)
    except CANNOT_BE_DECIDED as refusal:
        return _refused(timer, begun.due, refusal)


def _refused(timer: Timer, due: Due, refusal: Exception) -> Decision:
    reason = refusal.reason if isinstance(refusal, QuantLeapError) else UNLISTED[type(refusal)]
    return Decision(run_id=due.run_id, decided_at=timer.clock(), refusal=reason)


def _keep(timer: Timer, made: Plan, decision: Decision) -> Decision:
    adopted = timer.runs.adopt_decision(decision)
    timer.plans.write_decision(made, adopted)
    return adopted


def choose(timer: Timer, made: Plan) -> Decision:
    """The contracts and prices of a run as the market stands; raises where they cannot be told."""
    question = _question(timer, made)
    return _answer(timer, question, _look(timer, [question]))


def _question(timer: Timer, made: Plan) -> Question:
    due = made.due
    if due.closes is not None:
        undecided = Decision(run_id=due.closes, decided_at=timer.clock())  # for which nothing was ever sent
        entered = timer.runs.decided(due.closes) or undecided
        return Question(due, made.venues, entered, list(closing.chains(entered, due)))
    basket = timer.baskets.get(due.template_id)
    if basket.live_version != due.version:
        raise Undecidable("The template's version moved", code="template_version_moved")
    question = Question(due, made.venues, basket, ())
    return question._replace(
        chains=list(planning.expiries(basket, due.strategies, question.on, calendar_of(timer, due)))
    )


def _answer(timer: Timer, question: Question, view: View) -> Decision:
    """Raises where an entry lacks a chain; what is open is closed without it."""
    due, on = question.due, question.on
    found = ((venue, view.lists.get((venue, on))) for venue in question.venues)
    masters = {str(venue): listed for venue, listed in found if listed is not None}
    seen = view.market.answers
    if isinstance(question.source, Decision):
        left = closing.decide(due, question.source, seen, masters, timer.clock(), on, timer.calendar.data)
        return left.model_copy(update={"square_offs": dict(timer.calendar.square_offs(on))})
    unseen = next((series for series in question.chains if series not in seen), None)
    if unseen is not None:
        raise view.market.refusals.get(unseen, Unavailable("the feed hangs", code="market_feed_failed"))
    return planning.decide(due, question.source, seen, masters, calendar_of(timer, due), timer.clock(), on)


def calendar_of(timer: Timer, due: Due) -> Calendar:
    """The calendar a run is decided by: that of the sandbox where no real money follows it."""
    sandbox = due.scope is not None and Tenant.of(due.scope).environment is Environment.TEST
    return timer.calendar.tentative() if sandbox else timer.calendar


def _look(timer: Timer, questions: Sequence[Question]) -> View:
    """Lists first, so that prices are as young as can be; each list and each chain once, whoever asks for it."""
    lists = _lists(timer, {(venue, each.on) for each in questions for venue in each.venues})
    chains = (series for each in questions for series in each.chains)
    return View(lists, gather(partial(_snapshot, timer.feed), chains, FEED_PATIENCE_S))


def _snapshot(feed: MarketFeed, series: Chain) -> Snapshot:
    """A chain; one that fails is asked for once more, because a connection that broke says nothing of the market."""
    with suppress(Unavailable):
        return feed.snapshot(*series)
    return feed.snapshot(*series)


def _lists(
    timer: Timer, wanted: Iterable[tuple[Venue, date]]
) -> dict[tuple[Venue, date], Mapping[Contract, Instrument]]:
    """The lists of venues; one that has none is left out and its seats are skipped."""
    brokers: dict[tuple[Venue, date], Broker] = {}
    for venue, day in sorted(wanted):
        with suppress(InvalidRequest):
            brokers[venue, day] = timer.brokers.broker(*venue)
    by_name = {(broker.name, day): broker for (_, day), broker in brokers.items()}
    found = gather(lambda name: timer.masters.master(by_name[name], name[1]), by_name, LISTS_PATIENCE_S).answers
    names = {(venue, day): (broker.name, day) for (venue, day), broker in brokers.items()}
    return {each: found[name] for each, name in names.items() if name in found}


def close(timer: Timer, starter: Starter, lead: timedelta, run: str) -> Report:
    """Add up the shards' reports into the run's, have closed at once what it left, and tell of its end.

    Each part has the same effect when it is done again; the report, which says that the run is over, comes last. So
    whatever dies in between is done again whole.
    """
    runs = timer.runs
    made = runs.plan(run)
    reports = runs.reports(made)
    added = added_up(made, reports)
    shards = closing.left_in(made, reports)
    if shards:
        _close_at_once(timer, starter, lead, made.due, added.unwind, shards)
    runs.close(run, added, telling.of_run(made, added, runs.decided(run)))
    return added


def _close_at_once(
    timer: Timer, starter: Starter, lead: timedelta, done: Due, halves: tuple[int, ...], shards: tuple[int, ...]
) -> None:
    """Close what a run left, as soon as another can be made ready; done again it starts the same run again.

    Of an entry that is its halves, of an exit whatever it was to close, at new prices.
    """
    boundary = sandbox_boundary(None, timer.clock(), lead)
    left = Left(done.run_id, shards, done.tries + 1 if done.closes else 1)
    if done.closes is None:
        soonest = exit_of(done, boundary, halves, only=closing.INCOMPLETE, left=left)
    else:
        entered = timer.runs.plan(done.closes).due
        soonest = exit_of(entered, boundary, done.strategies, scope=done.scope, only=done.only, left=left)
    due = timer.runs.adopt_unwind(done.run_id, soonest)
    starter.start(due, asked(due))

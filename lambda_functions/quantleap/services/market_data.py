"""Dated facts of the exchange and of the brokers: read, and extended without a deployment."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from quantleap.domain.basket import Basket, Strategy
from quantleap.domain.clock import IST, Clock
from quantleap.domain.contracts import NotListed
from quantleap.domain.errors import Conflict, FactsInUse, NotFound
from quantleap.domain.execution import Due, Kind
from quantleap.domain.firing import Firing, Horizon, firings, horizon
from quantleap.domain.market_data import BrokerLimit, DataKind, MarketData, Reading
from quantleap.domain.market_data_changes import NewMarketData, Written, kind_of, require_sound, rows_of
from quantleap.domain.ports import Baskets, DayRuns, MarketDataStore
from quantleap.domain.rate import day_of
from quantleap.domain.series import expiry_date, freeze_quantity, lot_size, strike_step, tick
from quantleap.domain.sessions import Calendar, CalendarExhausted
from quantleap.domain.shipped import SHIPPED

SOON = timedelta(hours=1)
"""What a run of so near a future goes by is not changed: it may be planned, rehearsed or under way.

Whatever the hour, the session stays in which positions that were entered today are to be left.
"""


class Facts(NamedTuple):
    """What is needed to write dated facts; `calendar` makes the stage's own of any facts."""

    store: MarketDataStore
    baskets: Baskets
    runs: DayRuns
    brokers: Collection[str]
    calendar: Callable[[Reading], Calendar]
    clock: Clock


class Overview(NamedTuple):
    """What stands of every kind, and how far sessions are known."""

    written: Sequence[Written]
    horizon: Horizon


def every(facts: Facts) -> Overview:
    """What stands of every kind, written or not."""
    found = {each.kind: each for each in facts.store.all()}
    written = [found.get(kind, Written(kind=kind)) for kind in DataKind]
    return Overview(written, horizon(facts.calendar(lambda: _over(written)), facts.clock()))


def one(facts: Facts, kind: str) -> Written:
    """What stands of a kind."""
    return _standing(facts.store.all(), kind_of(kind))


def versions(facts: Facts, kind: str) -> tuple[DataKind, Sequence[Written]]:
    """Everything that ever stood of a kind, newest first."""
    wanted = kind_of(kind)
    return wanted, facts.store.versions(wanted)


def put(facts: Facts, admin: str, kind: str, wanted: NewMarketData) -> Written:
    """Let rows of a kind lie over those of the release from now on, in place of all that did before.

    Sent again, by the same administrator with the same rows, it is found done.
    """
    wanted_kind, now = kind_of(kind), facts.clock()
    rows = rows_of(wanted_kind, wanted.rows)
    standing = facts.store.all()
    was = _standing(standing, wanted_kind)
    written = was.after(rows, admin, now)
    if (was.version, was.rows, was.changed_by) == (wanted.version + 1, written.rows, admin):
        return was
    if was.version != wanted.version:
        raise Conflict("It changed meanwhile; read it again")
    others = [each for each in standing if each.kind is not wanted_kind]
    before, after = _over([*others, was]), _over([*others, written])
    require_sound(rows, before, after, day_of(now), facts.brokers)
    touched = sorted(set(_touched(facts, before, after, now)))
    if touched:
        raise FactsInUse(touched)
    facts.store.save(written, others)
    return written


def _standing(all_: Sequence[Written], kind: DataKind) -> Written:
    return next((each for each in all_ if each.kind is kind), Written(kind=kind))


def _over(written: Sequence[Written]) -> MarketData:
    return SHIPPED.over(row for each in written for row in each.facts)


class Near(NamedTuple):
    """A run of the next hour, as far as facts matter to it."""

    at: datetime
    kind: Kind
    template_id: str
    strategies: tuple[Strategy, ...]

    def __str__(self) -> str:
        """`entry of bsk_... at 2026-11-23T03:50:00+00:00`."""
        return f"{self.kind} of {self.template_id} at {self.at.isoformat()}"


def _touched(facts: Facts, before: MarketData, after: MarketData, now: datetime) -> Iterator[str]:
    """The runs of the next hour that would go by other facts, or would be or not be."""
    was, is_ = facts.calendar(lambda: before), facts.calendar(lambda: after)
    baskets = facts.baskets.listed()
    fired = [set(_firing_soon(baskets, calendar, now)) for calendar in (was, is_)]
    yield from (str(each) for each in fired[0] ^ fired[1])
    day = now.astimezone(IST).date()
    for each in {*fired[0], *_asked_for(facts, now)}:
        if any(_seen(was, strategy, day) != _seen(is_, strategy, day) for strategy in each.strategies):
            yield str(each)
    exits = (each for each in _exits_of_today(facts, now) if was.is_open(each.at) and not is_.is_open(each.at))
    yield from map(str, exits)


def _firing_soon(baskets: Sequence[Basket], calendar: Calendar, now: datetime) -> Iterator[Near]:
    by_id = {basket.basket_id: basket for basket in baskets}
    for firing in firings(baskets, calendar, now):
        if firing.at > now + SOON:
            return
        yield _near(firing, by_id[firing.template_id], now)


def _near(firing: Firing, basket: Basket, now: datetime) -> Near:
    strategies = basket.as_of(day_of(now)).strategies
    return Near(firing.at, firing.kind, firing.template_id, tuple(strategies[n] for n in firing.strategies))


def _asked_for(facts: Facts, now: datetime) -> Iterator[Near]:
    """Runs that are stored already: those under way or asked for, and the ways out of what entered today."""
    yield from (each for each in _exits_of_today(facts, now) if _is_near(each.at, now))
    for run in facts.runs.of_day(now):
        if _is_near(run.boundary, now):
            yield Near(run.boundary, run.kind, run.template_id, tuple(_strategies(facts.baskets, run)))


def _exits_of_today(facts: Facts, now: datetime) -> Iterator[Near]:
    """The ways out, still to come, of what entered today."""
    for run in facts.runs.of_day(now):
        for each in _strategies(facts.baskets, run) if run.kind is Kind.ENTRY else ():
            leaves = _leaves(each, now)
            if leaves >= now:
                yield Near(leaves, Kind.EXIT, run.template_id, (each,))


def _strategies(baskets: Baskets, run: Due) -> Sequence[Strategy]:
    """Those of the version that the run is about."""
    try:
        version = baskets.version(run.template_id, run.version)
    except NotFound:
        return ()
    return [version.strategies[number] for number in run.strategies]


def _leaves(strategy: Strategy, now: datetime) -> datetime:
    return datetime.combine(now.astimezone(IST).date(), strategy.exit_time, IST)


def _is_near(at: datetime, now: datetime) -> bool:
    return now <= at <= now + SOON


def _seen(calendar: Calendar, strategy: Strategy, day: date) -> tuple[object, ...]:
    """All that a run of a strategy goes by on a day."""
    data, index = calendar.data, strategy.index
    limits: Mapping[str, object] = {
        row.broker_id: data.in_force(BrokerLimit, row.broker_id, day) for row in data.rows(BrokerLimit)
    }
    try:
        expiry = expiry_date(index, strategy.expiry_type, day, calendar.tentative())
        sizes = lot_size(index, expiry, data), freeze_quantity(index, day, data)
        steps = tick(index, day, data), strike_step(index, expiry, data)
    except (NotListed, CalendarExhausted) as refusal:
        return type(refusal), calendar.square_offs(day), limits
    return expiry, *sizes, *steps, calendar.square_offs(day), limits

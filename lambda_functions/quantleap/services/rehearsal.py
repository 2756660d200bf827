"""The rehearsal of what enters in half an hour: the run's own questions, asked early, with nothing sent."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from quantleap.domain.account import BrokerAccount
from quantleap.domain.basket import Strategy
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, NotListed
from quantleap.domain.errors import QuantLeapError
from quantleap.domain.execution import Due, Kind, Plan, Seat, Venue
from quantleap.domain.halts import HALTED, Halt, Trade, halted
from quantleap.domain.instruments import doubts
from quantleap.domain.partner import Tenant
from quantleap.domain.planning import IN_DOUBT, NOT_LISTED
from quantleap.domain.ports import BrokerAccounts, Rehearsals
from quantleap.domain.readiness import in_the_way, last_exit
from quantleap.domain.rehearsal import AHEAD, Rehearsal, Verdict, add_up
from quantleap.domain.series import expiry_date
from quantleap.domain.sessions import Calendar, CalendarExhausted
from quantleap.domain.sizing import caps
from quantleap.domain.square_off import TOO_LATE, closes_first, last_intraday_exit
from quantleap.domain.strikes import FixedStrike
from quantleap.domain.subscription import Status
from quantleap.services import precision_timer
from quantleap.services.margins import Bank, Said, ask
from quantleap.services.precision_timer import UNLISTED, Timer

type Accounts = Mapping[tuple[str, str], BrokerAccount]


class Stage(NamedTuple):
    """What a rehearsal needs: all that the run's first steps have, the accounts, and who knows of their money."""

    timer: Timer
    accounts: BrokerAccounts
    rehearsals: Rehearsals
    bank: Bank


def boundary_after(scheduled: datetime) -> datetime:
    """The boundary that a minute of the schedule rehearses."""
    return scheduled.replace(second=0, microsecond=0) + AHEAD


def rehearse(stage: Stage, boundary: datetime) -> list[Rehearsal]:
    """Look at every entry of a boundary and keep what was found, by run and tenant.

    Raises `CalendarExhausted` past the end of the session table.
    """
    entries = (due for due in precision_timer.due(stage.timer, boundary) if due.kind is Kind.ENTRY)
    found = [each for due in entries for each in _rehearse(stage, due)]
    for each in found:
        stage.rehearsals.put(each)
    return found


def _rehearse(stage: Stage, due: Due) -> list[Rehearsal]:
    timer = stage.timer
    basket, halts = timer.baskets.get(due.template_id), timer.halts.list()
    entering = [basket.strategies[number] for number in due.strategies]
    seats = [seat for seat in timer.subscriptions.seats(due.template_id) if seat.status == Status.ACTIVE]
    accounts = stage.accounts.many((seat.user_id, each.client_id) for seat in seats for each in seat.allocations)
    venues = {Venue.of(seat.tenant, each) for seat in seats for each in seat.allocations}
    shut = _shut(timer, entering, venues, due)
    late = _late(timer, entering, venues, due)
    until = last_exit(entering, due.boundary)
    oversized = caps(basket, due.boundary.astimezone(IST).date(), timer.calendar.data)
    seats = [seat._replace(oversized=oversized(seat.allocations)) for seat in seats]
    verdicts = [Verdict(seat, _reasons(seat, due, halts, accounts, late | shut, until)) for seat in seats]
    said = _said(stage, due, venues, [verdict.seat for verdict in verdicts if not verdict.reasons])
    heard = [verdict.heard(said.get(verdict.seat.subscription_id, {})) for verdict in verdicts]
    return add_up(due, heard, late | shut, timer.clock())


def _said(stage: Stage, due: Due, venues: Iterable[Venue], ready: Sequence[Seat]) -> Said:
    """What brokers say of those who seem ready; before the market opens there are no orders to ask about."""
    plan = Plan(due=due, plan_id="", shards=0, tenants={}, venues=tuple(sorted(venues)))
    try:
        decision = precision_timer.choose(stage.timer, plan)
    except (QuantLeapError, NotListed, CalendarExhausted):
        return {}
    return ask(stage.bank, decision, ready)


def _reasons(
    seat: Seat, due: Due, halts: Sequence[Halt], accounts: Accounts, shut: Mapping[str, str], until: datetime
) -> dict[str, str]:
    trade = Trade(Tenant.of(seat.tenant).partner_id, due.template_id, seat.user_id)
    stopped = HALTED if halted(halts, trade, due.boundary) else None
    reasons = {
        each.client_id: stopped
        or seat.oversized.get(each.allocation_id)
        or in_the_way(accounts.get((seat.user_id, each.client_id)), due.boundary, until)
        or shut.get(str(Venue.of(seat.tenant, each)))
        for each in seat.allocations
    }
    return {client: reason for client, reason in reasons.items() if reason is not None}


def _shut(timer: Timer, entering: Sequence[Strategy], venues: Iterable[Venue], due: Due) -> dict[str, str]:
    """Venues where the run could certainly not trade, with the reason."""
    on = due.boundary.astimezone(IST).date()
    reasons = {str(venue): _shut_because(timer, entering, venue, on) for venue in sorted(venues)}
    return {venue: reason for venue, reason in reasons.items() if reason is not None}


def _late(timer: Timer, entering: Sequence[Strategy], venues: Iterable[Venue], due: Due) -> dict[str, str]:
    """Venues whose broker closes intraday positions before the run would."""
    square_offs = timer.calendar.square_offs(due.boundary.astimezone(IST).date())
    leaves = last_intraday_exit(entering, due.boundary)
    return {str(venue): TOO_LATE for venue in venues if closes_first(square_offs, venue.broker_id, leaves)}


def _shut_because(timer: Timer, entering: Sequence[Strategy], venue: Venue, on: date) -> str | None:
    try:
        broker = timer.brokers.broker(*venue)
        listed = timer.masters.master(broker, on)
        certain = [_certain(strategy, on, timer.calendar) for strategy in entering]
    except QuantLeapError as refusal:
        return refusal.reason
    except (NotListed, CalendarExhausted) as refusal:
        return UNLISTED[type(refusal)]
    if any(strategy.product not in broker.capability.products for strategy in entering):
        return "product_not_offered_at_broker"
    series = {(contract.index, contract.expiry) for contract in listed}
    if not all(each.series in series and each.fixed <= listed.keys() for each in certain):
        return NOT_LISTED
    unsure = {(doubt.index, doubt.expiry) for doubt in doubts(listed, on, timer.calendar.data)}
    return IN_DOUBT if any(each.series in unsure for each in certain) else None


class _Certain(NamedTuple):
    """What a strategy asks for wherever the market stands: one expiry of an index, and its fixed strikes."""

    series: tuple[str, date]
    fixed: frozenset[Contract]


def _certain(strategy: Strategy, on: date, calendar: Calendar) -> _Certain:
    expiry = expiry_date(strategy.index, strategy.expiry_type, on, calendar)
    fixed = (
        Contract(strategy.index, expiry, leg.strike.strike, leg.right)
        for leg in strategy.legs
        if isinstance(leg.strike, FixedStrike)
    )
    return _Certain((strategy.index, expiry), frozenset(fixed))

"""Subscribers by the hundred, and the run they follow: what planner and worker read in every measurement.

The template is the sandbox's own iron condor, decided by the real planner from a snapshot and a list of contracts.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from quantleap.domain import closing, planning
from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.basket import Basket, BasketDraft, MarketplaceConfig
from quantleap.domain.broker import Instrument
from quantleap.domain.clock import IST
from quantleap.domain.contracts import TICK, Contract, ExpiryType, Index, Right
from quantleap.domain.execution import Decision, Due, Kind, Seat
from quantleap.domain.ids import exit_id, run_id
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.partner import Environment
from quantleap.domain.series import expiry_date, lot_size, strike_step
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.subscription import Allocation, Status
from sandbox.platform.templates import IRON_CONDOR
from tests.engine import Store

TEMPLATE = "bsk_0000000000condor"
BROKER = "zerodha"
TENANT = f"{BROKER}#{Environment.TEST}"
SPOT = Decimal("26012.35")
STRIKES_AROUND = 20


def basket(at: datetime) -> Basket:
    """The template everybody follows: two hedges and two sells."""
    return Basket(
        **BasketDraft.model_validate(IRON_CONDOR).model_dump(),
        basket_id=TEMPLATE,
        template_owner_id="admin_quantleap",
        marketplace=MarketplaceConfig(),
        created_by="admin",
        created_at=at,
        updated_at=at,
    )


def seats(count: int, first: int = 0) -> Iterator[Seat]:
    """So many subscribers, one account each, multipliers from 1 to 3."""
    for number in range(first, first + count):
        allocation = Allocation(
            allocation_id=f"alloc_{number:016}",
            broker_id=BROKER,
            client_id=f"C{number:06}",
            lot_multiplier=Decimal(1 + number % 3),
        )
        yield Seat(
            f"sub_{number:020}{TEMPLATE.removeprefix('bsk_')}{number:08}",
            f"usr_{number:020}",
            TENANT,
            Status.ACTIVE,
            (allocation,),
        )


def due(boundary: datetime) -> Due:
    """The entry of the template at a boundary."""
    return Due(
        run_id=run_id(Kind.ENTRY, boundary, TEMPLATE, 1, None),
        kind=Kind.ENTRY,
        boundary=boundary,
        template_id=TEMPLATE,
        version=1,
        strategies=(0,),
    )


@cache
def decision(boundary: datetime) -> Decision:
    """The orders of the run at that boundary, as the planner decides them."""
    on, what, template = boundary.astimezone(IST).date(), due(boundary), basket(boundary)
    wanted = planning.expiries(template, what.strategies, on, AlwaysOpen())
    snapshots = {(index, expiry): snapshot(index, boundary) for index, expiry in wanted}
    return planning.decide(what, template, snapshots, {TENANT: master(on)}, AlwaysOpen(), boundary, on)


def due_exit(boundary: datetime, entered: datetime, follows: str = "") -> Due:
    """The exit of what entered at another boundary, or of what an earlier exit left."""
    entry = due(entered)
    run = exit_id(boundary, entry.run_id, left=follows)
    return entry.model_copy(update={"run_id": run, "kind": Kind.EXIT, "boundary": boundary, "closes": entry.run_id})


def decided_exit(exits: Due, entered: Decision) -> Decision:
    """The way back of what entered, as the planner decides it."""
    on = exits.boundary.astimezone(IST).date()
    snapshots = {wanted: snapshot(wanted[0], exits.boundary) for wanted in closing.chains(entered, exits)}
    return closing.decide(exits, entered, snapshots, {TENANT: master(on)}, exits.boundary, on)


def master(on: date) -> dict[Contract, Instrument]:
    """The broker's list on a day: the contracts the template may choose from."""
    expiry = expiry_date(Index.NIFTY, ExpiryType.WEEKLY, on, AlwaysOpen())
    return {each.contract: each for each in listed(Index.NIFTY, expiry)}


def snapshot(index: Index, at: datetime) -> Snapshot:
    """An index and its options, all at one price."""
    quote = Quote(bid=Decimal("99.50"), ask=Decimal("100.50"), last=Decimal(100))
    return Snapshot(index, at, SPOT, {(strike, right): quote for strike in _strikes(index) for right in Right})


def listed(index: Index, expiry: date) -> Iterator[Instrument]:
    """The contracts of an expiry as the broker lists them."""
    for number, (strike, right) in enumerate((strike, right) for strike in _strikes(index) for right in Right):
        symbol = f"{index}{expiry:%y%b}{strike}{right}".upper()
        contract = Contract(index, expiry, strike, right)
        yield Instrument(contract, "NFO", symbol, str(number), lot_size(index, expiry), TICK)


def _strikes(index: Index) -> list[Decimal]:
    step = strike_step(index)
    middle = SPOT // step * step
    return [middle + number * step for number in range(-STRIKES_AROUND, STRIKES_AROUND + 1)]


def store(count: int, boundary: datetime, first: int = 0) -> Store:
    """Everything one worker finds about so many subscribers, all logged in for a day."""
    found = Store(seats=list(seats(count, first)), decision=decision(boundary), basket=basket(boundary))
    ends = boundary + timedelta(days=1)
    for seat in found.seats:
        name = (seat.user_id, seat.allocations[0].client_id)
        found.statuses[seat.subscription_id] = seat.status
        found.accounts[name] = _account(*name, boundary, ends)
        found.sessions[name] = Session(access_token=seat.user_id, client_id=name[1], expires_at=ends, api_key="bench")
    return found


def enlarge(of: Store, multiplier: int) -> None:
    """Let the first subscriber trade so many times the template."""
    first = of.seats[0]
    (allocation,) = first.allocations
    larger = allocation.model_copy(update={"lot_multiplier": Decimal(multiplier)})
    of.seats[0] = first._replace(allocations=(larger,))


def decided(of: Store) -> Decision:
    """The run's decision, which a store made here always has."""
    if of.decision is None:
        raise ValueError("nothing is decided")
    return of.decision


def _account(user_id: str, client_id: str, at: datetime, ends: datetime) -> BrokerAccount:
    return BrokerAccount(
        user_id=user_id,
        tenant=TENANT,
        client_id=client_id,
        broker_id=BROKER,
        environment=Environment.TEST,
        token_expires_at=ends,
        created_at=at,
    )

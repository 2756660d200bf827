"""From a template and a market snapshot to each subscriber's orders: pure functions, no clock, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from itertools import batched
from typing import NamedTuple

from quantleap.domain.basket import Basket, Leg, Side, Strategy
from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import Contract, Index, expiry_date, freeze_quantity, strike_step
from quantleap.domain.errors import QuantLeapError
from quantleap.domain.execution import Decision, Due, Intent, Listing, Order, Seat, Ticket, Venue
from quantleap.domain.ids import order_tag
from quantleap.domain.market import Snapshot, marketable_limit
from quantleap.domain.sessions import Calendar
from quantleap.domain.subscription import Allocation

type Masters = Mapping[str, Mapping[Contract, Instrument]]
"""Each venue's list of contracts."""


class Undecidable(QuantLeapError):
    """A run cannot be turned into orders; nothing of it is traded, and everybody reads why."""

    code = "undecidable"


def shard(seats: Iterable[Seat], size: int) -> list[tuple[Seat, ...]]:
    """Cut a run into slices of at most `size` seats, each tenant's seats together."""
    return list(batched(sorted(seats, key=lambda seat: (seat.tenant, seat.subscription_id)), size, strict=False))


def expiries(basket: Basket, numbers: Iterable[int], on: date, calendar: Calendar) -> dict[tuple[Index, date], None]:
    """Which option chains the strategies need, each once, in order."""
    strategies = (basket.strategies[number] for number in numbers)
    return {(s.index, expiry_date(s.index, s.expiry_type, on, calendar)): None for s in strategies}


def contract(leg: Leg, strategy: Strategy, spot: Decimal, expiry: date) -> Contract:
    """The option a leg means when the index stands at `spot`."""
    step = strike_step(strategy.index)
    at_the_money = (spot / step).to_integral_value(ROUND_HALF_UP) * step
    return Contract(strategy.index, expiry, at_the_money + leg.strike.offset * step, leg.right)


def decide(
    due: Due,
    basket: Basket,
    snapshots: Mapping[tuple[Index, date], Snapshot],
    masters: Masters,
    calendar: Calendar,
    at: datetime,
    on: date,
) -> Decision:
    """Choose every contract and price of a run once, for all its subscribers; hedges come first."""
    orders: list[Order] = []
    for number in due.strategies:
        strategy = basket.strategies[number]
        expiry = expiry_date(strategy.index, strategy.expiry_type, on, calendar)
        snapshot = snapshots[strategy.index, expiry]
        orders += [
            _order(number, position, leg, strategy, snapshot, expiry, masters, on)
            for position, leg in enumerate(strategy.legs)
        ]
    orders.sort(key=lambda order: order.side is Side.SELL)
    return Decision(run_id=due.run_id, decided_at=at, orders=tuple(orders))


def _order(
    number: int,
    position: int,
    leg: Leg,
    strategy: Strategy,
    snapshot: Snapshot,
    expiry: date,
    masters: Masters,
    on: date,
) -> Order:
    chosen = contract(leg, strategy, snapshot.spot, expiry)
    return Order(
        strategy=number,
        leg=position,
        side=leg.side,
        lots=leg.lots,
        product=strategy.product,
        contract=chosen,
        **terms(chosen, leg.side, snapshot, masters, on)._asdict(),
    )


class Terms(NamedTuple):
    """What a contract trades at now, and how each venue names it."""

    freeze_quantity: int
    reference_price: Decimal
    limit_price: Decimal
    listings: dict[str, Listing]


def terms(chosen: Contract, side: Side, snapshot: Snapshot, masters: Masters, on: date) -> Terms:
    """Price a contract and look it up; raises `Undecidable` when there is no quote or nobody lists it."""
    quote = snapshot.chain.get((chosen.strike, chosen.right))
    if quote is None:
        message = f"no quote for {_name(chosen)}"
        raise Undecidable(message)
    listed = {venue: master[chosen] for venue, master in masters.items() if chosen in master}
    if not listed:
        message = f"no broker lists {_name(chosen)}"
        raise Undecidable(message)
    tick = next(iter(listed.values())).tick
    return Terms(
        freeze_quantity=_freeze_quantity(chosen.index, on, listed.values()),
        reference_price=quote.ask if side is Side.BUY else quote.bid,
        limit_price=marketable_limit(side, quote, tick),
        listings={venue: _listing(each) for venue, each in listed.items()},
    )


def _freeze_quantity(index: Index, on: date, instruments: Iterable[Instrument]) -> int:
    """The least of what our table and the brokers' lists say; one below a single lot is no freeze quantity."""
    said = (most for each in instruments if (most := each.freeze_quantity) and most >= each.lot_size)
    return min([freeze_quantity(index, on), *said])


def _name(chosen: Contract) -> str:
    return f"{chosen.index} {chosen.expiry:%d %b %Y} {chosen.strike} {chosen.right}"


def _listing(instrument: Instrument) -> Listing:
    return Listing(
        exchange=instrument.exchange,
        symbol=instrument.symbol,
        token=instrument.token,
        lot_size=instrument.lot_size,
        tick=instrument.tick,
    )


def tickets(decision: Decision, seat: Seat, number: int) -> list[Ticket]:
    """One ticket for each account of a seat, with every order it will place, hedges first."""
    return [_ticket(decision, seat, allocation, number) for allocation in seat.allocations]


def _ticket(decision: Decision, seat: Seat, allocation: Allocation, number: int) -> Ticket:
    ticket = Ticket(
        run_id=decision.run_id,
        shard=number,
        tenant=seat.tenant,
        subscription_id=seat.subscription_id,
        user_id=seat.user_id,
        client_id=allocation.client_id,
        broker_id=allocation.broker_id,
        allocation_id=allocation.allocation_id,
    )
    if decision.refusal is not None:
        return ticket.skip(decision.refusal)
    venue = str(Venue.of(seat.tenant, allocation))
    if any(venue not in order.listings for order in decision.orders):
        return ticket.skip("contract_not_listed_at_broker")
    intents = [
        intent(ticket, order, order.listings[venue], position, quantity)
        for order in decision.orders
        for position, quantity in enumerate(_slices(order, order.listings[venue].lot_size, allocation))
    ]
    return ticket.with_intents(tuple(intents), settled=False)


def _slices(order: Order, lot_size: int, allocation: Allocation) -> Sequence[int]:
    """Quantities in units: lots times multiplier times lot size, cut under the exchange's freeze quantity."""
    lots = allocation.lots(order.lots)
    most = order.freeze_quantity // lot_size
    if allocation.max_lots_per_order is not None:
        most = min(most, allocation.max_lots_per_order)
    whole, rest = divmod(lots, most)
    return [most * lot_size] * whole + ([rest * lot_size] if rest else [])


def intent(ticket: Ticket, order: Order, listing: Listing, position: int, quantity: int) -> Intent:
    """One order of a ticket; `position` counts the slices of its leg."""
    name = f"{ticket.run_id}/{ticket.name}/{order.strategy}/{order.leg}/{position}"
    return Intent(
        intent_id=name,
        tag=order_tag(name),
        strategy=order.strategy,
        leg=order.leg,
        side=order.side,
        symbol=listing.symbol,
        exchange=listing.exchange,
        token=listing.token,
        lot_size=listing.lot_size,
        tick=listing.tick,
        contract=order.contract,
        product=order.product,
        quantity=quantity,
        limit_price=order.limit_price,
    )

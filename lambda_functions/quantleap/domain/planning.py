"""From a template and a market snapshot to each subscriber's orders: pure functions, no clock, no I/O."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import NamedTuple

from quantleap.domain import square_off
from quantleap.domain.basket import Basket, OnIncomplete
from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.errors import Undecidable
from quantleap.domain.execution import Decision, Due, Intent, Listing, Order, Seat, Ticket, Venue
from quantleap.domain.ids import order_tag
from quantleap.domain.instruments import doubted
from quantleap.domain.market import Snapshot, on_tick
from quantleap.domain.market_data import MarketData
from quantleap.domain.pricing import Price, entering
from quantleap.domain.readiness import last_exit
from quantleap.domain.series import expiry_date, freeze_quantity
from quantleap.domain.sessions import Calendar
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.strike_choice import Chain, choose
from quantleap.domain.subscription import Allocation
from quantleap.domain.trading import Side

type Masters = Mapping[str, Mapping[Contract, Instrument]]
"""Each venue's list of contracts."""

NOT_LISTED = "contract_not_listed_at_broker"
"""The broker's list lacks what others have."""

IN_DOUBT = "contract_terms_in_doubt"
"""The broker's list has a lot size, tick or freeze quantity that the exchange's contract cannot have."""

STALE_AFTER = timedelta(seconds=10)
"""A snapshot older than this is of a feed that stands still; one as far ahead would never be seen to stand still."""


def shard(seats: Iterable[Seat], size: int, run: str) -> list[tuple[Seat, ...]]:
    """Cut a run into slices of at most `size` seats, each tenant's seats together.

    Inside a tenant the order is drawn anew for every run, from its id, so nobody is always first or always last.
    """
    drawn = sorted(seats, key=lambda seat: (seat.tenant, draw(run, seat.subscription_id)))
    return list(batched(_queued(drawn, run), size, strict=False))


def draw(run: str, name: str) -> bytes:
    """A place in a run's order that nobody can choose, the same whenever one asks."""
    return hashlib.blake2b(f"{run}/{name}".encode(), digest_size=8).digest()


def _queued(seats: Sequence[Seat], run: str) -> list[Seat]:
    """Give every allocation its turn at its venue; the queue is drawn across all tenants."""
    turns: dict[str, tuple[int, ...]] = {}
    lengths: Counter[Venue] = Counter()
    for seat in sorted(seats, key=lambda seat: draw(run, seat.subscription_id)):
        venues = [Venue.of(seat.tenant, each) for each in seat.allocations]
        turns[seat.subscription_id] = tuple(lengths[venue] + venues[:n].count(venue) for n, venue in enumerate(venues))
        lengths.update(venues)
    return [seat._replace(turns=turns[seat.subscription_id]) for seat in seats]


def expiries(basket: Basket, numbers: Iterable[int], on: date, calendar: Calendar) -> dict[tuple[Index, date], None]:
    """Which option chains the strategies need, each once, in order."""
    strategies = (basket.strategies[number] for number in numbers)
    return {(s.index, expiry_date(s.index, s.expiry_type, on, calendar)): None for s in strategies}


def decide(
    due: Due,
    basket: Basket,
    snapshots: Mapping[tuple[Index, date], Snapshot],
    masters: Masters,
    calendar: Calendar,
    at: datetime,
    on: date,
) -> Decision:
    """Choose every contract and price of a run once, for all its subscribers; hedges come first.

    Raises `Undecidable` where the market or the lists leave any doubt about a leg.
    """
    orders: list[Order] = []
    for number in due.strategies:
        strategy = basket.strategies[number]
        expiry = expiry_date(strategy.index, strategy.expiry_type, on, calendar)
        snapshot = snapshots[strategy.index, expiry]
        chain = Chain(expiry, snapshot, _strikes(masters, snapshot, expiry))
        _require_fresh(chain.snapshot, at)
        orders += _orders(number, basket, chain, masters, on, calendar.data)
    orders.sort(key=lambda order: order.side is Side.SELL)
    entering = [] if due.scope else [basket.strategies[number] for number in due.strategies]
    return Decision(
        run_id=due.run_id,
        decided_at=at,
        leaves_at=last_exit(entering, due.boundary) if entering else None,
        intraday_until=square_off.last_intraday_exit(entering, due.boundary),
        square_offs=dict(calendar.square_offs(on)),
        orders=tuple(orders),
    )


def _strikes(masters: Masters, snapshot: Snapshot, expiry: date) -> dict[Right, list[Decimal]]:
    """What venues list of an expiry, ascending: what the feed shows too, or most of those venues have.

    A strike that one list alone has, and nobody quotes, is a slip of that list, which must not move the others.
    """
    series = (
        [each for each in master if each.expiry == expiry and each.index == snapshot.index]
        for master in masters.values()
    )
    lists = [each for each in series if each]
    count = Counter(contract for each in lists for contract in each)
    found = (c for c, times in count.items() if (c.strike, c.right) in snapshot.chain or times * 2 > len(lists))
    by_right: dict[Right, list[Decimal]] = {right: [] for right in Right}
    for contract in found:
        by_right[contract.right].append(contract.strike)
    return {right: sorted(strikes) for right, strikes in by_right.items()}


def _require_fresh(snapshot: Snapshot, at: datetime) -> None:
    if abs(at - snapshot.as_of) > STALE_AFTER:
        raise Undecidable(f"{snapshot.index} was seen at {snapshot.as_of}", code="market_feed_stale")


def _orders(number: int, basket: Basket, chain: Chain, masters: Masters, on: date, data: MarketData) -> list[Order]:
    """A strategy's legs as orders; two rules may meet in one strike, which must not be both bought and sold."""
    strategy = basket.strategies[number]
    sides: dict[Contract, Side] = {}
    orders: list[Order] = []
    for position, leg in enumerate(strategy.legs):
        chosen = Contract(strategy.index, chain.expiry, choose(leg.strike, leg.right, chain), leg.right)
        if sides.setdefault(chosen, leg.side) is not leg.side:
            raise Undecidable(f"{_name(chosen)} is both bought and sold", code="legs_cancel_out")
        quote = chain.snapshot.chain.get((chosen.strike, chosen.right))
        if quote is None:
            raise Undecidable(f"no quote for {_name(chosen)}", code="no_usable_quote")
        price = entering(leg.side, quote, chain.curve(chosen.right).worth(chosen.strike))
        offered = listed(chosen, masters, on, data)
        if not offered:
            raise Undecidable(f"no broker's list can be trusted with {_name(chosen)}", code=IN_DOUBT)
        orders.append(
            Order(
                strategy=number,
                leg=position,
                lots=leg.lots,
                product=strategy.product,
                contract=chosen,
                algo_ids=basket.algo_ids,
                unwinds=strategy.on_incomplete is OnIncomplete.UNWIND,
                freeze_quantity=freeze_quantity(chosen.index, on, data),
                doubted=tuple(sorted(venue for venue in masters if chosen in masters[venue] and venue not in offered)),
                **terms(leg.side, price, {venue: listing(each) for venue, each in offered.items()})._asdict(),
            )
        )
    return orders


class Terms(NamedTuple):
    """What an order trades at, and how each venue names its contract."""

    side: Side
    reference_price: Decimal
    limit_price: Decimal
    listings: dict[str, Listing]


def terms(side: Side, price: Price, listings: dict[str, Listing]) -> Terms:
    """The same price for everybody; each venue's orders are put on its own tick."""
    return Terms(
        side=side,
        reference_price=on_tick(side, price.reference, TICK),
        limit_price=on_tick(side, price.limit, TICK),
        listings=listings,
    )


def listed(chosen: Contract, masters: Masters, on: date, data: MarketData = SHIPPED) -> dict[str, Instrument]:
    """A contract at the venues that list it as it can be."""
    found = ((venue, master.get(chosen)) for venue, master in masters.items())
    return {venue: each for venue, each in found if each is not None and doubted(each, on, data) is None}


def _name(chosen: Contract) -> str:
    return f"{chosen.index} {chosen.expiry:%d %b %Y} {chosen.strike} {chosen.right}"


def listing(instrument: Instrument) -> Listing:
    """How a venue names a contract, as a decision keeps it."""
    return Listing(
        exchange=instrument.exchange,
        symbol=instrument.symbol,
        token=instrument.token,
        lot_size=instrument.lot_size,
        tick=instrument.tick,
        freeze_quantity=instrument.freeze_quantity,
    )


def tickets(decision: Decision, seat: Seat, number: int) -> list[Ticket]:
    """One ticket for each account of a seat, with every order it will place, hedges first."""
    turns = seat.turns or (0,) * len(seat.allocations)
    return [_ticket(decision, seat, each, turn, number) for each, turn in zip(seat.allocations, turns, strict=True)]


def _ticket(decision: Decision, seat: Seat, allocation: Allocation, turn: int, number: int) -> Ticket:
    ticket = Ticket(
        run_id=decision.run_id,
        shard=number,
        tenant=seat.tenant,
        subscription_id=seat.subscription_id,
        user_id=seat.user_id,
        client_id=allocation.client_id,
        broker_id=allocation.broker_id,
        allocation_id=allocation.allocation_id,
        turn=turn,
    )
    if decision.refusal is not None:
        return ticket.skip(decision.refusal)
    if allocation.allocation_id in seat.oversized:
        return ticket.skip(seat.oversized[allocation.allocation_id])
    if square_off.closes_first(decision.square_offs, allocation.broker_id, decision.intraday_until):
        return ticket.skip(square_off.TOO_LATE)
    venue = str(Venue.of(seat.tenant, allocation))
    lacking = [order for order in decision.orders if venue not in order.listings]
    if lacking:
        return ticket.skip(IN_DOUBT if any(venue in order.doubted for order in lacking) else NOT_LISTED)
    intents = [
        intent(ticket, order, order.listings[venue], position, quantity)
        for order in decision.orders
        for position, quantity in enumerate(_slices(order, order.listings[venue], allocation))
    ]
    return ticket.with_intents(tuple(intents), settled=False)


def _slices(order: Order, listing: Listing, allocation: Allocation) -> Sequence[int]:
    """Quantities in units: lots times multiplier times lot size, cut under the freeze quantity of the venue."""
    lots, lot_size = allocation.lots(order.lots), listing.lot_size
    most = min(order.freeze_quantity, listing.freeze_quantity or order.freeze_quantity) // lot_size
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
        algo_id=order.algo_ids.get(ticket.broker_id),
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
        limit_price=on_tick(order.side, order.limit_price, listing.tick),
    )

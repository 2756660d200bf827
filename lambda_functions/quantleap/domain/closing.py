"""Closing what a run opened: the way back of its orders, and what is left to close of each ticket.

Only what a ticket's own orders hold is closed, never an account's net position.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from quantleap.domain.basket import Side
from quantleap.domain.contracts import Index
from quantleap.domain.execution import Decision, Due, Intent, Order, Ticket
from quantleap.domain.halts import Trade
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.partner import Tenant
from quantleap.domain.planning import Masters, intent, listed, listing, terms

NOTHING_TO_CLOSE = "nothing_to_close"
"""The one reason not to send an exit's orders that leaves nothing open."""

INCOMPLETE = "incomplete"
"""An exit that closes only what stands half."""


def opposite(side: Side) -> Side:
    """The side that closes."""
    return Side.SELL if side is Side.BUY else Side.BUY


def chains(entered: Decision, due: Due) -> dict[tuple[Index, date], None]:
    """Which option chains price the way back, each once, in order."""
    return {(each.contract.index, each.contract.expiry): None for each in _leaving(entered, due)}


def decide(
    due: Due,
    entered: Decision,
    snapshots: Mapping[tuple[Index, date], Snapshot],
    masters: Masters,
    at: datetime,
    on: date,
) -> Decision:
    """The way back, once for all: sides turned round, priced anew; what was sold is bought back first."""
    orders = [
        _way_back(each, snapshots[each.contract.index, each.contract.expiry], masters, on)
        for each in _leaving(entered, due)
    ]
    orders.sort(key=lambda order: order.side is Side.SELL)
    return Decision(run_id=due.run_id, decided_at=at, orders=tuple(orders))


def concerns(due_only: str | None, entry: Ticket, template_id: str) -> bool:
    """Whether an exit that closes only a part closes this entry ticket: `incomplete` ones, or those of a halt."""
    if due_only is None:
        return True
    if due_only == INCOMPLETE:
        return bool(entry.incomplete)
    return due_only in Trade(Tenant.of(entry.tenant).partner_id, template_id, entry.user_id).scopes


def _leaving(entered: Decision, due: Due) -> list[Order]:
    return [order for order in entered.orders if order.strategy in due.strategies]


def _way_back(order: Order, snapshot: Snapshot, masters: Masters, on: date) -> Order:
    """An order turned round, whatever of it the chain or a broker's list has ceased to show.

    Without a quote it is priced as if it had last traded at what it was entered for, and may rest, which is told. Left
    out, it would keep everything else from being closed.
    """
    unseen = Quote(bid=Decimal(0), ask=Decimal(0), last=order.reference_price)
    quote = snapshot.chain.get((order.contract.strike, order.contract.right), unseen)
    listings = {venue: listing(each) for venue, each in listed(order.contract, masters, on).items()}
    return order.model_copy(update=terms(opposite(order.side), quote, order.listings | listings)._asdict())


def ticket(
    decision: Decision, entry: Ticket, earlier: Sequence[Ticket | None], strategies: Container[int] | None = None
) -> Ticket:
    """What is left of an entry ticket, as a ticket of the exit run; with `strategies` only of these.

    `earlier` are the tickets of exits that were there before, None for one not written yet. While any of them is
    not settled nobody can say what is left, so nothing is sent.
    """
    blank = entry.model_copy(update={"run_id": decision.run_id, "intents": (), "skipped": None, "settled": False})
    reason = decision.refusal or _not_closable_because(entry, earlier)
    if reason is not None:
        return blank.skip(reason)
    settled = [before for before in earlier if before is not None]
    wanted = [order for order in decision.orders if strategies is None or order.strategy in strategies]
    left = [(order, sizes) for order in wanted if (sizes := _open_slices(order, entry, settled))]
    if not left:
        return blank.skip(NOTHING_TO_CLOSE)
    venue = str(entry.venue)
    if any(venue not in order.listings for order, _ in left):
        return blank.skip("contract_not_listed_at_broker")
    intents = [
        intent(blank, order, order.listings[venue], position, quantity)
        for order, sizes in left
        for position, quantity in enumerate(sizes)
    ]
    return blank.with_intents(tuple(intents), settled=False)


def _not_closable_because(entry: Ticket, earlier: Sequence[Ticket | None]) -> str | None:
    if not entry.settled:
        return "entry_not_settled"
    if any(before is None or not before.settled for before in earlier):
        return "exit_in_progress"
    return None


def _open_slices(order: Order, entry: Ticket, exits: Iterable[Ticket]) -> list[int]:
    """What is still open of a leg, in the slices it was opened in."""
    closed = sum(each.filled_quantity for done in exits for each in _of_leg(done, order))
    return _left([each.filled_quantity for each in _of_leg(entry, order)], closed)


def _of_leg(of: Ticket, order: Order) -> list[Intent]:
    return [each for each in of.intents if (each.strategy, each.leg) == (order.strategy, order.leg)]


def _left(opened: Iterable[int], closed: int) -> list[int]:
    """Slices less what was closed already, taken from the front."""
    left: list[int] = []
    for size in opened:
        gone = min(size, closed)
        closed -= gone
        if size > gone:
            left.append(size - gone)
    return left

"""Closing what a run opened: the way back of its orders, and what is left to close of each ticket.

Only what a ticket's own orders hold is closed, never an account's net position.
"""

from collections.abc import Container, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple, Self

from quantleap.domain.contracts import Index
from quantleap.domain.curve import Curve, exercised
from quantleap.domain.execution import (
    NOTHING_TO_CLOSE,
    SUPERSEDED,
    Decision,
    Due,
    Intent,
    Order,
    Plan,
    Report,
    State,
    Ticket,
)
from quantleap.domain.halts import Trade
from quantleap.domain.ids import boundary_of
from quantleap.domain.market import NO_QUOTE, Snapshot
from quantleap.domain.market_data import MarketData
from quantleap.domain.partner import Tenant
from quantleap.domain.planning import Masters, intent, listed, listing, terms
from quantleap.domain.pricing import Known, Price, leaving
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.trading import Side

INCOMPLETE = "incomplete"
"""An exit that closes only what stands half."""


TRIES = 3
"""Exits in a row, each at new prices, that try to close what the one before left; then somebody has to look."""


def left_in(made: Plan, reports: Mapping[int, Report]) -> tuple[int, ...]:
    """The shards in which something is to be closed at once after a run.

    Of an entry those with halves that their rule unwinds; of an exit those in which anything stayed open, or that
    say nothing, unless it was the last try.
    """
    if made.due.closes is None:
        return tuple(number for number in made.served if number in reports and reports[number].unwind)
    if made.due.tries >= TRIES:
        return ()
    return tuple(number for number in made.served if number not in reports or reports[number].incomplete)


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
    data: MarketData = SHIPPED,
) -> Decision:
    """The way back, once for all: sides turned round, priced anew; what was sold is bought back first.

    Chains that nobody could see are absent: what is open is closed all the same.
    """
    orders = [_way_back(each, _price(each, snapshots, due.tries), masters, on, data) for each in _leaving(entered, due)]
    orders.sort(key=lambda order: order.side is Side.SELL)
    return Decision(run_id=due.run_id, decided_at=at, orders=tuple(orders))


def concerns(due_only: str | None, entry: Ticket, template_id: str) -> bool:
    """Whether an exit that closes only a part closes this entry ticket: `incomplete` ones, or those of a halt."""
    if due_only is None:
        return True
    if due_only == INCOMPLETE:
        return bool(entry.incomplete)
    return due_only in Trade(Tenant.of(entry.tenant).partner_id, template_id, entry.user_id, str(entry.venue)).scopes


def _leaving(entered: Decision, due: Due) -> list[Order]:
    return [order for order in entered.orders if order.strategy in due.strategies]


def _price(order: Order, snapshots: Mapping[tuple[Index, date], Snapshot], tries: int) -> Price:
    """What an order's way back goes at: by its row, within what the rest of the chain and its entry say of it."""
    side, entered = opposite(order.side), order.reference_price
    index, expiry, strike, right = order.contract
    snapshot = snapshots.get((index, expiry))
    if snapshot is None:
        return leaving(side, NO_QUOTE, Known(entered), tries)
    known = Known(entered, Curve.of(snapshot, right).worth(strike), exercised(snapshot, strike, right))
    return leaving(side, snapshot.chain.get((strike, right), NO_QUOTE), known, tries)


def _way_back(order: Order, price: Price, masters: Masters, on: date, data: MarketData) -> Order:
    """An order turned round; one that a broker's list has ceased to show keeps the name it was entered by."""
    listings = {venue: listing(each) for venue, each in listed(order.contract, masters, on, data).items()}
    return order.model_copy(update=terms(opposite(order.side), price, order.listings | listings)._asdict())


class Claim(NamedTuple):
    """An entry's ticket that an exit is to close, and those of the exits that came before.

    `unwritten` are exits that have no ticket yet, with the strategies they are to close; `awaited` are strategies
    that are left to such an exit. With a `refusal` nobody could find out what there is to close.
    """

    entry: Ticket
    earlier: tuple[Ticket, ...] = ()
    unwritten: Mapping[str, frozenset[int]] = {}
    awaited: frozenset[int] = frozenset()
    refusal: str | None = None

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """All of them."""
        return (self.entry, *self.earlier)

    @property
    def sends(self) -> list[datetime]:
        """When their orders left, oldest first; where a worker died, the boundary stands for what nobody noted."""
        return sorted(
            boundary_of(ticket.run_id) + timedelta(milliseconds=float(intent.sent_after_ms or 0))
            for ticket in self.tickets
            for intent in ticket.intents
            if intent.sent
        )

    def with_earlier(self, ticket: Ticket) -> Self:
        """The claim with one more of them."""
        return self._replace(earlier=(*self.earlier, ticket))

    def with_unwritten(self, due: Due) -> Self:
        """The claim with one more that has none."""
        halves = due.only == INCOMPLETE
        theirs = frozenset(due.strategies) & frozenset(self.entry.incomplete if halves else due.strategies)
        return self._replace(unwritten={**self.unwritten, due.run_id: theirs})

    def waiting_for(self, strategies: Iterable[int]) -> Self:
        """The claim with more to wait for."""
        return self._replace(awaited=self.awaited.union(strategies))

    def after(self, known: Mapping[tuple[str, str], Ticket]) -> Self:
        """The claim with what is now known of some tickets, by run and name."""
        entry, *earlier = (known.get((each.run_id, each.name), each) for each in self.tickets)
        return self._replace(entry=entry, earlier=tuple(earlier))

    def blocked_because(self, strategy: int) -> str | None:
        """Why nobody can say what is left of a strategy, or None: an order of it may be filled yet."""
        if not self.entry.certain_of(strategy):
            return "entry_not_settled"
        waits = strategy in self.awaited or not all(before.certain_of(strategy) for before in self.earlier)
        return "exit_in_progress" if waits else None


def superseded(entry: Ticket, run_id: str) -> Ticket:
    """The ticket of an exit that another one came before."""
    return _blank(entry, run_id).skip(SUPERSEDED)


def _blank(entry: Ticket, run_id: str) -> Ticket:
    return entry.model_copy(update={"run_id": run_id, "intents": (), "skipped": None, "settled": False})


def ticket(decision: Decision, claim: Claim, *, halves: bool = False) -> Ticket:
    """What is left of an entry ticket, as a ticket of the exit run; of a strategy only where it stands half, if wanted.

    A strategy of which nobody can say what is left is not closed: its orders are there, not to be sent, with the
    reason. Other strategies are closed all the same.
    """
    entry = claim.entry
    blank = _blank(entry, decision.run_id)
    if (refusal := decision.refusal or claim.refusal) is not None:
        return blank.skip(refusal)
    wanted = [order for order in decision.orders if not halves or order.strategy in entry.incomplete]
    blocked = {order.strategy: reason for order in wanted if (reason := claim.blocked_because(order.strategy))}
    left = [(order, sizes) for order in wanted if (sizes := _sizes(order, claim, blocked))]
    if not left:
        return blank.skip(NOTHING_TO_CLOSE)
    if all(order.strategy in blocked for order, _ in left):
        return blank.skip(blocked[left[0][0].strategy])
    venue = str(entry.venue)
    if any(venue not in order.listings for order, _ in left):
        return blank.skip("contract_not_listed_at_broker")
    intents = [
        _unless(blocked.get(order.strategy), intent(blank, order, order.listings[venue], position, quantity))
        for order, sizes in left
        for position, quantity in enumerate(sizes)
    ]
    return blank.with_intents(tuple(intents), settled=False)


def _sizes(order: Order, claim: Claim, blocked: Container[int]) -> list[int]:
    """What to close of a leg; all that was wanted of it where nobody knows."""
    if order.strategy in blocked:
        return [each.quantity for each in _of_leg(claim.entry, order)]
    return _open_slices(order, claim.entry, claim.earlier)


def _unless(reason: str | None, order: Intent) -> Intent:
    return order if reason is None else order.became(State.NOT_SENT, reason=reason)


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

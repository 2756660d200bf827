"""Brokers close intraday positions themselves before the session ends, and what that means for our own way out.

Whoever sells after that what the broker sold already opens the opposite. So nothing enters whose exit would come too
late at a broker that says its hour, and an exit from that hour on sends no more than the account still holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from quantleap.domain.basket import BasketDraft, Strategy
from quantleap.domain.booking import Book
from quantleap.domain.broker import Position
from quantleap.domain.clock import IST
from quantleap.domain.execution import SQUARED_OFF, Intent, State
from quantleap.domain.trading import Product, Side, SquareOff

TOO_LATE = "exit_after_square_off"
"""The broker would have closed the position before the strategy does."""

UNKNOWN_POSITIONS = "positions_unreadable"
"""Nobody could see what the account still holds, so nothing was sent."""

NOT_SHOWN = "position_not_shown"
"""The broker's positions say nothing of the contract: it may be closed, or missing there."""

MARGIN = timedelta(minutes=1)
"""Clocks differ, and an exit takes its time: so long before a broker's hour it counts as come."""

type SquareOffs = Mapping[str, SquareOff]


def last_intraday_exit(entering: Iterable[Strategy], at: datetime) -> datetime | None:
    """When the last intraday strategy of some that enter on a day leaves; None where there is none."""
    day = at.astimezone(IST).date()
    leaving = (datetime.combine(day, each.exit_time, IST) for each in entering if each.product is Product.INTRADAY)
    return max(leaving, default=None)


def closes_first(square_offs: SquareOffs, broker_id: str, leaves: datetime | None) -> bool:
    """Whether a broker is known to close intraday positions no later than they would leave by themselves.

    An hour that no source of the broker's confirms refuses nobody: there the look at the positions has to do.
    """
    ends = square_offs.get(broker_id)
    return leaves is not None and ends is not None and ends.confirmed and leaves >= ends.at


def may_have_begun(square_offs: SquareOffs, broker_id: str, at: datetime) -> bool:
    """Whether the broker may be closing positions at a moment, or have closed them."""
    ends = square_offs.get(broker_id)
    return ends is not None and at >= ends.at - MARGIN


def warnings(draft: BasketDraft, square_offs: SquareOffs, at: datetime) -> list[str]:
    """For each strategy that leaves too late for some brokers, which these are and from when on they close."""
    return [
        f"strategies[{number}] leaves at {strategy.exit_time:%H:%M}: {', '.join(brokers)}; "
        "users there cannot follow it where the hour is confirmed, and hold nothing to close where it is right"
        for number, strategy in enumerate(draft.strategies)
        if (brokers := _earlier(strategy, square_offs, at))
    ]


def _earlier(strategy: Strategy, square_offs: SquareOffs, at: datetime) -> list[str]:
    leaves = last_intraday_exit([strategy], at)
    if leaves is None:
        return []
    return [
        f"{broker} closes intraday positions itself from {ends.at:%H:%M}{'' if ends.confirmed else ' (unconfirmed)'}"
        for broker, ends in sorted(square_offs.items())
        if leaves >= ends.at
    ]


class Left(NamedTuple):
    """What an account holds of a contract intraday; None where the positions do not say."""

    units: int | None

    def after(self, side: Side, units: int) -> "Left":
        """What is left once an order of that side is filled."""
        return Left(None if self.units is None else self.units + (units if side is Side.BUY else -units))

    def closable(self, side: Side) -> int:
        """How many units an order of that side may have without opening the opposite."""
        held = self.units or 0
        return max(0, held if side is Side.SELL else -held)


def capped(intents: Iterable[Intent], positions: Sequence[Position]) -> list[Intent]:
    """Intraday orders that are still to be placed, none larger than what the account holds; the others untouched.

    What our own orders that rest or are in doubt may still close is taken for closed.
    """
    every = list(intents)
    left: dict[str, Left] = {}
    for each in every:
        if each.product is Product.INTRADAY and each.state.uncertain:
            name = each.symbol
            left[name] = left.get(name, _left(each, positions)).after(each.side, each.quantity - each.filled_quantity)
    capped: list[Intent] = []
    for each in every:
        if each.product is not Product.INTRADAY or each.state is not State.PLANNED:
            capped.append(each)
            continue
        held = left.get(each.symbol, _left(each, positions))
        now = _within(each, held)
        capped.append(now)
        left[each.symbol] = held.after(each.side, now.quantity) if now.state is State.PLANNED else held
    return capped


def as_placed(intent: Intent, book: Book) -> Intent:
    """An intraday order as large as a worker that died placed it: it had capped it, and could tell nobody."""
    placed = sum(order.quantity for order in book.of(intent))
    smaller = intent.product is Product.INTRADAY and 0 < placed < intent.quantity
    return intent.became(intent.state, quantity=placed) if smaller else intent


def _within(intent: Intent, held: Left) -> Intent:
    if held.units is None:
        return intent.became(State.NOT_SENT, reason=NOT_SHOWN)
    units = min(intent.quantity, held.closable(intent.side))
    if not units:
        return intent.became(State.NOT_SENT, reason=SQUARED_OFF)
    return intent.became(State.PLANNED, quantity=units)


def _left(intent: Intent, positions: Sequence[Position]) -> Left:
    """Of several lines of one contract the sum; of one under a product we do not know nobody can say whose it is."""
    mine = [each for each in positions if _same(each, intent)]
    if not mine or any(each.product is None for each in mine):
        return Left(None)
    return Left(sum(each.quantity for each in mine))


def _same(position: Position, intent: Intent) -> bool:
    named = position.symbol == intent.symbol or (position.token != "" and position.token == intent.token)
    return named and position.product is not Product.CARRY

"""Whether a template can be traded, and how large: strikes, lots, the freeze quantity, and orders in one second.

An order above the freeze quantity is cut into several, and everything that enters at one minute leaves in the same
second; a client may send ten orders in it without being registered as an algorithm of its own (SEBI, April 2026).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from quantleap.domain.basket import BasketDraft, Strategy
from quantleap.domain.contracts import largest_slice, lot_size, strike_step
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.market_data import MarketData
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.strikes import FixedStrike

MOST_ORDERS = 10
"""Orders in one second, for each client and exchange segment."""


class Burst(NamedTuple):
    """What one subscriber sends at one minute of a weekday, and the last strategy that adds to it."""

    orders: int
    strategy: int


def require_tradable(draft: BasketDraft, on: date, data: MarketData = SHIPPED) -> None:
    """Refuse a draft that one subscriber could not trade within the limits; raises `InvalidRequest`."""
    complaints = _no_strikes(draft, on, data) or _complaints(draft, on, data)
    if complaints:
        raise InvalidRequest(complaints)


def _no_strikes(draft: BasketDraft, on: date, data: MarketData) -> dict[str, str]:
    """Fixed strikes the exchange has not: a leg with one would be skipped every day."""
    return {
        f"strategies[{number}].legs[{position}].strike.strike": f"{strategy.index} has a strike every {step}"
        for number, strategy in enumerate(draft.strategies)
        for position, leg in enumerate(strategy.legs)
        if isinstance(leg.strike, FixedStrike) and leg.strike.strike % (step := strike_step(strategy.index, on, data))
    }


def _complaints(draft: BasketDraft, on: date, data: MarketData) -> Mapping[str, str]:
    smallest = _largest_burst(draft, Fraction(1), on, data)
    if smallest.orders > MOST_ORDERS:
        return {f"strategies[{smallest.strategy}].legs": _too_many(smallest)}
    if draft.max_lots is None:
        return {}
    largest = _largest_leg(draft)
    if draft.max_lots < largest:
        return {"max_lots": f"A leg has {largest} lots already; allow at least as many"}
    burst = _largest_burst(draft, Fraction(draft.max_lots, largest), on, data)
    return {"max_lots": _too_many(burst)} if burst.orders > MOST_ORDERS else {}


def too_large(draft: BasketDraft, multiplier: Decimal, on: date, data: MarketData = SHIPPED) -> str | None:
    """Why nobody may trade a template that large, or None."""
    lots = lots_of(_largest_leg(draft), multiplier)
    if draft.max_lots is not None and lots > draft.max_lots:
        return f"That makes {lots} lots of a leg; the template allows {draft.max_lots}"
    burst = _largest_burst(draft, multiplier, on, data)
    return _too_many(burst) if burst.orders > MOST_ORDERS else None


def lots_of(leg: int, multiplier: Decimal | Fraction) -> int:
    """Whole lots: `floor(lots * multiplier)`, at least one."""
    return max(1, int(leg * multiplier))


def _largest_leg(draft: BasketDraft) -> int:
    return max(leg.lots for strategy in draft.strategies for leg in strategy.legs)


def _largest_burst(draft: BasketDraft, multiplier: Decimal | Fraction, on: date, data: MarketData) -> Burst:
    return max(_bursts(draft, multiplier, on, data))


def _bursts(draft: BasketDraft, multiplier: Decimal | Fraction, on: date, data: MarketData) -> Iterator[Burst]:
    orders: dict[tuple[object, object], int] = defaultdict(int)
    for number, strategy in enumerate(draft.strategies):
        for day in strategy.days:
            orders[day, strategy.entry_time] += _orders(strategy, multiplier, on, data)
            yield Burst(orders[day, strategy.entry_time], number)


def _orders(strategy: Strategy, multiplier: Decimal | Fraction, on: date, data: MarketData) -> int:
    """Orders of a strategy, each cut under the freeze quantity."""
    most = largest_slice(strategy.index, on, on, data) // lot_size(strategy.index, on, data)
    return sum(-(-lots_of(leg.lots, multiplier) // most) for leg in strategy.legs)


def _too_many(burst: Burst) -> str:
    return f"That comes to {burst.orders} orders in one second; brokers take {MOST_ORDERS} of a client"

"""Whether a template can be traded, and how large: hours, series, strikes, lots, and orders in one second.

An order above the freeze quantity is cut into several, and everything that enters at one minute leaves in the same
second; a client may send ten orders in it without being registered as an algorithm of its own (SEBI, April 2026).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from quantleap.domain.basket import BasketDraft, Strategy
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.market_data import MarketData, SessionHours
from quantleap.domain.series import expiry_types, largest_slice, lot_size, strike_step
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.strikes import FixedStrike

if TYPE_CHECKING:  # who writes templates loads no subscriptions
    from quantleap.domain.subscription import Allocation, Share

MOST_ORDERS = 10
"""Orders in one second, for each client and exchange segment."""

LOTS_ABOVE_LIMIT = "lots_above_template_limit"
TOO_MANY_ORDERS = "too_many_orders_in_a_second"


class Burst(NamedTuple):
    """What one subscriber sends at one minute of a weekday, and the last strategy that adds to it."""

    orders: int
    strategy: int


def require_tradable(draft: BasketDraft, on: date, data: MarketData = SHIPPED) -> None:
    """Refuse a draft that one subscriber could not trade within the limits; raises `InvalidRequest`."""
    unknown = {**_outside(draft, on, data), **_unlisted(draft, on, data), **_no_strikes(draft, on, data)}
    complaints = unknown or _complaints(draft, on, data)
    if complaints:
        raise InvalidRequest(complaints)


def _outside(draft: BasketDraft, on: date, data: MarketData) -> dict[str, str]:
    """Minutes outside the continuous session of a regular day."""
    hours = data.in_force(SessionHours, "", on)
    if hours is None:
        return {}
    said = f"must lie inside the session, {hours.opens:%H:%M} to {hours.closes:%H:%M}"
    return {
        f"strategies[{number}].{name}": said
        for number, strategy in enumerate(draft.strategies)
        for name, minute in (("entry_time", strategy.entry_time), ("exit_time", strategy.exit_time))
        if not hours.opens <= minute < hours.closes
    }


def _unlisted(draft: BasketDraft, on: date, data: MarketData) -> dict[str, str]:
    """Series the exchange has not."""
    return {
        f"strategies[{number}].expiry_type": f"{each.index} has no {each.expiry_type.lower()} expiry; use {listed[0]}"
        for number, each in enumerate(draft.strategies)
        if each.expiry_type not in (listed := expiry_types(each.index, on, data))
    }


def _no_strikes(draft: BasketDraft, on: date, data: MarketData) -> dict[str, str]:
    """Fixed strikes the exchange has not: a leg with one would be skipped every day."""
    return {
        f"strategies[{number}].legs[{position}].strike.strike": f"{strategy.index} has a strike every {step}"
        for number, strategy in enumerate(draft.strategies)
        for position, leg in enumerate(strategy.legs)
        if isinstance(leg.strike, FixedStrike) and leg.strike.strike % (step := strike_step(strategy.index, on, data))
    }


def _complaints(draft: BasketDraft, on: date, data: MarketData) -> Mapping[str, str]:
    smallest = _largest_burst(draft, Size(Fraction(1)), on, data)
    if smallest.orders > MOST_ORDERS:
        return {f"strategies[{smallest.strategy}].legs": _too_many(smallest)}
    if draft.max_lots is None:
        return {}
    largest = _largest_leg(draft)
    if draft.max_lots < largest:
        return {"max_lots": f"A leg has {largest} lots already; allow at least as many"}
    burst = _largest_burst(draft, Size(Fraction(draft.max_lots, largest)), on, data)
    return {"max_lots": _too_many(burst)} if burst.orders > MOST_ORDERS else {}


class Size(NamedTuple):
    """How large one account trades: lots times `multiplier`, in orders of so many lots at most."""

    multiplier: Decimal | Fraction
    most_lots: int | None = None


def size_of(account: Allocation | Share) -> Size:
    """The size of one account's part of a subscription."""
    return Size(account.lot_multiplier, account.max_lots_per_order)


class Excess(NamedTuple):
    """Why an account may not trade a template: the word a run skips it with, and a sentence for whoever asks."""

    reason: str
    words: str


def excesses(draft: BasketDraft, sizes: Sequence[Size], on: date, data: MarketData = SHIPPED) -> list[Excess | None]:
    """Why a subscriber's accounts may not trade a template that large, each or None.

    Lots count together over the accounts, orders in a second for each: it is a client's broker that counts them.
    """
    leg = _largest_leg(draft)
    lots = sum(lots_of(leg, size.multiplier) for size in sizes)
    if draft.max_lots is not None and lots > draft.max_lots:
        words = f"That makes {lots} lots of a leg; the template allows {draft.max_lots}"
        return [Excess(LOTS_ABOVE_LIMIT, words)] * len(sizes)
    bursts = (_largest_burst(draft, size, on, data) for size in sizes)
    return [Excess(TOO_MANY_ORDERS, _too_many(burst)) if burst.orders > MOST_ORDERS else None for burst in bursts]


def lots_of(leg: int, multiplier: Decimal | Fraction) -> int:
    """Whole lots: `floor(lots * multiplier)`, at least one."""
    return max(1, int(leg * multiplier))


def _largest_leg(draft: BasketDraft) -> int:
    return max(leg.lots for strategy in draft.strategies for leg in strategy.legs)


def _largest_burst(draft: BasketDraft, size: Size, on: date, data: MarketData) -> Burst:
    return max(_bursts(draft, size, on, data))


def _bursts(draft: BasketDraft, size: Size, on: date, data: MarketData) -> Iterator[Burst]:
    orders: dict[tuple[object, object], int] = defaultdict(int)
    for number, strategy in enumerate(draft.strategies):
        for day in strategy.days:
            orders[day, strategy.entry_time] += _orders(strategy, size, on, data)
            yield Burst(orders[day, strategy.entry_time], number)


def _orders(strategy: Strategy, size: Size, on: date, data: MarketData) -> int:
    """Orders of a strategy, each cut under the freeze quantity and the account's own limit."""
    freeze = largest_slice(strategy.index, on, on, data) // lot_size(strategy.index, on, data)
    most = min(freeze, size.most_lots or freeze)
    return sum(-(-lots_of(leg.lots, size.multiplier) // most) for leg in strategy.legs)


def _too_many(burst: Burst) -> str:
    return f"That comes to {burst.orders} orders in one second; brokers take {MOST_ORDERS} of a client"


type Caps = Callable[[Sequence[Allocation]], Mapping[str, str]]
"""Asks the accounts of a subscription, by allocation why one is too large by now; those that fit are absent."""


def caps(draft: BasketDraft, on: date, data: MarketData = SHIPPED) -> Caps:
    """What a template allows a follower on a day; a crowd has few sizes, and each is worked out once."""
    asked = cache(lambda sizes: excesses(draft, sizes, on, data))

    def oversized(allocations: Sequence[Allocation]) -> Mapping[str, str]:
        found = zip(allocations, asked(tuple(map(size_of, allocations))), strict=True)
        return {each.allocation_id: excess.reason for each, excess in found if excess is not None}

    return oversized

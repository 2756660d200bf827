"""What the market looks like at one instant: the snapshot every strike and price is decided from."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from quantleap.domain.basket import Side
from quantleap.domain.contracts import Index, Right


class Quote(NamedTuple):
    """Prices of one option in rupees."""

    bid: Decimal
    ask: Decimal
    last: Decimal


class Snapshot(NamedTuple):
    """An index and the options of one of its expiries, seen together."""

    index: Index  # type: ignore[assignment]  # the market's word hides tuple.index, which has no use here
    as_of: datetime
    spot: Decimal
    chain: Mapping[tuple[Decimal, Right], Quote]


class ProtectionBand(NamedTuple):
    """How far from the touch a marketable limit may go: a part of the price, at least some rupees."""

    ratio: Decimal
    least: Decimal

    def around(self, price: Decimal) -> Decimal:
        """The room for that price, in rupees."""
        return max(price * self.ratio, self.least)


BAND = ProtectionBand(ratio=Decimal("0.10"), least=Decimal(5))
"""10 %, at least 5 rupees: what ICICI Direct's own client uses when it prices a market option order."""


def marketable_limit(side: Side, quote: Quote, tick: Decimal, band: ProtectionBand = BAND) -> Decimal:
    """A limit price that takes what is offered, with a cap, on the tick and never below one tick.

    Market orders are refused for algorithms since April 2026, so this is how one is meant.
    """
    if side is Side.BUY:
        return _on_tick(quote.ask + band.around(quote.ask), tick, ROUND_CEILING)
    return max(tick, _on_tick(quote.bid - band.around(quote.bid), tick, ROUND_FLOOR))


def _on_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return ((price / tick).to_integral_value(rounding) * tick).quantize(Decimal("0.01"))

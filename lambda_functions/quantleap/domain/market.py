"""What the market looks like at one instant: the snapshot every strike and price is decided from."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from quantleap.domain.contracts import Index, Right
from quantleap.domain.trading import Side


class Quote(NamedTuple):
    """Prices of one option in rupees."""

    bid: Decimal
    ask: Decimal
    last: Decimal

    @property
    def mid(self) -> Decimal | None:
        """What the option is worth to both sides; None where a side is missing, crossed or too far from the other."""
        if not 0 < self.bid <= self.ask:
            return None
        middle = (self.bid + self.ask) / 2
        return middle if self.ask - self.bid <= max(middle * WIDEST.ratio, WIDEST.least) else None


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


WIDEST = ProtectionBand(ratio=Decimal("0.50"), least=Decimal(2))
"""The widest spread that still says what an option is worth: half of it, or two rupees for the cheapest.

Hedges far from the money are quoted that wide in the first minutes of a day; a stub quote is wider by far.
"""

BAND = ProtectionBand(ratio=Decimal("0.10"), least=Decimal(5))
"""10 %, at least 5 rupees: what ICICI Direct's own client uses when it prices a market option order."""


def marketable_limit(side: Side, quote: Quote, tick: Decimal, band: ProtectionBand = BAND) -> Decimal:
    """A limit price that takes what is offered, with a cap, on the tick and never below one tick.

    Market orders are refused for algorithms since April 2026, so this is how one is meant.
    """
    met = touch(side, quote, tick)
    if side is Side.BUY:
        return _on_tick(met + band.around(met), tick, ROUND_CEILING)
    return max(tick, _on_tick(met - band.around(met), tick, ROUND_FLOOR))


def touch(side: Side, quote: Quote, tick: Decimal) -> Decimal:
    """The price an order would meet, which its limit is worked out from.

    An empty side is met on the way out alone: a purchase then goes by the last price, and a sale that nobody bids for
    by the least price there is.
    """
    if side is Side.BUY:
        return quote.ask or quote.last
    return quote.bid or tick


def _on_tick(price: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return ((price / tick).to_integral_value(rounding) * tick).quantize(Decimal("0.01"))

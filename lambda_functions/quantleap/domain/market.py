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
        if not (self.bid.is_finite() and self.ask.is_finite() and 0 < self.bid <= self.ask):
            return None
        middle = (self.bid + self.ask) / 2
        return middle if self.ask - self.bid <= max(middle * WIDEST.ratio, WIDEST.least) else None


NO_QUOTE = Quote(bid=Decimal(0), ask=Decimal(0), last=Decimal(0))
"""What a row says that is missing."""


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


def marketable_limit(side: Side, quote: Quote) -> Decimal:
    """A price that takes what is offered, and no more than the band beyond it."""
    met = touch(side, quote)
    return met + BAND.around(met) if side is Side.BUY else met - BAND.around(met)


def touch(side: Side, quote: Quote) -> Decimal:
    """The price an order would meet, which its limit is worked out from."""
    return quote.ask if side is Side.BUY else quote.bid


def on_tick(side: Side, price: Decimal, tick: Decimal) -> Decimal:
    """The nearest price on a tick that still takes what `price` takes: a purchase's above, a sale's below."""
    steps = (price / tick).to_integral_value(ROUND_CEILING if side is Side.BUY else ROUND_FLOOR)
    return (max(Decimal(1), steps) * tick).quantize(Decimal("0.01"))

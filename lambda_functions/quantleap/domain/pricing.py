"""At which limit an order goes, on the way in and on the way out, whatever one row of the feed shows.

Market orders are refused for algorithms since April 2026, so a limit some way beyond the touch stands for one. How far
it may go is said by what the rest of the chain says of the option, never by its own row alone: an entry whose row
contradicts the rest is refused, a way out is capped, and goes further under that cap with each of its tries.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from quantleap.domain.curve import Range
from quantleap.domain.errors import Undecidable
from quantleap.domain.market import BAND, ProtectionBand, Quote, marketable_limit, touch
from quantleap.domain.trading import Side

STEPS: Sequence[ProtectionBand] = (
    BAND,
    ProtectionBand(ratio=Decimal("0.25"), least=Decimal(10)),
    ProtectionBand(ratio=Decimal("0.50"), least=Decimal(20)),
)
"""How far each try to leave may go beyond what the option is known to be worth."""


class Price(NamedTuple):
    """What an order is worked out from, and its limit, in rupees; neither need lie on a tick yet."""

    reference: Decimal
    limit: Decimal


class Known(NamedTuple):
    """What is known of an option that is to be closed, its own row apart.

    `entered` is the price it was opened at, `worth` what its neighbours say, `exercised` what it pays by the index
    alone, 0 where that is not known.
    """

    entered: Decimal
    worth: Range | None = None
    exercised: Decimal = Decimal(0)


def entering(side: Side, quote: Quote, worth: Range | None) -> Price:
    """The price of an entry; raises `Undecidable` where the neighbours do not bear out both sides of the quote."""
    if worth is None or quote.mid is None:
        raise Undecidable("no usable quote", code="no_usable_quote")
    most, least = worth.high + BAND.around(worth.high), worth.low - BAND.around(worth.low)
    if not least <= quote.bid <= quote.ask <= most:
        raise Undecidable(
            f"quoted {quote.bid} to {quote.ask}, worth {worth.low} to {worth.high}", code="no_usable_quote"
        )
    limit = marketable_limit(side, quote)
    return Price(touch(side, quote), min(limit, most) if side is Side.BUY else max(limit, least))


def leaving(side: Side, quote: Quote, known: Known, tries: int) -> Price:
    """The price of a way out at its `tries`-th try; whatever is shown, there is one."""
    shown = Quote(*(_shown(each) for each in quote))
    room = STEPS[min(tries, len(STEPS)) - 1]
    if side is Side.BUY:
        return _bought_back(shown, known, room)
    return _sold(shown, known, room)


def _bought_back(shown: Quote, known: Known, room: ProtectionBand) -> Price:
    """Pay what is asked, up to a cap: a step beyond the most that anything but the ask says.

    What the neighbours say outweighs the rest of the row. Where they do not bear out the ask, the first try goes by
    whichever says less.
    """
    said = max(shown.bid, shown.last, known.entered, known.exercised)
    worth = said if known.worth is None else max(known.worth.high, known.exercised)
    first = room is STEPS[0]
    doubted = any(shown) and not 0 < shown.ask <= worth + BAND.around(worth)
    base = min(worth, said) if first and doubted else worth
    met = shown.ask or (first and shown.last) or base
    limit = min(met + room.around(met), base + room.around(base))
    return Price(min(met, limit), limit)


def _sold(shown: Quote, known: Known, room: ProtectionBand) -> Price:
    """Take what is bid, down to a floor: a step below the least that anything but the bid says.

    What the neighbours and the index say outweighs the rest of the row. Where they do not bear out the bid, the first
    try goes by whichever says more. The last one leaves the past alone: where neither neighbours nor the index speak
    for the option, it takes what is bid.
    """
    said = max(min(each for each in (shown.ask, shown.last, known.entered) if each), known.exercised)
    worth = said if known.worth is None else max(known.worth.low, known.exercised)
    if room is STEPS[-1] and known.worth is None and shown.bid:
        worth = known.exercised
    doubted = any(shown) and shown.bid < worth - BAND.around(worth)
    base = max(worth, said) if room is STEPS[0] and doubted else worth
    met = shown.bid if any(shown) else base
    limit = max(met - room.around(met), base - room.around(base))
    return Price(max(met, limit), limit)


def _shown(price: Decimal) -> Decimal:
    """A price of a row, 0 for what is none."""
    return price if price.is_finite() and price > 0 else Decimal(0)

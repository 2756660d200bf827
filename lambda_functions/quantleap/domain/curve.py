"""What the rest of an option chain says of one row of it, so that no row has to prove itself.

Calls are worth less the higher their strike, puts more, and by no more than the strikes differ. Between its neighbours
a price bends smoothly: the polynomial through the logarithms of two prices on either side meets it closely. And a call
and a put of one strike say where the index is seen: F = K + call - put, the median of which one wrong row cannot move
beyond its neighbours among them.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Self

from quantleap.domain.contracts import TICK, Right
from quantleap.domain.market import Quote, Snapshot

NEAREST = 11
"""So many strikes around the money say where the index is seen: enough for a median, near enough to trade."""

ON_EITHER_SIDE = 2
"""Neighbours that the polynomial goes through, below and above."""

TRUSTED = 4
"""The polynomial is off by less than this part of what two neighbours alone would say otherwise."""


class Range(NamedTuple):
    """The least and the most that something can be worth, in rupees or points."""

    low: Decimal
    high: Decimal

    def widened(self, by: Decimal) -> Self:
        """The range with as much room on either side."""
        return self._replace(low=self.low - by, high=self.high + by)


class Curve(NamedTuple):
    """The options of one right that have a usable quote, by strike, ascending."""

    right: Right
    strikes: Sequence[Decimal]
    quotes: Sequence[Quote]

    @classmethod
    def of(cls, snapshot: Snapshot, right: Right) -> Self:
        """Those of a snapshot."""
        priced = sorted((k, quote) for (k, each), quote in snapshot.chain.items() if each is right and quote.mid)
        return cls(right, [strike for strike, _ in priced], [quote for _, quote in priced])

    def worth(self, strike: Decimal) -> Range | None:
        """What the other rows say that an option is worth; None where nothing else of its right has a price."""
        at = bisect_left(self.strikes, strike)
        rest = at + (at < len(self.strikes) and self.strikes[at] == strike)
        below, above = (
            range(max(0, at - ON_EITHER_SIDE), at),
            range(rest, min(rest + ON_EITHER_SIDE, len(self.strikes))),
        )
        certain = self._between(strike, below, above)
        if certain is None or len(below) + len(above) < 2 * ON_EITHER_SIDE:
            return certain
        return _shared(certain, self._smooth(strike, below, above))

    def _between(self, strike: Decimal, below: range, above: range) -> Range | None:
        """By the nearest on either side: neither more than the dearer, nor further from it than the strikes are."""
        nearest = (below[-1] if below else None, above[0] if above else None)
        dearer, cheaper = nearest if self.right is Right.CE else nearest[::-1]
        low, high = [Decimal(0)], list[Decimal]()
        if dearer is not None:
            high.append(self.quotes[dearer].ask)
            low.append(self.quotes[dearer].bid - abs(strike - self.strikes[dearer]))
        if cheaper is not None:
            low.append(self.quotes[cheaper].bid)
            high.append(self.quotes[cheaper].ask + abs(strike - self.strikes[cheaper]))
        return Range(*sorted((max(low), min(high)))) if high else None

    def _smooth(self, strike: Decimal, below: range, above: range) -> Range:
        """By the polynomial through two on either side, as far as two alone do not contradict it."""
        around = (*below, *above)
        bids, asks = self._through(strike, around)
        plainly = sum(self._through(strike, (below[-1], above[0]))) / 2
        off = Decimal(abs((bids + asks) / 2 - plainly) / TRUSTED) + TICK
        return Range(Decimal(bids), Decimal(asks)).widened(off)

    def _through(self, strike: Decimal, rows: Sequence[int]) -> tuple[float, float]:
        """The least and the most of a polynomial through the logarithms of these rows' bids and asks."""
        least = most = 0.0
        for row in rows:
            weight = _weight(strike, self.strikes[row], [self.strikes[each] for each in rows if each != row])
            bid, ask = math.log(self.quotes[row].bid), math.log(self.quotes[row].ask)
            least += weight * (bid if weight > 0 else ask)
            most += weight * (ask if weight > 0 else bid)
        return math.exp(least), math.exp(most)


def _weight(at: Decimal, of: Decimal, others: Sequence[Decimal]) -> float:
    """Lagrange's weight of one point of a polynomial."""
    return math.prod(float((at - other) / (of - other)) for other in others)


def _shared(certain: Range, likely: Range) -> Range:
    """What both say, or the first alone where they say nothing in common."""
    low, high = max(certain.low, likely.low), min(certain.high, likely.high)
    return Range(low, high) if low <= high else certain


class Forward(NamedTuple):
    """Where a chain sees the index; whichever row of it is wrong, the truth lies from `low` to `high`."""

    low: Decimal
    middle: Decimal
    high: Decimal


def forward(snapshot: Snapshot) -> Forward | None:
    """By the parity of calls and puts of the strikes nearest to the money; None where no strike has both."""
    seen = {
        strike: strike + call.mid - put.mid
        for (strike, right), call in snapshot.chain.items()
        if right is Right.CE and call.mid and (put := snapshot.chain.get((strike, Right.PE))) and put.mid
    }
    if not seen:
        return None
    roughly = _median(sorted(seen.values())).middle
    near = sorted(seen, key=lambda strike: (abs(strike - roughly), strike))[:NEAREST]
    return _median(sorted(seen[strike] for strike in near))


def _median(ascending: Sequence[Decimal]) -> Forward:
    """The middle one, of an even number the lower of two, and those two places away on either side.

    A wrong row moves one of them, and may put another strike in one's place: each moves the middle by a place at most.
    """
    at = (len(ascending) - 1) // 2
    return Forward(ascending[max(0, at - 2)], ascending[at], ascending[min(at + 2, len(ascending) - 1)])


def exercised(snapshot: Snapshot, strike: Decimal, right: Right) -> Decimal:
    """What an option pays by the index alone, seen by the feed and by the chain: the lesser of the two."""
    seen = forward(snapshot)
    levels = [each for each in (snapshot.spot, seen and seen.middle) if each and each.is_finite() and each > 0]
    paid = (level - strike if right is Right.CE else strike - level for level in levels)
    return max(Decimal(0), min(paid, default=Decimal(0)))

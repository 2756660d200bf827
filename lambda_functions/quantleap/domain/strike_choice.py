"""From a strike rule to a strike, by one snapshot of the market and the strikes that brokers list.

A strike is either certainly the one the rule means, or `Undecidable`: nothing stands in for a price that is missing,
a list with a gap, or an index that the chain contradicts.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NamedTuple

from quantleap.domain import greeks
from quantleap.domain.contracts import Right
from quantleap.domain.errors import Undecidable
from quantleap.domain.market import Snapshot
from quantleap.domain.strikes import AtmStrike, DeltaStrike, FixedStrike, PercentStrike, PremiumStrike, StrikeRule

NEAR = 11
"""So many strikes around a price show how far strikes lie apart there."""

LARGEST_BASIS = Decimal("0.03")
"""How far the chain's forward may lie from the spot: three months of interest come to half of it."""

WITH_NEIGHBOURS = 3
"""A strike, the one below and the one above."""


class Chain(NamedTuple):
    """A snapshot of one expiry, and the strikes of it that some broker lists, ascending."""

    expiry: date
    snapshot: Snapshot
    strikes: Mapping[Right, Sequence[Decimal]]

    def known(self, right: Right) -> Sequence[Decimal]:
        """Every strike there is, ascending: what the feed shows and no broker lists may be the one a rule means."""
        shown = (strike for strike, of in self.snapshot.chain if of is right)
        return sorted({*self.strikes.get(right, ()), *shown})

    def mid(self, strike: Decimal, right: Right) -> Decimal | None:
        """What an option is worth, or None where nobody can say."""
        quote = self.snapshot.chain.get((strike, right))
        return quote.mid if quote else None


def choose(rule: StrikeRule, right: Right, chain: Chain) -> Decimal:
    """The strike a rule means; raises `Undecidable`."""
    listed = chain.strikes.get(right, ())
    if not listed:
        raise Undecidable(f"no broker lists {_series(chain)} {right}", code="strike_not_listed")
    _require_sound(chain)
    strike = _meant(rule, right, chain, listed)
    if strike not in listed:
        raise Undecidable(f"no broker lists {_series(chain)} {strike} {right}", code="strike_not_listed")
    return strike


def _meant(rule: StrikeRule, right: Right, chain: Chain, listed: Sequence[Decimal]) -> Decimal:
    match rule:
        case FixedStrike():
            return rule.strike
        case AtmStrike():
            return _from_the_money(rule.offset, listed, chain.snapshot.spot)
        case PercentStrike():
            return _at_percent(rule.percent, chain.known(right), chain.snapshot.spot)
        case PremiumStrike():
            return _nearest(rule.premium, chain.known(right), lambda each: chain.mid(each, right))
        case DeltaStrike():  # pragma: no branch - the type checker knows that no other rule is left
            return _nearest(rule.delta, chain.known(right), _deltas(right, chain))


def _series(chain: Chain) -> str:
    return f"{chain.snapshot.index} {chain.expiry:%d %b %Y}"


def _require_sound(chain: Chain) -> None:
    """Refuse an index that the options on it contradict."""
    spot, forward = chain.snapshot.spot, _forward(chain)
    if spot <= 0 or (forward is not None and abs(forward - spot) > spot * LARGEST_BASIS):
        raise Undecidable(f"the chain stands at {forward}, the index at {spot}", code="market_feed_inconsistent")


def _forward(chain: Chain) -> Decimal | None:
    """Where the chain itself sees the index: by the call and the put of the strike nearest to the spot."""
    known = (
        (abs(strike - chain.snapshot.spot), strike + call - put)
        for strike in chain.strikes.get(Right.CE, ())
        if (call := chain.mid(strike, Right.CE)) is not None and (put := chain.mid(strike, Right.PE)) is not None
    )
    return min(known, default=(None, None))[1]


def _from_the_money(offset: int, listed: Sequence[Decimal], spot: Decimal) -> Decimal:
    """Steps from the strike nearest to the spot: counted in rupees, so a gap in a list cannot shift them."""
    step = _step(listed, spot)
    return (spot / step).to_integral_value(ROUND_HALF_UP) * step + offset * step


def _step(listed: Sequence[Decimal], around: Decimal) -> Decimal:
    """How far strikes lie apart around a price, as most neighbours do."""
    near = sorted(sorted(listed, key=lambda strike: abs(strike - around))[:NEAR])
    if len(near) < NEAR:
        raise Undecidable(f"only {len(near)} strikes are listed", code="strike_not_listed")
    return Counter(above - below for below, above in pairwise(near)).most_common(1)[0][0]


def _at_percent(percent: Decimal, known: Sequence[Decimal], spot: Decimal) -> Decimal:
    """Nearest to the target, of two the upper one; strikes of which none is within a step, as they lie there, end."""
    target = spot * (1 + percent / 100)
    strike = min(known, key=lambda each: (abs(each - target), -each))
    if abs(strike - target) > _step(known, target):
        raise Undecidable(f"no strike is listed near {target}", code="strike_not_listed")
    return strike


def _nearest(target: Decimal, known: Sequence[Decimal], measure: Callable[[Decimal], Decimal | None]) -> Decimal:
    """The strike whose measure is nearest to the target, of two the lower one.

    Its neighbours have to be known, and the target to lie between theirs: else another strike, one without a price or
    beyond the list, may be nearer.
    """
    measured = [measure(strike) for strike in known]
    _, at = min(((abs(value - target), at) for at, value in enumerate(measured) if value is not None), default=(0, 0))
    around = [value for value in measured[max(0, at - 1) : at + 2] if value is not None]
    if len(around) < WITH_NEIGHBOURS or not min(around) <= target <= max(around):
        raise Undecidable(f"no strike is known to be nearest to {target}", code="strike_not_found")
    return known[at]


def _deltas(right: Right, chain: Chain) -> Callable[[Decimal], Decimal | None]:
    """Deltas by strike, each from the option of that strike that is out of the money: it has the truer price."""
    forward = _forward(chain)

    def delta(strike: Decimal) -> Decimal | None:
        if forward is None:
            return None
        priced = Right.CE if strike >= forward else Right.PE
        paid = chain.mid(strike, priced)
        if paid is None:
            return None
        deviation = greeks.implied_deviation(priced, float(forward), float(strike), float(paid))
        return None if deviation is None else Decimal(greeks.delta(right, float(forward), float(strike), deviation))

    return delta

"""From a strike rule to a strike, by one snapshot of the market and the strikes that brokers list.

A strike is either certainly the one the rule means, or `Undecidable`: nothing stands in for a price that is missing,
a list with a gap, or an index that the chain contradicts. One row of the feed that is wrong, in whatever way, leaves
the choice as it is or ends it: no row proves itself, the rest of the chain bears it out.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import NamedTuple

from quantleap.domain import greeks
from quantleap.domain.contracts import Right
from quantleap.domain.curve import Curve, Range, forward
from quantleap.domain.errors import Undecidable
from quantleap.domain.market import Snapshot
from quantleap.domain.strikes import AtmStrike, DeltaStrike, FixedStrike, PercentStrike, PremiumStrike, StrikeRule

NEAR = 11
"""So many strikes around a price show how far strikes lie apart there."""

LARGEST_BASIS = Decimal("0.0015")
BASIS_A_DAY = Decimal("0.0003")
"""How far the chain's forward may lie from the spot, and how much further for each day the options live.

Eleven percent a year is twice what interest comes to; what is left on the last day is for prices of different instants.
"""

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

    def curve(self, right: Right) -> Curve:
        """What the prices of one right say of each other."""
        return Curve.of(self.snapshot, right)


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
            return _nearest(rule.premium, chain.known(right), _premiums(right, chain))
        case DeltaStrike():  # pragma: no branch - the type checker knows that no other rule is left
            return _by_delta(rule.delta, right, chain)


def _series(chain: Chain) -> str:
    return f"{chain.snapshot.index} {chain.expiry:%d %b %Y}"


def _require_sound(chain: Chain) -> None:
    """Refuse an index that the options on it contradict."""
    spot, seen = chain.snapshot.spot, forward(chain.snapshot)
    days = max(0, (chain.expiry - chain.snapshot.as_of.date()).days)
    part = LARGEST_BASIS + BASIS_A_DAY * days
    if not spot.is_finite() or spot <= 0 or (seen is not None and abs(seen.middle - spot) > spot * part):
        raise Undecidable(f"the chain stands at {seen}, the index at {spot}", code="market_feed_inconsistent")


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


class Measure(NamedTuple):
    """What a rule goes by: of a strike's own row, and the range that the other rows give it."""

    own: Callable[[Decimal], Decimal | None]
    others: Callable[[Decimal], Range | None]


def _by_delta(wanted: Decimal, right: Right, chain: Chain) -> Decimal:
    """The strike that is nearest wherever the chain may see the index, or none."""
    seen = forward(chain.snapshot)
    if seen is None:
        raise _unsure(wanted)
    known = chain.known(right)
    strike = _nearest(wanted, known, _deltas(right, chain, float(seen.middle)))
    at = known.index(strike)
    near = known[max(0, at - NEAR) : at + NEAR + 1]
    if any(_nearest(wanted, near, _deltas(right, chain, float(each))) != strike for each in (seen.low, seen.high)):
        raise _unsure(wanted)
    return strike


def _nearest(target: Decimal, known: Sequence[Decimal], measure: Measure) -> Decimal:
    """The strike whose measure is nearest to the target, whichever single row of the chain is wrong.

    Its neighbours have to be known, and the target to lie between theirs: else another strike, one without a price or
    beyond the list, may be nearer. Its own row is then doubted, and after it every other: at the worst that the rest
    of the chain allows it, it has to be the nearest still.
    """
    measured = [measure.own(strike) for strike in known]
    off = [None if value is None else abs(value - target) for value in measured]
    nearest, at = min(((each, at) for at, each in enumerate(off) if each is not None), default=(Decimal(0), 0))
    around = [value for value in measured[max(0, at - 1) : at + 2] if value is not None]
    if len(around) < WITH_NEIGHBOURS or not min(around) <= target <= max(around):
        raise _unsure(target)
    next_nearest = min(each for number, each in enumerate(off) if each is not None and number != at)
    if _farthest(target, measure.others(known[at])) >= next_nearest:
        raise _unsure(target)
    rest = (strike for number, strike in enumerate(known) if number != at and _may_reach(target, measured, number, at))
    if any(_reaches(target, nearest, measure.others(strike)) for strike in rest):
        raise _unsure(target)
    return known[at]


def _may_reach(target: Decimal, measured: Sequence[Decimal | None], number: int, at: int) -> bool:
    """Whether a row is near enough to the chosen one to be looked at closely, or its neighbours leave it room."""
    beside = (measured[number - 1] if number else None, measured[number + 1] if number + 1 < len(measured) else None)
    known = [value for value in beside if value is not None]
    return abs(number - at) <= NEAR or len(known) < len(beside) or min(known) <= target <= max(known)


def _farthest(target: Decimal, of: Range | None) -> Decimal:
    return Decimal("Infinity") if of is None else max(abs(each - target) for each in of)


def _reaches(target: Decimal, within: Decimal, of: Range | None) -> bool:
    """Whether something that lies in a range may be as near to the target as `within`; of no range it may."""
    return of is None or of.low - within <= target <= of.high + within


def _unsure(target: Decimal) -> Undecidable:
    return Undecidable(f"no strike is known to be nearest to {target}", code="strike_not_found")


def _premiums(right: Right, chain: Chain) -> Measure:
    return Measure(lambda strike: chain.mid(strike, right), chain.curve(right).worth)


def _deltas(right: Right, chain: Chain, seen: float) -> Measure:
    """Deltas about a forward, each from the option of its strike that is out of the money: it has the truer price."""
    curves = {each: chain.curve(each) for each in Right}

    def priced(strike: Decimal) -> Right:
        return Right.CE if float(strike) >= seen else Right.PE

    def delta(strike: Decimal, deviation: float) -> Decimal:
        return Decimal(greeks.delta(right, seen, float(strike), deviation))

    def own(strike: Decimal) -> Decimal | None:
        paid = chain.mid(strike, priced(strike))
        deviation = None if paid is None else greeks.implied_deviation(priced(strike), seen, float(strike), float(paid))
        return None if deviation is None else delta(strike, deviation)

    def others(strike: Decimal) -> Range | None:
        worth = curves[priced(strike)].worth(strike)
        if worth is None:
            return None
        ends = (greeks.deviation_within(priced(strike), seen, float(strike), float(each)) for each in worth)
        return Range(*sorted(delta(strike, each) for each in ends))

    return Measure(own, others)

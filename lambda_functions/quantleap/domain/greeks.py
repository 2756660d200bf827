"""What an option's price says of its strike, by Black's model of a European option on a forward.

    call = F N(d1) - K N(d2)      put = K N(-d2) - F N(-d1)
    d1 = ln(F / K) / s + s / 2    d2 = d1 - s

F. Black, "The pricing of commodity contracts", Journal of Financial Economics 3 (1976), without its discount: the
interest of the weeks an index option lives moves no delta by as much as 0.005. `s` is the volatility times the root
of the time that is left, and only their product matters to a delta, so no clock is needed. The forward comes from
the chain itself, by the parity of a call and a put of one strike: F = K + call - put.
"""

import math

from quantleap.domain.contracts import Right

LEAST, MOST = 1e-5, 5.0
"""Between these a deviation is looked for: far below a calm day's, far above a wild year's."""

HALVINGS = 50
"""Each one makes a deviation known twice as well; after so many it is exact to twelve digits."""


def price(right: Right, forward: float, strike: float, deviation: float) -> float:
    """What the option is worth, before discount."""
    d1 = _d1(forward, strike, deviation)
    d2 = d1 - deviation
    if right is Right.CE:
        return forward * _normal(d1) - strike * _normal(d2)
    return strike * _normal(-d2) - forward * _normal(-d1)


def delta(right: Right, forward: float, strike: float, deviation: float) -> float:
    """How far the price moves with the forward, without a put's sign: 0 to 1."""
    d1 = _d1(forward, strike, deviation)
    return _normal(d1 if right is Right.CE else -d1)


def implied_deviation(right: Right, forward: float, strike: float, paid: float) -> float | None:
    """The deviation at which the option is worth what was paid; None for a price that none explains."""
    if not price(right, forward, strike, LEAST) < paid < price(right, forward, strike, MOST):
        return None
    return deviation_within(right, forward, strike, paid)


def deviation_within(right: Right, forward: float, strike: float, paid: float) -> float:
    """The same for any price: the least or the most that is looked for where none explains it."""
    low, high = LEAST, MOST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if price(right, forward, strike, middle) < paid:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _d1(forward: float, strike: float, deviation: float) -> float:
    return math.log(forward / strike) / deviation + deviation / 2


def _normal(x: float) -> float:
    """The distribution function of the normal distribution, exact far out too."""
    return math.erfc(-x / math.sqrt(2)) / 2

"""A simulated market: index levels and option prices as pure functions of the seed and the second.

An index moves like a random walk within a day and stays within 3 % of its base for good, so strikes listed
around the base always reach the money. Options are priced by Black-Scholes with a smile, quoted on the tick.
"""

import hashlib
import math
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from quantleap.domain.clock import IST
from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.market import Quote


class Character(NamedTuple):
    """An index's level in points and the yearly volatility its options are priced at."""

    base: float
    volatility: float


CHARACTERS = {
    Index.NIFTY: Character(26_000, 0.125),
    Index.BANKNIFTY: Character(58_500, 0.145),
    Index.FINNIFTY: Character(27_500, 0.15),
    Index.MIDCPNIFTY: Character(13_800, 0.18),
    Index.NIFTYNXT50: Character(69_000, 0.17),
}

RATE = 0.065
"""Yearly interest."""

SWINGS = tuple((4**n, 0.0075 / 2 ** (9 - n)) for n in range(10))
"""(seconds, relative size) of the waves a walk is made of: size grows with the root of time.

The largest is three days and 0.75 %, so the sum of all never exceeds 1.5 % times the root of 3.
"""

SPREAD = 0.004
"""Distance of bid and ask, relative to the price."""

SETTLES = time(15, 30)
LEAST_LIFE_S = 1800
"""Options are priced as if they lived half an hour more at least, so an expired day still has a market."""

YEAR_S = 365 * 86_400


@lru_cache(maxsize=4096)
def _noise(seed: int, index: str, period: int, number: int) -> float:
    """Uniform with mean 0 and variance 1, the same for the same arguments for ever."""
    digest = hashlib.blake2b(f"{seed}/{index}/{period}/{number}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest) / 2**63 - 1) * math.sqrt(3)


def _wave(seed: int, index: Index, period: int, second: int) -> float:
    number, past = divmod(second, period)
    before, after = _noise(seed, index, period, number), _noise(seed, index, period, number + 1)
    return before + (after - before) * past / period


def _normal(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def _volatility(level: float, moneyness: float) -> float:
    """A smile, leaning to the puts as Indian index options do; `moneyness` is the log of strike over spot."""
    m = moneyness * 10
    return level * (1 + 0.35 * m * m - 0.15 * m)


def black_scholes(
    right: Right, spot: float, strike: float, years: float, volatility: float, rate: float = RATE
) -> float:
    """The price of a European option on an index that pays nothing."""
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + volatility * volatility / 2) * years) / deviation
    paid = strike * math.exp(-rate * years)
    if right is Right.CE:
        return spot * _normal(d1) - paid * _normal(d1 - deviation)
    return paid * _normal(deviation - d1) - spot * _normal(-d1)


def _on_ticks(price: float) -> Quote:
    half = price * SPREAD / 2
    bid = max(1, math.floor((price - half) / float(TICK)))
    ask = max(bid + 1, math.ceil((price + half) / float(TICK)))
    last = min(max(round(price / float(TICK)), bid), ask)
    return Quote(bid=bid * TICK, ask=ask * TICK, last=last * TICK)


class Market:
    """Prices of one seed; nothing changes within a second."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._second = -1
        self._quotes: dict[Contract, Quote] = {}

    def spot(self, index: Index, at: datetime) -> Decimal:
        """The index in points, on the tick."""
        return round(self._level(index, int(at.timestamp())) / float(TICK)) * TICK

    def quote(self, contract: Contract, at: datetime) -> Quote:
        """Prices of one option; there is always a bid and an ask."""
        second = int(at.timestamp())
        if second != self._second:
            self._second, self._quotes = second, {}
        found = self._quotes.get(contract)
        if found is None:
            found = self._quotes[contract] = _on_ticks(self._worth(contract, second))
        return found

    def chain(self, contracts: Iterable[Contract], at: datetime) -> dict[Contract, Quote]:
        """Prices of many options in the same second."""
        return {contract: self.quote(contract, at) for contract in contracts}

    def _level(self, index: Index, second: int) -> float:
        walk = sum(size * _wave(self._seed, index, period, second) for period, size in SWINGS)
        return CHARACTERS[index].base * math.exp(walk)

    def _worth(self, contract: Contract, second: int) -> float:
        spot, strike = self._level(contract.index, second), float(contract.strike)
        years = max(_settlement_s(contract.expiry) - second, LEAST_LIFE_S) / YEAR_S
        volatility = _volatility(CHARACTERS[contract.index].volatility, math.log(strike / spot))
        return black_scholes(contract.right, spot, strike, years, volatility)


@lru_cache(maxsize=64)
def _settlement_s(expiry: date) -> int:
    return int(datetime.combine(expiry, SETTLES, IST).timestamp())

"""Brokers' lists of contracts: which can be trusted, and how long the last good one may stand in for a bad one.

A broker makes its list anew every morning before 08:30. What is wrong with one shows only beside the last good one:
a list of a third of the contracts is as well-formed as a whole one.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import Contract, Index, lot_size
from quantleap.domain.market_data import MarketData
from quantleap.domain.shipped import SHIPPED

type Listed = Mapping[Contract, Instrument]

LEAST = Fraction(1, 2)
"""The part of an index's contracts that has to be there still, of those that have not expired."""


class Flaw(StrEnum):
    """Why a list is not used."""

    UNREADABLE = "unreadable"
    """The broker gave none, or one that is no list."""
    EMPTY = "empty"
    STALE = "stale"
    """It was not made today: everything in it has expired, or it is the last one with what has expired since."""
    SHRUNKEN = "shrunken"
    """Too much of an index has gone."""


class Master(NamedTuple):
    """A broker's list as it serves one day; it was fetched on `made_on`, an earlier day only where it stands in.

    `flaw` is then what was wrong with the day's own.
    """

    broker_id: str
    day: date
    made_on: date
    listed: Listed
    flaw: Flaw | None = None


class LotSizes(NamedTuple):
    """What our dated table and a broker say of one series; the broker has the last word."""

    index: Index  # type: ignore[assignment]  # the market's word hides tuple.index, which has no use here
    expiry: date
    ours: int
    theirs: int


class Finding(NamedTuple):
    """What somebody should know of a day's list: its flaw with the broker's words, and lot sizes unlike ours.

    `stands_in` says whether the last good one serves the day instead; else the broker cannot be traded at.
    """

    broker_id: str
    day: date
    flaw: Flaw | None
    said: str
    stands_in: bool
    lot_sizes: tuple[LotSizes, ...] = ()


def living(listed: Listed, day: date) -> dict[Contract, Instrument]:
    """What has not expired before the day."""
    return {contract: instrument for contract, instrument in listed.items() if contract.expiry >= day}


def flaw_of(listed: Listed, last: Listed | None, day: date) -> Flaw | None:
    """What is wrong with a day's list, beside the last good one where there is one."""
    if not listed:
        return Flaw.EMPTY
    alive = living(listed, day)
    unchanged = last is not None and listed.keys() == last.keys()
    if not alive or (unchanged and len(alive) < len(listed)):
        return Flaw.STALE
    if last is not None and _shrunken(alive, living(last, day)):
        return Flaw.SHRUNKEN
    return None


def _shrunken(alive: Listed, before: Listed) -> bool:
    now = Counter(contract.index for contract in alive)
    return any(now[index] < count * LEAST for index, count in Counter(each.index for each in before).items())


def stand_in(last: Master | None, flaw: Flaw, day: date, trading_day_before: date) -> Master | None:
    """The last good list for one day more; None for one that is older than the trading day before."""
    if last is None or last.made_on < trading_day_before:
        return None
    return last._replace(day=day, listed=living(last.listed, day), flaw=flaw)


def unlike_ours(listed: Listed, data: MarketData = SHIPPED) -> tuple[LotSizes, ...]:
    """Series whose lot size our dated facts have otherwise."""
    theirs = {(each.contract.index, each.contract.expiry): each.lot_size for each in listed.values()}
    compared = (LotSizes(*series, lot_size(*series, data), lot) for series, lot in sorted(theirs.items()))
    return tuple(each for each in compared if each.ours != each.theirs)

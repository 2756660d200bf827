"""Brokers' lists of contracts: which can be trusted, and how long the last good one may stand in for a bad one.

A broker makes its list anew every morning before 08:30. What is wrong with one shows only beside the last good one:
a list of a third of the contracts is as well-formed as a whole one.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.market_data import MarketData
from quantleap.domain.money import PAISA
from quantleap.domain.series import freeze_quantity, lot_size, tick
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


class Term(StrEnum):
    """What a list says of a contract that our dated data say as well."""

    LOT_SIZE = "lot_size"
    TICK = "tick"
    FREEZE_QUANTITY = "freeze_quantity"


class Doubt(NamedTuple):
    """What a list says of a series beyond what our dated data leave possible; nobody trades it by that list."""

    index: Index  # type: ignore[assignment]  # the market's word hides tuple.index, which has no use here
    expiry: date
    term: Term
    theirs: Decimal


class Finding(NamedTuple):
    """What somebody should know of a day's list: its flaw with the broker's words, or what of a good one is not used.

    `stands_in` says whether the last good one serves the day instead; else the broker cannot be traded at. `odd` lines
    could not be read; by `doubts` nobody trades.
    """

    broker_id: str
    day: date
    flaw: Flaw | None
    said: str
    stands_in: bool
    doubts: tuple[Doubt, ...] = ()
    odd: int = 0


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


TICK_APART = 5
"""How many times finer or coarser than ours a tick may be: the exchange has had 0.01 and 0.05, paise would be 5."""

LEAST_FREEZE = Fraction(1, 2)
"""The part of our freeze quantity that is believed: the exchange has lowered one to two thirds at most."""


def doubted(instrument: Instrument, on: date, data: MarketData = SHIPPED) -> Term | None:
    """What keeps anybody from trading a contract by this list on a day, or None.

    A wrong lot trades a multiple, a wrong tick moves the price, a wrong freeze quantity makes orders by the dozen. So a
    lot has to be the one our dated facts have; a new one shows in lists weeks before anything trades it.
    """
    index, expiry, *_ = instrument.contract
    ours, theirs, freeze = tick(index, on, data), instrument.tick, instrument.freeze_quantity
    if instrument.lot_size != lot_size(index, expiry, data):
        return Term.LOT_SIZE
    if not (theirs.is_finite() and ours / TICK_APART <= theirs <= ours * TICK_APART and theirs % PAISA == 0):
        return Term.TICK
    if freeze is not None and freeze < freeze_quantity(index, on, data) * LEAST_FREEZE:
        return Term.FREEZE_QUANTITY
    return None


def doubts(listed: Listed, on: date, data: MarketData = SHIPPED) -> tuple[Doubt, ...]:
    """The series of a list that are in doubt, and why."""
    found = {
        Doubt(each.contract.index, each.contract.expiry, term, Decimal(getattr(each, term) or 0))
        for each in listed.values()
        if (term := doubted(each, on, data)) is not None
    }
    return tuple(sorted(found))

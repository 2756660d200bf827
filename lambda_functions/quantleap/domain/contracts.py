"""NSE index options: what is listed, in which sizes, until when. Dated tables first, then the rules.

Lots and quantities are units (`int`), prices and strikes rupees (`Decimal`). A broker's instrument master
is the last word on a lot size, a tick or a strike; these tables serve planning before it is read and catch
a master that differs.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quantleap.domain.sessions import Calendar

TICK = Decimal("0.05")
"""The smallest step of an index option's price."""

TUESDAY = 1
THURSDAY = 3
WEEK = timedelta(days=7)


class Index(StrEnum):
    """An NSE index that options are listed on."""

    NIFTY = "NIFTY"
    BANKNIFTY = "BANKNIFTY"
    FINNIFTY = "FINNIFTY"
    MIDCPNIFTY = "MIDCPNIFTY"
    NIFTYNXT50 = "NIFTYNXT50"


class Right(StrEnum):
    """What an option gives: the right to buy (CE) or to sell (PE); both are European."""

    CE = "CE"
    PE = "PE"


class ExpiryType(StrEnum):
    """Which series of an index; the week that ends a month has one contract, which is both."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class Contract(NamedTuple):
    """One option, whatever a broker calls it."""

    index: Index  # type: ignore[assignment]  # the market's word hides tuple.index, which has no use here
    expiry: date
    strike: Decimal
    right: Right


class NotListed(LookupError):
    """The exchange lists no such series, or these tables do not reach back that far."""


type Dated[T] = Sequence[tuple[date, T]]
"""(first day in force, value), oldest first."""

KNOWN_FROM = date(2025, 1, 1)

# NSE/FAOP/68747: contracts that expire from 1 September 2025 do so on Tuesdays.
EXPIRY_WEEKDAYS: Dated[int] = ((KNOWN_FROM, THURSDAY), (date(2025, 9, 1), TUESDAY))

# Weekly series of the other indexes ended in November 2024.
SERIES: dict[Index, tuple[ExpiryType, ...]] = {
    Index.NIFTY: (ExpiryType.WEEKLY, ExpiryType.MONTHLY),
    Index.BANKNIFTY: (ExpiryType.MONTHLY,),
    Index.FINNIFTY: (ExpiryType.MONTHLY,),
    Index.MIDCPNIFTY: (ExpiryType.MONTHLY,),
    Index.NIFTYNXT50: (ExpiryType.MONTHLY,),
}

# By the contract's expiry. NSE/FAOP/70616 (3 October 2025) set those of 2026; SEBI has lots reviewed every
# six months, and no later change was found up to 22 August 2026.
LOT_SIZES: dict[Index, Dated[int]] = {
    Index.NIFTY: ((KNOWN_FROM, 75), (date(2026, 1, 1), 65)),
    Index.BANKNIFTY: ((KNOWN_FROM, 30), (date(2025, 7, 1), 35), (date(2026, 1, 1), 30)),
    Index.FINNIFTY: ((KNOWN_FROM, 65), (date(2026, 1, 1), 60)),
    Index.MIDCPNIFTY: ((KNOWN_FROM, 120), (date(2025, 7, 1), 140), (date(2026, 1, 1), 120)),
    Index.NIFTYNXT50: ((KNOWN_FROM, 25),),
}

# By the day of the order. Reviewed every month; the last review here is NSE/FAOP/75521, in force from
# 3 August 2026, which left every figure as it was.
FREEZE_QUANTITIES: dict[Index, Dated[int]] = {
    Index.NIFTY: ((KNOWN_FROM, 1800),),
    Index.BANKNIFTY: ((KNOWN_FROM, 600), (date(2025, 9, 1), 900), (date(2025, 11, 1), 600)),
    Index.FINNIFTY: ((KNOWN_FROM, 1800), (date(2025, 12, 1), 1200), (date(2026, 1, 1), 1800)),
    Index.MIDCPNIFTY: ((KNOWN_FROM, 2800),),
    Index.NIFTYNXT50: ((KNOWN_FROM, 600),),
}

# Not confirmed by a circular: the steps near the money as brokers list them.
STRIKE_STEPS: dict[Index, Decimal] = {
    Index.NIFTY: Decimal(50),
    Index.BANKNIFTY: Decimal(100),
    Index.FINNIFTY: Decimal(50),
    Index.MIDCPNIFTY: Decimal(25),
    Index.NIFTYNXT50: Decimal(100),
}


def expiry_types(index: Index) -> tuple[ExpiryType, ...]:
    """The series listed on an index."""
    return SERIES[index]


def strike_step(index: Index) -> Decimal:
    """The distance between neighbouring strikes."""
    return STRIKE_STEPS[index]


def lot_size(index: Index, expiry: date) -> int:
    """Units in one lot of the contracts that expire that day."""
    return _in_force(LOT_SIZES[index], expiry)


def freeze_quantity(index: Index, on: date) -> int:
    """The most units the exchange takes in one order sent on that day; more is refused."""
    return _in_force(FREEZE_QUANTITIES[index], on)


def largest_slice(index: Index, expiry: date, on: date) -> int:
    """The most units one order may have on that day in whole lots."""
    lot = lot_size(index, expiry)
    return freeze_quantity(index, on) // lot * lot


def expiry_date(index: Index, expiry_type: ExpiryType, on: date, calendar: Calendar) -> date:
    """The nearest expiry of a series on or after a day.

    An expiry on a holiday comes forward to the trading day before. Raises `NotListed` for a series the
    index does not have, and `CalendarExhausted` when the calendar does not reach the expiry.
    """
    if expiry_type not in SERIES[index]:
        raise NotListed(f"{index} has no {expiry_type.lower()} expiry")
    actual = (_trading_day(nominal, calendar) for nominal in _nominal_expiries(expiry_type, on))
    return next(day for day in actual if day >= on)


def _nominal_expiries(expiry_type: ExpiryType, on: date) -> Iterator[date]:
    """Expiry weekdays from a day on, before holidays move them."""
    day = on
    while True:
        ends_month = (day + WEEK).month != day.month
        if day.weekday() == _in_force(EXPIRY_WEEKDAYS, day) and (ends_month or expiry_type is ExpiryType.WEEKLY):
            yield day
        day += timedelta(days=1)


def _trading_day(day: date, calendar: Calendar) -> date:
    return day if calendar.is_trading_day(day) else calendar.previous_trading_day(day)


def _in_force[T](table: Dated[T], day: date) -> T:
    for first, value in reversed(table):
        if first <= day:
            return value
    raise NotListed(f"nothing is known of contracts before {table[0][0]}")

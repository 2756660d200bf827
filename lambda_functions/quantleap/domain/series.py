"""NSE index options: what is listed, in which sizes, until when, as the dated facts say.

Lots and quantities are units (`int`), prices and strikes rupees (`Decimal`). A broker's instrument master
is the last word on a lot size, a tick or a strike; these facts serve planning before it is read and catch
a master that differs. Without facts handed in, those of the release are asked.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from quantleap.domain.contracts import ExpiryType, Index, NotListed
from quantleap.domain.market_data import (
    WEEKDAYS,
    ExpiryRule,
    FreezeQuantity,
    LotSize,
    MarketData,
    OfIndex,
    StrikeStep,
    Tick,
)
from quantleap.domain.sessions import Calendar
from quantleap.domain.shipped import SHIPPED

WEEK = timedelta(days=7)
DAY = timedelta(days=1)

FURTHEST_DAYS = 400
"""A series that has no expiry in so many days is not listed."""


def expiry_types(index: Index, on: date = date.max, data: MarketData = SHIPPED) -> tuple[ExpiryType, ...]:
    """The series listed on an index, of contracts that expire that day or about it; those listed last without one."""
    return _in_force(ExpiryRule, index, on, data).series


def tick(index: Index, on: date, data: MarketData = SHIPPED) -> Decimal:
    """The smallest step of an option's price on a day."""
    return _in_force(Tick, index, on, data).tick


def strike_step(index: Index, on: date = date.max, data: MarketData = SHIPPED) -> Decimal:
    """The distance between neighbouring strikes, by a contract's expiry; the one known last without it."""
    return _in_force(StrikeStep, index, on, data).step


def lot_size(index: Index, expiry: date, data: MarketData = SHIPPED) -> int:
    """Units in one lot of the contracts that expire that day."""
    return _in_force(LotSize, index, expiry, data).lot_size


def freeze_quantity(index: Index, on: date, data: MarketData = SHIPPED) -> int:
    """The most units the exchange takes in one order sent on that day; more is refused."""
    return _in_force(FreezeQuantity, index, on, data).freeze_quantity


def largest_slice(index: Index, expiry: date, on: date, data: MarketData = SHIPPED) -> int:
    """The most units one order may have on that day in whole lots."""
    lot = lot_size(index, expiry, data)
    return freeze_quantity(index, on, data) // lot * lot


def expiry_date(index: Index, expiry_type: ExpiryType, on: date, calendar: Calendar) -> date:
    """The nearest expiry of a series on or after a day.

    An expiry on a holiday comes forward to the trading day before. Raises `NotListed` for a series the
    index does not have, and `CalendarExhausted` when the calendar does not reach the expiry.
    """
    nominal = _nominal_expiries(index, expiry_type, on, calendar.data)
    found = next((day for each in nominal if (day := _trading_day(each, calendar)) >= on), None)
    if found is None:
        raise NotListed(f"{index} has no {expiry_type.lower()} expiry")
    return found


def _nominal_expiries(index: Index, expiry_type: ExpiryType, on: date, data: MarketData) -> Iterator[date]:
    """Expiry weekdays from a day on, before holidays move them."""
    for ahead in range(FURTHEST_DAYS):
        day = on + ahead * DAY
        rule = _in_force(ExpiryRule, index, day, data)
        ends_month = (day + WEEK).month != day.month
        falls = expiry_type in rule.series and day.weekday() == WEEKDAYS.index(rule.weekday)
        if falls and (ends_month or expiry_type is ExpiryType.WEEKLY):
            yield day


def _trading_day(day: date, calendar: Calendar) -> date:
    return day if calendar.is_trading_day(day) else calendar.previous_trading_day(day)


def _in_force[R: OfIndex](kind: type[R], index: Index, on: date, data: MarketData) -> R:
    row = data.in_force(kind, index, on)
    if row is None:
        raise NotListed(f"nothing is known of {index} before {data.rows(kind)[0].since}")
    return row

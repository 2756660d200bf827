"""When NSE's equity derivatives trade: calendars that read the dated facts.

A day nobody has published is never guessed where money is real. Its weekday stands for it in the sandbox only, and
past the end of the year after nothing does.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Protocol

from quantleap.domain.clock import IST
from quantleap.domain.market_data import (
    SATURDAY,
    Hours,
    MarketData,
    Reading,
    SessionHours,
    SessionKind,
    SquareOffHour,
)
from quantleap.domain.shipped import SHIPPED, shipped
from quantleap.domain.trading import SquareOff

FIRST_DAY = SHIPPED.first_day
LAST_DAY = SHIPPED.last_day
"""The first and the last day whose sessions the release knows for certain."""

DAY = timedelta(days=1)


class CalendarExhausted(LookupError):
    """The day lies outside what was published, so nothing may be decided for it."""

    def __init__(self, day: date, data: MarketData = SHIPPED) -> None:
        """Name the day asked for and the days that are known."""
        super().__init__(f"no trading calendar for {day}: it covers {data.first_day} to {data.last_day}")
        self.day = day


class Provisional(CalendarExhausted):
    """The exchange has not published the day yet; the sandbox takes it for what its weekday says."""


class Session(NamedTuple):
    """One day's trading, from `opens` up to but not including `closes` (both IST)."""

    day: date
    opens: datetime
    closes: datetime
    kind: SessionKind

    def holds(self, at: datetime) -> bool:
        """Tell whether the aware instant `at` falls inside."""
        return self.opens <= at < self.closes


class Calendar(Protocol):
    """What the rest asks about trading time; methods that take a day refuse with `CalendarExhausted`."""

    @property
    def data(self) -> MarketData:
        """The dated facts it reads."""

    @property
    def last_day(self) -> date:
        """The last day that can be asked about."""

    def session(self, day: date) -> Session | None:
        """Return the day's session, or None when the exchange is closed all day."""

    def is_open(self, at: datetime) -> bool:
        """Tell whether orders are matched at the aware instant `at`."""

    def is_trading_day(self, day: date) -> bool:
        """Tell whether contracts can expire that day: full hours, so not a Muhurat hour."""

    def previous_trading_day(self, day: date) -> date:
        """Return the last trading day strictly before `day`."""

    def square_offs(self, day: date) -> Mapping[str, SquareOff]:
        """When each broker closes intraday positions itself on a day, as on a regular one where it has no session.

        It refuses no day: an exit must go on.
        """

    def tentative(self) -> "Calendar":
        """The calendar of the sandbox: days that nobody has published yet are what their weekday says."""


class TradingCalendar:
    """NSE equity derivatives as the dated facts have them."""

    def __init__(self, read: Reading = shipped, *, tentative: bool = False) -> None:
        """Read the facts anew at every question; `tentative` says that days not yet published may be asked about."""
        self._read = read
        self._tentative = tentative

    @property
    def data(self) -> MarketData:
        """The dated facts it reads."""
        return self._read()

    @property
    def last_day(self) -> date:
        """The last day published; of a tentative one the last it has a word for."""
        data = self._read()
        return data.last_provisional_day if self._tentative else data.last_day

    def session(self, day: date) -> Session | None:
        """Return the day's session, or None on a weekend, a holiday or a session whose hours are not known."""
        data = self._read()
        if not data.first_day <= day <= data.last_provisional_day:
            raise CalendarExhausted(day, data)
        found = _session_of(day, data)
        if day > data.last_day and found is not None and not self._tentative:
            raise Provisional(day, data)
        return found

    def is_open(self, at: datetime) -> bool:
        """Tell whether orders are matched at the aware instant `at`."""
        session = self.session(_day_of(at))
        return session is not None and session.holds(at)

    def is_trading_day(self, day: date) -> bool:
        """Tell whether the day has full hours: contracts do not expire in a Muhurat hour."""
        session = self.session(day)
        return session is not None and session.kind is not SessionKind.MUHURAT

    def previous_trading_day(self, day: date) -> date:
        """Return the last trading day strictly before `day`."""
        return next(filter(self.is_trading_day, _backwards(day)))

    def square_offs(self, day: date) -> Mapping[str, SquareOff]:
        """When each broker closes intraday positions itself."""
        data = self._read()
        if day < data.first_day:
            return {}
        session = _session_of(day, data) or _session(day, SessionKind.REGULAR, _hours(day, data))
        brokers = {row.broker_id for row in data.rows(SquareOffHour)}
        rows = (data.in_force(SquareOffHour, each, day) for each in sorted(brokers))
        return {row.broker_id: _square_off(session, row, _hours(day, data)) for row in rows if row is not None}

    def tentative(self) -> "TradingCalendar":
        """The same facts, asked for the sandbox."""
        return TradingCalendar(self._read, tentative=True)


class AlwaysOpen:
    """The sandbox's calendar: orders are matched at any hour of any day, and brokers leave positions alone.

    Expiries still follow the exchange: a trading day is one of the table, and any weekday past it.
    """

    def __init__(self, read: Reading = shipped) -> None:
        """Stand on the exchange's facts."""
        self._exchange = TradingCalendar(read, tentative=True)

    @property
    def data(self) -> MarketData:
        """The dated facts it reads."""
        return self._exchange.data

    @property
    def last_day(self) -> date:
        """Any day can be asked about."""
        return date.max

    def session(self, day: date) -> Session | None:
        """Return a session from midnight to midnight."""
        opens = datetime.combine(day, time(), IST)
        kind = SessionKind.REGULAR if self.is_trading_day(day) else SessionKind.SPECIAL
        return Session(day, opens, opens + DAY, kind)

    def is_open(self, at: datetime) -> bool:
        """Say yes to every aware instant."""
        _day_of(at)
        return True

    def is_trading_day(self, day: date) -> bool:
        """Tell whether contracts can expire that day."""
        try:
            return self._exchange.is_trading_day(day)
        except CalendarExhausted:
            return day.weekday() < SATURDAY

    def previous_trading_day(self, day: date) -> date:
        """Return the last trading day strictly before `day`."""
        return next(filter(self.is_trading_day, _backwards(day)))

    def square_offs(self, day: date) -> Mapping[str, SquareOff]:  # noqa: ARG002 - the protocol names the day
        """The simulated brokers never close anything themselves."""
        return {}

    def tentative(self) -> "AlwaysOpen":
        """Itself."""
        return self


def _session_of(day: date, data: MarketData) -> Session | None:
    """What is said of a day, or else of its weekday."""
    named = data.day(day)
    if named is not None and named.kind is not SessionKind.REGULAR:
        hours = named.hours
        return None if hours is None or named.kind is SessionKind.CLOSED else _session(day, named.kind, hours)
    if named is None and day.weekday() >= SATURDAY:
        return None
    return _session(day, SessionKind.REGULAR, _hours(day, data))


def _square_off(session: Session, row: SquareOffHour, regular: Hours) -> SquareOff:
    """As long before the close as on a regular day; at the hour itself where that is earlier, but for Muhurat."""
    hour = datetime.combine(session.day, row.at, IST)
    shifted = session.closes - (datetime.combine(session.day, regular.closes, IST) - hour)
    return SquareOff(shifted if session.kind is SessionKind.MUHURAT else min(hour, shifted), row.confirmed)


def _session(day: date, kind: SessionKind, hours: Hours) -> Session:
    return Session(day, datetime.combine(day, hours.opens, IST), datetime.combine(day, hours.closes, IST), kind)


def _hours(day: date, data: MarketData) -> Hours:
    row = data.in_force(SessionHours, "", day)
    if row is None:
        raise CalendarExhausted(day, data)
    return Hours(row.opens, row.closes)


def _day_of(at: datetime) -> date:
    if at.tzinfo is None:
        raise ValueError("a session is asked for with an aware instant")
    return at.astimezone(IST).date()


def _backwards(day: date) -> Iterator[date]:
    while True:
        day -= DAY
        yield day

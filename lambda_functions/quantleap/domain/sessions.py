"""When NSE's equity derivatives trade: dated tables first, then the calendars that read them.

A day outside the tables is refused, never guessed: NSE publishes a year's holidays in the
December before it, and adds to them while the year runs.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol

from quantleap.domain.clock import IST

TABLE_VERSION = "2026-08-22"
"""The day up to which NSE's circulars are included below."""

FIRST_DAY = date(2025, 1, 1)
LAST_DAY = date(2026, 12, 31)

SATURDAY = 5
DAY = timedelta(days=1)


class SessionKind(StrEnum):
    """What sort of session a day holds."""

    REGULAR = "regular"
    SPECIAL = "special"
    """Full hours on a day that would else be closed, such as a Budget Sunday."""
    MUHURAT = "muhurat"
    """Diwali's ceremonial hour: trades are real, but contracts do not expire in it."""


class Hours(NamedTuple):
    """IST wall times of one session; `closes` is the first instant outside it."""

    opens: time
    closes: time


HOURS_FROM = (
    (FIRST_DAY, Hours(time(9, 15), time(15, 30))),
    # The closing auction of the cash market brought ten more minutes to derivatives.
    (date(2026, 8, 3), Hours(time(9, 15), time(15, 40))),
)
"""(first day in force, continuous session of equity derivatives), oldest first."""

HOLIDAYS = frozenset(
    {
        date(2025, 2, 26),  # Mahashivratri
        date(2025, 3, 14),  # Holi
        date(2025, 3, 31),  # Id-ul-Fitr
        date(2025, 4, 10),  # Mahavir Jayanti
        date(2025, 4, 14),  # Ambedkar Jayanti
        date(2025, 4, 18),  # Good Friday
        date(2025, 5, 1),  # Maharashtra Day
        date(2025, 8, 15),  # Independence Day
        date(2025, 8, 27),  # Ganesh Chaturthi
        date(2025, 10, 2),  # Gandhi Jayanti
        date(2025, 10, 21),  # Diwali: the Muhurat hour only
        date(2025, 10, 22),  # Balipratipada
        date(2025, 11, 5),  # Guru Nanak Jayanti
        date(2025, 12, 25),  # Christmas
        date(2026, 1, 15),  # municipal polls in Maharashtra, announced on 9 January
        date(2026, 1, 26),  # Republic Day
        date(2026, 3, 3),  # Holi
        date(2026, 3, 26),  # Ram Navami
        date(2026, 3, 31),  # Mahavir Jayanti
        date(2026, 4, 3),  # Good Friday
        date(2026, 4, 14),  # Ambedkar Jayanti
        date(2026, 5, 1),  # Maharashtra Day
        date(2026, 5, 28),  # Bakri Id
        date(2026, 6, 26),  # Muharram
        date(2026, 9, 14),  # Ganesh Chaturthi
        date(2026, 10, 2),  # Gandhi Jayanti
        date(2026, 10, 20),  # Dussehra
        date(2026, 11, 10),  # Balipratipada
        date(2026, 11, 24),  # Guru Nanak Jayanti
        date(2026, 12, 25),  # Christmas
    }
)

SPECIAL_SESSIONS: Mapping[date, tuple[SessionKind, Hours]] = {
    date(2025, 10, 21): (SessionKind.MUHURAT, Hours(time(13, 45), time(14, 45))),
    date(2026, 2, 1): (SessionKind.SPECIAL, Hours(time(9, 15), time(15, 30))),  # Union Budget
}
"""Sessions on days that are weekends or holidays otherwise."""

UNTIMED_SESSIONS: Mapping[date, SessionKind] = {date(2026, 11, 8): SessionKind.MUHURAT}
"""Announced sessions whose hours this table does not know.

NSE gives the hour of Muhurat trading only weeks before it, and its circular for 2026 is not among
the sources of this table. Such a day has no session until a calendar is built with its hours
(`TradingCalendar(announced={day: Hours(...)})`): not trading an hour beats trading a wrong one.
"""


class CalendarExhausted(LookupError):
    """The day lies outside the table of sessions, so nothing may be decided for it."""

    def __init__(self, day: date) -> None:
        """Name the day asked for and the days that are known."""
        super().__init__(f"no trading calendar for {day}: it covers {FIRST_DAY} to {LAST_DAY}")
        self.day = day


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
    """What the rest asks about trading time; every method refuses with `CalendarExhausted`."""

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


class TradingCalendar:
    """NSE equity derivatives as the tables above have them."""

    def __init__(self, announced: Mapping[date, Hours] | None = None) -> None:
        """Take the hours of untimed sessions announced since; refuse any other day."""
        announced = announced or {}
        if strangers := announced.keys() - UNTIMED_SESSIONS.keys():
            raise ValueError(f"not awaiting hours for {sorted(map(str, strangers))}")
        timed = {day: (UNTIMED_SESSIONS[day], hours) for day, hours in announced.items()}
        self._special = {**SPECIAL_SESSIONS, **timed}

    @property
    def last_day(self) -> date:
        """The last day of the table."""
        return LAST_DAY

    def session(self, day: date) -> Session | None:
        """Return the day's session, or None on a weekend, a holiday or an untimed session."""
        if not FIRST_DAY <= day <= LAST_DAY:
            raise CalendarExhausted(day)
        if special := self._special.get(day):
            return _session(day, *special)
        if day.weekday() >= SATURDAY or day in HOLIDAYS:
            return None
        return _session(day, SessionKind.REGULAR, _hours(day))

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


class AlwaysOpen:
    """The sandbox's calendar: orders are matched at any hour of any day.

    Expiries still follow the exchange: a trading day is one of the table, and any weekday past it.
    """

    def __init__(self) -> None:
        """Stand on the exchange's table."""
        self._exchange = TradingCalendar()

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


def _session(day: date, kind: SessionKind, hours: Hours) -> Session:
    return Session(day, datetime.combine(day, hours.opens, IST), datetime.combine(day, hours.closes, IST), kind)


def _hours(day: date) -> Hours:
    return next(hours for first, hours in reversed(HOURS_FROM) if first <= day)


def _day_of(at: datetime) -> date:
    if at.tzinfo is None:
        raise ValueError("a session is asked for with an aware instant")
    return at.astimezone(IST).date()


def _backwards(day: date) -> Iterator[date]:
    while True:
        day -= DAY
        yield day

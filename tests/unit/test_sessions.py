"""Trading sessions: the table itself, what its gaps refuse, and a second opinion on every day of it."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.clock import IST
from quantleap.domain.sessions import (
    FIRST_DAY,
    LAST_DAY,
    AlwaysOpen,
    Calendar,
    CalendarExhausted,
    Hours,
    SessionKind,
    TradingCalendar,
)

NSE = TradingCalendar()
BUDGET_SUNDAY = date(2026, 2, 1)
MUHURAT_2025 = date(2025, 10, 21)
MUHURAT_2026 = date(2026, 11, 8)

# What exchange-calendars does not know of these two years: one Sunday, and one hour on a holiday.
MISSING_FROM_XBOM = {BUDGET_SUNDAY, MUHURAT_2025}

covered_days = st.dates(FIRST_DAY, LAST_DAY)


def ist(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), IST)


@cache
def xbom_days() -> set[date]:
    calendar = exchange_calendars.get_calendar("XBOM", start=str(FIRST_DAY), end=str(LAST_DAY))
    return {day.date() for day in calendar.sessions}


def test_every_day_of_the_table_agrees_with_exchange_calendars_but_for_its_known_gaps() -> None:
    days = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]

    ours = {day for day in days if NSE.session(day) is not None}

    assert ours - xbom_days() == MISSING_FROM_XBOM
    assert xbom_days() - ours == set()


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2025, 1, 1), "09:15", "15:30"),
        (date(2026, 7, 31), "09:15", "15:30"),
        (date(2026, 8, 3), "09:15", "15:40"),
        (date(2026, 12, 31), "09:15", "15:40"),
        (BUDGET_SUNDAY, "09:15", "15:30"),
        (MUHURAT_2025, "13:45", "14:45"),
    ],
)
def test_a_session_has_the_hours_in_force_that_day(day: date, opens: str, closes: str) -> None:
    session = NSE.session(day)

    assert session is not None
    assert (session.opens, session.closes) == (ist(day, opens), ist(day, closes))


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [
        ("09:14:59.999999", False),
        ("09:15", True),
        ("15:30", True),
        ("15:39:59.999999", True),
        ("15:40", False),
    ],
)
def test_the_market_is_open_from_the_first_instant_to_before_the_last(clock: str, *, is_open: bool) -> None:
    assert NSE.is_open(ist(date(2026, 11, 23), clock)) is is_open


def test_an_instant_counts_for_the_day_it_is_in_india() -> None:
    assert NSE.is_open(datetime(2026, 11, 23, 4, 0, tzinfo=UTC))
    assert not NSE.is_open(datetime(2026, 11, 23, 20, 0, tzinfo=UTC))


@pytest.mark.parametrize("calendar", [NSE, AlwaysOpen()], ids=["exchange", "always"])
def test_a_naive_instant_is_refused(calendar: Calendar) -> None:
    with pytest.raises(ValueError, match="aware"):
        calendar.is_open(datetime(2026, 11, 23, 10, 0))  # noqa: DTZ001 - the point of the test


def test_a_muhurat_hour_is_a_session_but_no_trading_day() -> None:
    session = NSE.session(MUHURAT_2025)

    assert session is not None
    assert session.kind is SessionKind.MUHURAT
    assert not NSE.is_trading_day(MUHURAT_2025)


def test_a_budget_sunday_is_a_trading_day() -> None:
    assert NSE.is_trading_day(BUDGET_SUNDAY)
    assert NSE.previous_trading_day(date(2026, 2, 2)) == BUDGET_SUNDAY


def test_a_session_whose_hours_are_not_known_does_not_trade_until_they_are_given() -> None:
    evening = ist(MUHURAT_2026, "18:30")
    told = TradingCalendar(announced={MUHURAT_2026: Hours(time(18, 0), time(19, 0))})

    assert not NSE.is_open(evening)
    assert told.is_open(evening)
    assert not told.is_trading_day(MUHURAT_2026)


def test_hours_for_a_day_that_awaits_none_are_refused() -> None:
    with pytest.raises(ValueError, match="2026-11-24"):
        TradingCalendar(announced={date(2026, 11, 24): Hours(time(9, 15), time(15, 40))})


@given(st.one_of(st.dates(max_value=FIRST_DAY - timedelta(days=1)), st.dates(min_value=date(2027, 1, 1))))
def test_days_outside_the_table_are_refused(day: date) -> None:
    with pytest.raises(CalendarExhausted, match=str(day)):
        NSE.session(day)


def test_looking_back_past_the_first_day_is_refused() -> None:
    with pytest.raises(CalendarExhausted):
        NSE.previous_trading_day(FIRST_DAY)


@given(st.dates(date(2025, 1, 2), LAST_DAY))
def test_the_previous_trading_day_trades_and_none_lies_between(day: date) -> None:
    before = NSE.previous_trading_day(day)

    assert NSE.is_trading_day(before)
    between = [before + timedelta(days=n) for n in range(1, (day - before).days)]
    assert not any(map(NSE.is_trading_day, between))


@given(st.datetimes(timezones=st.just(IST), min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_the_sandbox_is_open_at_any_hour_of_any_day(at: datetime) -> None:
    calendar = AlwaysOpen()
    session = calendar.session(at.date())

    assert calendar.is_open(at)
    assert session is not None
    assert session.holds(at)


@given(covered_days)
def test_the_sandbox_keeps_the_exchanges_trading_days(day: date) -> None:
    assert AlwaysOpen().is_trading_day(day) is NSE.is_trading_day(day)


def test_past_the_table_the_sandbox_takes_weekdays_for_trading_days() -> None:
    calendar = AlwaysOpen()

    assert calendar.is_trading_day(date(2027, 1, 26))
    assert calendar.previous_trading_day(date(2027, 1, 4)) == date(2027, 1, 1)
    assert calendar.last_day > LAST_DAY

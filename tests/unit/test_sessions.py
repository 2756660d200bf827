"""Trading sessions: the table itself, what its gaps refuse, and a second opinion on every day of it."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import exchange_calendars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.clock import IST
from quantleap.domain.market_data import SessionCoverage, SessionDay, SessionHours, SessionKind, SquareOffHour
from quantleap.domain.sessions import (
    FIRST_DAY,
    LAST_DAY,
    AlwaysOpen,
    Calendar,
    CalendarExhausted,
    Provisional,
    TradingCalendar,
)
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.trading import SquareOff

NSE = TradingCalendar()
BUDGET_SATURDAY = date(2025, 2, 1)
BUDGET_SUNDAY = date(2026, 2, 1)
MUHURAT_2025 = date(2025, 10, 21)
MUHURAT_2026 = date(2026, 11, 8)

# What exchange-calendars does not know of these two years: two Budget days, and one hour on a holiday.
MISSING_FROM_XBOM = {BUDGET_SATURDAY, BUDGET_SUNDAY, MUHURAT_2025}

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
        (BUDGET_SATURDAY, "09:15", "15:30"),
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


@pytest.mark.parametrize("day", [BUDGET_SATURDAY, BUDGET_SUNDAY])
def test_a_budget_day_on_a_weekend_is_a_trading_day(day: date) -> None:
    monday = day + timedelta(days=7 - day.weekday())

    assert NSE.is_trading_day(day)
    assert NSE.previous_trading_day(monday) == day


def test_a_session_whose_hours_are_not_known_does_not_trade_until_they_are_written() -> None:
    evening = ist(MUHURAT_2026, "18:30")
    row = SessionDay(day=MUHURAT_2026, kind=SessionKind.MUHURAT, opens=time(18), closes=time(19), source="NSE/FAOP/1")
    told = TradingCalendar(lambda: SHIPPED.over([row]))

    assert not NSE.is_open(evening)
    assert told.is_open(evening)
    assert not told.is_trading_day(MUHURAT_2026)


def test_facts_written_later_are_read_at_the_next_question() -> None:
    facts = SHIPPED
    calendar = TradingCalendar(lambda: facts)
    before = calendar.session(date(2026, 12, 7))
    facts = SHIPPED.over([SessionDay(day=date(2026, 12, 7), kind=SessionKind.CLOSED, source="NSE/FAOP/2")])

    assert before is not None
    assert calendar.session(date(2026, 12, 7)) is None


def test_hours_written_hold_from_their_day_on() -> None:
    row = SessionHours(effective_from=date(2026, 12, 14), opens=time(9, 0), closes=time(16, 0), source="NSE/FAOP/3")
    told = TradingCalendar(lambda: SHIPPED.over([row]))

    assert not told.is_open(ist(date(2026, 12, 11), "15:45"))
    assert told.is_open(ist(date(2026, 12, 14), "15:45"))


def test_a_holiday_that_moves_is_a_day_as_any_other() -> None:
    row = SessionDay(day=date(2026, 12, 25), kind=SessionKind.REGULAR, source="NSE/FAOP/4")

    assert TradingCalendar(lambda: SHIPPED.over([row])).is_trading_day(date(2026, 12, 25))


@given(st.one_of(st.dates(max_value=FIRST_DAY - timedelta(days=1)), st.dates(min_value=date(2028, 1, 1))))
def test_days_far_outside_what_is_published_are_refused(day: date) -> None:
    with pytest.raises(CalendarExhausted, match=str(day)):
        NSE.session(day)
    with pytest.raises(CalendarExhausted, match=str(day)):
        NSE.tentative().session(day)


def test_a_day_nobody_has_published_is_refused_where_money_is_real_and_its_weekday_in_the_sandbox() -> None:
    tuesday = date(2027, 1, 5)

    with pytest.raises(Provisional, match="2027-01-05"):
        NSE.session(tuesday)
    with pytest.raises(Provisional):
        NSE.is_trading_day(tuesday)
    assert NSE.tentative().is_trading_day(tuesday)
    assert AlwaysOpen().is_trading_day(tuesday)


@pytest.mark.parametrize("calendar", [NSE, NSE.tentative()], ids=["live", "sandbox"])
def test_days_known_to_be_closed_are_so_before_the_year_is_published(calendar: TradingCalendar) -> None:
    assert calendar.session(date(2027, 1, 26)) is None
    assert calendar.session(date(2027, 1, 3)) is None


def test_a_year_trades_once_its_holidays_are_written_and_said_to_be_all() -> None:
    facts = SHIPPED.over(
        [
            SessionDay(day=date(2027, 3, 22), kind=SessionKind.CLOSED, source="NSE/FAOP/5"),
            SessionCoverage(effective_from=date(2027, 1, 1), until=date(2027, 12, 31), source="NSE/FAOP/5"),
        ]
    )
    told = TradingCalendar(lambda: facts)

    assert told.is_trading_day(date(2027, 1, 5))
    assert not told.is_trading_day(date(2027, 3, 22))
    assert told.last_day == date(2027, 12, 31)
    with pytest.raises(Provisional):
        told.session(date(2028, 1, 4))


@pytest.mark.parametrize(
    ("broker", "day", "clock", "confirmed"),
    [
        ("zerodha", date(2026, 11, 23), "15:25", True),
        ("zerodha", date(2026, 7, 31), "15:15", False),
        ("upstox", date(2026, 11, 23), "15:12", True),
        ("zebu", date(2026, 11, 23), "15:15", False),
        ("zerodha", MUHURAT_2025, "14:30", False),
    ],
)
def test_the_hour_a_broker_closes_intraday_positions_itself(
    broker: str, day: date, clock: str, *, confirmed: bool
) -> None:
    assert NSE.square_offs(day)[broker] == SquareOff(ist(day, clock), confirmed)


@pytest.mark.parametrize("broker", ["icici_direct", "simulated"])
def test_brokers_without_intraday_positions_close_none(broker: str) -> None:
    assert broker not in NSE.square_offs(date(2026, 11, 23))


def test_an_hour_written_holds_from_its_day_on_and_a_short_session_brings_it_forward() -> None:
    saturday = date(2026, 12, 12)
    facts = SHIPPED.over(
        [
            SquareOffHour(broker_id="zebu", effective_from=date(2026, 12, 7), at=time(15, 20), source="zebu, by mail"),
            SessionDay(day=saturday, kind=SessionKind.SPECIAL, opens=time(9, 15), closes=time(10), source="NSE/6"),
        ]
    )
    told = TradingCalendar(lambda: facts)

    assert told.square_offs(date(2026, 12, 4))["zebu"].at == ist(date(2026, 12, 4), "15:15")
    assert told.square_offs(date(2026, 12, 7))["zebu"] == SquareOff(ist(date(2026, 12, 7), "15:20"), confirmed=True)
    assert told.square_offs(saturday)["zebu"].at == ist(saturday, "09:40")


def test_nobody_closes_anything_before_the_facts_begin_or_in_the_sandbox() -> None:
    assert NSE.square_offs(date(2020, 1, 1)) == {}
    assert AlwaysOpen().square_offs(date(2026, 11, 23)) == {}


@pytest.mark.parametrize("day", [date(2026, 11, 24), date(2027, 1, 5), date(2029, 1, 2)])
def test_an_exit_is_told_the_usual_hours_of_any_other_day(day: date) -> None:
    assert NSE.square_offs(day)["zerodha"].at == ist(day, "15:25")


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

    assert not calendar.is_trading_day(date(2027, 1, 26))
    assert calendar.is_trading_day(date(2028, 1, 26))
    assert calendar.previous_trading_day(date(2027, 1, 4)) == date(2027, 1, 1)
    assert calendar.last_day > LAST_DAY

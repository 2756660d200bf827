"""Index options: expiries, lots and freeze quantities on the days they changed, and between."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.contracts import TICK, Contract, ExpiryType, Index, NotListed, Right
from quantleap.domain.market_data import ExpiryRule, FreezeQuantity, LotSize, StrikeStep, Tick
from quantleap.domain.series import (
    expiry_date,
    expiry_types,
    freeze_quantity,
    largest_slice,
    lot_size,
    strike_step,
    tick,
)
from quantleap.domain.sessions import LAST_DAY, AlwaysOpen, Provisional, TradingCalendar
from quantleap.domain.shipped import SHIPPED
from tests.unit.test_sessions import xbom_days

NSE = TradingCalendar()
TUESDAY = 1
FIRST = date(2025, 1, 1)

series = st.sampled_from([(index, kind) for index in Index for kind in expiry_types(index)])
# Every series has an expiry in the table on or after these days.
days = st.dates(date(2025, 1, 2), date(2026, 12, 29))


@pytest.mark.parametrize(
    ("kind", "on", "expected"),
    [
        ("WEEKLY", date(2026, 11, 25), date(2026, 12, 1)),  # a plain Tuesday
        ("WEEKLY", date(2026, 12, 1), date(2026, 12, 1)),  # the day itself
        ("WEEKLY", date(2026, 11, 21), date(2026, 11, 23)),  # Tue 24 November is a holiday
        ("MONTHLY", date(2026, 11, 2), date(2026, 11, 23)),
        ("WEEKLY", date(2026, 11, 24), date(2026, 12, 1)),  # that week's expiry has passed
        ("MONTHLY", date(2026, 11, 24), date(2026, 12, 29)),
        ("WEEKLY", date(2025, 10, 17), date(2025, 10, 20)),  # nothing expires in a Muhurat hour
        ("WEEKLY", date(2026, 3, 27), date(2026, 3, 30)),  # Tue 31 March, month end and a holiday
        ("MONTHLY", date(2026, 3, 27), date(2026, 3, 30)),
        ("WEEKLY", date(2025, 8, 22), date(2025, 8, 28)),  # the last Thursday
        ("WEEKLY", date(2025, 8, 29), date(2025, 9, 2)),  # the first Tuesday
        ("MONTHLY", date(2025, 8, 29), date(2025, 9, 30)),
    ],
)
def test_the_nearest_expiry(kind: str, on: date, expected: date) -> None:
    assert expiry_date(Index.NIFTY, ExpiryType(kind), on, NSE) == expected


@given(series, days)
def test_an_expiry_is_a_trading_day_and_no_earlier_than_asked(one: tuple[Index, ExpiryType], on: date) -> None:
    expiry = expiry_date(*one, on, NSE)

    assert expiry >= on
    assert NSE.is_trading_day(expiry)


@given(series, days)
def test_no_expiry_lies_between_the_day_asked_about_and_the_answer(one: tuple[Index, ExpiryType], on: date) -> None:
    expiry = expiry_date(*one, on, NSE)

    assert expiry_date(*one, on + (expiry - on) / 2, NSE) == expiry


@given(st.dates(date(2025, 9, 1), date(2026, 12, 29)))
def test_an_expiry_off_tuesday_comes_before_a_closed_tuesday(on: date) -> None:
    expiry = expiry_date(Index.NIFTY, ExpiryType.WEEKLY, on, NSE)
    tuesday = expiry + timedelta(days=(TUESDAY - expiry.weekday()) % 7)

    assert expiry == tuesday or not NSE.is_trading_day(tuesday)


THURSDAYS = [date(2025, 1, 2) + timedelta(weeks=n) for n in range(35)]
TUESDAYS = [date(2025, 9, 2) + timedelta(weeks=n) for n in range(70)]
NOMINAL = {
    ExpiryType.WEEKLY: THURSDAYS + TUESDAYS,
    ExpiryType.MONTHLY: [day for day in THURSDAYS + TUESDAYS if (day + timedelta(weeks=1)).month != day.month],
}


@pytest.mark.parametrize("kind", ExpiryType)
def test_every_expiry_of_two_years_is_where_another_calendar_puts_it(kind: ExpiryType) -> None:
    on, found = FIRST, []
    while on < date(2026, 12, 30):
        found.append(expiry_date(Index.NIFTY, kind, on, NSE))
        on = found[-1] + timedelta(days=1)

    sessions = xbom_days()
    assert found == [max(day for day in sessions if day <= nominal) for nominal in NOMINAL[kind]]


@pytest.mark.parametrize("index", [index for index in Index if index is not Index.NIFTY])
def test_only_nifty_has_weekly_expiries(index: Index) -> None:
    with pytest.raises(NotListed, match="no weekly"):
        expiry_date(index, ExpiryType.WEEKLY, date(2026, 11, 23), NSE)


@pytest.mark.parametrize("on", [date(2026, 12, 30), LAST_DAY])
def test_an_expiry_on_a_day_nobody_has_published_is_refused_where_money_is_real(on: date) -> None:
    with pytest.raises(Provisional):
        expiry_date(Index.NIFTY, ExpiryType.WEEKLY, on, NSE)


@pytest.mark.parametrize("calendar", [NSE.tentative(), AlwaysOpen()], ids=["exchange", "always"])
@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 12, 30), date(2027, 1, 5)),
        (LAST_DAY, date(2027, 1, 5)),
        (date(2027, 1, 20), date(2027, 1, 25)),  # Tue 26 January is a national holiday
    ],
)
def test_the_sandbox_finds_expiries_of_a_year_nobody_has_published(
    calendar: TradingCalendar | AlwaysOpen, on: date, expected: date
) -> None:
    assert expiry_date(Index.NIFTY, ExpiryType.WEEKLY, on, calendar) == expected


def test_a_series_that_is_written_is_listed_from_its_day_on() -> None:
    row = ExpiryRule(
        index=Index.BANKNIFTY,
        effective_from=date(2026, 12, 7),
        weekday="WED",
        series=(ExpiryType.WEEKLY, ExpiryType.MONTHLY),
        source="NSE/FAOP/7",
    )
    told = TradingCalendar(lambda: SHIPPED.over([row]))

    assert expiry_date(Index.BANKNIFTY, ExpiryType.WEEKLY, date(2026, 12, 1), told) == date(2026, 12, 9)
    assert expiry_types(Index.BANKNIFTY, date(2026, 12, 1), told.data) == (ExpiryType.MONTHLY,)


def test_sizes_and_steps_that_are_written_hold_from_their_day_on() -> None:
    day = date(2027, 1, 1)
    facts = SHIPPED.over(
        [
            LotSize(index=Index.NIFTY, effective_from=day, lot_size=60, source="NSE/FAOP/8"),
            FreezeQuantity(index=Index.NIFTY, effective_from=day, freeze_quantity=1200, source="NSE/FAOP/9"),
            Tick(index=Index.NIFTY, effective_from=day, tick=Decimal("0.10"), source="NSE/FAOP/10"),
            StrikeStep(index=Index.NIFTY, effective_from=day, step=Decimal(100), source="NSE/FAOP/11"),
        ]
    )

    for on, expected in ((date(2026, 12, 31), (65, 1800, TICK, 50)), (day, (60, 1200, Decimal("0.10"), 100))):
        asked = (f(Index.NIFTY, on, facts) for f in (lot_size, freeze_quantity, tick, strike_step))
        assert tuple(asked) == expected
    assert largest_slice(Index.NIFTY, day, day, facts) == 1200


@pytest.mark.parametrize(
    ("index", "june_2025", "december_2025", "from_2026"),
    [
        (Index.NIFTY, 75, 75, 65),
        (Index.BANKNIFTY, 30, 35, 30),
        (Index.FINNIFTY, 65, 65, 60),
        (Index.MIDCPNIFTY, 120, 140, 120),
        (Index.NIFTYNXT50, 25, 25, 25),
    ],
)
def test_a_contracts_lot_follows_its_expiry(index: Index, june_2025: int, december_2025: int, from_2026: int) -> None:
    assert lot_size(index, date(2025, 6, 26)) == june_2025
    assert lot_size(index, date(2025, 12, 30)) == december_2025
    assert lot_size(index, date(2026, 1, 6)) == from_2026


@pytest.mark.parametrize(
    ("index", "on", "expected"),
    [
        (Index.BANKNIFTY, date(2025, 8, 29), 600),
        (Index.BANKNIFTY, date(2025, 9, 1), 900),
        (Index.BANKNIFTY, date(2025, 11, 3), 600),
        (Index.FINNIFTY, date(2025, 12, 1), 1200),
        (Index.FINNIFTY, date(2026, 1, 1), 1800),
        (Index.NIFTY, date(2026, 8, 3), 1800),
        (Index.MIDCPNIFTY, date(2026, 8, 3), 2800),
        (Index.NIFTYNXT50, date(2026, 8, 3), 600),
    ],
)
def test_the_freeze_quantity_follows_the_day_of_the_order(index: Index, on: date, expected: int) -> None:
    assert freeze_quantity(index, on) == expected


@pytest.mark.parametrize(
    ("index", "units"),
    [
        (Index.NIFTY, 27 * 65),
        (Index.BANKNIFTY, 20 * 30),
        (Index.FINNIFTY, 30 * 60),
        (Index.MIDCPNIFTY, 23 * 120),
        (Index.NIFTYNXT50, 24 * 25),
    ],
)
def test_the_largest_slice_is_whole_lots_under_the_freeze_quantity(index: Index, units: int) -> None:
    assert largest_slice(index, date(2026, 12, 29), date(2026, 11, 23)) == units


@given(st.sampled_from(Index), days, st.integers(0, 60))
def test_one_more_lot_than_the_largest_slice_would_be_refused(index: Index, on: date, ahead: int) -> None:
    expiry = on + timedelta(days=ahead)

    slice_, lot = largest_slice(index, expiry, on), lot_size(index, expiry)

    assert slice_ % lot == 0
    assert slice_ <= freeze_quantity(index, on) < slice_ + lot


def test_sizes_before_the_tables_are_refused() -> None:
    with pytest.raises(NotListed, match="2025-01-01"):
        lot_size(Index.NIFTY, date(2024, 12, 26))


@pytest.mark.parametrize("index", list(Index))
def test_strikes_lie_on_the_tick(index: Index) -> None:
    assert strike_step(index) % TICK == 0


def test_a_contract_is_a_key() -> None:
    one = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)

    assert {one: "seen"}[Contract(Index.NIFTY, date(2026, 12, 1), Decimal("26000.00"), Right.CE)] == "seen"

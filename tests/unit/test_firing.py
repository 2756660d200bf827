"""When templates fire next, and whether anybody is told in time that sessions run out."""

from datetime import date, datetime, time, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.basket import Basket, Day, Upcoming
from quantleap.domain.clock import IST
from quantleap.domain.execution import Kind
from quantleap.domain.firing import SOON, Firing, firings, horizon
from quantleap.domain.sessions import FIRST_DAY, LAST_DAY, AlwaysOpen, TradingCalendar
from quantleap.services import calendar
from tests.builders import TEMPLATE, Clock, a_strategy, a_template
from tests.fakes import FakeBaskets

NSE = TradingCalendar()
FRIDAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)
GURU_NANAK = date(2026, 11, 24)
WEDNESDAY = date(2026, 11, 25)


def ist(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), IST)


def after(now: datetime, *baskets: Basket, most: int = 4) -> list[Firing]:
    return list(islice(firings(baskets or (a_template(),), NSE, now), most))


def told(found: list[Firing]) -> list[tuple[datetime, str]]:
    return [(each.at, str(each.kind)) for each in found]


def test_a_template_enters_and_leaves_in_every_session_and_on_no_holiday() -> None:
    assert told(after(ist(FRIDAY, "16:00"))) == [
        (ist(MONDAY, "09:20"), "entry"),
        (ist(MONDAY, "15:15"), "exit"),
        (ist(WEDNESDAY, "09:20"), "entry"),
        (ist(WEDNESDAY, "15:15"), "exit"),
    ]


def test_what_was_entered_today_still_has_its_exit_to_come() -> None:
    assert told(after(ist(MONDAY, "09:20"), most=1)) == [(ist(MONDAY, "15:15"), "exit")]


def test_strategies_that_fire_together_are_one_firing_and_days_differ() -> None:
    daily, mondays = a_strategy(), a_strategy(days=(Day.MON,), exit_time=time(12, 0))
    basket = a_template(strategies=(daily, mondays))

    found = [(each.at, each.strategies) for each in after(ist(FRIDAY, "16:00"), basket)]

    assert found == [
        (ist(MONDAY, "09:20"), (0, 1)),
        (ist(MONDAY, "12:00"), (1,)),
        (ist(MONDAY, "15:15"), (0,)),
        (ist(WEDNESDAY, "09:20"), (0,)),
    ]


def test_templates_are_told_in_the_order_of_time() -> None:
    early = a_template(basket_id="bsk_early", strategies=(a_strategy(entry_time=time(9, 16)),))

    found = after(ist(FRIDAY, "16:00"), a_template(), early, most=2)

    assert [each.template_id for each in found] == ["bsk_early", TEMPLATE]


def test_an_approved_version_fires_from_its_first_day_on() -> None:
    draft = a_template(strategies=(a_strategy(entry_time=time(10, 0)),)).draft
    upcoming = Upcoming(number=2, effective_from=WEDNESDAY, algo_ids={}, draft=draft)

    found = after(ist(FRIDAY, "16:00"), a_template(upcoming=upcoming))

    assert [(each.at, each.version) for each in found if each.kind is Kind.ENTRY] == [
        (ist(MONDAY, "09:20"), 1),
        (ist(WEDNESDAY, "10:00"), 2),
    ]


def test_an_hour_that_is_not_the_usual_one_admits_only_what_has_both_its_ends_in_it() -> None:
    muhurat = date(2025, 10, 21)
    inside = a_strategy(entry_time=time(14, 0), exit_time=time(14, 30), days=(Day.TUE,))
    overlong = a_strategy(entry_time=time(14, 0), exit_time=time(15, 0), days=(Day.TUE,))
    basket = a_template(strategies=(a_strategy(days=(Day.TUE,)), inside, overlong))

    found = [(each.at, each.strategies) for each in after(ist(muhurat, "00:00"), basket, most=2)]

    assert found == [(ist(muhurat, "14:00"), (1,)), (ist(muhurat, "14:30"), (1,))]


def test_nothing_fires_past_the_last_session_that_is_known() -> None:
    assert after(ist(LAST_DAY, "15:15")) == []
    assert after(ist(LAST_DAY + timedelta(days=9), "09:00")) == []
    assert [each.at for each in after(ist(LAST_DAY, "09:00"))] == [ist(LAST_DAY, "09:20"), ist(LAST_DAY, "15:15")]


def test_a_market_that_never_closes_is_looked_at_for_a_year() -> None:
    now = ist(MONDAY, "12:00")

    found = list(firings([a_template(strategies=(a_strategy(days=(Day.SUN,)),))], AlwaysOpen(), now))

    assert {Day.of(each.at) for each in found} == {Day.SUN}
    assert len(found) == 2 * 52


@given(minutes=st.integers(0, 365 * 24 * 60))
def test_every_firing_is_to_come_in_order_and_inside_a_session(minutes: int) -> None:
    now = ist(date(2026, 1, 1), "00:00") + timedelta(minutes=minutes)
    found = after(now, a_template(), a_template(strategies=(a_strategy(exit_time=time(15, 35)),)), most=30)

    assert all(each.at > now and NSE.is_open(each.at) for each in found)
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("day", "word"),
    [
        (LAST_DAY - SOON - timedelta(days=1), None),
        (LAST_DAY - SOON, "ends on 2026-12-31"),
        (LAST_DAY, "ends on 2026-12-31"),
        (LAST_DAY + timedelta(days=1), "ended on 2026-12-31"),
    ],
)
def test_somebody_is_told_weeks_before_the_sessions_known_end(day: date, word: str | None) -> None:
    found = horizon(NSE, ist(day, "12:00"))

    assert found.last_day == LAST_DAY
    assert found.warning is None if word is None else word in str(found.warning)


def test_sessions_that_never_end_need_no_warning() -> None:
    assert horizon(AlwaysOpen(), ist(FIRST_DAY, "12:00")) == (None, None)


def test_thirty_fire_times_are_shown_of_what_is_on_offer_alone() -> None:
    baskets = FakeBaskets(a_template(), a_template(basket_id="bsk_hidden", marketplace=None))

    ahead = calendar.ahead(baskets, NSE, Clock(ist(FRIDAY, "16:00")))

    assert len(ahead.firings) == calendar.SHOWN
    assert {each.template_id for each in ahead.firings} == {TEMPLATE}

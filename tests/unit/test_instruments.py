"""Which lists of contracts are trusted, and what stands in for those that are not."""

import sys
import traceback
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.broker import Instrument, SessionExpired, Unknown
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.errors import Conflict, Unavailable
from quantleap.domain.instruments import Doubt, Finding, Flaw, Master, Term, doubted, doubts, flaw_of, living, stand_in
from quantleap.domain.sessions import AlwaysOpen, CalendarExhausted, TradingCalendar
from quantleap.services import instruments
from quantleap.services.instruments import GIVEN_UP_FOR, DailyMasters, NobodyLent, Outcome
from quantleap.services.lending import Loan
from tests.builders import Clock
from tests.fakes import FakeHttp
from tests.listings import (
    FRIDAY,
    MONDAY,
    THURSDAY,
    WEDNESDAY,
    FakeMasterStore,
    ListingBroker,
    a_listing,
    a_master,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9"


class TestFlaws:
    def test_a_whole_list_has_none_with_or_without_one_to_compare(self) -> None:
        assert flaw_of(a_listing(), None, MONDAY) is None
        assert flaw_of(a_listing(), a_listing(), MONDAY) is None

    def test_a_list_without_contracts_is_empty(self) -> None:
        assert flaw_of({}, None, MONDAY) is Flaw.EMPTY

    def test_a_list_of_nothing_but_the_past_is_stale(self) -> None:
        assert flaw_of(a_listing(expiries=[FRIDAY]), None, MONDAY) is Flaw.STALE

    def test_the_last_list_shown_again_is_stale_once_something_in_it_expired(self) -> None:
        assert flaw_of(a_listing(), a_listing(), WEDNESDAY) is Flaw.STALE

    def test_a_broker_that_keeps_what_expired_is_believed_while_its_list_changes(self) -> None:
        newer = a_listing() | a_listing(expiries=[date(2027, 1, 5)])

        assert flaw_of(newer, a_listing(), WEDNESDAY) is None

    def test_one_index_that_nearly_vanished_is_enough_to_be_shrunken(self) -> None:
        rest = a_listing([Index.NIFTY]) | a_listing([Index.BANKNIFTY], strikes=9)

        assert flaw_of(rest, a_listing(), MONDAY) is Flaw.SHRUNKEN
        assert flaw_of(a_listing([Index.NIFTY]), a_listing(), MONDAY) is Flaw.SHRUNKEN

    def test_half_of_an_index_is_still_enough(self) -> None:
        assert flaw_of(a_listing(strikes=10), a_listing(strikes=20), MONDAY) is None

    def test_what_expired_since_does_not_count_as_lost(self) -> None:
        mostly_past = a_listing(expiries=[MONDAY], strikes=60) | a_listing(expiries=[date(2026, 12, 1)])

        assert flaw_of(a_listing(expiries=[date(2026, 12, 1)]), mostly_past, WEDNESDAY) is None

    @given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([MONDAY, WEDNESDAY]))
    def test_a_list_without_a_flaw_has_something_to_trade_and_half_of_each_index(
        self, now: int, before: int, day: date
    ) -> None:
        last = a_listing(strikes=before)
        listed = a_listing(strikes=now)

        if flaw_of(listed, last, day) is None:
            assert living(listed, day)
            assert 2 * len(living(listed, day)) >= len(living(last, day))


class TestStandingIn:
    def test_the_list_of_the_trading_day_before_serves_one_day_more_without_what_expired(self) -> None:
        kept = stand_in(a_master(MONDAY), Flaw.EMPTY, WEDNESDAY, MONDAY)

        assert kept is not None
        assert (kept.day, kept.made_on, kept.flaw) == (WEDNESDAY, MONDAY, Flaw.EMPTY)
        assert kept.listed == living(a_listing(), WEDNESDAY)
        assert MONDAY not in {contract.expiry for contract in kept.listed}

    def test_a_list_that_stood_in_yesterday_does_not_today(self) -> None:
        yesterday = a_master(MONDAY, made_on=FRIDAY, flaw=Flaw.EMPTY)

        assert stand_in(yesterday, Flaw.EMPTY, WEDNESDAY, MONDAY) is None

    def test_nothing_stands_in_for_the_first_list_ever(self) -> None:
        assert stand_in(None, Flaw.EMPTY, MONDAY, FRIDAY) is None


def test_what_a_list_says_beyond_our_dated_facts_is_named_by_series() -> None:
    listed = a_listing([Index.NIFTY], lot_size=75) | a_listing([Index.BANKNIFTY], freeze_quantity=600)

    found = doubts(listed, MONDAY)

    assert found[0] == Doubt(Index.NIFTY, MONDAY, Term.LOT_SIZE, Decimal(75))
    assert {each.index for each in found} == {Index.NIFTY}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("change", "term"),
    [
        ({}, None),
        ({"lot_size": 650}, Term.LOT_SIZE),
        ({"lot_size": 130}, Term.LOT_SIZE),
        ({"lot_size": 1}, Term.LOT_SIZE),
        ({"tick": Decimal("0.01")}, None),
        ({"tick": Decimal("0.25")}, None),
        ({"tick": Decimal("0.30")}, Term.TICK),
        ({"tick": Decimal(5)}, Term.TICK),
        ({"tick": Decimal(100)}, Term.TICK),
        ({"tick": Decimal("0.0005")}, Term.TICK),
        ({"tick": Decimal("0.055")}, Term.TICK),
        ({"tick": Decimal("NaN")}, Term.TICK),
        ({"tick": Decimal("Infinity")}, Term.TICK),
        ({"tick": Decimal(0)}, Term.TICK),
        ({"freeze_quantity": None}, None),
        ({"freeze_quantity": 18_000}, None),
        ({"freeze_quantity": 901}, None),
        ({"freeze_quantity": 899}, Term.FREEZE_QUANTITY),
        ({"freeze_quantity": 65}, Term.FREEZE_QUANTITY),
        ({"freeze_quantity": 64}, Term.FREEZE_QUANTITY),
    ],
)
def test_what_a_list_may_say_of_a_nifty_option(change: dict[str, Any], term: Term | None) -> None:
    [instrument, *_] = a_listing([Index.NIFTY], **change).values()

    assert doubted(instrument, MONDAY) is term


class Morning:
    """A morning's look at one broker, with everything it stands on."""

    def __init__(self, *shown: Any, held: tuple[Master, ...] = (), **broker: Any) -> None:
        self.broker: Any = ListingBroker(list(shown), **broker)
        self.store = FakeMasterStore(*held)
        self.http = FakeHttp()
        self.clock = Clock()
        self.told: list[Finding] = []
        self.dead: list[Any] = []
        self.masters = self.another_process()

    def another_process(self) -> DailyMasters:
        return DailyMasters(self.store, self.http, TradingCalendar(), self.clock, self.told.append)

    def lent(self, *names: str) -> Sequence[Any]:
        return names

    def refresh(self, day: date = MONDAY, sessions: Sequence[Any] = ()) -> Outcome:
        return self.masters.refresh(
            self.broker, day, lambda _: [Loan(each, partial(self.dead.append, each)) for each in sessions]
        )


class TestMornings:
    def test_a_good_list_is_stored_for_its_day_without_what_expired(self) -> None:
        morning = Morning(a_listing() | a_listing(expiries=[FRIDAY]))

        assert morning.refresh() is Outcome.FRESH
        assert morning.store.held["zebu", MONDAY] == a_master(MONDAY)
        assert morning.told == []

    def test_a_list_that_is_good_already_is_not_asked_for_again(self) -> None:
        morning = Morning(a_listing(), held=(a_master(MONDAY),))

        assert morning.refresh() is Outcome.FRESH
        assert morning.http.sent == []

    @pytest.mark.parametrize(
        ("shown", "flaw"),
        [
            (Unknown("HTTP 502"), Flaw.UNREADABLE),
            ({}, Flaw.EMPTY),
            (a_listing(expiries=[THURSDAY]), Flaw.STALE),
            (a_listing(strikes=9), Flaw.SHRUNKEN),
        ],
    )
    def test_a_bad_list_keeps_yesterdays_for_a_day_and_somebody_is_told(self, shown: Any, flaw: Flaw) -> None:
        morning = Morning(shown, held=(a_master(FRIDAY),))

        assert morning.refresh() is Outcome.STANDS_IN
        assert morning.store.held["zebu", MONDAY] == a_master(MONDAY, made_on=FRIDAY, flaw=flaw)
        assert [(each.flaw, each.stands_in) for each in morning.told] == [(flaw, True)]

    def test_a_bad_list_on_the_second_day_leaves_none_to_trade_with(self) -> None:
        morning = Morning(Unknown("HTTP 502"), held=(a_master(MONDAY, made_on=FRIDAY, flaw=Flaw.EMPTY),))

        assert morning.refresh(WEDNESDAY) is Outcome.UNAVAILABLE
        assert ("zebu", WEDNESDAY) not in morning.store.held
        assert [(each.flaw, each.stands_in) for each in morning.told] == [(Flaw.UNREADABLE, False)]
        with pytest.raises(Unavailable):
            morning.masters.master(morning.broker, WEDNESDAY)

    def test_a_shrunken_list_is_not_believed_because_a_day_passed_without_one(self) -> None:
        morning = Morning(a_listing(strikes=5), held=(a_master(THURSDAY),))

        assert morning.refresh(MONDAY) is Outcome.UNAVAILABLE

    def test_a_later_look_replaces_what_stood_in(self) -> None:
        morning = Morning(Unknown("HTTP 502"), a_listing(), held=(a_master(FRIDAY),))

        assert [morning.refresh(), morning.refresh()] == [Outcome.STANDS_IN, Outcome.FRESH]
        assert morning.store.held["zebu", MONDAY] == a_master(MONDAY)

    def test_the_same_flaw_is_told_once_a_day_another_again(self) -> None:
        shown = [Unknown("HTTP 502"), Unknown("HTTP 502"), {}]
        morning = Morning(*shown, held=(a_master(FRIDAY),))

        for _ in shown:
            morning.refresh()

        assert [each.flaw for each in morning.told] == [Flaw.UNREADABLE, Flaw.EMPTY]

    def test_lot_sizes_unlike_ours_are_told_before_anybody_trades(self) -> None:
        morning = Morning(a_listing([Index.NIFTY], lot_size=75))

        assert morning.refresh() is Outcome.FRESH
        assert [each.flaw for each in morning.told] == [None]
        assert morning.told[0].doubts[0] == Doubt(Index.NIFTY, MONDAY, Term.LOT_SIZE, Decimal(75))

    def test_lines_that_were_left_out_are_told_with_their_number(self) -> None:
        morning = Morning(a_listing([Index.NIFTY]), odd=3)

        assert morning.refresh() is Outcome.FRESH
        assert [(each.flaw, each.doubts, each.odd) for each in morning.told] == [(None, (), 3)]

    def test_a_list_shown_to_who_is_logged_in_waits_for_somebody(self) -> None:
        morning = Morning(a_listing(), needs_session=True)

        assert morning.refresh() is Outcome.WAITS_FOR_LOGIN
        assert (morning.http.sent, morning.told) == ([], [])
        assert morning.refresh(sessions=["ashas", "ravis"]) is Outcome.FRESH
        assert morning.broker.asked_with == ["ashas"]

    def test_a_lent_session_that_is_dead_is_told_of_and_the_next_one_serves(self) -> None:
        morning = Morning(SessionExpired("token"), a_listing(), held=(a_master(FRIDAY),), needs_session=True)

        assert morning.refresh(sessions=["ashas", "ravis"]) is Outcome.FRESH
        assert morning.broker.asked_with == ["ashas", "ravis"]
        assert (morning.dead, morning.told) == (["ashas"], [])

    def test_dead_sessions_say_nothing_of_the_list(self) -> None:
        morning = Morning(SessionExpired("token"), held=(a_master(FRIDAY),), needs_session=True)

        assert morning.refresh(sessions=["ashas"]) is Outcome.WAITS_FOR_LOGIN
        assert (morning.dead, morning.told, list(morning.store.held)) == (["ashas"], [], [("zebu", FRIDAY)])

    def test_a_lent_session_that_faults_is_left_and_the_next_one_serves(self, caplog: pytest.LogCaptureFixture) -> None:
        morning = Morning(ValueError(TOKEN), a_listing(), held=(a_master(FRIDAY),), needs_session=True)

        assert morning.refresh(sessions=["ashas", "ravis"]) is Outcome.FRESH
        assert (morning.dead, morning.told) == ([], [])
        assert "zebu: a lent session faulted: ValueError" in caplog.text
        assert TOKEN not in caplog.text

    def test_a_lent_session_that_cannot_be_noted_as_dead_is_left_and_the_next_one_serves(self) -> None:
        morning = Morning(SessionExpired("token"), a_listing(), needs_session=True)

        def cannot() -> None:
            raise Conflict("The account changes all the time")

        outcome = morning.masters.refresh(
            morning.broker, MONDAY, lambda _: [Loan(each, cannot) for each in morning.lent("ashas", "ravis")]
        )

        assert outcome is Outcome.FRESH

    def test_a_list_that_faults_through_every_session_is_told_without_a_token_and_is_not_anothers_trouble(self) -> None:
        morning = Morning(ValueError(TOKEN), needs_session=True)
        well: Any = ListingBroker([a_listing()], name="zerodha")

        with pytest.raises(ExceptionGroup) as raised:
            instruments.refresh(
                morning.masters,
                [morning.broker, well],
                lambda _: [Loan(each, morning.dead.clear) for each in morning.lent("ashas")],
                TradingCalendar(),
                MONDAY,
            )

        assert [type(each) for each in raised.value.exceptions] == [NobodyLent]
        assert TOKEN not in "".join(traceback.format_exception(raised.value))
        assert ("zerodha", MONDAY) in morning.store.held

    def test_one_brokers_trouble_is_not_anothers(self) -> None:
        morning = Morning(Unknown("HTTP 502"))
        well: Any = ListingBroker([a_listing()], name="zerodha")

        outcomes = instruments.refresh(morning.masters, [morning.broker, well], lambda _: (), TradingCalendar(), MONDAY)

        assert outcomes == {"zebu": "unavailable", "zerodha": "fresh"}

    def test_nobody_is_asked_on_a_day_without_a_session(self) -> None:
        morning = Morning(a_listing())
        sunday = MONDAY - timedelta(days=1)

        assert instruments.refresh(morning.masters, [morning.broker], lambda _: (), TradingCalendar(), sunday) == {}
        assert morning.http.sent == []

    def test_a_day_nobody_announced_is_refused(self) -> None:
        morning = Morning(a_listing())

        with pytest.raises(CalendarExhausted):
            instruments.refresh(morning.masters, [], lambda _: (), TradingCalendar(), date(2027, 3, 1))

    def test_the_sandbox_has_a_list_every_day(self) -> None:
        morning = Morning(a_listing())
        sunday = MONDAY - timedelta(days=1)

        outcomes = instruments.refresh(morning.masters, [morning.broker], lambda _: (), AlwaysOpen(), sunday)

        assert outcomes == {"zebu": "fresh"}


class TestReading:
    def test_a_process_reads_the_days_list_once_and_asks_no_broker(self) -> None:
        morning = Morning(Unknown("HTTP 502"), held=(a_master(MONDAY),))

        lists = [morning.masters.master(morning.broker, MONDAY) for _ in range(3)]

        assert lists == [a_listing()] * 3
        assert (morning.store.reads, morning.http.sent) == (1, [])

    def test_the_next_day_has_a_list_of_its_own(self) -> None:
        newer = living(a_listing() | a_listing(expiries=[date(2027, 1, 5)]), WEDNESDAY)
        morning = Morning(newer, held=(a_master(MONDAY), a_master(WEDNESDAY, newer)))

        lists = [morning.masters.master(morning.broker, day) for day in (MONDAY, WEDNESDAY)]

        assert lists == [a_listing(), newer]

    def test_a_list_that_stands_in_is_given_up_for_a_good_one_within_the_day(self) -> None:
        morning = Morning(a_listing(), held=(a_master(MONDAY, a_listing(strikes=3), flaw=Flaw.EMPTY, made_on=FRIDAY),))
        before = morning.masters.master(morning.broker, MONDAY)
        morning.store.write(a_master(MONDAY))

        assert len(before) < len(morning.masters.master(morning.broker, MONDAY)) == len(a_listing())

    def test_a_list_the_morning_did_not_leave_is_fetched_when_it_is_needed_and_shared(self) -> None:
        morning = Morning(a_listing())

        assert morning.masters.master(morning.broker, MONDAY) == a_listing()
        assert morning.another_process().master(morning.broker, MONDAY) == a_listing()
        assert len(morning.http.sent) == 1

    def test_a_broker_that_failed_just_now_is_left_alone_for_a_minute(self) -> None:
        morning = Morning(Unknown("timeout"), a_listing())
        for _ in range(3):
            with pytest.raises(Unavailable):
                morning.masters.master(morning.broker, MONDAY)
        assert len(morning.http.sent) == 1

        morning.clock.now += GIVEN_UP_FOR

        assert morning.masters.master(morning.broker, MONDAY) == a_listing()


def test_finding_a_contract_runs_no_code_of_ours() -> None:
    """A lookup is one step of a dictionary whose keys are compared in C; measured, it takes 0.2 microseconds."""
    listed: dict[Contract, Instrument] = a_listing()
    wanted = next(iter(listed))

    assert type(listed) is dict
    assert calls_while(lambda: listed[wanted]) == 1  # the lambda itself


def calls_while(work: Any) -> int:
    """How many Python functions run."""
    made = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal made
        made += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return made

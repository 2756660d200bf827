"""Half an hour before a boundary, over the real table and bucket: what a run would find, kept and told."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from quantleap.adapters import keys
from quantleap.adapters.broker_accounts import TableBrokerAccounts
from quantleap.adapters.event_items import TableOutbox
from quantleap.adapters.items import stored
from quantleap.adapters.rehearsals import TableRehearsals
from quantleap.adapters.table import Table
from quantleap.domain.basket import Leg
from quantleap.domain.broker import Broker, Instrument
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.errors import Unavailable
from quantleap.domain.events import EventType
from quantleap.domain.market import Snapshot
from quantleap.domain.rehearsal import Rehearsal
from quantleap.domain.sessions import CalendarExhausted, TradingCalendar
from quantleap.domain.strikes import FixedStrike
from quantleap.domain.subscription import Action
from quantleap.domain.trading import Product, Side
from quantleap.services.precision_timer import Timer
from quantleap.services.rehearsal import Stage, boundary_after, rehearse
from tests.builders import NINE_TWENTY, OTHERS, TEMPLATE, ZEBU, a_strategy, an_account, early_closing
from tests.calls import Calls
from tests.integration.test_precision_timer import a_follower, feed, market, timer  # noqa: F401 - fixtures
from tests.unit.test_halts import a_halt
from tests.unit.test_margins import Brokers, Money, Teller, a_bank
from tests.unit.test_planning import a_master

EVENING = NINE_TWENTY + timedelta(hours=6)


@pytest.fixture
def stage(market: Timer, table: Table) -> Stage:  # noqa: F811 - the fixture of that name
    """A template that enters at 09:20 on Mondays, followed by five users who are all logged in."""
    for number in range(1, 6):
        log_in(table, number, EVENING)
    return Stage(market, TableBrokerAccounts(table), TableRehearsals(table), a_bank())


def log_in(table: Table, number: int, dies: datetime | None) -> None:
    """The n-th user's account, with a token that dies at a time."""
    subscription = a_follower(number)
    account = an_account(
        user_id=subscription.user_id, client_id=subscription.allocations[0].client_id, token_expires_at=dies
    )
    table.put(stored(account, "BROKER_ACCOUNT", keys.broker_account(account.user_id, account.client_id)))


def rehearsed(stage: Stage) -> Rehearsal:
    (found,) = rehearse(stage, NINE_TWENTY)
    return found


def listing(stage: Stage, listed: Mapping[Contract, Instrument] | Exception) -> Stage:
    """The stage with a broker that lists these contracts, or none."""

    class Masters:
        def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
            if isinstance(listed, Exception):
                raise listed
            return listed

    return stage._replace(timer=stage.timer._replace(masters=Masters()))


def test_everybody_is_ready_who_could_enter_and_leave(stage: Stage) -> None:
    found = rehearsed(stage)

    assert (found.run_id, found.boundary) == (f"run_20261123T092000_entry_{TEMPLATE}_v1", NINE_TWENTY)
    assert (found.subscriptions, found.ready, found.reasons, found.venues) == (5, 5, {}, {})


def test_each_who_is_not_ready_counts_under_the_reason(stage: Stage, table: Table) -> None:
    log_in(table, 1, None)
    log_in(table, 2, NINE_TWENTY)
    log_in(table, 3, NINE_TWENTY + timedelta(hours=1))
    table.take(keys.broker_account(a_follower(4).user_id, a_follower(4).allocations[0].client_id))

    found = rehearsed(stage)

    assert (found.subscriptions, found.ready) == (5, 1)
    assert found.reasons == {
        "broker_login_missing": 1,
        "broker_token_expired": 1,
        "broker_token_dies_before_exit": 1,
        "broker_account_missing": 1,
    }


def test_who_paused_is_not_expected_and_who_is_halted_is_not_ready(stage: Stage) -> None:
    stage.timer.subscriptions.move(a_follower(1).subscription_id, ZEBU, Action.PAUSE, NINE_TWENTY)
    stage.timer.halts.put(a_halt(f"user:{a_follower(2).user_id}"))

    found = rehearsed(stage)

    assert (found.subscriptions, found.ready, found.reasons) == (4, 3, {"halted": 1})


def test_a_broker_that_lists_no_such_series_is_found_out(stage: Stage) -> None:
    other = {contract._replace(expiry=date(2026, 12, 29)): each for contract, each in a_master().items()}

    found = rehearsed(listing(stage, other))

    assert found.venues == {"zebu#test": "contract_not_listed_at_broker"}
    assert (found.ready, found.reasons) == (0, {"contract_not_listed_at_broker": 5})


def test_a_broker_without_a_list_is_found_out(stage: Stage) -> None:
    found = rehearsed(listing(stage, Unavailable("none today", code="instrument_master_unavailable")))

    assert found.reasons == {"instrument_master_unavailable": 5}


@pytest.mark.parametrize(("strike", "reasons"), [(26_000, {}), (28_000, {"contract_not_listed_at_broker": 5})])
def test_a_fixed_strike_has_to_be_listed(stage: Stage, strike: int, reasons: Any) -> None:
    legs = (Leg(side=Side.BUY, right=Right.CE, strike=FixedStrike.model_validate({"strike": strike})),)
    was = stage.timer.baskets.get(TEMPLATE)
    draft = was.draft.model_copy(update={"strategies": (a_strategy(legs=legs),)})
    written = was.written(draft, NINE_TWENTY)
    stage.timer.baskets.save(written, was=was, written=was.state(draft, 2, "admin", NINE_TWENTY))

    assert rehearsed(stage).reasons == reasons


def test_who_has_not_the_margin_is_named_and_shown_before_the_run(stage: Stage) -> None:
    poor = stage._replace(bank=a_bank(http=Teller(cash="0")))

    found = rehearsed(poor)

    assert (found.ready, found.reasons) == (0, {"margin_short": 5})
    assert found.accounts[f"{a_follower(1).subscription_id}#ZEBU123"] == "margin_short"
    assert stage.rehearsals.between(ZEBU, NINE_TWENTY, NINE_TWENTY) == [found]


def test_while_there_are_no_prices_nobody_is_asked_for_money(stage: Stage) -> None:
    class Closed:
        def snapshot(self, index: Index, expiry: date) -> Snapshot:
            raise Unavailable("not open yet", code="market_feed_failed")

    early = stage._replace(bank=a_bank(http=Teller(cash="0")), timer=stage.timer._replace(feed=Closed()))

    assert rehearsed(early).reasons == {}


def test_a_product_a_broker_does_not_offer_is_found_out(stage: Stage) -> None:
    was = stage.timer.baskets.get(TEMPLATE)
    draft = was.draft.model_copy(update={"strategies": (a_strategy(product="CARRY"),)})
    stage.timer.baskets.save(
        was.written(draft, NINE_TWENTY), was=was, written=was.state(draft, 2, "admin", NINE_TWENTY)
    )

    class IntradayOnly(Money):
        def __init__(self) -> None:
            super().__init__()
            self.capability = self.capability.model_copy(update={"products": (Product.INTRADAY,)})

    found = rehearsed(stage._replace(timer=stage.timer._replace(brokers=Brokers(IntradayOnly()))))

    assert found.reasons == {"product_not_offered_at_broker": 5}


def test_an_outlook_is_kept_for_its_tenant_and_told_once(stage: Stage, table: Table) -> None:
    first, again = rehearsed(stage), rehearsed(stage)

    kept = stage.rehearsals.between(ZEBU, NINE_TWENTY, NINE_TWENTY)
    events = list(TableOutbox(table).since(ZEBU.key, NINE_TWENTY - timedelta(hours=1)))

    assert first == again
    assert list(kept) == [first]
    assert stage.rehearsals.between(OTHERS, NINE_TWENTY, NINE_TWENTY) == []
    minute = timedelta(minutes=1)
    assert stage.rehearsals.between(ZEBU, NINE_TWENTY - minute, NINE_TWENTY + minute) == [first]
    assert stage.rehearsals.between(ZEBU, NINE_TWENTY + minute, NINE_TWENTY + 9 * minute) == []
    assert [(event.type, event.data["ready"]) for event in events] == [(EventType.EXECUTION_REHEARSED, 5)]


def test_it_asks_a_few_times_however_many_follow(stage: Stage, table: Table) -> None:
    with Calls(table._client) as calls:
        rehearse(stage, NINE_TWENTY)

    assert calls.made == {"Query": 3, "GetItem": 3, "BatchGetItem": 2, "TransactWriteItems": 1}


@pytest.mark.parametrize("boundary", [NINE_TWENTY + timedelta(minutes=1), datetime(2026, 11, 24, 3, 50, tzinfo=UTC)])
def test_nothing_is_rehearsed_where_nothing_enters(stage: Stage, boundary: datetime) -> None:
    assert rehearse(stage, boundary) == []


def test_past_the_table_of_sessions_there_is_no_rehearsal(stage: Stage) -> None:
    with pytest.raises(CalendarExhausted):
        rehearse(stage, datetime(2027, 1, 4, 3, 50, tzinfo=UTC))
    with pytest.raises(CalendarExhausted):
        rehearse(stage, datetime(2028, 1, 4, 3, 50, tzinfo=UTC))


def test_an_expiry_past_the_table_of_sessions_is_found_out(stage: Stage) -> None:
    class Ending(TradingCalendar):
        def is_trading_day(self, day: date) -> bool:
            if day > NINE_TWENTY.date() - timedelta(days=1):
                raise CalendarExhausted(day)
            return super().is_trading_day(day)

    ending = stage._replace(timer=stage.timer._replace(calendar=Ending()))

    assert rehearsed(ending).reasons == {"sessions_unknown": 5}


def test_a_minute_of_the_schedule_rehearses_the_boundary_half_an_hour_on() -> None:
    assert boundary_after(NINE_TWENTY - timedelta(minutes=29, seconds=30)) == NINE_TWENTY
    assert boundary_after(NINE_TWENTY - timedelta(minutes=30)) == NINE_TWENTY


def test_a_broker_that_closes_intraday_positions_first_is_found_out(stage: Stage) -> None:
    early = stage._replace(timer=stage.timer._replace(calendar=early_closing()))
    late = stage._replace(timer=stage.timer._replace(calendar=early_closing(time(15, 16))))

    found = rehearsed(early)

    assert (found.ready, found.reasons) == (0, {"exit_after_square_off": 5})
    assert found.venues == {"zebu#test": "exit_after_square_off"}
    assert rehearsed(late).ready == 5

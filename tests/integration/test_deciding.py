"""Deciding over the real table and bucket: a market nobody can see closes all the same, and twice is once."""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from threading import Event
from typing import Any

import pytest

from quantleap.adapters import keys
from quantleap.adapters.table import Table
from quantleap.domain.broker import Broker, Instrument
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import Decision, Due, Kind, Plan, Report, Trigger
from quantleap.domain.market import Snapshot
from quantleap.domain.ports import MarketFeed
from quantleap.domain.runs import exit_of
from quantleap.domain.trading import Side
from quantleap.services import precision_timer
from quantleap.services.precision_timer import Timer
from tests.builders import NINE_TWENTY, TEMPLATE
from tests.integration.test_precision_timer import (
    THREE_FIFTEEN,
    WARM,
    Starter,
    closed,
    feed,  # noqa: F401 - a fixture
    market,  # noqa: F401 - a fixture
    planned,
    timer,  # noqa: F401 - a fixture
)
from tests.unit.test_planning import a_master, a_snapshot

LONG_S = 30.0
"""Only a test that fails waits for so long."""

DOWN = Unavailable("no prices", code="market_feed_failed")


class Feed:
    """The market, after so many answers that fail; counts what it is asked."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.asked = 0

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        self.asked += 1
        if self.asked <= self.fails:
            raise DOWN
        return a_snapshot()._replace(as_of=WARM)


class Hung:
    """A feed that answers only when it is let go."""

    def __init__(self) -> None:
        self.released = Event()

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        self.released.wait(LONG_S)
        raise DOWN


class Masters:
    """Every broker lists the same contracts; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
        self.asked += 1
        return a_master()


@pytest.fixture
def entry(market: Timer) -> Plan:  # noqa: F811 - the fixture of that name
    """A run that entered."""
    plan = planned(market)
    precision_timer.decide(market, [plan])
    return plan


def leaving(over: Timer, entered: Due, count: int) -> list[Plan]:
    """So many runs that close an entry, of one minute each."""
    boundaries = (THREE_FIFTEEN + timedelta(minutes=number) for number in range(count))
    return precision_timer.plan(over, [exit_of(entered, boundary, (0,)) for boundary in boundaries])


def entering(over: Timer) -> Plan:
    """Another entry."""
    trigger = Trigger(at=NINE_TWENTY + timedelta(minutes=5), template_id=TEMPLATE)
    (plan,) = precision_timer.plan(over, precision_timer.triggered(over, trigger))
    return plan


def decided(over: Timer, plans: Sequence[Plan], prices: MarketFeed) -> list[Decision]:
    return precision_timer.decide(over._replace(feed=prices), plans)


@pytest.mark.parametrize(("fails", "asked"), [(0, 1), (1, 2), (1000, 2)])
def test_seven_runs_ask_for_a_chain_once_and_once_more_when_it_fails(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
    fails: int,
    asked: int,
) -> None:
    seen = Feed(fails)

    decisions = decided(market, [*leaving(market, entry.due, 6), entering(market)], seen)

    assert seen.asked == asked
    assert [len(decision.orders) for decision in decisions] == [4] * 6 + [0 if fails > 1 else 4]


def test_seven_runs_ask_for_a_brokers_list_once(market: Timer, entry: Plan) -> None:  # noqa: F811 - the fixture
    masters = Masters()

    decided(market._replace(masters=masters), leaving(market, entry.due, 7), Feed())

    assert masters.asked == len(entry.venues) == 1


def test_while_the_feed_hangs_exits_are_priced_by_their_entry_and_entries_are_refused(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precision_timer, "FEED_PATIENCE_S", 0.0)
    hung = Hung()

    *exits, enters = decided(market, [*leaving(market, entry.due, 7), entering(market)], hung)
    hung.released.set()

    assert (enters.orders, enters.refusal) == ((), "market_feed_failed")
    for each in exits:
        assert each.refusal is None
        assert {(order.side, str(order.reference_price), str(order.limit_price)) for order in each.orders} == {
            (Side.BUY, "99.50", "109.45"),
            (Side.SELL, "100.50", "90.45"),
        }


def test_a_list_that_hangs_keeps_nobody_in(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = Event()

    class HungMasters:
        def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
            released.wait(LONG_S)
            raise Unavailable("no list", code="instrument_master_unavailable")

    monkeypatch.setattr(precision_timer, "LISTS_PATIENCE_S", 0.0)

    (back,) = decided(market._replace(masters=HungMasters()), leaving(market, entry.due, 1), Feed())
    released.set()

    assert [list(order.listings) for order in back.orders] == [["zebu#test"]] * 4


def test_a_run_that_is_decided_asks_nothing_and_its_workers_find_what_was_decided(
    market: Timer,  # noqa: F811 - the fixture of that name
) -> None:
    plan, seen, masters = planned(market), Feed(), Masters()
    first = Decision(run_id=plan.due.run_id, decided_at=WARM, refusal="strike_not_found")
    market.runs.adopt_decision(first)  # whoever did died before it was written for the workers

    assert decided(market._replace(masters=masters), [plan], seen) == [first]
    assert (seen.asked, masters.asked) == (0, 0)
    assert market.plans.decision(plan.due.run_id, plan.plan_id) == first


def test_a_run_that_is_refused_before_the_market_is_looked_at_keeps_none_from_it(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
) -> None:
    moved = entering(market)
    older = moved.model_copy(update={"due": moved.due.model_copy(update={"version": 7})})

    refused, back = decided(market, [older, *leaving(market, entry.due, 1)], Feed())

    assert (refused.refusal, len(back.orders)) == ("template_version_moved", 4)


def test_an_entry_that_nobody_decided_has_nothing_to_close(market: Timer) -> None:  # noqa: F811 - the fixture
    (back,) = decided(market, leaving(market, planned(market).due, 1), Feed())

    assert (back.orders, back.refusal) == ((), None)


def test_an_entry_that_is_started_again_by_hand_leaves_what_leaves_when_as_it_was(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
    table: Table,
) -> None:
    key = keys.run_exit(entry.due.run_id, "MON#15:15")
    noted = table.get(key)
    (again,) = precision_timer.triggered(market, Trigger(at=NINE_TWENTY, template_id=TEMPLATE))

    precision_timer.plan(market, [again.model_copy(update={"strategies": (0, 0)})])

    assert noted is not None
    assert table.get(key) == noted


def test_an_exit_of_the_schedule_that_is_asked_for_by_name_is_the_same_run(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
) -> None:
    (scheduled,) = precision_timer.due(market, THREE_FIFTEEN)
    by_hand = Trigger(
        at=THREE_FIFTEEN, template_id=TEMPLATE, kind=Kind.EXIT, closes=entry.due.run_id, strategies=scheduled.strategies
    )

    assert precision_timer.triggered(market, by_hand) == [scheduled]


def test_a_square_off_in_the_second_of_an_exit_of_a_part_closes_the_rest_too(
    market: Timer,  # noqa: F811 - the fixture of that name
    entry: Plan,
) -> None:
    entered = entry.due.model_copy(update={"strategies": (0, 1)})
    (part,) = precision_timer.plan(market, [exit_of(entered, THREE_FIFTEEN, (0,))])

    (square_off,) = precision_timer.plan(market, [exit_of(entered, THREE_FIFTEEN, (0, 1))])

    assert (part.due.strategies, square_off.due.strategies) == ((0,), (0, 1))


def test_an_entry_asked_for_at_a_minute_of_the_schedule_is_the_run_of_the_schedule(
    market: Timer,  # noqa: F811 - the fixture of that name
) -> None:
    basket = market.baskets.get(TEMPLATE)
    later = basket.strategies[0].model_copy(update={"entry_time": time(9, 30)})
    market.baskets.save(basket.model_copy(update={"strategies": (*basket.strategies, later)}), was=basket)

    asked = [
        precision_timer.triggered(market, Trigger(at=at, template_id=TEMPLATE, scope=scope))[0].strategies
        for at, scope in (
            (NINE_TWENTY, None),
            (NINE_TWENTY + timedelta(minutes=10), None),
            (NINE_TWENTY + timedelta(seconds=10), None),
            (NINE_TWENTY, "zebu#test"),
        )
    ]

    assert [each.strategies for each in precision_timer.due(market, NINE_TWENTY)] == [(0,)]
    assert asked == [(0,), (1,), (0, 1), (0, 1)]


def test_halves_are_closed_by_the_same_run_however_often_and_late_the_step_is_repeated(
    market: Timer,  # noqa: F811 - the fixture of that name
) -> None:
    plan, first = closed(market, incomplete=1, unwind=(0,))
    again, later = Starter(), market._replace(clock=lambda: WARM + timedelta(minutes=1))
    market.runs.report(plan.due.run_id, 1, Report(incomplete=1, unwind=(0, 1)))

    precision_timer.close(later, again, timedelta(seconds=5), plan.due.run_id)

    assert again.started == first.started


def test_halves_whose_step_died_before_it_started_their_exit_are_closed_by_the_one_it_had_in_mind(
    market: Timer,  # noqa: F811 - the fixture of that name
) -> None:
    class Dies:
        def start(self, due: Due, request: Mapping[str, object]) -> None:
            raise ConnectionError

    plan, again, lead = planned(market), Starter(), timedelta(seconds=5)
    market.runs.report(plan.due.run_id, 0, Report(incomplete=1, unwind=(0,)))
    with pytest.raises(ConnectionError):
        precision_timer.close(market, Dies(), lead, plan.due.run_id)

    later = market._replace(clock=lambda: WARM + timedelta(minutes=1))
    precision_timer.close(later, again, lead, plan.due.run_id)

    ((due, _),) = again.started
    assert due.boundary == WARM + lead


def test_a_fault_in_one_run_is_raised_once_the_others_are_decided(market: Timer, entry: Plan) -> None:  # noqa: F811 - the fixture
    broken, whole = leaving(market, entry.due, 2)

    class Runs:
        """The table, which cannot be read for one run."""

        def __getattr__(self, name: str) -> Any:
            return getattr(market.runs, name)

        def decided(self, run_id: str) -> Decision | None:
            if run_id == broken.due.run_id:
                raise ConnectionError(run_id)
            return market.runs.decided(run_id)

    runs: Any = Runs()
    with pytest.raises(ExceptionGroup) as raised:
        precision_timer.decide(market._replace(runs=runs), [broken, whole])

    assert [str(fault) for fault in raised.value.exceptions] == [broken.due.run_id]
    assert market.runs.decided(whole.due.run_id) == market.plans.decision(whole.due.run_id, whole.plan_id)
    assert market.runs.decided(broken.due.run_id) is None


class Recording:
    """A feed that tells which expiry it is asked for, and shows nothing."""

    def __init__(self) -> None:
        self.asked: list[date] = []

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        self.asked.append(expiry)
        raise DOWN


@pytest.mark.parametrize(
    ("scope", "refusal", "asked"),
    [
        (None, "sessions_provisional", set()),
        ("zebu#live", "sessions_provisional", set()),
        ("zebu#test", "market_feed_failed", {date(2027, 1, 5)}),
    ],
)
def test_an_expiry_on_a_day_nobody_has_published_is_decided_in_the_sandbox_alone(
    market: Timer,  # noqa: F811 - the fixture of that name
    scope: str | None,
    refusal: str,
    asked: set[date],
) -> None:
    feed = Recording()  # noqa: F811 - its own
    last_day = NINE_TWENTY.replace(month=12, day=30)
    (due,) = precision_timer.triggered(market, Trigger(at=last_day, template_id=TEMPLATE, scope=scope))
    plan = Plan(due=due, plan_id="p", shards=1, tenants={}, venues=())

    (decision,) = precision_timer.decide(market._replace(feed=feed), [plan])

    assert (decision.refusal, set(feed.asked)) == (refusal, asked)


def test_an_exit_carries_the_hours_at_which_brokers_close_positions_themselves(entry: Plan, market: Timer) -> None:  # noqa: F811 - the fixture
    (leaves,) = leaving(market, entry.due, 1)

    (decision,) = decided(market, [leaves], Feed())

    assert decision.square_offs["upstox"].at.isoformat() == "2026-11-23T15:12:00+05:30"
    assert market.plans.decision(leaves.due.run_id, leaves.plan_id).square_offs == decision.square_offs

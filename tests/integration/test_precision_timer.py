"""The steps before a boundary over the real table and bucket: few calls, and twice is once."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest

from quantleap.adapters import keys
from quantleap.adapters.baskets import TableBaskets
from quantleap.adapters.brokers.directory import Directory
from quantleap.adapters.halts import TableHalts
from quantleap.adapters.plan_store import S3PlanStore
from quantleap.adapters.runs import TableRuns
from quantleap.adapters.subscriptions import TableSubscriptions
from quantleap.adapters.table import Table
from quantleap.domain.basket import Basket, MarketplaceConfig, Visibility
from quantleap.domain.broker import Broker, Instrument
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.errors import Unavailable
from quantleap.domain.execution import Decision, Due, Kind, Plan, Report, Seat, Trigger
from quantleap.domain.halts import Halt
from quantleap.domain.market import Snapshot
from quantleap.domain.runs import exit_of
from quantleap.domain.sessions import CalendarExhausted, Session, TradingCalendar
from quantleap.domain.subscription import Action, Subscription
from quantleap.services import precision_timer
from quantleap.services.precision_timer import Timer
from tests.builders import NINE_TWENTY, TEMPLATE, ZEBU, a_basket, a_subscription, a_template, counting
from tests.unit.test_planning import EXPIRY, a_master, a_snapshot

BUCKET = "plans"
WARM = NINE_TWENTY - timedelta(seconds=90)


def a_follower(number: int) -> Subscription:
    user_id = f"usr_{number:020}"
    return a_subscription(number, user_id=user_id)


def follow(table: Table, number: int) -> None:
    """The n-th user, with an account that is enabled, follows the template."""
    subscription = a_follower(number)
    for allocation in subscription.allocations:
        account = keys.broker_account(subscription.user_id, allocation.client_id)
        table.put({**account, "account_status": "enabled"})
    TableSubscriptions(table).add(subscription)


class Feed:
    """The market as of the snapshot, unless it is down."""

    def __init__(self) -> None:
        self.down = False

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        if self.down:
            raise Unavailable("no prices", code="market_feed_failed")
        assert (index, expiry) == (Index.NIFTY, EXPIRY)
        return a_snapshot()._replace(as_of=WARM)


@dataclass
class Starter:
    """Notes what it is to start."""

    started: list[tuple[Due, Mapping[str, object]]] = field(default_factory=list)

    def start(self, due: Due, request: Mapping[str, object]) -> None:
        self.started.append((due, request))


class Masters:
    """Every broker lists the same contracts."""

    def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
        return a_master()


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def timer(table: Table, feed: Feed) -> Timer:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return Timer(
        baskets=TableBaskets(table),
        subscriptions=TableSubscriptions(table),
        runs=TableRuns(table),
        halts=TableHalts(table),
        plans=S3PlanStore(s3, BUCKET),
        feed=feed,
        masters=Masters(),
        brokers=Directory("http://127.0.0.1:1", real=False),
        calendar=TradingCalendar(),
        clock=lambda: WARM,
        draw=counting(),
        shard_size=2,
    )


@pytest.fixture
def market(timer: Timer, table: Table) -> Timer:
    """A template that enters at 09:20 on Mondays, followed by five users."""
    basket = a_template(version=1, subscriber_count=0)
    withheld = basket.model_copy(update={"marketplace": None})
    timer.baskets.add(withheld)
    timer.baskets.save(basket.model_copy(update={"version": 2}), was=withheld)
    for number in range(1, 6):
        follow(table, number)
    return timer


def calls(table: Table, work: Callable[[], object]) -> Counter[str]:
    """Which operations of DynamoDB `work` asks for."""
    asked: Counter[str] = Counter()
    events = table._client.meta.events

    def count(model: Any, **_: Any) -> None:
        asked[model.name] += 1

    events.register("before-call.dynamodb", count, unique_id="count")
    work()
    events.unregister("before-call.dynamodb", unique_id="count")
    return asked


def planned(timer: Timer) -> Plan:
    (plan,) = precision_timer.plan(timer, precision_timer.due(timer, NINE_TWENTY))
    return plan


def test_a_template_is_due_at_its_minute_and_weekday_only(market: Timer) -> None:
    (found,) = precision_timer.due(market, NINE_TWENTY)

    assert (found.template_id, found.version, found.strategies) == (TEMPLATE, 1, (0,))
    assert found.run_id == f"run_20261123T092000_entry_{TEMPLATE}_v1"
    assert precision_timer.due(market, NINE_TWENTY + timedelta(minutes=1)) == []


@pytest.mark.parametrize(
    "boundary",
    [
        datetime(2026, 11, 24, 3, 50, tzinfo=UTC),  # a holiday
        datetime(2026, 11, 22, 3, 50, tzinfo=UTC),  # a Sunday
        datetime(2026, 11, 23, 12, 0, tzinfo=UTC),  # after the close
    ],
)
def test_nothing_is_due_outside_a_session_and_nothing_is_asked(market: Timer, table: Table, boundary: datetime) -> None:
    assert calls(table, lambda: precision_timer.due(market, boundary)) == {}


@pytest.mark.parametrize(("closes", "strategies"), [("12:00", []), ("15:15", []), ("15:16", [(0,)])])
def test_what_could_not_leave_before_the_session_ends_does_not_enter(
    market: Timer, closes: str, strategies: list[tuple[int, ...]]
) -> None:
    class Short(TradingCalendar):
        def session(self, day: date) -> Session | None:
            whole = super().session(day)
            return whole and whole._replace(closes=datetime.combine(day, time.fromisoformat(closes), IST))

    dues = precision_timer.due(market._replace(calendar=Short()), NINE_TWENTY)

    assert [each.strategies for each in dues] == strategies


def test_a_feed_that_stands_still_is_no_market(market: Timer) -> None:
    late = market._replace(clock=lambda: NINE_TWENTY)

    (decision,) = precision_timer.decide(late, [planned(market)])

    assert decision.refusal == "market_feed_stale"


def test_a_day_nobody_announced_is_refused(market: Timer) -> None:
    with pytest.raises(CalendarExhausted):
        precision_timer.due(market, datetime(2027, 3, 1, 3, 50, tzinfo=UTC))


def test_what_is_due_takes_one_query_and_the_subscribers_one(market: Timer, table: Table) -> None:
    dues: list[Due] = []

    asked_due = calls(table, lambda: dues.extend(precision_timer.due(market, NINE_TWENTY)))
    asked_plan = calls(table, lambda: precision_timer.plan(market, dues))

    assert asked_due == {"Query": 1, "BatchGetItem": 1}
    assert asked_plan["Query"] == 2, "the halts in one, and all subscribers in one"
    assert set(asked_plan) == {"Query", "GetItem", "PutItem"}


def test_the_plan_holds_every_subscriber_once_in_shards_of_the_size_asked_for(market: Timer) -> None:
    plan = planned(market)

    seats = [seat for n in range(plan.shards) for seat in market.plans.seats(plan.due.run_id, plan.plan_id, n)]
    assert plan.shards == 3
    assert sorted(seat.subscription_id for seat in seats) == sorted(a_follower(n).subscription_id for n in range(1, 6))
    assert plan.tenants == {"zebu#test": (0, 1, 2)}


def test_planning_a_run_twice_gives_the_first_plan(market: Timer, table: Table) -> None:
    first = planned(market)
    follow(table, 6)

    assert planned(market) == first


def test_a_paused_subscriber_is_planned_to_be_told_why_and_a_cancelled_one_is_not(market: Timer, table: Table) -> None:
    subscriptions = TableSubscriptions(table)
    subscriptions.cancel(a_follower(1).after(Action.CANCEL, NINE_TWENTY))
    subscriptions.move(a_follower(2).subscription_id, ZEBU, Action.PAUSE, NINE_TWENTY)
    plan = planned(market)

    seats = [seat for n in range(plan.shards) for seat in market.plans.seats(plan.due.run_id, plan.plan_id, n)]
    assert sorted(seat.status for seat in seats) == ["ACTIVE", "ACTIVE", "ACTIVE", "PAUSED"]


def test_a_template_withdrawn_since_its_slot_was_read_is_not_due(market: Timer) -> None:
    basket = market.baskets.get(TEMPLATE)
    market.baskets.save(basket.withdrawn(NINE_TWENTY), was=basket)

    assert precision_timer.due(market, NINE_TWENTY) == []


def test_a_version_that_moves_to_fewer_strategies_while_it_is_planned_stops_no_other_run(market: Timer) -> None:
    (now,) = precision_timer.due(market, NINE_TWENTY)
    before = now.model_copy(update={"run_id": f"{now.run_id}0", "version": 10, "strategies": (0, 7)})

    plans = precision_timer.plan(market, [before, now])
    decisions = precision_timer.decide(market, plans)

    assert [each.refusal for each in decisions] == ["template_version_moved", None]
    assert [each.entered for each in market.baskets.due("MON#15:15") if each.entered] == [now]


def test_a_template_that_is_damaged_keeps_no_other_from_being_due(market: Timer, table: Table) -> None:
    basket = a_basket(basket_id="bsk_bad")
    market.baskets.add(basket)
    market.baskets.save(basket.offered(MarketplaceConfig(), NINE_TWENTY), was=basket)
    table.put({**keys.basket("bsk_bad"), "entity_type": "BASKET", "version": 1})

    assert len(market.baskets.due("MON#09:20")) == 2
    assert [each.template_id for each in precision_timer.due(market, NINE_TWENTY)] == [TEMPLATE]


def test_a_run_that_cannot_be_planned_is_told_and_keeps_no_other_from_trading(
    market: Timer, table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    (entry,) = precision_timer.due(market, NINE_TWENTY)
    damaged = entry.run_id.replace("T0920", "T0915")
    table.put({**keys.run(damaged), "entity_type": "RUN", "version": 1})
    leaving = exit_of(entry.model_copy(update={"run_id": damaged}), NINE_TWENTY, (0,))

    assert [made.due for made in precision_timer.plan(market, [leaving, entry])] == [entry]
    assert f"{precision_timer.NOT_PLANNED}: {leaving.run_id}: " in caplog.text
    with pytest.raises(ExceptionGroup, match="no run could be planned"):
        precision_timer.plan(market, [leaving])


def test_a_run_that_faults_once_is_planned_all_the_same(market: Timer, monkeypatch: pytest.MonkeyPatch) -> None:
    seats, failed = market.subscriptions.seats, list[str]()

    def at_first_failing(template_id: str) -> Any:
        if not failed:
            failed.append(template_id)
            raise OSError("the table does not answer")
        return seats(template_id)

    monkeypatch.setattr(market.subscriptions, "seats", at_first_failing)

    assert planned(market).shards == 3
    assert failed == [TEMPLATE]


def test_who_follows_a_template_goes_on_when_its_audience_is_narrowed(market: Timer) -> None:
    basket = market.baskets.get(TEMPLATE)
    private = MarketplaceConfig(visibility=Visibility.PRIVATE, partners=("acme",))
    market.baskets.save(basket.model_copy(update={"marketplace": private, "version": 3}), was=basket)

    assert not market.baskets.get(TEMPLATE).visible_to("zebu")
    assert planned(market).tenants == {"zebu#test": (0, 1, 2)}


def test_a_run_nobody_follows_is_not_planned(timer: Timer) -> None:
    basket = a_template(version=1)
    timer.baskets.add(basket)

    trigger = Trigger(at=NINE_TWENTY, template_id=TEMPLATE, scope="zebu#test")
    assert precision_timer.plan(timer, precision_timer.triggered(timer, trigger)) == []


def test_a_trigger_is_for_its_tenant_alone(market: Timer) -> None:
    trigger = Trigger(at=NINE_TWENTY, template_id=TEMPLATE, scope="acme#test")

    (due,) = precision_timer.triggered(market, trigger)
    assert precision_timer.plan(market, [due]) == []
    assert due.run_id.endswith("_acme-test")


def test_a_run_is_decided_once_and_prices_do_not_move_after(market: Timer, feed: Feed) -> None:
    plan = planned(market)
    (first,) = precision_timer.decide(market, [plan])
    feed.down = True

    assert precision_timer.decide(market, [plan]) == [first]
    assert market.plans.decision(plan.due.run_id, plan.plan_id) == first
    assert [str(order.contract.strike) for order in first.orders] == ["26400", "25600", "26200", "25800"]


def test_without_prices_the_run_is_refused_and_says_so(market: Timer, feed: Feed) -> None:
    feed.down = True
    (decision,) = precision_timer.decide(market, [planned(market)])

    assert decision == Decision(run_id=decision.run_id, decided_at=decision.decided_at, refusal="market_feed_failed")


def test_a_version_that_moved_since_the_plan_is_refused(market: Timer) -> None:
    plan = planned(market)
    older = plan.model_copy(update={"due": plan.due.model_copy(update={"version": 7})})

    (decision,) = precision_timer.decide(market, [older])

    assert decision.refusal == "template_version_moved"


THREE_FIFTEEN = datetime(2026, 11, 23, 9, 45, tzinfo=UTC)


def test_what_entered_is_due_to_leave_at_its_own_minute_of_that_day_only(market: Timer, table: Table) -> None:
    entered = planned(market).due
    dues: list[Due] = []

    asked = calls(table, lambda: dues.extend(precision_timer.due(market, THREE_FIFTEEN)))

    (leaving,) = dues
    assert (leaving.kind, leaving.closes, leaving.strategies) == ("exit", entered.run_id, (0,))
    assert leaving.run_id == f"run_20261123T151500_exit_{TEMPLATE}_v1_of_20261123T092000"
    assert asked == {"Query": 1}
    assert precision_timer.due(market, THREE_FIFTEEN + timedelta(days=7)) == []


def test_an_exit_follows_the_version_that_entered_though_the_template_was_withdrawn(market: Timer) -> None:
    planned(market)
    basket = market.baskets.get(TEMPLATE)
    market.baskets.save(basket.withdrawn(NINE_TWENTY), was=basket)

    (leaving,) = precision_timer.due(market, THREE_FIFTEEN)

    assert leaving.version == 1


def test_an_exit_has_the_shards_of_its_entry_and_the_way_back_of_its_orders(market: Timer) -> None:
    entry = planned(market)
    (there,) = precision_timer.decide(market, [entry])
    (exit_plan,) = precision_timer.plan(market, precision_timer.due(market, THREE_FIFTEEN))

    (back,) = precision_timer.decide(market, [exit_plan])

    assert (exit_plan.shards, exit_plan.tenants) == (entry.shards, entry.tenants)
    assert {order.contract for order in back.orders} == {order.contract for order in there.orders}
    assert [order.side for order in back.orders] == ["BUY", "BUY", "SELL", "SELL"]


def test_a_hand_made_exit_closes_the_latest_entry_of_its_tenant(market: Timer) -> None:
    (due,) = precision_timer.triggered(market, Trigger(at=NINE_TWENTY, template_id=TEMPLATE, scope="zebu#test"))
    precision_timer.plan(market, [due])
    later = NINE_TWENTY + timedelta(minutes=1)
    wanted = Trigger(at=later, template_id=TEMPLATE, scope="zebu#test", kind=Kind.EXIT)

    (leaving,) = precision_timer.triggered(market, wanted)

    assert leaving.closes == due.run_id
    assert precision_timer.triggered(market, wanted.model_copy(update={"scope": "acme#test"})) == []


def test_a_closed_run_adds_its_shards_up(market: Timer) -> None:
    plan = planned(market)
    for number, error in enumerate(("0.4", "1.2")):
        part = Report(
            seats=2, counts={"filled": 8}, skipped={"subscription_paused": 1}, boundary_error_ms=Decimal(error)
        )
        market.runs.report(plan.due.run_id, number, part)

    total = precision_timer.close(market, Starter(), timedelta(seconds=5), plan.due.run_id)

    assert total.missing_shards == 1
    assert (total.seats, total.counts, total.skipped) == (4, {"filled": 16}, {"subscription_paused": 2})
    assert total.boundary_error_ms == Decimal("1.2")


def test_a_scheduled_start_serves_the_boundary_after_next_whatever_its_second() -> None:
    for second in (0, 1, 59):
        started = datetime(2026, 11, 23, 3, 48, second, 999, tzinfo=UTC)
        assert precision_timer.boundary_after(started) == NINE_TWENTY


def seated(market: Timer, plan: Plan) -> list[Seat]:
    return [seat for n in range(plan.shards) for seat in market.plans.seats(plan.due.run_id, plan.plan_id, n)]


def test_for_whom_trading_is_halted_at_the_boundary_keeps_a_seat_that_says_so(market: Timer) -> None:
    market.halts.put(Halt(scope="partner:zebu", reason="index is frozen", set_by="admin", set_at=NINE_TWENTY))
    ended = Halt(scope="platform", reason="over", until=NINE_TWENTY, set_by="admin", set_at=NINE_TWENTY)
    market.halts.put(ended)

    assert {seat.halted for seat in seated(market, planned(market))} == {"halted"}

    market.halts.lift("partner:zebu")
    (due,) = precision_timer.triggered(market, Trigger(at=THREE_FIFTEEN, template_id=TEMPLATE))
    (later,) = precision_timer.plan(market._replace(halts=market.halts), [due])
    assert {seat.halted for seat in seated(market, later)} == {None}


def closed(market: Timer, **report: Any) -> tuple[Plan, Starter]:
    """A run whose first shard reported this, closed."""
    plan, starter = planned(market), Starter()
    market.runs.report(plan.due.run_id, 0, Report(**report))
    precision_timer.close(market, starter, timedelta(seconds=5), plan.due.run_id)
    return plan, starter


def test_what_a_run_left_half_is_closed_as_soon_as_a_run_can_be_made_ready(market: Timer) -> None:
    plan, starter = closed(market, incomplete=1, unwind=(0,))

    ((due, request),) = starter.started
    assert due.boundary == market.clock() + timedelta(seconds=5)
    (asked_for,) = precision_timer.triggered(market, Trigger.model_validate(request))
    assert asked_for == due
    assert (due.closes, due.only, due.strategies) == (plan.due.run_id, "incomplete", (0,))


def test_what_a_run_left_half_is_only_told_where_its_rule_says_so(market: Timer) -> None:
    _, starter = closed(market, incomplete=1)

    assert starter.started == []


def test_an_exit_for_one_partner_concerns_no_other_tenant(market: Timer) -> None:
    plan = planned(market)
    both = plan.model_copy(update={"tenants": {**plan.tenants, "acme#test": (0,)}})
    leaving = exit_of(plan.due, THREE_FIFTEEN, (0,), only="partner:acme")

    assert precision_timer._plan_exit(market, leaving, both).tenants == {"acme#test": (0,)}


def test_an_exit_of_nobody_in_particular_has_to_name_its_entry(market: Timer) -> None:
    assert precision_timer.triggered(market, Trigger(at=NINE_TWENTY, template_id=TEMPLATE, kind=Kind.EXIT)) == []


def test_a_schedule_that_lags_behind_a_withdrawn_template_enters_nobody(market: Timer) -> None:
    class Lagging:
        """An index that still names what its template no longer offers."""

        due = market.baskets.due

        def many(self, basket_ids: Iterable[str]) -> Mapping[str, Basket]:
            found = market.baskets.many(basket_ids)
            return {each: basket.model_copy(update={"marketplace": None}) for each, basket in found.items()}

    late: Any = Lagging()

    assert precision_timer.due(market._replace(baskets=late), NINE_TWENTY) == []

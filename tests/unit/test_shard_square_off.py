"""Brokers close intraday positions themselves: an exit from that hour on never opens the opposite."""

from collections import Counter
from datetime import timedelta

import pytest

from quantleap.domain.events import EventType
from quantleap.domain.execution import Report, State
from quantleap.domain.trading import Product, SquareOff
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, Power, Store, T, a_desk, an_errand, survive
from tests.unit.shards import LEGS, WARM, a_store
from tests.unit.test_shard_exits import EXIT, after_entry, leave

UNITS = 130
ENTERED = {f"NIFTY{strike}{right}": UNITS if side == "BUY" else -UNITS for side, strike, right in LEGS}
LONG, LONG_PUT, SHORT, SHORT_PUT = ENTERED


def leaving(broker: FakeZebu, *, hour: timedelta = timedelta(0), confirmed: bool = False) -> Store:
    """One account that entered, whose broker closes intraday positions from a time after the boundary on."""
    store = after_entry(a_store(1), broker)
    broker.holds = {"C0": dict(ENTERED)}
    assert store.decision is not None
    square_offs = {"zebu": SquareOff(T + hour, confirmed)}
    store.decision = store.decision.model_copy(update={"square_offs": square_offs})
    return store


def net(broker: FakeZebu) -> dict[str, int]:
    """What the account holds in the end, as the broker has it."""
    left = Counter(broker.holds["C0"])
    for order in broker.orders:
        left[order["tsym"]] += int(order["fillshares"]) * (1 if order["trantype"] == "B" else -1)
    return dict(left)


def test_what_the_broker_has_closed_is_not_closed_again() -> None:
    broker = FakeZebu()
    store = leaving(broker)
    broker.holds["C0"] = dict.fromkeys(ENTERED, 0)

    report = leave(store, broker)

    assert broker.orders == []
    assert report.refused == {"squared_off_by_broker": 4}
    assert (report.incomplete, list(store.events.values())) == (0, [])


def test_what_is_still_there_is_closed_and_no_more() -> None:
    broker = FakeZebu()
    store = leaving(broker)
    broker.holds["C0"] |= {LONG: 65, SHORT: 0}

    report = leave(store, broker)

    assert net(broker) == dict.fromkeys(ENTERED, 0)
    assert {(order["tsym"], order["trantype"], order["qty"]) for order in broker.orders} == {
        (SHORT_PUT, "B", "130"),
        (LONG, "S", "65"),
        (LONG_PUT, "S", "130"),
    }
    assert (report.counts, report.incomplete) == ({"filled": 3, "not_sent": 1}, 0)


def test_nothing_reverses_when_the_broker_closes_longs_while_shorts_are_bought_back() -> None:
    broker = FakeZebu()
    store = leaving(broker)

    def buy_back(order: dict[str, str], _count: int) -> Behaviour:
        if order["trantype"] == "B":
            broker.holds["C0"] |= {LONG: 0, LONG_PUT: 0}
        return Behaviour()

    broker.behave = buy_back
    leave(store, broker)

    assert [order["trantype"] for order in broker.orders] == ["B", "B"]
    assert net(broker) == dict.fromkeys(ENTERED, 0)


@pytest.mark.parametrize(
    ("minutes", "asks"), [(timedelta(minutes=1), True), (timedelta(seconds=61), False), (timedelta(hours=-1), True)]
)
def test_positions_are_asked_for_from_a_minute_before_the_hour_on(minutes: timedelta, *, asks: bool) -> None:
    broker = FakeZebu()
    store = leaving(broker, hour=minutes)

    assert leave(store, broker).counts == {"filled": 4}
    assert bool(broker.asked_positions) is asks
    assert all(at >= T for at in broker.asked_positions)


def test_an_exit_before_the_hour_sends_its_first_order_at_the_boundary() -> None:
    broker = FakeZebu()

    leave(leaving(broker, hour=timedelta(hours=1)), broker)

    assert broker.arrivals[0] == T


@pytest.mark.parametrize("product", ["M", "B"])
def test_what_the_account_holds_under_another_product_is_not_ours(product: str) -> None:
    broker = FakeZebu(holds_as=product)
    store = leaving(broker)

    report = leave(store, broker)

    assert broker.orders == []
    assert report.refused == {"position_not_shown": 4}
    assert report.incomplete == 1


def test_positions_that_cannot_be_read_are_told_and_nothing_is_sent() -> None:
    broker = FakeZebu(positions_fail=99)
    store = leaving(broker)

    report = leave(store, broker)

    assert broker.orders == []
    assert report.refused == {"positions_unreadable": 4}
    (told,) = store.events.values()
    assert (told.type, told.data["closing"]) == (EventType.POSITION_INCOMPLETE, True)


def test_a_look_at_positions_that_came_too_fast_is_tried_again() -> None:
    broker = FakeZebu(positions_fail=2, positions_failure=429)
    store = leaving(broker)

    assert leave(store, broker).counts == {"filled": 4}
    assert net(broker) == dict.fromkeys(ENTERED, 0)


def test_positions_that_are_always_asked_for_too_fast_are_told_in_the_end() -> None:
    broker = FakeZebu(positions_fail=99, positions_failure=429)

    assert leave(leaving(broker), broker).refused == {"positions_unreadable": 4}


def test_positions_that_say_nothing_of_a_contract_are_no_proof_that_it_is_closed() -> None:
    broker = FakeZebu()
    store = leaving(broker)
    broker.holds["C0"] = {}

    assert leave(store, broker).refused == {"position_not_shown": 4}
    assert [told.type for told in store.events.values()] == [EventType.POSITION_INCOMPLETE]


def test_an_exit_carries_on_with_what_is_carried_without_asking_for_positions() -> None:
    broker = FakeZebu()
    store = leaving(broker)
    assert store.decision is not None
    carried = tuple(each.model_copy(update={"product": Product.CARRY}) for each in store.decision.orders)
    store.decision = store.decision.model_copy(update={"orders": carried})

    assert leave(store, broker).counts == {"filled": 4}
    assert broker.asked_positions == []


def steps_of_a_late_exit() -> int:
    broker, power = FakeZebu(), Power()
    leave(leaving(broker), broker, power=power)
    return power.steps


@pytest.mark.parametrize("cut", range(1, steps_of_a_late_exit(), 3))
def test_a_worker_that_dies_at_any_step_after_the_hour_leaves_nothing_reversed(cut: int) -> None:
    broker = FakeZebu()
    store = leaving(broker)
    broker.holds["C0"] |= {LONG: 65, SHORT: -65}
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)

    survive(lambda: serve(a_desk(store, broker, Power(cut)), errand), WARM)
    report: Report = leave(store, broker, attempt=1)

    assert net(broker) == dict.fromkeys(ENTERED, 0)
    assert not report.counts.get(State.UNKNOWN, 0)

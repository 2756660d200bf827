"""What changes in the last seconds before a boundary, and in the middle of a run, to the millisecond."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from quantleap.domain.errors import Unavailable
from quantleap.domain.events import EventType
from quantleap.domain.execution import Report, State
from quantleap.domain.halts import Halt
from quantleap.services.gate import NS, to_ns
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, Store, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, logged_out, paused, run, states

type Change = Callable[[Store], object]


def a_halt(scope: str = "platform") -> Halt:
    return Halt(scope=scope, reason="index is frozen", set_by="admin", set_at=WARM)


def halt(store: Store) -> None:
    store.halts.append(a_halt())


def move_version(store: Store) -> None:
    assert store.basket is not None
    store.basket = store.basket.model_copy(update={"live_version": 2})


def while_it_runs(store: Store, broker: FakeZebu, after: timedelta, change: Change) -> Report:
    """Serve the shard, and make the change at that time after the boundary."""

    async def both() -> Report:
        async def later() -> None:
            await asyncio.sleep((T + after - WARM).total_seconds())
            change(store)

        changing = asyncio.create_task(later())
        served = await serve(a_desk(store, broker), an_errand())
        await changing
        return served.report

    return play(both, WARM)


@pytest.mark.parametrize(
    ("seconds", "change", "reason"),
    [
        (-10, move_version, "template_version_moved"),
        (-5, paused, "subscription_paused"),
        (-5, logged_out, "broker_login_missing"),
        (-1, halt, "halted"),
    ],
)
def test_what_changes_before_the_boundary_is_honoured_and_nothing_is_placed(
    seconds: int, change: Change, reason: str
) -> None:
    store, broker = a_store(1), FakeZebu()

    report = while_it_runs(store, broker, timedelta(seconds=seconds), change)

    assert report.skipped == {reason: 1}
    assert not broker.orders


@pytest.mark.parametrize("scope", ["platform", "partner:zebu", "template:bsk_1", "user:usr_0"])
def test_a_halt_stops_whom_it_covers_and_nobody_else(scope: str) -> None:
    store, broker = a_store(2), FakeZebu()
    store.halts.append(a_halt(scope))

    report = run(store, broker)

    covered = 1 if scope.startswith("user") else 2
    assert report.skipped == {"halted": covered}
    assert len(broker.orders) == 4 * (2 - covered)


def test_a_halt_in_the_middle_keeps_the_sells_from_going_out_and_says_what_stands_half() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, _count: Behaviour(latency_s=0.6))

    report = while_it_runs(store, broker, timedelta(milliseconds=700), halt)

    assert [order["trantype"] for order in broker.orders] == ["B", "B"]
    assert report.refused == {"halted": 2}
    assert report.incomplete == 1
    assert {event.type for event in store.events.values()} == {EventType.POSITION_INCOMPLETE}


def test_a_halt_works_within_a_second_of_its_write() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, _count: Behaviour(latency_s=0.6))
    written = T + timedelta(milliseconds=300)

    while_it_runs(store, broker, written - T, halt)

    assert max(broker.arrivals) < written + timedelta(seconds=1)
    assert len(broker.orders) < 4


def test_a_worker_that_cannot_read_the_halts_places_nothing_more() -> None:
    store, broker = a_store(1), FakeZebu()

    def go_blind(store: Store) -> None:
        store.blind = True

    report = while_it_runs(store, broker, timedelta(seconds=-2.9), go_blind)

    assert report.skipped == {"halts_unreadable": 1}
    assert not broker.orders


def test_a_halt_does_not_keep_an_exit_from_closing() -> None:
    store, broker = a_store(1), FakeZebu()
    run(store, broker)
    store.entered, store.tickets, store.lease = list(store.tickets.values()), {}, {}
    halt(store)
    errand = an_errand(run_id="run_20261123T152000_exit_bsk_1_v1_of_20261123T092000", closes=an_errand().run_id)

    report = play(lambda: serve(a_desk(store, broker), errand), WARM).report

    assert not report.skipped


def expired(order: dict[str, str], _count: int) -> Behaviour:
    return Behaviour(refusal="Session Expired : Invalid Session Key" if order["actid"] == "C0" else None)


def test_a_token_that_died_after_the_last_look_ends_the_accounts_orders_and_asks_its_user_to_log_in() -> None:
    store, broker = a_store(2), FakeZebu(behave=expired)

    report = run(store, broker)

    assert states(store.tickets["sub_0#alloc_0"]) == [State.REFUSED, *[State.NOT_SENT] * 3]
    assert states(store.tickets["sub_1#alloc_1"]) == [State.FILLED] * 4
    assert report.refused == {"session_expired": 4}
    assert store.accounts["usr_0", "C0"].not_ready_because(T) == "broker_login_missing"
    assert store.accounts["usr_1", "C1"].not_ready_because(T) is None
    told = {event.type: event for event in store.events.values()}
    assert set(told) == {EventType.ORDER_REFUSED, EventType.LOGIN_REQUIRED}
    assert told[EventType.LOGIN_REQUIRED].data["client_id"] == "C0"


def test_a_login_since_the_token_was_read_is_left_alone() -> None:
    store, broker = a_store(1), FakeZebu(behave=expired)

    def log_in(store: Store) -> None:
        account = store.accounts["usr_0", "C0"]
        store.accounts["usr_0", "C0"] = account.model_copy(update={"last_oauth_login": T - timedelta(seconds=2)})

    while_it_runs(store, broker, timedelta(seconds=-2), log_in)

    assert store.accounts["usr_0", "C0"].not_ready_because(T) is None


def refuse_the_sell_of_the_call(order: dict[str, str], _count: int) -> Behaviour:
    refused = order["trantype"] == "S" and "CE" in order["tsym"]
    return Behaviour(refusal="RMS: margin exceeds, insufficient funds" if refused else None)


@pytest.mark.parametrize("unwinds", [True, False])
def test_a_position_left_half_is_told_and_unwound_where_its_rule_says_so(*, unwinds: bool) -> None:
    store, broker = a_store(2), FakeZebu(behave=refuse_the_sell_of_the_call)
    assert store.decision is not None
    orders = tuple(order.model_copy(update={"unwinds": unwinds}) for order in store.decision.orders)
    store.decision = store.decision.model_copy(update={"orders": orders})

    report = run(store, broker)

    assert report.incomplete == 2
    assert report.unwind == ((0,) if unwinds else ())
    halves: list[Any] = [e.data for e in store.events.values() if e.type is EventType.POSITION_INCOMPLETE]
    assert [half["unwinding"] for half in halves] == [unwinds] * 2
    assert [len(half["orders"]) for half in halves] == [1, 1]


def test_a_halt_works_on_an_order_that_waits_for_its_pace() -> None:
    store, broker = a_store(1), FakeZebu()
    store.joined["C0"] = {f"another run's {n:02}" for n in range(11)}

    while_it_runs(store, broker, timedelta(seconds=1.2), halt)

    assert broker.arrivals
    assert max(broker.arrivals) < T + timedelta(seconds=2.2)


def test_who_connects_again_too_slowly_does_not_enter() -> None:
    store, broker = a_store(1), FakeZebu(connects_in_s=4.9, hangs_up_after_s=5)

    assert run(store, broker).skipped == {"entry_window_over": 1}
    assert not broker.orders


def test_who_was_kept_out_because_halts_could_not_be_read_stays_out_when_they_can() -> None:
    """The other account's answers are slow, so that the worker looks again and again after the first was kept out."""
    store = a_store(2)
    broker = FakeZebu(behave=lambda _, __: Behaviour(latency_s=1.5))
    desk = a_desk(store, broker)
    read, answered = desk.halts.list, list[int]()

    def unreadable_around_the_boundary(reader: int = 0) -> Sequence[Halt]:
        at = desk.timer.now_ns() - to_ns(T)
        if -2.9 * NS < at < 1.9 * NS:
            raise Unavailable("the table does not answer")
        answered.append(at)
        return read(reader)

    desk.halts.list = unreadable_around_the_boundary  # type: ignore[method-assign]  # from the last look on
    store.joined["C1"] = {f"another run's {n:02}" for n in range(21)}

    report = play(lambda: serve(desk, an_errand()), WARM).report

    assert any(at > 0 for at in answered)
    assert report.skipped == {"halts_unreadable": 1}
    assert {order["actid"] for order in broker.orders} == {"C1"}

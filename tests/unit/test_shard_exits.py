"""The way out: what was opened is closed, whatever happened since."""

from collections import Counter
from datetime import timedelta

import pytest

from quantleap.domain.events import EventType
from quantleap.domain.execution import Report, Timing
from quantleap.domain.trading import Side
from quantleap.services.shard import serve
from tests.engine import (
    Behaviour,
    FakeZebu,
    Power,
    Store,
    T,
    a_desk,
    an_errand,
    play,
    survive,
)
from tests.unit.shards import WARM, a_store, logged_out, paused, run

EXIT = "run_20261123T152000_exit_bsk_1_v1_of_20261123T092000"


def after_entry(store: Store, broker: FakeZebu, *, keep: bool = False) -> Store:
    """The store once everybody entered, with the way back decided; the book is empty again, unless it is to `keep`."""
    run(store, broker)
    assert store.decision is not None
    orders = [
        order.model_copy(update={"side": Side.SELL if order.side is Side.BUY else Side.BUY})
        for order in store.decision.orders
    ]
    store.entered, store.tickets, store.lease = list(store.tickets.values()), {}, {}
    store.decision = store.decision.model_copy(update={"run_id": EXIT, "orders": tuple(orders[::-1])})
    if not keep:
        broker.orders.clear()
        broker.arrivals.clear()
    return store


def leave(store: Store, broker: FakeZebu, attempt: int = 0, power: Power | None = None) -> Report:
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id, attempt=attempt)
    return play(lambda: serve(a_desk(store, broker, power), errand), WARM + timedelta(seconds=32 * attempt)).report


def test_an_exit_buys_back_what_was_sold_before_it_sells_what_protects() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(2), broker)

    report = leave(store, broker)

    assert report.counts == {"filled": 8}
    for client in ("C0", "C1"):
        assert [order["trantype"] for order in broker.orders if order["actid"] == client] == ["B", "B", "S", "S"]


def test_an_exit_closes_what_is_open_though_the_user_paused_and_the_template_left() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    paused(store)
    assert store.basket is not None
    store.basket = store.basket.withdrawn(T)

    assert leave(store, broker).counts == {"filled": 4}


def test_an_exit_is_never_too_late() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)

    report = play(lambda: serve(a_desk(store, broker), errand), T + timedelta(seconds=30)).report

    assert report.counts == {"filled": 4}


def test_an_exit_waits_for_a_limit_longer_than_an_entry_would() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    first = broker.tries
    broker.behave = lambda _, count: Behaviour(refusal="Rate limit exceeded" if count < first + 4 else None)

    assert leave(store, broker).counts == {"filled": 4}
    assert min(broker.arrivals) > T + Timing().max_lateness


def test_a_buyback_that_fails_keeps_the_hedges_in_place() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    broker.behave = lambda order, _count: Behaviour(refusal="price band" if order["trantype"] == "B" else None)

    assert leave(store, broker).refused == {"price_out_of_band": 2, "buyback_failed": 2}


def test_an_exit_without_a_login_says_so_and_closes_nothing() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    logged_out(store)

    assert leave(store, broker).skipped == {"broker_login_missing": 1}
    assert not broker.orders
    (told,) = store.events.values()
    assert (told.type, told.data["client_id"], told.data["closing"]) == (EventType.POSITION_INCOMPLETE, "C0", True)


def steps_of_an_exit_without_a_login() -> int:
    store, broker, power = after_entry(a_store(1), FakeZebu()), FakeZebu(), Power()
    logged_out(store)
    leave(store, broker, power=power)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_an_exit_without_a_login() + 1))
def test_an_exit_that_cannot_be_sent_is_told_once_wherever_its_worker_dies(cut_at: int) -> None:
    store, broker = after_entry(a_store(1), FakeZebu()), FakeZebu()
    logged_out(store)
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at=cut_at)), errand), WARM)

    leave(store, broker, attempt=1)

    assert [told.type for told in store.events.values()] == [EventType.POSITION_INCOMPLETE]
    assert all(ticket.settled for ticket in store.tickets.values())


def test_an_exit_that_leaves_something_open_wakes_somebody_and_one_with_nothing_to_do_does_not() -> None:
    closed, refused, loginless = (after_entry(a_store(1), FakeZebu()) for _ in range(3))
    logged_out(loginless)

    counts = [
        leave(closed, FakeZebu()).incomplete,
        leave(refused, FakeZebu(behave=lambda _, __: Behaviour(refusal="RMS: blocked"))).incomplete,
        leave(loginless, FakeZebu()).incomplete,
    ]

    assert counts == [0, 1, 1]


def test_a_second_exit_of_the_same_entry_finds_nothing_to_close() -> None:
    broker = FakeZebu()
    store = after_entry(a_store(1), broker)
    leave(store, broker)
    later = EXIT.replace("T152000", "T152500")
    assert store.decision is not None
    store.decision = store.decision.model_copy(update={"run_id": later})
    store.lease = {}
    store.tickets = {f"old {name}": ticket for name, ticket in store.tickets.items()}

    errand = an_errand(run_id=later, closes=an_errand().run_id)
    report = play(lambda: serve(a_desk(store, broker), errand), WARM).report

    assert report.skipped == {"nothing_to_close": 1}
    assert len(broker.orders) == 4


def steps_of_an_exit() -> int:
    broker, power = FakeZebu(), Power()
    leave(after_entry(a_store(2), broker), broker, power=power)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_an_exit() + 1))
def test_an_exit_killed_at_any_step_and_started_again_closes_everything_exactly_once(cut_at: int) -> None:
    broker = FakeZebu()
    store = after_entry(a_store(2), broker)
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id)
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at=cut_at)), errand), WARM)

    leave(store, broker, attempt=1)

    tags = Counter(order["remarks"] for order in broker.orders)
    assert set(tags.values()) == {1}
    assert len(tags) == 8

"""A worker that loses its power at any step, once and twice: every order exactly once."""

from collections import Counter
from datetime import timedelta

import pytest

from quantleap.domain.execution import State
from quantleap.services.shard import serve
from tests.engine import (
    Behaviour,
    FakeZebu,
    Power,
    T,
    a_desk,
    an_errand,
    play,
    survive,
)
from tests.unit.shards import WARM, a_store


def steps_of_a_run(users: int) -> int:
    power = Power()
    play(lambda: serve(a_desk(a_store(users), FakeZebu(), power), an_errand()), WARM)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_a_run(2) + 1))
def test_a_worker_killed_at_any_step_and_started_again_places_every_order_exactly_once(cut_at: int) -> None:
    store, broker = a_store(2), FakeZebu()
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at=cut_at)), an_errand()), WARM)
    died = max([WARM, *broker.arrivals, store.lease.get("armed_until", WARM) - timedelta(seconds=2)])

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), died + timedelta(seconds=2))

    tags = Counter(order["remarks"] for order in broker.orders)
    intents = [intent for ticket in store.tickets.values() for intent in ticket.intents]
    assert tags == {intent.tag: 1 for intent in intents}
    assert len(intents) == 8
    assert {intent.state for intent in intents} == {State.FILLED}


@pytest.mark.parametrize("second_cut", range(1, 60, 7))
@pytest.mark.parametrize("cut_at", range(30, steps_of_a_run(2), 9))
def test_a_worker_killed_twice_still_places_every_order_exactly_once(cut_at: int, second_cut: int) -> None:
    store, broker = a_store(2), FakeZebu()
    survive(lambda: serve(a_desk(store, broker, Power(cut_at=cut_at)), an_errand()), WARM)
    survive(
        lambda: serve(a_desk(store, broker, Power(cut_at=second_cut)), an_errand(attempt=1)), T + timedelta(seconds=1)
    )

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=2)), T + timedelta(seconds=5))

    tags = Counter(order["remarks"] for order in broker.orders)
    assert set(tags.values()) == {1}
    assert len(tags) == 8


def a_slow_market() -> FakeZebu:
    """Every second order rests: some are filled after a while, some never."""
    rests = {1: 0.4, 3: 600.0, 5: 2.5, 7: 600.0}
    return FakeZebu(behave=lambda _, count: Behaviour(fills_after_s=rests.get(count, 0)))


def steps_of_a_slow_run() -> int:
    power = Power()
    play(lambda: serve(a_desk(a_store(2), a_slow_market(), power), an_errand()), WARM)
    return power.steps


@pytest.mark.parametrize("cut_at", range(1, steps_of_a_slow_run() + 1))
def test_a_worker_killed_while_orders_rest_leaves_nothing_that_fills_unseen(cut_at: int) -> None:
    store, broker = a_store(2), a_slow_market()
    assert not survive(lambda: serve(a_desk(store, broker, Power(cut_at=cut_at)), an_errand()), WARM)
    died = max([WARM, *broker.arrivals, *broker.reads, store.lease.get("armed_until", WARM) - timedelta(seconds=2)])

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), died + timedelta(seconds=2))

    intents = [intent for ticket in store.tickets.values() for intent in ticket.intents]
    booked = {order["remarks"]: order for order in broker.orders}
    assert len(booked) == len(broker.orders)
    assert all(ticket.settled for ticket in store.tickets.values())
    for intent in intents:
        order = booked.get(intent.tag)
        fills = order is not None and order["status"] != "CANCELED"
        assert intent.filled_quantity == (intent.quantity if fills else 0), intent
        assert not intent.state.uncertain

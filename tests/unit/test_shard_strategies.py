"""Several strategies of one template enter together: each stands or falls by its own hedges."""

import pytest

from quantleap.domain.execution import State
from tests.engine import Behaviour, FakeZebu, Store
from tests.unit.shards import a_store, run
from tests.unit.test_shard_exits import after_entry, leave


def two_strategies(*, naked: bool = False) -> Store:
    """An iron condor twice, of which the second may have no hedges."""
    store = a_store(1)
    assert store.decision is not None
    first = store.decision.orders
    second = [order.model_copy(update={"strategy": 1}) for order in first if not (naked and order.side == "BUY")]
    orders = sorted([*first, *second], key=lambda order: order.side)
    store.decision = store.decision.model_copy(update={"orders": tuple(orders)})
    return store


def of(store: Store, strategy: int) -> list[tuple[str, State, str | None]]:
    (ticket,) = store.tickets.values()
    return [(each.side, each.state, each.reason) for each in ticket.intents if each.strategy == strategy]


def refusing(number: int) -> FakeZebu:
    return FakeZebu(behave=lambda _, count: Behaviour(refusal="RMS:Margin Exceeds" if count == number else None))


def test_a_refused_hedge_ends_its_own_strategy_and_no_other() -> None:
    store = two_strategies()

    run(store, refusing(1))

    assert of(store, 0) == [
        ("BUY", State.REFUSED, "insufficient_funds"),
        ("BUY", State.NOT_SENT, "hedge_failed"),
        ("SELL", State.NOT_SENT, "hedge_failed"),
        ("SELL", State.NOT_SENT, "hedge_failed"),
    ]
    assert {state for _, state, _ in of(store, 1)} == {State.FILLED}


def test_a_hedge_that_rests_keeps_back_the_sells_of_its_own_strategy_alone() -> None:
    store = two_strategies()

    run(store, FakeZebu(behave=lambda _, count: Behaviour(book_status="OPEN" if count == 3 else "COMPLETE")))

    assert {state for _, state, _ in of(store, 0)} == {State.FILLED}
    assert of(store, 1)[2:] == [("SELL", State.NOT_SENT, "hedge_unfilled")] * 2


def test_sells_without_hedges_leave_before_the_book_is_read() -> None:
    store, broker = two_strategies(naked=True), FakeZebu(book_fails=100)

    run(store, broker)

    assert of(store, 0)[2:] == [("SELL", State.NOT_SENT, "hedge_unconfirmed")] * 2
    assert {state for _, state, _ in of(store, 1)} == {State.ACKNOWLEDGED}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_way_out_goes_as_far_as_it_can(number: int) -> None:
    broker = FakeZebu()
    store = after_entry(two_strategies(), broker)
    first = broker.tries
    broker.behave = lambda _, count: Behaviour(refusal="RMS: blocked" if count == first + number else None)

    report = leave(store, broker)

    assert report.counts == {"filled": 5, "refused": 1, "not_sent": 2}
    assert report.refused["buyback_failed"] == 2

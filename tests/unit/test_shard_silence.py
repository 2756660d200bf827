"""What a worker does when something stays silent, comes late or is taken from it."""

from datetime import timedelta

import pytest

from quantleap.domain.execution import Report, State
from quantleap.domain.trading import Side
from quantleap.services.gate import Fenced
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_halts import halt, while_it_runs

TICKET = "sub_0#alloc_0"


def again(store: Store, broker: FakeZebu, after: timedelta) -> Report:
    """A second attempt that starts so long after the first one did."""
    return play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), WARM + after).report


def dies_after(store: Store, broker: FakeZebu, orders: int, users: int = 1) -> None:
    """Serve the shard and lose the power as soon as so many orders lie at the broker."""
    for cut_at in range(1, 500):
        fresh = a_store(users)
        vars(store).update(vars(fresh))
        broker.orders.clear()
        broker.arrivals.clear()
        alive = survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)  # noqa: B023 - at once
        if store.tickets and len(broker.orders) == orders:
            assert not alive
            return


def test_an_order_nobody_answers_for_in_time_is_found_in_the_book() -> None:
    store, broker = a_store(1), FakeZebu(behave=lambda _, count: Behaviour(latency_s=60 if count == 1 else 0.05))

    report = run(store, broker)

    assert report.counts == {"filled": 4}
    assert report.resolved == 1
    assert len(broker.orders) == 4


def test_sells_of_a_strategy_without_hedges_wait_for_nothing() -> None:
    store, broker = a_store(1), FakeZebu()
    assert store.decision is not None
    naked = tuple(order for order in store.decision.orders if order.side is Side.SELL)
    store.decision = store.decision.model_copy(update={"orders": naked})

    assert run(store, broker).counts == {"filled": 2}


def test_with_no_book_to_read_a_successor_sends_nothing_more() -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 1)
    broker.book_fails = 100

    again(store, broker, timedelta(seconds=32))

    assert states(store.tickets[TICKET]) == [State.UNKNOWN] * 4
    assert len(broker.orders) == 1


@pytest.mark.parametrize(("orders", "state"), [(0, State.NOT_SENT), (1, State.UNKNOWN)])
def test_orders_of_an_account_whose_token_went_with_the_first_worker_are_ended(orders: int, state: State) -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, orders)
    store.sessions.clear()

    again(store, broker, timedelta(seconds=32))

    assert states(store.tickets[TICKET]) == [state] * 4
    assert {intent.reason for intent in store.tickets[TICKET].intents} == {"broker_session_unreadable"}


def test_a_successor_that_comes_too_late_completes_nothing_and_says_so() -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 1)

    again(store, broker, timedelta(seconds=90))

    assert states(store.tickets[TICKET]) == [State.FILLED] + [State.NOT_SENT] * 3
    assert store.tickets[TICKET].intents[1].reason == "worker_late"


def test_a_worker_that_is_overtaken_in_the_middle_sends_nothing_more() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, __: Behaviour(latency_s=1.9))

    def overtake(store: Store) -> None:
        store.lease["token"] += 1

    with pytest.raises(Fenced):
        while_it_runs(store, broker, timedelta(milliseconds=300), overtake)

    assert max(broker.arrivals) < T + timedelta(seconds=2.5)
    assert len(broker.orders) < 4


def test_a_halt_between_two_tries_ends_the_trying() -> None:
    store, broker = a_store(1), FakeZebu(refuse_connections=True)

    report = while_it_runs(store, broker, timedelta(milliseconds=150), halt)

    assert report.skipped == {"halted": 1}


def test_a_no_in_words_that_nobody_knows_is_looked_up_and_never_told_as_it_came() -> None:
    said = "Error while calling service"
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, count: Behaviour(refusal=said if count == 1 else None))

    report = run(store, broker)

    odd = [intent for intent in store.tickets[TICKET].intents if intent.said is not None]
    assert [(each.state, each.reason, each.said) for each in odd] == [(State.NOT_SENT, "never_arrived", said)]
    assert report.refused["never_arrived"] == 1
    assert not any(said in reason for reason in report.refused)


def test_a_refusal_is_told_in_our_word_with_the_brokers_text_beside_it() -> None:
    store, broker = a_store(1), FakeZebu(behave=lambda _, __: Behaviour(refusal="RMS:Margin Exceeds, Required:1"))

    report = run(store, broker)

    first = store.tickets[TICKET].intents[0]
    assert (first.state, first.reason, first.said) == (
        State.REFUSED,
        "insufficient_funds",
        "RMS:Margin Exceeds, Required:1",
    )
    assert set(report.refused) == {"insufficient_funds", "hedge_failed"}

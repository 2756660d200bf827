"""A worker that takes over finds orders in every state: hedges come before sells on each attempt, on both ways."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest

from quantleap.domain.broker import Answer
from quantleap.domain.execution import State
from quantleap.services.desk import Errand
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, Power, Store, T, a_desk, an_errand, play, survive
from tests.unit.shards import WARM, a_store, states, unhedged
from tests.unit.test_shard_exits import EXIT, after_entry

SECOND = timedelta(seconds=1)
TICKET = "sub_0#alloc_0"

FOUND = {
    "filled": Behaviour(),
    "filled while the successor looks": Behaviour(fills_after_s=3.5),
    "filled after the successor gave up": Behaviour(fills_after_s=600),
    "resting": Behaviour(book_status="OPEN"),
    "rejected": Behaviour(book_status="REJECTED"),
    "cancelled": Behaviour(book_status="CANCELED"),
    "refused": Behaviour(refusal="RMS: margin"),
    "placed, the answer lost": Behaviour(lose_answer=True),
    "lost on its way": Behaviour(lose_order=True),
    "under way": Behaviour(latency_s=4),
}
"""What becomes of one buy of the worker that dies."""


def entry(_broker: FakeZebu) -> tuple[Store, str]:
    return a_store(1), an_errand().run_id


def way_out(broker: FakeZebu) -> tuple[Store, str]:
    return after_entry(a_store(1), broker), EXIT


def errand_of(run_id: str, attempt: int) -> Errand:
    closes = an_errand().run_id if run_id == EXIT else None
    return an_errand(run_id=run_id, closes=closes, attempt=attempt)


def steps() -> int:
    power = Power()
    play(lambda: serve(a_desk(a_store(1), FakeZebu(), power), an_errand()), WARM)
    return power.steps


@pytest.mark.parametrize("way", [entry, way_out])
@pytest.mark.parametrize("found", FOUND)
@pytest.mark.parametrize("place", [1, 2])
def test_no_sell_leaves_before_every_hedge_is_filled_wherever_a_worker_dies(
    way: Callable[[FakeZebu], tuple[Store, str]], found: str, place: int
) -> None:
    """The n-th buy becomes what it is to become; the worker dies at any step, and another one takes over."""
    for cut_at in range(1 + place, steps() + 1, 2):
        broker = FakeZebu()
        store, run_id = way(broker)
        broker.tries = 0
        broker.behave = lambda _, count: FOUND[found] if count == place else Behaviour()
        first, second = a_desk(store, broker, Power(cut_at)), a_desk(store, broker)
        survive(partial(serve, first, errand_of(run_id, 0)), WARM)

        play(partial(serve, second, errand_of(run_id, 1)), died(store, broker))

        assert unhedged(broker) == []
        assert set(Counter(order["remarks"] for order in broker.orders).values()) <= {1}


def died(store: Store, broker: FakeZebu) -> datetime:
    """A second after the last sign of life."""
    armed: datetime = store.lease.get("armed_until", WARM)
    return max([WARM, armed - 2 * SECOND, *broker.arrivals, *broker.reads]) + SECOND


@pytest.mark.parametrize("after_ms", range(-2500, 2500, 250))
@pytest.mark.parametrize("answers_in_s", [0.05, 0.8, 1.9])
def test_beside_a_worker_that_still_lives_no_sell_leaves_before_every_hedge_is_filled(
    after_ms: int, answers_in_s: float
) -> None:
    """Step Functions loses the connection to a worker and starts another; both see hedges that fill late."""
    store, broker = a_store(2), FakeZebu()
    broker.behave = lambda order, _: Behaviour(answers_in_s, fills_after_s=2.2 if order["trantype"] == "B" else 0)

    async def successor() -> None:
        await asyncio.sleep((T - WARM + timedelta(milliseconds=after_ms)).total_seconds())
        await serve(a_desk(store, broker), an_errand(attempt=1))

    async def both() -> None:
        await asyncio.gather(serve(a_desk(store, broker), an_errand()), successor(), return_exceptions=True)

    play(both, WARM)

    assert unhedged(broker) == []
    assert set(Counter(order["remarks"] for order in broker.orders).values()) == {1}
    assert all(ticket.settled for ticket in store.tickets.values())


def test_a_successor_buys_no_second_hedge_where_the_first_was_rejected() -> None:
    store, broker = (
        a_store(1),
        FakeZebu(behave=lambda _, count: Behaviour(book_status="REJECTED" if count == 1 else "COMPLETE")),
    )
    cut_at = next(n for n in range(1, 500) if dies_with_one_order(store, broker, n))

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + SECOND)

    assert cut_at
    assert states(store.tickets[TICKET]) == [State.REJECTED, *[State.NOT_SENT] * 3]
    assert len(broker.orders) == 1


def dies_with_one_order(store: Store, broker: FakeZebu, cut_at: int) -> bool:
    vars(store).update(vars(a_store(1)))
    survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)
    return len(broker.orders) == 1


@pytest.mark.parametrize("orders", [0, 1, 3])
def test_a_successor_looks_into_no_book_before_what_its_predecessor_may_yet_send_is_in_it(orders: int) -> None:
    """Two seconds of a lease that was armed for the boundary, and one for the order to get into the book."""
    store, broker = a_store(1), FakeZebu()
    for cut_at in range(1, 500):
        vars(store).update(vars(a_store(1)))
        broker.orders.clear()
        survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)  # noqa: B023
        if store.lease.get("armed_until") and len(broker.orders) == orders:
            break
    broker.reads.clear()
    armed_until = store.lease["armed_until"]
    assert armed_until >= T + 2 * SECOND

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + SECOND / 2)

    assert broker.reads[0] >= armed_until + SECOND


def test_an_order_that_leaves_with_the_end_of_the_lease_is_not_sent_again() -> None:
    """The dying worker's last order arrives late, and the book shows it later still."""
    store, broker = a_store(1), FakeZebu()
    dies_with = next(n for n in range(1, 500) if armed_without_an_order(store, broker, n))
    assert dies_with
    (ticket,) = store.tickets.values()
    first = ticket.intents[0]

    async def last_breath() -> None:
        shown = store.lease["armed_until"] + timedelta(seconds=1.95)
        await asyncio.sleep((shown - T).total_seconds() - 0.5)
        line = {"actid": "C0", "remarks": first.tag, "norenordno": "O99", "trantype": "B", "avgprc": "88"}
        broker.orders.append({**line, "qty": "130", "fillshares": "130", "status": "COMPLETE", "rejreason": ""})
        broker.arrivals.append(shown)

    async def both() -> None:
        await asyncio.gather(last_breath(), serve(a_desk(store, broker), an_errand(attempt=1)))

    play(both, T + SECOND / 2)

    assert Counter(order["remarks"] for order in broker.orders)[first.tag] == 1


def armed_without_an_order(store: Store, broker: FakeZebu, cut_at: int) -> bool:
    vars(store).update(vars(a_store(1)))
    broker.orders.clear()
    survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)
    return bool(store.lease.get("armed_until")) and not broker.orders


@pytest.mark.parametrize("late_s", [3.5, 10, 19])
def test_a_worker_that_died_before_it_could_send_is_followed_by_none_that_enters_late(late_s: float) -> None:
    store, broker, cut_at = a_store(2), FakeZebu(), unarmed()
    survive(lambda: serve(a_desk(store, broker, Power(cut_at)), an_errand()), WARM)
    assert "armed_until" not in store.lease

    report = play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T + timedelta(seconds=late_s)).report

    assert report.skipped == {"worker_late": 2}
    assert not broker.orders


def unarmed() -> int:
    """The last step at which a worker dies without having been allowed to send."""
    cut_at = 0
    for cut_at in range(1, steps()):
        store = a_store(2)
        survive(lambda: serve(a_desk(store, FakeZebu(), Power(cut_at)), an_errand()), WARM)  # noqa: B023
        if "armed_until" in store.lease:
            break
    return cut_at - 1


def test_nobody_is_entered_late_by_a_retry_that_waits_for_its_connection() -> None:
    """The worker is there in time, an account's connection is not."""
    store, broker = a_store(1), FakeZebu(connects_in_s=4.9, hangs_up_after_s=1)
    survive(lambda: serve(a_desk(store, broker, Power(cut_at=8)), an_errand()), WARM)
    assert "armed_until" not in store.lease

    report = play(lambda: serve(a_desk(store, broker), an_errand(attempt=1)), T - 8 * SECOND).report

    assert report.skipped == {"entry_window_over": 1}


class HungBook(FakeZebu):
    """The book of one account never answers."""

    def answer(self, payload: bytes) -> tuple[float, Answer | None]:
        takes_s, answer = super().answer(payload)
        hangs = b"/OrderBook" in payload and b'"C1"' in payload
        return 600 if hangs else takes_s, answer


def test_a_book_that_hangs_costs_the_others_of_a_shard_that_is_taken_over_nothing() -> None:
    store, broker = a_store(3), HungBook(behave=lambda _, __: Behaviour(latency_s=3))
    assert not survive(partial(serve, a_desk(store, broker, Power(80)), an_errand()), WARM)
    assert 0 < len(broker.orders) < 12

    play(partial(serve, a_desk(store, broker), an_errand(attempt=1)), max(broker.arrivals) + 4 * SECOND)

    assert states(store.tickets["sub_1#alloc_1"]) == [State.UNKNOWN] * 4
    for other in ("sub_0#alloc_0", "sub_2#alloc_2"):
        assert states(store.tickets[other]) == [State.FILLED] * 4

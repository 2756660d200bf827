"""How fast one account's orders leave: alone, beside others of its own, and at a broker that says "too fast"."""

from bisect import bisect_left
from datetime import timedelta
from itertools import pairwise

import pytest

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.broker import NotSent, RateLimited
from quantleap.domain.capabilities import EXCHANGE_PACE, Budget, Pace
from quantleap.domain.execution import State
from quantleap.services.retries import BACKOFF_S, PACED_S, SPREAD, Retries
from quantleap.services.shard import serve
from tests.engine import Behaviour, FakeZebu, Store, T, a_desk, an_errand, play
from tests.unit.shards import WARM, a_store, run, states
from tests.unit.test_shard_exits import EXIT, after_entry
from tests.unit.test_shard_silence import again, dies_after

SECOND = timedelta(seconds=1)


def one_order_a_time(lots: int = 1) -> Store:
    """A subscriber whose legs are cut into many orders."""
    store = a_store(1)
    assert store.decision is not None
    orders = (order.model_copy(update={"lots": lots, "freeze_quantity": 65}) for order in store.decision.orders)
    store.decision = store.decision.model_copy(update={"orders": tuple(orders)})
    return store


def most_in_a_second(broker: FakeZebu) -> int:
    """The most arrivals in any second that is open at its end."""
    arrivals = sorted(broker.arrivals)
    return max(bisect_left(arrivals, at + SECOND) - number for number, at in enumerate(arrivals))


def test_an_account_alone_has_the_whole_of_its_limits() -> None:
    store, broker = one_order_a_time(lots=6), FakeZebu(behave=lambda _, __: Behaviour(latency_s=0.01))

    assert run(store, broker).counts == {"filled": 48}
    assert most_in_a_second(broker) == EXCHANGE_PACE.calls


def test_one_of_two_who_trade_at_an_account_leaves_the_other_its_half() -> None:
    store, broker = one_order_a_time(lots=6), FakeZebu(behave=lambda _, __: Behaviour(latency_s=0.01))
    store.joined["C0"] = {"another run's"}

    assert run(store, broker).counts == {"filled": 48}
    assert most_in_a_second(broker) == EXCHANGE_PACE.calls // 2


def test_of_more_than_a_second_takes_the_last_wait_for_the_next() -> None:
    store, broker = a_store(1), FakeZebu()
    store.joined["C0"] = {f"a run's {n:02}" for n in range(12)}

    assert run(store, broker).counts == {"filled": 4}
    assert broker.arrivals[0] == T + SECOND
    assert all(later - earlier >= 2 * SECOND for earlier, later in pairwise(broker.arrivals))


@pytest.mark.parametrize("sharers", [1, 2, 3, 7, 10, 11, 25, 40])
def test_all_together_keep_to_the_limit(sharers: int) -> None:
    budget = Budget((Pace(10, 1), Pace(100, 60)))
    left: list[float] = []
    for place in range(sharers):
        now, mine = float(budget.begins_s(place)), list[float]()
        while now < 120:
            mine.append(now)
            now += budget.wait_s(mine, now, sharers)
        left += mine

    for pace in (EXCHANGE_PACE, *budget.paces):
        ordered = sorted(left)
        within = max(bisect_left(ordered, at + pace.seconds - 1e-6) - n for n, at in enumerate(ordered))
        assert within <= pace.calls


def test_an_order_that_came_too_fast_waits_for_the_limit_to_let_go() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, count: Behaviour(refusal="Rate limit exceeded" if 1 < count < 5 else None))

    assert run(store, broker).counts == {"filled": 4}
    assert broker.tries == 7


def test_a_limit_that_never_lets_go_ends_an_order_that_others_stand_on_and_the_sells_with_it() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _, count: Behaviour(refusal="Rate limit exceeded" if count > 1 else None))

    report = run(store, broker)

    assert states(store.tickets["sub_0#alloc_0"]) == [State.FILLED, *[State.NOT_SENT] * 3]
    assert report.refused == {"rate_limited": 1, "hedge_failed": 2}


def test_who_could_not_begin_in_the_entry_window_does_not_begin_after_it() -> None:
    store, broker = a_store(1), FakeZebu(behave=lambda _, __: Behaviour(refusal="Rate limit exceeded"))

    report = run(store, broker)

    assert report.skipped == {"entry_window_over": 1}


def test_a_successor_waits_for_a_book_that_was_asked_too_often() -> None:
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 1)
    broker.book_fails, broker.book_failure = len(PACED_S), 429

    assert again(store, broker, 32 * SECOND).counts == {"filled": 4}


def test_books_are_read_no_faster_than_the_account_may_ask_alone_or_with_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"reads": (Pace(1, 1),)}))
    for others in (0, 2):
        store, broker = a_store(1), FakeZebu()
        store.joined["C0"] = {f"another run's {n}" for n in range(others)}

        assert run(store, broker).counts == {"filled": 4}
        assert min(later - earlier for earlier, later in pairwise(broker.reads)) >= (1 + others) * SECOND
        assert broker.reads[0] >= T + others * SECOND


def test_waits_differ_by_the_trouble_and_from_one_account_to_another() -> None:
    def waits(name: str, failure: NotSent | RateLimited) -> list[float]:
        retries = Retries(name)
        return [wait for _ in range(9) if (wait := retries.wait_s(failure)) is not None]

    for failure, least in ((NotSent("x"), BACKOFF_S), (RateLimited("x"), PACED_S)):
        found = waits("a", failure)
        assert all(low <= wait <= low * (1 + SPREAD) for low, wait in zip(least, found, strict=True))
        assert found == waits("a", failure)
        assert found != waits("b", failure)


def test_an_account_of_two_shards_is_noted_once_for_each() -> None:
    store, broker = a_store(2), FakeZebu()

    for attempt in range(2):
        play(lambda: serve(a_desk(store, broker), an_errand(attempt=attempt)), WARM + attempt * 40 * SECOND)  # noqa: B023 - played at once

    assert store.joined == {"C0": {"sub_0#alloc_0"}, "C1": {"sub_1#alloc_1"}}


def most_within(broker: FakeZebu, seconds: int) -> int:
    arrivals = sorted(broker.arrivals)
    return max(bisect_left(arrivals, at + seconds * SECOND) - number for number, at in enumerate(arrivals))


def test_an_exit_seconds_after_the_entry_counts_what_the_entry_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A halt squares off what was opened 15 s ago, at a broker that takes six orders a minute."""
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"orders": Budget((Pace(6, 60),))}))
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    soon = T + 15 * SECOND
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id, boundary=soon, ends=soon + 200 * SECOND)

    report = play(lambda: serve(a_desk(store, broker), errand), soon - 12 * SECOND).report

    assert report.counts == {"filled": 4}
    assert most_within(broker, 60) == 6
    assert broker.arrivals[4] == soon


def test_an_exit_that_has_no_room_left_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"orders": Budget((Pace(4, 60),))}))
    broker = FakeZebu()
    store = after_entry(a_store(1), broker, keep=True)
    soon = T + 15 * SECOND
    errand = an_errand(run_id=EXIT, closes=an_errand().run_id, boundary=soon, ends=soon + 200 * SECOND)

    assert play(lambda: serve(a_desk(store, broker), errand), soon - 12 * SECOND).report.counts == {"filled": 4}

    assert T + 60 * SECOND <= broker.arrivals[4] < T + 61 * SECOND


def test_a_successor_counts_what_its_predecessor_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"orders": Budget((Pace(3, 30),))}))
    store, broker = Store(), FakeZebu()
    dies_after(store, broker, 2)

    play(lambda: serve(a_desk(store, broker), an_errand(attempt=1, ends=T + 200 * SECOND)), T + SECOND)

    assert len(broker.arrivals) == 4
    assert most_within(broker, 29) == 3

"""Whose turn it is: fair from run to run, the same whoever asks, and no faster than a broker admits."""

from datetime import timedelta

import pytest

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.capabilities import Pace
from quantleap.domain.execution import Seat
from quantleap.domain.planning import shard
from tests.builders import a_subscription
from tests.engine import FakeZebu, T
from tests.unit.shards import a_store, run

MONDAY, TUESDAY = "run_20261123T092000_entry_bsk_1_v1", "run_20261124T092000_entry_bsk_1_v1"
ACCOUNT = a_subscription().allocations[0]


def seats(count: int, tenant: str = "zebu#test") -> list[Seat]:
    return [Seat(f"sub_{tenant}_{n}", f"usr_{n}", tenant, "ACTIVE", (ACCOUNT,)) for n in range(count)]


def order(run_id: str) -> list[str]:
    return [seat.subscription_id for slice_ in shard(seats(50), 7, run_id) for seat in slice_]


def test_a_runs_order_is_the_same_whoever_works_it_out_and_another_in_the_next_run() -> None:
    assert order(MONDAY) == order(MONDAY)
    assert order(MONDAY) != order(TUESDAY)
    assert sorted(order(MONDAY)) == sorted(order(TUESDAY))


def test_over_many_runs_everybody_is_in_the_first_half_about_half_the_time() -> None:
    runs = [MONDAY.replace("0920", f"{hour:02}{minute:02}") for hour in range(9, 15) for minute in range(60)]
    first = [order(each)[:25].count("sub_zebu#test_0") for each in runs]

    assert 0.4 < sum(first) / len(runs) < 0.6


def test_turns_count_every_account_of_a_broker_once_across_shards_and_tenants() -> None:
    shards = shard([*seats(30), *seats(20, "acme#test")], 8, MONDAY)

    turns = [turn for slice_ in shards for seat in slice_ for turn in seat.turns]
    assert sorted(turns) == list(range(50))
    assert all(len({seat.tenant for seat in slice_}) <= 2 for slice_ in shards)


def test_two_accounts_of_one_seat_at_a_broker_have_a_turn_each() -> None:
    (slice_,) = shard([Seat("sub_1", "usr_1", "zebu#test", "ACTIVE", (ACCOUNT, ACCOUNT))], 8, MONDAY)

    assert slice_[0].turns == (0, 1)


@pytest.fixture
def admitting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that takes eight orders a second of all our users together."""
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"admits": Pace(8, 1)}))


@pytest.mark.usefixtures("admitting")
def test_a_broker_gets_no_more_first_orders_a_second_than_it_admits() -> None:
    store, broker = a_store(6), FakeZebu()
    store.seats = [seat._replace(turns=(n,)) for n, seat in enumerate(store.seats)]

    report = run(store, broker)

    assert report.counts == {"filled": 24}
    for second in range(3):
        begins, ends = T + timedelta(seconds=second), T + timedelta(seconds=second + 1)
        assert sum(begins <= at < ends for at in broker.arrivals) == 8


@pytest.mark.usefixtures("admitting")
def test_whose_turn_would_come_too_late_is_skipped_with_the_reason() -> None:
    store, broker = a_store(2), FakeZebu()
    store.seats = [seat._replace(turns=(n * 100,)) for n, seat in enumerate(store.seats)]

    report = run(store, broker)

    assert report.skipped == {"broker_admission_full": 1}
    assert report.counts == {"filled": 4}

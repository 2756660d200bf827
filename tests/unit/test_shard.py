"""One shard of a run, in virtual time, against a broker that may misbehave."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.basket import Basket
from quantleap.domain.errors import Conflict
from quantleap.domain.execution import State
from quantleap.domain.trading import Product
from quantleap.services.gate import Fenced
from quantleap.services.shard import serve
from tests.engine import (
    Behaviour,
    FakeZebu,
    FarBrokers,
    Power,
    Store,
    T,
    a_desk,
    an_errand,
    play,
    survive,
)
from tests.unit.shards import WARM, a_basket, a_store, logged_out, paused, run, states


def test_every_leg_of_every_user_is_placed_once_and_filled() -> None:
    store, broker = a_store(), FakeZebu()

    report = run(store, broker)

    assert report.counts == {"filled": 8}
    assert Counter(order["actid"] for order in broker.orders) == {"C0": 4, "C1": 4}
    assert len({order["remarks"] for order in broker.orders}) == 8


def test_the_brokers_limits_are_read_once_in_a_thread() -> None:
    store, broker = a_store(), FakeZebu()
    desk = a_desk(store, broker)._replace(brokers=FarBrokers())

    assert play(lambda: serve(desk, an_errand()), WARM).report.counts == {"filled": 8}
    assert min(broker.arrivals) == T


def test_quantity_is_lots_times_multiplier_times_lot_size() -> None:
    store, broker = a_store(1), FakeZebu()

    run(store, broker)

    assert {order["qty"] for order in broker.orders} == {"130"}


def test_nothing_leaves_before_the_boundary_and_the_first_order_of_everyone_leaves_at_it() -> None:
    store, broker = a_store(5), FakeZebu()

    run(store, broker)

    assert min(broker.arrivals) == T
    assert broker.arrivals[:5] == [T] * 5
    assert {order["actid"] for order in broker.orders[:5]} == {f"C{n}" for n in range(5)}


def test_an_accounts_hedges_are_in_the_book_before_its_sells_leave() -> None:
    store, broker = a_store(3), FakeZebu()

    run(store, broker)

    for client in ("C0", "C1", "C2"):
        assert [order["trantype"] for order in broker.orders if order["actid"] == client] == ["B", "B", "S", "S"]


def test_a_hedge_the_book_rejects_keeps_its_sells_from_going_out() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, count: Behaviour(book_status="REJECTED" if count == 2 else "COMPLETE"))

    run(store, broker)

    ticket = store.tickets["sub_0#alloc_0"]
    assert states(ticket) == [State.FILLED, State.REJECTED, State.NOT_SENT, State.NOT_SENT]
    assert ticket.intents[2].reason == "hedge_failed"
    assert ticket.intents[1].reason == "insufficient_funds"


def test_a_hedge_that_rests_unfilled_keeps_its_sells_from_going_out() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, count: Behaviour(book_status="OPEN" if count == 2 else "COMPLETE"))

    report = run(store, broker)

    assert report.counts == {"filled": 1, "cancelled": 1, "not_sent": 2}
    assert report.refused == {"unfilled_in_time": 1, "hedge_unfilled": 2}


def test_a_book_that_cannot_be_read_keeps_sells_from_going_out() -> None:
    store, broker = a_store(1), FakeZebu(book_fails=100)

    report = run(store, broker)

    assert report.refused == {"hedge_unconfirmed": 2}
    assert len(broker.orders) == 2


def test_a_lease_that_cannot_be_renewed_stops_the_sending_and_is_a_fault() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, _count: Behaviour(latency_s=2.1))
    desk = a_desk(store, broker)
    arm = desk.leases.arm
    armed: list[Any] = []

    def once(*lease: Any) -> None:
        if armed:
            raise OSError("the table is gone")
        armed.append(lease)
        arm(*lease)

    desk.leases.arm = once  # type: ignore[method-assign,assignment]  # the table fails after the first renewal

    with pytest.raises(BaseExceptionGroup):
        play(lambda: serve(desk, an_errand()), WARM)
    assert len(broker.orders) == 1
    assert not store.tickets["sub_0#alloc_0"].settled


def test_one_users_refusal_does_not_touch_another() -> None:
    def behave(order: dict[str, str], _count: int) -> Behaviour:
        return Behaviour(refusal="Insufficient margin" if order["actid"] == "C0" else None)

    store, broker = a_store(2), FakeZebu(behave=behave)

    report = run(store, broker)

    assert report.counts["filled"] == 4
    assert report.refused == {"insufficient_funds": 1, "hedge_failed": 3}


def test_an_order_whose_answer_was_lost_is_found_by_its_tag_and_not_sent_again() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, count: Behaviour(lose_answer=count == 1))

    report = run(store, broker)

    assert report.counts == {"filled": 4}
    assert len(broker.orders) == 4


@pytest.mark.parametrize("body", [b"", b"<html>busy</html>", b"[]", b'{"stat":"Ok"}', b'{"stat":', b"null", b"7"])
def test_an_answer_that_cannot_be_read_never_means_not_placed(body: bytes) -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, count: Behaviour(body=body if count == 1 else None))

    report = run(store, broker)

    assert report.counts == {"filled": 4}
    assert len(broker.orders) == 4


def test_an_order_that_vanished_without_an_answer_never_arrived_and_is_not_sent_again() -> None:
    store = a_store(1)
    broker = FakeZebu(behave=lambda _order, count: Behaviour(lose_order=count == 1))

    run(store, broker)

    ticket = store.tickets["sub_0#alloc_0"]
    assert [each.reason for each in ticket.intents] == ["never_arrived", *["hedge_failed"] * 3]
    assert set(states(ticket)) == {State.NOT_SENT}
    assert broker.tries == 1


def test_a_broker_that_takes_no_connection_ends_every_order_with_its_reason() -> None:
    store, broker = a_store(1), FakeZebu(refuse_connections=True)

    report = run(store, broker)

    assert report.counts == {"not_sent": 4}
    assert not broker.orders


def test_connections_the_broker_closed_meanwhile_are_opened_anew_and_every_order_is_placed_once() -> None:
    store, broker = a_store(), FakeZebu(hangs_up_after_s=5)

    report = run(store, broker)

    assert report.counts == {"filled": 8}
    assert len({order["remarks"] for order in broker.orders}) == len(broker.orders) == 8
    assert min(broker.arrivals) >= T


def token_dead_at_boundary(store: Store) -> None:
    account = store.accounts["usr_0", "C0"]
    store.accounts["usr_0", "C0"] = account.model_copy(update={"token_expires_at": T})


def token_dead_before_exit(store: Store) -> None:
    assert store.decision is not None
    store.decision = store.decision.model_copy(update={"leaves_at": T + timedelta(hours=6)})
    account = store.accounts["usr_1", "C1"]
    store.accounts["usr_1", "C1"] = account.model_copy(update={"token_expires_at": T + timedelta(hours=7)})


def foreign(store: Store) -> None:
    account = store.accounts["usr_0", "C0"]
    store.accounts["usr_0", "C0"] = account.model_copy(update={"tenant": "angel#test"})


def secret_gone(store: Store) -> None:
    del store.sessions["usr_0", "C0"]


def paused_when_planned(store: Store) -> None:
    store.seats[0] = store.seats[0]._replace(status="PAUSED")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (paused, "subscription_paused"),
        (paused_when_planned, "subscription_paused"),
        (logged_out, "broker_login_missing"),
        (token_dead_at_boundary, "broker_token_expired"),
        (token_dead_before_exit, "broker_token_dies_before_exit"),
        (foreign, "broker_account_missing"),
        (secret_gone, "broker_session_unreadable"),
    ],
)
def test_who_cannot_trade_is_skipped_with_the_reason_and_the_others_trade(
    change: Callable[[Store], None], reason: str
) -> None:
    store, broker = a_store(2), FakeZebu()
    change(store)

    report = run(store, broker)

    assert report.skipped == {reason: 1}
    assert {order["actid"] for order in broker.orders} == {"C1"}
    assert store.tickets["sub_0#alloc_0"].settled


def test_a_product_the_broker_does_not_offer_is_not_sent_as_another(monkeypatch: pytest.MonkeyPatch) -> None:
    store, broker = a_store(1), FakeZebu()
    monkeypatch.setattr(Zebu, "capability", Zebu.capability.model_copy(update={"products": (Product.CARRY,)}))

    assert run(store, broker).skipped == {"product_not_offered_at_broker": 1}
    assert not broker.orders


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"live_version": 2}, "template_version_moved"), ({"marketplace": None}, "template_withdrawn")],
)
def test_a_template_that_changed_since_the_plan_enters_nobody(change: dict[str, object], reason: str) -> None:
    store, broker = a_store(2), FakeZebu()
    assert store.basket is not None
    store.basket = store.basket.model_copy(update=change)

    assert run(store, broker).skipped == {reason: 2}
    assert not broker.orders


def test_a_refused_decision_is_told_to_every_subscriber() -> None:
    store, broker = a_store(2), FakeZebu()
    assert store.decision is not None
    store.decision = store.decision.model_copy(update={"orders": (), "refusal": "market_feed_failed"})

    assert run(store, broker).skipped == {"market_feed_failed": 2}


def test_a_worker_that_wakes_late_enters_nobody() -> None:
    store, broker = a_store(2), FakeZebu()

    report = play(lambda: serve(a_desk(store, broker), an_errand()), T + timedelta(seconds=4)).report

    assert report.skipped == {"worker_late": 2}
    assert not broker.orders


def test_a_second_worker_is_turned_away_while_the_first_may_live() -> None:
    store, broker = a_store(1), FakeZebu()
    survive(lambda: serve(a_desk(store, broker, Power(cut_at=12)), an_errand()), WARM)

    with pytest.raises(Conflict):
        play(lambda: serve(a_desk(store, broker), an_errand(holder="execution-2")), WARM)


def test_a_worker_whose_shard_was_taken_over_sends_nothing() -> None:
    store, broker = a_store(1), FakeZebu()
    desk = a_desk(store, broker)

    def taken_over(basket_id: str) -> Basket:
        store.lease["token"] += 1
        return a_basket()

    desk.baskets.get = taken_over  # type: ignore[method-assign]  # the moment of the last look

    with pytest.raises(Fenced):
        play(lambda: serve(desk, an_errand()), WARM)
    assert not broker.orders

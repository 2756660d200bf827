"""What every broker's adapter makes of refusals, broken answers and odd behaviour, each played by the simulator."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.booking import Book, as_booked
from quantleap.domain.broker import (
    AddressNotAllowed,
    BrokerFailure,
    OrderStatus,
    RateLimited,
    SessionExpired,
    Unknown,
)
from quantleap.domain.execution import Intent, State
from quantleap.domain.trading import Side
from sandbox.broker.behaviour import Fault
from tests.builders import an_intent
from tests.unit.desk import CALL, Desk

DEAR = Decimal("2000.00")


@pytest.mark.parametrize("reason", ["insufficient_funds", "market_closed", "price_band", "account_blocked"])
def test_a_rejection_is_told_at_once_or_in_the_book_by_our_word(desk: Desk, reason: str) -> None:
    desk.remote.behave(reject={reason: {"count": 1}})
    told = None
    try:
        desk.place(desk.order(CALL))
    except BrokerFailure as failure:
        told = failure.reason

    [booked] = desk.book() if desk.placed() else [None]

    word = {"price_band": "price_out_of_band"}.get(reason, reason)
    assert told in {None, word}
    assert told == word or booked is not None
    if booked is not None:
        assert (booked.status, booked.filled, booked.refusal) == (OrderStatus.REJECTED, 0, word)
        assert booked.reason


def test_an_address_that_is_not_registered_is_told_as_ours_to_mend_and_nothing_is_placed(desk: Desk) -> None:
    desk.remote.behave(reject={"address_unknown": {"count": 1}})

    with pytest.raises(AddressNotAllowed):
        desk.place(desk.order(CALL))

    assert desk.placed() == []


def test_a_no_in_words_that_nobody_knows_leaves_it_to_the_book(desk: Desk) -> None:
    desk.remote.behave(reject={"unclear": {"count": 1}})

    with pytest.raises(Unknown):
        desk.place(desk.order(CALL, tag="qlunclear"))

    assert [order.tag for order in desk.tagged("qlunclear")] == ["qlunclear"]


def test_what_the_exchange_cancels_has_its_reason(desk: Desk) -> None:
    desk.remote.behave(reject={"exchange_cancelled": {"count": 1}})

    desk.place(desk.order(CALL))

    [booked] = desk.book()
    told = (None, None) if desk.name == "icici_direct" else (OrderStatus.CANCELLED, "price_out_of_band")
    assert booked.status is OrderStatus.CANCELLED
    assert (told[0] and booked.status, booked.refusal) == told, "one broker's book gives no reason"


def test_too_fast_is_told_and_nothing_is_placed(desk: Desk) -> None:
    desk.remote.behave(reject={"rate_limited": {"count": 1}})

    with pytest.raises(RateLimited):
        desk.place(desk.order(CALL))

    assert desk.placed() == []
    assert desk.place(desk.order(CALL))


BROKEN = {
    Fault.HTTP_500_BEFORE_PLACE: False,
    Fault.HTTP_500_AFTER_PLACE: True,
    Fault.EMPTY_BODY: True,
    Fault.HTML: True,
    Fault.DROP_BEFORE_PLACE: False,
    Fault.DROP_AFTER_PLACE: True,
}
"""Faults that leave no answer, and whether the order exists."""

WHOLE = (Fault.WRONG_TYPE, Fault.SLOW_DRIP, Fault.ANSWERED_TWICE)
"""Faults after which the answer can be read all the same."""


def test_every_fault_of_the_simulator_is_played() -> None:
    assert {*BROKEN, *WHOLE, Fault.TIMEOUT, Fault.SESSION_KILLED} == set(Fault)


@pytest.mark.parametrize("fault", BROKEN)
async def test_after_a_broken_answer_only_the_book_knows(desk: Desk, fault: Fault) -> None:
    desk.remote.behave(faults={fault: {"count": 2}})

    with pytest.raises(Unknown):
        desk.place(desk.order(CALL, tag="qlbroken"))
    async with desk.line() as place:
        with pytest.raises(Unknown):
            await place(desk.order(CALL, tag="qlbroken"))

    assert [order.tag for order in desk.tagged("qlbroken")] == (["qlbroken"] * 2 if BROKEN[fault] else [])


@pytest.mark.parametrize("fault", WHOLE)
async def test_a_whole_answer_counts_however_it_came(desk: Desk, fault: Fault) -> None:
    desk.remote.behave(faults={fault: {"count": 2}})

    number = desk.place(desk.order(CALL))
    async with desk.line() as place:
        other = await place(desk.order(CALL))

    assert [order["order_id"] for order in desk.placed()] == [number, other]


@pytest.mark.parametrize("fault", [Fault.SLOW_DRIP, Fault.TIMEOUT])
def test_an_answer_that_is_not_whole_in_time_leaves_it_to_the_book(desk: Desk, fault: Fault) -> None:
    desk.remote.behave(faults={fault: {"count": 1}})

    with pytest.raises(Unknown):
        desk.http.send(desk.broker.place(desk.session, desk.order(CALL, tag="qllate")), timeout_s=0.15)

    assert [order.tag for order in desk.tagged("qllate")] == ["qllate"]


async def test_the_second_answer_to_an_order_is_not_the_next_ones(desk: Desk) -> None:
    desk.remote.behave(faults={Fault.ANSWERED_TWICE: {"count": 1}})

    async with desk.line() as place:
        first = await place(desk.order(CALL, tag="ql0001"))
        await asyncio.sleep(0.05)
        second = await place(desk.order(CALL, tag="ql0002"))

    assert {order.tag: order.order_id for order in desk.book()} == {"ql0001": first, "ql0002": second}
    assert first != second


def test_an_order_the_book_shows_twice_is_the_same_order(desk: Desk) -> None:
    desk.remote.behave(book={"twice": {}})

    number = desk.place(desk.order(CALL))

    first, again = desk.book()
    assert first == again
    assert first.order_id == number


def filled_order(desk: Desk, tag: str) -> Intent:
    """An order at the broker that is filled, as the engine knows it once it is acknowledged."""
    order = desk.order(CALL, limit_price=DEAR, tag=tag)
    number = desk.place(order)
    facts = {"tag": tag, "symbol": order.instrument.symbol, "quantity": order.quantity, "order_id": number}
    return an_intent(**facts, state=State.ACKNOWLEDGED, filled_quantity=0)


@pytest.mark.parametrize("misprint", ["twice", "turned_away_before", "tags_cut", "tags_upper", "tags_dropped"])
def test_a_filled_order_is_found_in_a_book_that_prints_it_wrong(desk: Desk, misprint: str) -> None:
    intent = filled_order(desk, "ql0123456789abcdefgh")
    desk.remote.behave(book={misprint: {}})

    book = Book(desk.book())

    assert (as_booked(intent, book).state, as_booked(intent, book).filled_quantity) == (State.FILLED, intent.quantity)
    assert book.spoils([intent]) is misprint.startswith("tags")


@pytest.mark.parametrize("misprint", ["tags_cut", "tags_upper", "tags_dropped"])
def test_after_a_crash_an_order_whose_tag_is_spoilt_is_known_or_held_for_possible(desk: Desk, misprint: str) -> None:
    sent = filled_order(desk, "ql0123456789abcdefgh").became(State.PLANNED, order_id=None)
    desk.remote.behave(book={misprint: {}})

    book = Book(desk.book())

    assert book.hidden([sent])
    assert bool(book.of(sent)) is (misprint != "tags_dropped")
    assert not book.hidden([sent.model_copy(update={"side": Side.SELL})])
    assert not book.hidden([sent.model_copy(update={"quantity": sent.quantity * 2})])


def test_a_filled_order_without_units_is_looked_at_again(desk: Desk) -> None:
    if desk.name == "icici_direct":
        pytest.skip("its book says what is left, not what is filled")
    intent = filled_order(desk, "ql0123456789abcdefgh")
    desk.remote.behave(book={"no_units": {"count": 1}})

    first = as_booked(intent, Book(desk.book()))
    second = as_booked(first, Book(desk.book()))

    assert (first.state, second.state) == (State.ACKNOWLEDGED, State.FILLED)


def test_a_book_that_is_late_or_empty_shows_the_order_later(desk: Desk) -> None:
    intent = filled_order(desk, "ql0123456789abcdefgh")
    desk.remote.behave(book_late_ms=4000, book={"empty": {"count": 1}})

    looks = []
    for _ in range(3):
        looks.append(bool(Book(desk.book()).of(intent)))
        desk.remote.clock.at += timedelta(seconds=4)

    assert looks == [False, True, True]


def test_an_order_filled_in_part_is_told_from_one_that_waits(desk: Desk) -> None:
    desk.remote.behave(fill="partial")
    desk.place(desk.order(CALL, limit_price=DEAR, quantity=130))

    [booked] = desk.book()

    assert (booked.status, booked.filled, booked.quantity) == (OrderStatus.PARTIAL, 65, 130)


def test_an_order_whose_session_was_killed_is_unknown_until_the_next_login(desk: Desk) -> None:
    desk.remote.behave(faults={"session_killed": {"count": 1}})
    try:
        with pytest.raises(Unknown):
            desk.place(desk.order(CALL, tag="qlkilled"))
        with pytest.raises(SessionExpired):
            desk.tagged("qlkilled")
    finally:
        desk.session = desk.log_in()
    assert [order.tag for order in desk.tagged("qlkilled")] == ["qlkilled"]


def test_in_a_storm_of_429_every_call_says_so_and_nothing_is_placed(desk: Desk) -> None:
    desk.remote.behave(storm={})
    broker, order = desk.broker, desk.order(CALL)
    calls: list[tuple[Any, ...]] = [
        (broker.place, broker.placed, order),
        (broker.modify, broker.done, "1", order),
        (broker.cancel, broker.done, "1", order),
        (broker.order_book, broker.orders),
        (broker.positions, broker.held),
        (broker.funds, broker.money),
    ]
    for request, read, *args in calls:
        with pytest.raises(RateLimited):
            desk.ask(request, read, *args)

    assert desk.placed() == []


def test_an_accepted_order_may_be_rejected_in_the_book(desk: Desk) -> None:
    desk.remote.behave(reject_after_accept={"insufficient_funds": {"count": 1}})

    number = desk.place(desk.order(CALL))

    [booked] = desk.book()
    assert (booked.order_id, booked.status, booked.filled) == (number, OrderStatus.REJECTED, 0)
    assert booked.refusal in {"insufficient_funds", "refused"}, "one broker's book gives no reason"


@pytest.mark.parametrize("skew_s", [-90, 90])
def test_a_brokers_clock_that_is_off_by_a_little_does_no_harm(desk: Desk, skew_s: int) -> None:
    desk.remote.behave(clock_skew_s=skew_s)

    number = desk.place(desk.order(CALL))

    assert [order.order_id for order in desk.book()] == [number]


def test_a_brokers_clock_that_is_off_by_days_ends_the_session(desk: Desk) -> None:
    desk.remote.behave(clock_skew_s=2 * 86_400)

    with pytest.raises(SessionExpired):
        desk.place(desk.order(CALL))
    assert desk.placed() == []

"""What a book says of an intent: all lines of an order, status and units together."""

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.booking import Book, as_booked, as_booked_if_last, reread, unless_lost, worth_asking
from quantleap.domain.broker import BookedOrder, OrderStatus, agreed
from quantleap.domain.execution import Intent, State
from tests.builders import a_ticket, an_intent

TAG = an_intent().tag
FILLED, REJECTED, CANCELLED = OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED
OPEN, PARTIAL, UNCERTAIN = OrderStatus.OPEN, OrderStatus.PARTIAL, OrderStatus.UNCERTAIN


def sent(**changes: object) -> Intent:
    usual = {"state": State.ACKNOWLEDGED, "order_id": "O1", "filled_quantity": 0, "average_price": None}
    return an_intent(**usual | changes)


def unanswered() -> Intent:
    return sent(state=State.UNKNOWN, order_id=None)


def line(status: OrderStatus, filled: int = 0, order_id: str = "O1", tag: str = TAG, quantity: int = 65) -> BookedOrder:
    refusal = "refused" if status is REJECTED else None
    return BookedOrder(order_id, tag, status, filled, Decimal(80), None, quantity=quantity, refusal=refusal)


@given(
    st.sampled_from([None, FILLED, REJECTED, CANCELLED]),
    st.none() | st.integers(1, 200),
    st.none() | st.integers(0, 200),
)
def test_a_status_and_units_agree_or_the_order_is_uncertain(
    said: OrderStatus | None, quantity: int | None, filled: int | None
) -> None:
    status, units = agreed(said, quantity, filled)

    assert units in {0, filled}
    assert {
        FILLED: units == quantity and units > 0,
        REJECTED: units == 0 and said is REJECTED,
        CANCELLED: units == filled != quantity and said is CANCELLED,
        OPEN: units == 0 and said is None,
        PARTIAL: 0 < units < (quantity or 201) and said is None,
        UNCERTAIN: said is not None or (filled or 0) > (quantity or 0),
    }[status]
    assert status is FILLED or filled is None or filled != quantity


def test_what_is_called_filled_and_does_not_say_how_much_is_not_filled() -> None:
    for filled in (None, 0):
        assert agreed(FILLED, 65, filled) == (UNCERTAIN, 0)
    assert agreed(FILLED, 130, 65) == (UNCERTAIN, 65)
    assert agreed(CANCELLED, 65, None) == (UNCERTAIN, 0)


def test_an_uncertain_order_stays_to_be_looked_at_and_knows_its_number() -> None:
    found = as_booked(unanswered(), Book([line(UNCERTAIN)]))

    assert (found.state, found.order_id, found.filled_quantity) == (State.ACKNOWLEDGED, "O1", 0)


def test_units_that_are_all_that_was_wanted_fill_an_order_whose_size_the_line_does_not_say() -> None:
    assert as_booked(sent(), Book([line(UNCERTAIN, 65, quantity=0)])).state is State.FILLED


def test_less_than_was_wanted_is_not_filled_whatever_the_line_calls_it() -> None:
    assert as_booked(sent(quantity=130), Book([line(FILLED, 65)])).state is State.ACKNOWLEDGED


TURNED_AWAY, DONE = line(REJECTED, order_id="O0"), line(FILLED, 65)


@pytest.mark.parametrize("lines", list(permutations([TURNED_AWAY, DONE])))
@pytest.mark.parametrize("intent", [sent(), unanswered(), sent(state=State.PLANNED, order_id=None)])
def test_what_was_filled_counts_wherever_the_try_that_was_turned_away_stands(
    intent: Intent, lines: tuple[BookedOrder, ...]
) -> None:
    found = as_booked(intent, Book(lines))

    assert (found.state, found.filled_quantity, found.order_id, found.reason) == (State.FILLED, 65, "O1", None)


def test_the_rejection_of_another_order_is_not_that_of_the_acknowledged_one() -> None:
    found = as_booked(sent(), Book([TURNED_AWAY]))

    assert (found.state, found.order_id) == (State.ACKNOWLEDGED, "O1")


@pytest.mark.parametrize("intent", [unanswered(), sent(state=State.PLANNED, order_id=None)])
def test_a_try_that_was_turned_away_says_nothing_of_one_that_may_have_been_sent_again(intent: Intent) -> None:
    alone = Book([TURNED_AWAY])
    found = as_booked_if_last(intent, alone)

    assert (found.state, found.order_id, found.doubted) == (State.UNKNOWN, None, True)
    assert unless_lost(found, alone, {intent.intent_id}) == found
    assert unless_lost(found, alone, ()).state is State.REJECTED
    assert unless_lost(found, Book(), ()).state is State.NOT_SENT
    assert as_booked_if_last(found, Book([TURNED_AWAY, DONE])).state is State.FILLED


def test_a_rejection_that_was_seen_is_taken_back_by_a_fill_of_a_later_try() -> None:
    first = as_booked(unanswered(), Book([TURNED_AWAY]))
    assert (first.state, first.order_id) == (State.REJECTED, "O0")

    assert as_booked(first, Book([TURNED_AWAY, DONE])).state is State.FILLED
    assert as_booked(first, Book([TURNED_AWAY, line(OPEN)])).state is State.OPEN


def test_an_order_placed_twice_counts_twice_and_is_not_whole() -> None:
    found = as_booked(sent(), Book([DONE, line(FILLED, 65, "O2")]))

    assert (found.state, found.filled_quantity, found.whole) == (State.FILLED, 130, False)
    assert a_ticket(intents=(found,)).incomplete


def test_a_second_order_that_still_works_is_the_one_to_take_back() -> None:
    found = as_booked(sent(), Book([DONE, line(OPEN, order_id="O2")]))

    assert (found.state, found.filled_quantity, found.order_id) == (State.OPEN, 65, "O2")
    over = as_booked(found, Book([DONE, line(CANCELLED, order_id="O2")]))
    assert (over.state, over.filled_quantity) == (State.FILLED, 65)


@pytest.mark.parametrize("lines", list(permutations([line(OPEN), line(PARTIAL, 30), line(CANCELLED, 30)])))
def test_of_several_lines_of_one_order_the_latest_counts_once(lines: tuple[BookedOrder, ...]) -> None:
    found = as_booked(sent(), Book(lines))

    assert (found.state, found.filled_quantity) == (State.CANCELLED, 30)


def test_an_order_is_found_by_its_number_though_the_tag_is_another() -> None:
    for tag in ("", TAG[:8], TAG.upper()):
        assert as_booked(sent(), Book([line(FILLED, 65, tag=tag)])).state is State.FILLED


def test_a_book_that_is_behind_takes_nothing_back() -> None:
    filled = as_booked(sent(), Book([DONE]))

    for older in (line(OPEN), line(UNCERTAIN), line(PARTIAL, 30), line(CANCELLED)):
        assert as_booked(filled, Book([older])) == filled
    cancelled = as_booked(sent(), Book([line(CANCELLED, 30)]))
    assert as_booked(cancelled, Book([line(PARTIAL, 30)])) == cancelled


def test_a_fill_told_after_the_end_is_read_again() -> None:
    cancelled = as_booked(sent(), Book([line(CANCELLED)]))
    ticket = a_ticket(intents=(cancelled,), settled=True)

    (found,) = reread(ticket, Book([line(CANCELLED, 30)])).intents

    assert (found.state, found.filled_quantity) == (State.CANCELLED, 30)
    assert worth_asking([ticket])
    assert not worth_asking([a_ticket(intents=(an_intent(),), settled=True)])


def test_the_price_of_several_fills_is_their_mean() -> None:
    dearer = line(FILLED, 65, "O2")._replace(average_price=Decimal(90))
    assert as_booked(sent(), Book([DONE, dearer])).average_price == Decimal(85)
    assert as_booked(sent(), Book([DONE, dearer._replace(average_price=None)])).average_price is None


def test_a_brokers_text_is_never_the_reason() -> None:
    told = line(CANCELLED)._replace(reason="RED: raw text")

    found = as_booked(sent(), Book([told]))

    assert (found.reason, found.said) == (None, "RED: raw text")

"""Closing what was opened: only that, whole, and never twice."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain import closing
from quantleap.domain.basket import Side
from quantleap.domain.broker import Instrument
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.execution import Decision, Kind, State, Ticket
from quantleap.domain.planning import tickets
from tests.builders import a_basket
from tests.unit.test_planning import (
    AT,
    EXPIRY,
    ON,
    VENUE,
    a_due,
    a_master,
    a_seat,
    a_snapshot,
    decided,
)

CHAIN = (Index.NIFTY, EXPIRY)
EXIT = a_due(a_basket()).model_copy(update={"run_id": "run_exit", "kind": Kind.EXIT, "closes": "run_1"})


def way_back() -> Decision:
    return closing.decide(EXIT, decided(a_basket()), {CHAIN: a_snapshot()}, {VENUE: a_master()}, AT, ON)


def filled(ticket: Ticket, share: Decimal = Decimal(1)) -> Ticket:
    """The ticket settled, each order filled to that share in whole lots."""
    intents = tuple(
        each.became(State.FILLED, filled_quantity=int(each.quantity // 65 * share) * 65) for each in ticket.intents
    )
    return ticket.with_intents(intents, settled=True)


def entered(multiplier: str = "2", cap: int | None = None) -> Ticket:
    (ticket,) = tickets(decided(a_basket()), a_seat(multiplier, cap), 0)
    return filled(ticket)


def test_the_way_back_turns_every_side_round_and_buys_first() -> None:
    there, back = decided(a_basket()).orders, way_back().orders

    assert [order.side for order in back] == [Side.BUY, Side.BUY, Side.SELL, Side.SELL]
    assert {(o.contract, closing.opposite(o.side)) for o in there} == {(o.contract, o.side) for o in back}


def test_the_way_back_is_priced_at_what_closing_takes() -> None:
    for order in way_back().orders:
        assert order.reference_price == (Decimal("100.50") if order.side is Side.BUY else Decimal("99.50"))


def test_each_chain_is_asked_for_once() -> None:
    assert list(closing.chains(decided(a_basket()), EXIT)) == [CHAIN]


def test_a_contract_without_a_quote_is_priced_by_what_it_was_entered_at() -> None:
    entry, unseen = decided(a_basket()), a_snapshot()._replace(chain={})

    back = closing.decide(EXIT, entry, {CHAIN: unseen}, {VENUE: a_master()}, AT, ON)

    paid = {order.contract: order.reference_price for order in entry.orders}
    for order in back.orders:
        buys = order.side is Side.BUY
        assert order.limit_price == (paid[order.contract] * Decimal("1.1") if buys else Decimal("0.05"))


@pytest.mark.parametrize("masters", [{}, {VENUE: {}}])
def test_a_list_that_is_gone_since_the_entry_keeps_nobody_in(masters: dict[str, dict[Contract, Instrument]]) -> None:
    entry = decided(a_basket())

    back = closing.decide(EXIT, entry, {CHAIN: a_snapshot()}, masters, AT, ON)

    known = {order.contract: order.listings for order in entry.orders}
    assert all(order.listings == known[order.contract] for order in back.orders)


def test_a_ticket_is_closed_by_what_it_filled() -> None:
    entry = entered()

    left = closing.ticket(way_back(), entry, [])

    assert left.run_id == "run_exit"
    assert {each.quantity for each in left.intents} == {130}
    assert {each.tag for each in left.intents}.isdisjoint({each.tag for each in entry.intents})


@given(
    multiplier=st.integers(1, 120),
    cap=st.none() | st.integers(1, 30),
    shares=st.lists(st.decimals("0", "1", places=2), max_size=4),
)
def test_whatever_exits_fill_all_of_them_together_close_what_was_opened(
    multiplier: int, cap: int | None, shares: list[Decimal]
) -> None:
    entry = entered(str(multiplier), cap)
    exits: list[Ticket] = []
    for share in [*shares, Decimal(1)]:
        exits.append(filled(closing.ticket(way_back(), entry, exits), share))

    for leg in range(4):
        opened = sum(each.filled_quantity for each in entry.intents if each.leg == leg)
        closed = sum(each.filled_quantity for done in exits for each in done.intents if each.leg == leg)
        assert opened == closed == multiplier * 65
    assert closing.ticket(way_back(), entry, exits).skipped == "nothing_to_close"


def test_an_entry_that_filled_nothing_has_nothing_to_close() -> None:
    assert closing.ticket(way_back(), filled(entered(), Decimal(0)), []).skipped == "nothing_to_close"


def test_an_entry_nobody_settled_is_not_closed_blindly() -> None:
    entry = entered().model_copy(update={"settled": False})

    assert closing.ticket(way_back(), entry, []).skipped == "entry_not_settled"


@pytest.mark.parametrize("before", [None, entered().model_copy(update={"settled": False})])
def test_nothing_is_sent_while_an_earlier_exit_may_still_fill(before: Ticket | None) -> None:
    assert closing.ticket(way_back(), entered(), [before]).skipped == "exit_in_progress"


def test_a_refused_exit_says_why() -> None:
    refused = way_back().model_copy(update={"orders": (), "refusal": "market_feed_failed"})

    assert closing.ticket(refused, entered(), []).skipped == "market_feed_failed"


def test_a_venue_that_lists_the_contract_no_more_is_said() -> None:
    orders = tuple(order.model_copy(update={"listings": {}}) for order in way_back().orders)

    left = closing.ticket(way_back().model_copy(update={"orders": orders}), entered(), [])

    assert left.skipped == "contract_not_listed_at_broker"

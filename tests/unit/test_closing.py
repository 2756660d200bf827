"""Closing what was opened: only that, whole, and never twice."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain import closing
from quantleap.domain.broker import Instrument
from quantleap.domain.closing import Claim
from quantleap.domain.contracts import Contract, Index
from quantleap.domain.execution import Decision, Kind, State, Ticket
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.planning import tickets
from quantleap.domain.trading import Side
from tests.builders import a_basket
from tests.unit.test_planning import (
    AT,
    EXPIRY,
    ON,
    VENUE,
    a_chain,
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


NIL = Decimal(0)
ZEROS = Quote(bid=NIL, ask=NIL, last=NIL)


def back_at(quote: Quote) -> Decision:
    """The way back where the chain shows this of every contract."""
    seen = a_snapshot()._replace(chain=dict.fromkeys(a_chain(), quote))
    return closing.decide(EXIT, decided(a_basket()), {CHAIN: seen}, {VENUE: a_master()}, AT, ON)


def prices(back: Decision, side: Side) -> set[tuple[Decimal, Decimal]]:
    """What the orders of a side were worked out from, and their limits."""
    return {(order.reference_price, order.limit_price) for order in back.orders if order.side is side}


@pytest.mark.parametrize("snapshots", [{}, {CHAIN: a_snapshot()._replace(chain={})}])
def test_what_no_chain_shows_is_closed_within_the_band_around_the_price_it_was_entered_at(
    snapshots: dict[tuple[Index, date], Snapshot],
) -> None:
    back = closing.decide(EXIT, decided(a_basket()), snapshots, {VENUE: a_master()}, AT, ON)

    assert len(back.orders) == 4
    assert prices(back, Side.BUY) == {(Decimal("99.50"), Decimal("109.45"))}
    assert prices(back, Side.SELL) == {(Decimal("100.50"), Decimal("90.45"))}


def test_a_row_of_zeros_says_as_little_as_none() -> None:
    assert back_at(ZEROS) == closing.decide(EXIT, decided(a_basket()), {}, {VENUE: a_master()}, AT, ON)


def test_a_bid_alone_tells_a_buyer_nothing() -> None:
    back = back_at(ZEROS._replace(bid=Decimal(40)))

    assert prices(back, Side.BUY) == {(Decimal("99.50"), Decimal("109.45"))}


@pytest.mark.parametrize("shown", ["ask", "last"])
def test_where_nobody_offers_a_purchase_goes_by_what_is_shown(shown: str) -> None:
    assert prices(back_at(ZEROS._replace(**{shown: Decimal(40)})), Side.BUY) == {(Decimal(40), Decimal(45))}


STUB = Quote(bid=Decimal(10), ask=Decimal(4000), last=Decimal(11))


def limits_by_try(wrong: Quote, side: Side) -> list[Decimal]:
    """The limits of three exits in a row where one strike's row is wrong and all others are as they were."""
    limits = []
    for tries in (1, 2, 3):
        due = EXIT.model_copy(update={"tries": tries})
        [wanted, *_] = [order for order in decided(a_basket()).orders if order.side is not side]
        key = wanted.contract.strike, wanted.contract.right
        seen = a_snapshot()._replace(chain={**a_chain(), key: wrong})
        back = closing.decide(due, decided(a_basket()), {CHAIN: seen}, {VENUE: a_master()}, AT, ON)
        limits += [each.limit_price for each in back.orders if each.contract == wanted.contract]
    return limits


def test_no_ask_of_a_wrong_row_is_paid_however_often_the_exit_is_tried() -> None:
    assert limits_by_try(STUB, Side.BUY) == [Decimal("109.45"), Decimal("125.65"), Decimal("150.75")]


def test_a_stub_bid_sells_no_hedge_for_nothing_while_its_neighbours_know_better() -> None:
    stub = Quote(bid=Decimal("0.05"), ask=Decimal(4000), last=Decimal(90))

    assert limits_by_try(stub, Side.SELL) == [Decimal("89.55"), Decimal("74.60"), Decimal("49.75")]


@pytest.mark.parametrize("masters", [{}, {VENUE: {}}])
def test_a_list_that_is_gone_since_the_entry_keeps_nobody_in(masters: dict[str, dict[Contract, Instrument]]) -> None:
    entry = decided(a_basket())

    back = closing.decide(EXIT, entry, {CHAIN: a_snapshot()}, masters, AT, ON)

    known = {order.contract: order.listings for order in entry.orders}
    assert all(order.listings == known[order.contract] for order in back.orders)


def test_a_ticket_is_closed_by_what_it_filled() -> None:
    entry = entered()

    left = closing.ticket(way_back(), Claim(entry))

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
        exits.append(filled(closing.ticket(way_back(), Claim(entry, tuple(exits))), share))

    for leg in range(4):
        opened = sum(each.filled_quantity for each in entry.intents if each.leg == leg)
        closed = sum(each.filled_quantity for done in exits for each in done.intents if each.leg == leg)
        assert opened == closed == multiplier * 65
    assert closing.ticket(way_back(), Claim(entry, tuple(exits))).skipped == "nothing_to_close"


def test_an_entry_that_filled_nothing_has_nothing_to_close() -> None:
    assert closing.ticket(way_back(), Claim(filled(entered(), Decimal(0)))).skipped == "nothing_to_close"


def test_an_entry_nobody_settled_is_not_closed_blindly() -> None:
    entry = entered().model_copy(update={"settled": False})

    assert closing.ticket(way_back(), Claim(entry)).skipped == "entry_not_settled"


def resting(ticket: Ticket, state: State) -> Ticket:
    """The ticket settled with its first order in a state that may still change."""
    first, *rest = ticket.intents
    return ticket.with_intents((first.became(state), *rest), settled=True)


UNCERTAIN = [state for state in State if state.uncertain]


@pytest.mark.parametrize("before", [entered().reopened(), *(resting(entered(), state) for state in UNCERTAIN)])
def test_nothing_is_sent_while_an_earlier_exit_may_still_fill(before: Ticket) -> None:
    assert closing.ticket(way_back(), Claim(entered(), (before,))).skipped == "exit_in_progress"


@pytest.mark.parametrize("state", UNCERTAIN)
def test_nothing_is_sent_while_the_entry_may_still_fill(state: State) -> None:
    assert closing.ticket(way_back(), Claim(resting(entered(), state))).skipped == "entry_not_settled"


def test_a_refused_exit_says_why() -> None:
    refused = way_back().model_copy(update={"orders": (), "refusal": "market_feed_failed"})

    assert closing.ticket(refused, Claim(entered())).skipped == "market_feed_failed"


def test_a_venue_that_lists_the_contract_no_more_is_said() -> None:
    orders = tuple(order.model_copy(update={"listings": {}}) for order in way_back().orders)

    left = closing.ticket(way_back().model_copy(update={"orders": orders}), Claim(entered()))

    assert left.skipped == "contract_not_listed_at_broker"


def two_strategies() -> tuple[Decision, Ticket]:
    """A way back, and an entry, of an iron condor twice."""
    back, (entry,) = way_back(), tickets(decided(a_basket()), a_seat("2", None), 0)
    again = tuple(order.model_copy(update={"strategy": 1}) for order in back.orders)
    intents = tuple(
        each.model_copy(update={"strategy": number, "intent_id": f"{each.intent_id}/{number}"})
        for number in (0, 1)
        for each in entry.intents
    )
    return back.model_copy(update={"orders": (*back.orders, *again)}), filled(
        entry.with_intents(intents, settled=False)
    )


def states(left: Ticket, strategy: int) -> set[tuple[State, str | None]]:
    return {(each.state, each.reason) for each in left.intents if each.strategy == strategy}


def test_a_strategy_nobody_is_certain_of_keeps_no_other_from_being_closed() -> None:
    back, entry = two_strategies()

    left = closing.ticket(back, Claim(resting(entry, State.OPEN)))

    assert states(left, 0) == {(State.NOT_SENT, "entry_not_settled")}
    assert states(left, 1) == {(State.PLANNED, None)}
    assert not left.settled


def test_an_exit_waits_for_an_earlier_one_only_where_both_close_the_same() -> None:
    back, entry = two_strategies()

    left = closing.ticket(back, Claim(entry).waiting_for([1]))

    assert states(left, 0) == {(State.PLANNED, None)}
    assert states(left, 1) == {(State.NOT_SENT, "exit_in_progress")}

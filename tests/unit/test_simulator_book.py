"""Orders in the simulator's book: what fills, what rests, what a repeat is."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side
from sandbox.broker.behaviour import FillMode, Rejection
from sandbox.broker.book import Happening, Order, OrderBook, OrderType, Status, Ticket, Validity, repeated_tags

AT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
MARKET = Quote(bid=Decimal("99.50"), ask=Decimal("100.50"), last=Decimal(100))


def a_ticket(**changes: Any) -> Ticket:
    usual = Ticket(
        client_id="TEST123",
        symbol="NIFTY01DEC26C26000",
        token="1",
        contract=Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE),
        lot_size=65,
        side=Side.BUY,
        quantity=195,
        order_type=OrderType.LIMIT,
        price=Decimal(101),
        trigger=Decimal(),
        product=Product.INTRADAY,
        validity=Validity.DAY,
        tag="ql0001",
    )
    return usual._replace(**changes)


def placed(mode: FillMode = FillMode.IMMEDIATE, **changes: Any) -> Order:
    order = OrderBook().add(a_ticket(**changes), AT)
    order.match(MARKET, mode, AT)
    return order


def test_a_buyer_above_the_ask_pays_the_ask() -> None:
    order = placed(price=Decimal(150))

    assert (order.status, order.filled, order.average) == (Status.COMPLETE, 195, Decimal("100.50"))


def test_a_seller_below_the_bid_gets_the_bid() -> None:
    order = placed(side=Side.SELL, price=Decimal(50))

    assert (order.status, order.average) == (Status.COMPLETE, Decimal("99.50"))


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, Decimal("100.45")), (Side.SELL, Decimal("99.55"))])
def test_a_limit_the_market_does_not_reach_rests_until_it_does(side: Side, price: Decimal) -> None:
    order = placed(side=side, price=price)
    assert order.status is Status.OPEN

    order.match(Quote(price, price, price), FillMode.IMMEDIATE, AT + timedelta(seconds=1))

    assert (order.status, order.average) == (Status.COMPLETE, price)


def test_at_rest_nothing_fills() -> None:
    assert placed(FillMode.REST).status is Status.OPEN


@pytest.mark.parametrize(("quantity", "filled"), [(65, 0), (130, 65), (195, 65), (260, 130)])
def test_a_partial_fill_takes_half_of_the_lots_once(quantity: int, filled: int) -> None:
    order = placed(FillMode.PARTIAL, quantity=quantity)
    order.match(MARKET, FillMode.PARTIAL, AT)

    assert (order.status, order.filled) == (Status.OPEN, filled)


def test_what_a_partial_fill_left_fills_when_the_mode_changes() -> None:
    order = placed(FillMode.PARTIAL)

    order.match(Quote(Decimal(99), Decimal(100), Decimal(100)), FillMode.IMMEDIATE, AT)

    assert (order.status, order.filled) == (Status.COMPLETE, 195)
    assert order.average == Decimal("100.17")
    assert [trade.quantity for trade in order.trades] == [65, 130]


def test_an_immediate_order_cancels_what_it_cannot_fill() -> None:
    order = placed(FillMode.PARTIAL, validity=Validity.IOC)

    assert (order.status, order.filled, order.cancelled) == (Status.CANCELED, 65, 130)


@pytest.mark.parametrize(
    ("side", "trigger", "price", "touch"),
    [(Side.BUY, 105, 110, 105), (Side.SELL, 95, 90, 95)],
)
def test_a_stop_waits_for_its_trigger(side: Side, trigger: int, price: int, touch: int) -> None:
    order = placed(side=side, order_type=OrderType.STOP_LIMIT, trigger=Decimal(trigger), price=Decimal(price))
    assert not order.trades

    order.match(Quote(Decimal(touch), Decimal(touch), Decimal(touch)), FillMode.IMMEDIATE, AT)

    assert order.status is Status.COMPLETE
    assert [event.what for event in order.history] == [Happening.NEW, Happening.TRIGGERED, Happening.FILL]


def test_a_changed_order_keeps_its_fills() -> None:
    order = placed(FillMode.PARTIAL)

    order.replace(a_ticket(quantity=260), AT)
    order.match(MARKET, FillMode.IMMEDIATE, AT)

    assert (order.status, order.filled) == (Status.COMPLETE, 260)


def test_a_rejected_order_says_why_and_never_fills() -> None:
    order = OrderBook().add(a_ticket(), AT)
    order.reject(Rejection.INSUFFICIENT_FUNDS, AT)

    order.match(MARKET, FillMode.IMMEDIATE, AT)

    assert (order.status, order.rejection, order.filled) == (
        Status.REJECTED,
        Rejection.INSUFFICIENT_FUNDS,
        0,
    )


def test_the_same_ticket_twice_is_two_orders_and_the_tag_tells() -> None:
    book = OrderBook()
    first, second = book.add(a_ticket(), AT), book.add(a_ticket(), AT)
    book.add(a_ticket(client_id="OTHER"), AT)
    book.add(a_ticket(tag=""), AT)
    book.add(a_ticket(tag=""), AT)

    assert first.number != second.number
    assert repeated_tags(book.all()) == {("TEST123", "ql0001"): [first.number, second.number]}


def test_numbers_carry_the_day_in_india_and_go_on_after_a_reset() -> None:
    book = OrderBook()
    book.add(a_ticket(), datetime(2026, 11, 22, 20, 0, tzinfo=UTC))

    book.clear()

    assert list(book.all()) == []
    assert book.add(a_ticket(), AT).number == "26112300000002"


def test_a_client_finds_only_its_own_orders() -> None:
    book = OrderBook()
    order = book.add(a_ticket(), AT)

    assert book.find("TEST123", order.number) is order
    assert book.find("OTHER", order.number) is None
    assert book.of("OTHER") == []


def test_positions_add_up_the_trades_of_a_contract_and_product() -> None:
    book = OrderBook()
    for ticket in (
        a_ticket(quantity=195),
        a_ticket(quantity=65, side=Side.SELL, price=Decimal(1)),
        a_ticket(quantity=65, product=Product.CARRY),
    ):
        book.add(ticket, AT).match(MARKET, FillMode.IMMEDIATE, AT)

    intraday, carried = book.positions("TEST123")

    assert (intraday.bought, intraday.sold, intraday.net) == (195, 65, 130)
    assert (intraday.paid, intraday.received) == (195 * Decimal("100.50"), 65 * Decimal("99.50"))
    assert carried.net == 65

"""The book in the wire's words."""

from collections.abc import Iterable
from decimal import Decimal

from quantleap.domain.broker import OrderStatus
from quantleap.domain.market import Quote
from sandbox.broker import money
from sandbox.broker.behaviour import Rejection
from sandbox.broker.book import Order, Position, Status
from sandbox.broker.simulated.masters import EXCHANGE

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: ("insufficient_funds", "the account has not the margin"),
    Rejection.PRICE_BAND: ("price_out_of_band", "the price is outside the day's range"),
    Rejection.MARKET_CLOSED: ("market_closed", "the market is closed"),
    Rejection.EXCHANGE_CANCELLED: ("price_out_of_band", "the price is outside the range of the moment"),
    Rejection.ACCOUNT_BLOCKED: ("account_blocked", "the account may not trade"),
}
"""Code and text, in the answer and in the book."""

STATUSES = {
    Status.OPEN: OrderStatus.OPEN,
    Status.TRIGGER_PENDING: OrderStatus.OPEN,
    Status.COMPLETE: OrderStatus.FILLED,
    Status.REJECTED: OrderStatus.REJECTED,
    Status.CANCELED: OrderStatus.CANCELLED,
}

type Line = dict[str, object]


def order_line(order: Order) -> Line:
    """An order as the book shows it."""
    ticket, status = order.ticket, STATUSES[order.status]
    if status is OrderStatus.OPEN and order.filled:
        status = OrderStatus.PARTIAL
    code, text = REJECTIONS.get(order.rejection, (None, None)) if order.rejection else (None, None)
    return {
        "order_id": order.number,
        "tag": ticket.tag,
        "symbol": ticket.symbol,
        "side": ticket.side.value.lower(),
        "units": ticket.quantity,
        "limit": _rupees(ticket.price),
        "trigger": _rupees(ticket.trigger),
        "product": ticket.product.value.lower(),
        "status": status,
        "filled": order.filled,
        "average": _rupees(order.average),
        "code": code,
        "reason": text,
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position, valued at the last price."""
    bought, sold = position.net > 0, position.net < 0
    amount, units = (position.paid, position.bought) if bought else (position.received, position.sold)
    return {
        "exchange": EXCHANGE,
        "symbol": position.ticket.symbol,
        "product": position.ticket.product.value.lower(),
        "units": position.net,
        "average": _rupees(amount / units if bought or sold else Decimal()),
        "last": _rupees(quote.last),
    }


def funds(positions: Iterable[Position]) -> Line:
    """A client's money."""
    blocked = money.held(positions).total
    return {"available": _rupees(money.CASH - blocked), "used": _rupees(blocked)}


def quote_line(quote: Quote) -> Line:
    """Prices of a contract."""
    return {"bid": _rupees(quote.bid), "ask": _rupees(quote.ask), "last": _rupees(quote.last)}


def _rupees(amount: Decimal) -> str:
    return f"{amount:.2f}"

"""The book in mStock's words: names as Kite Connect has them, prices of the book as texts, money in capitals."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product
from sandbox.broker import kite, money
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, Rejection
from sandbox.broker.book import Order, Position, Trade
from sandbox.broker.listing import Listing

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "RMS:INSUFFICIENT FUNDS. REQUIRED 154321.00 AVAILABLE 0.00 (MA1067)",
    Rejection.PRICE_BAND: "ORDER PRICE IS OUT OF THE PRICE RANGE (MA16283)",
    Rejection.MARKET_CLOSED: "MARKET IS CLOSED (MA1023)",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE.upper(),
    Rejection.ACCOUNT_BLOCKED: "CLIENT IS BLOCKED FOR TRADING (MA1044)",
}
"""`status_message` in the order book, and the message of a refusal at once."""

BOOKED_AS = {Product.INTRADAY: "INTRADAY", Product.CARRY: ""}
"""Products in the order book, where other words stand than in a request; positions name none."""

type Line = Mapping[str, object]


def order_line(order: Order) -> Line:
    """An order as the order book shows it."""
    ticket, last = order.ticket, order.history[-1]
    return {
        "placed_by": ticket.client_id,
        "order_id": order.number,
        "exchange_order_id": f"1{order.number}",
        "parent_order_id": None,
        "status": kite.STATUSES[order.status],
        "status_message": REJECTIONS.get(order.rejection) if order.rejection else None,
        "order_timestamp": _time(last.at),
        "exchange_timestamp": _time(order.arrived_at),
        "variety": "regular",
        "modified": "false",
        "exchange": kite.EXCHANGE,
        "tradingsymbol": ticket.symbol,
        "instrument_token": int(ticket.token),
        "order_type": kite.WORDS[ticket.order_type],
        "transaction_type": ticket.side.value,
        "validity": ticket.validity.value,
        "product": BOOKED_AS[ticket.product],
        "quantity": ticket.quantity,
        "disclosed_quantity": 0,
        "price": f"{ticket.price:.2f}",
        "trigger_price": f"{ticket.trigger:.2f}",
        "average_price": f"{order.average:.2f}",
        "filled_quantity": order.filled,
        "pending_quantity": 0 if order.status.final else order.left,
        "cancelled_quantity": order.cancelled,
        "market_protection": 0,
        "tag": [ticket.tag] if ticket.tag else [],
    }


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill as the trade book shows it."""
    ticket = order.ticket
    return {
        "TRADE_NUMBER": trade.trade_id,
        "ORDER_NUMBER": order.number,
        "EXCH_ORDER_NUMBER": f"1{order.number}",
        "SYMBOL": ticket.symbol,
        "EXCHANGE": kite.EXCHANGE,
        "BUY_SELL": ticket.side.value.title(),
        "PRODUCT": kite.WORDS[ticket.product],
        "ORDER_TYPE": kite.WORDS[ticket.order_type],
        "QUANTITY": trade.quantity,
        "PRICE": float(trade.price),
        "TRADE_VALUE": float(trade.price * trade.quantity),
        "ORDER_DATE_TIME": f"{trade.at.astimezone(IST):%d-%m-%Y %H:%M:%S}",
        "SEC_ID": ticket.token,
        "SEGMENT": "D",
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position, valued at the last price."""
    ticket, net = position.ticket, position.net
    bought, sold = _mean(position.paid, position.bought), _mean(position.received, position.sold)
    return {
        "tradingsymbol": ticket.symbol,
        "exchange": kite.EXCHANGE,
        "instrument_token": int(ticket.token),
        "product": "",
        "quantity": net,
        "overnight_quantity": 0,
        "multiplier": 1,
        "average_price": float(bought if net > 0 else sold),
        "last_price": float(quote.last),
        "pnl": float(position.received - position.paid + net * quote.last),
        "buy_quantity": position.bought,
        "sell_quantity": position.sold,
    }


def funds(positions: list[Position]) -> Line:
    """A client's money."""
    blocked = money.held(positions)
    return {
        "AVAILABLE_BALANCE": f"{money.CASH - blocked.total:.2f}",
        "AMOUNT_UTILIZED": f"{blocked.total:.2f}",
        "CLEAR_BALANCE": f"{money.CASH:.2f}",
        "COLLATERALS": "0.0",
        "REALISED_PROFITS": "0.0",
        "MTM_COMBINED": "0.0",
        "LIMIT_TYPE": "Trading",
        "SEG": "A",
    }


def margin(blocked: money.Blocked) -> Line:
    """What an order blocks, charges apart."""
    return {
        "span": float(blocked.span),
        "exposure": 0,
        "option_premium": float(blocked.premium),
        "additional": 0,
        "charges": {"brokerage": 0, "total": 0},
        "total": float(blocked.total),
    }


def price_line(listing: Listing, quote: Quote) -> Line:
    """The last price, and the day's as the same."""
    last = float(quote.last)
    return {
        "instrument_token": int(listing.token),
        "last_price": last,
        "ohlc": {"open": last, "high": last, "low": last, "close": last},
    }


def _mean(amount: Decimal, quantity: int) -> Decimal:
    return (amount / quantity).quantize(Decimal("0.01")) if quantity else Decimal()


def _time(at: datetime) -> str:
    """`yyyy-mm-dd HH:MM:SS` in India."""
    return f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}"

"""The book in Zerodha's words: numbers are numbers, times are of India, field names as Kite Connect has them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.market import Quote
from sandbox.broker import kite, money
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, BEYOND_RANGE, Rejection
from sandbox.broker.book import Event, Order, Position, Trade
from sandbox.broker.listing import Listing

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "Insufficient funds. Required margin is 154321.00 but available margin is 0.00.",
    Rejection.PRICE_BAND: BEYOND_RANGE,
    Rejection.MARKET_CLOSED: "Markets are closed right now. Use GTT for placing long standing orders instead.",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE,
    Rejection.ACCOUNT_BLOCKED: "Your account is blocked for trading. Please contact support.",
}
"""`status_message` in the order book, and the message of a refusal at once."""

RAW = {Rejection.INSUFFICIENT_FUNDS: "RMS:Margin Exceeds, Required:154321.00, Available:0.00 for entity account"}
"""What the risk system said, where that differs: `status_message_raw`."""

type Line = Mapping[str, object]


def order_line(order: Order) -> Line:
    """An order as the order book shows it."""
    return _line(order, order.history[-1])


def history_lines(order: Order) -> list[Line]:
    """An order's life, oldest first."""
    return [_line(order, event) for event in order.history]


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill."""
    ticket = order.ticket
    return {
        "trade_id": trade.trade_id,
        "order_id": order.number,
        "exchange_order_id": f"1{order.number}",
        "exchange": kite.EXCHANGE,
        "tradingsymbol": ticket.symbol,
        "instrument_token": int(ticket.token) << 8 | kite.SEGMENT,
        "product": kite.WORDS[ticket.product],
        "average_price": float(trade.price),
        "quantity": trade.quantity,
        "transaction_type": ticket.side.value,
        "fill_timestamp": _time(trade.at),
        "order_timestamp": f"{trade.at.astimezone(IST):%H:%M:%S}",
        "exchange_timestamp": _time(trade.at),
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position, valued at the last price."""
    ticket, net = position.ticket, position.net
    bought, sold = _mean(position.paid, position.bought), _mean(position.received, position.sold)
    average = bought if net > 0 else sold if net < 0 else Decimal()
    profit = position.received - position.paid + net * quote.last
    return {
        "tradingsymbol": ticket.symbol,
        "exchange": kite.EXCHANGE,
        "instrument_token": int(ticket.token) << 8 | kite.SEGMENT,
        "product": kite.WORDS[ticket.product],
        "quantity": net,
        "overnight_quantity": 0,
        "multiplier": 1,
        "average_price": float(average),
        "close_price": 0,
        "last_price": float(quote.last),
        "value": float(position.received - position.paid),
        "pnl": float(profit),
        "m2m": float(profit),
        "unrealised": float(profit),
        "realised": 0,
        "buy_quantity": position.bought,
        "buy_price": float(bought),
        "buy_value": float(position.paid),
        "sell_quantity": position.sold,
        "sell_price": float(sold),
        "sell_value": float(position.received),
    }


def margins(positions: list[Position]) -> Line:
    """A client's money in the equity segment."""
    blocked = money.held(positions)
    return {
        "enabled": True,
        "net": float(money.CASH - blocked.total),
        "available": {
            "adhoc_margin": 0,
            "cash": float(money.CASH),
            "opening_balance": float(money.CASH),
            "live_balance": float(money.CASH - blocked.total),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {
            "debits": float(blocked.total),
            "exposure": 0,
            "option_premium": float(blocked.premium),
            "payout": 0,
            "span": float(blocked.span),
            "delivery": 0,
        },
    }


def basket(before: money.Blocked, together: money.Blocked, apart: list[money.Blocked]) -> Line:
    """What a basket blocks: order by order, all at once, and beside what the account holds."""
    return {
        "initial": _margin(money.added(apart)),
        "final": _margin(money.added([before, together])),
        "orders": [_margin(one) for one in apart],
    }


def quote_line(listing: Listing, quote: Quote, at: datetime) -> Line:
    """Prices and the market's depth, of which only the touch has orders."""
    size = listing.lot_size * 20
    empty = [{"price": 0, "quantity": 0, "orders": 0}] * 4
    return {
        "instrument_token": kite.instrument_token(listing),
        "timestamp": _time(at),
        "last_trade_time": _time(at),
        "last_price": float(quote.last),
        "last_quantity": listing.lot_size,
        "buy_quantity": size,
        "sell_quantity": size,
        "volume": 0,
        "average_price": float(quote.last),
        "oi": 0,
        "net_change": 0,
        "depth": {
            "buy": [{"price": float(quote.bid), "quantity": size, "orders": 1}, *empty],
            "sell": [{"price": float(quote.ask), "quantity": size, "orders": 1}, *empty],
        },
    }


def user(client_id: str) -> Line:
    """Who a client is."""
    return {
        "user_id": client_id,
        "user_type": "individual",
        "email": f"{client_id.lower()}@broker.example",
        "user_name": f"SANDBOX {client_id}",
        "user_shortname": client_id,
        "broker": "ZERODHA",
        "exchanges": ["NSE", kite.EXCHANGE],
        "products": ["MIS", "NRML"],
        "order_types": ["LIMIT", "SL"],
        "avatar_url": None,
        "meta": {"demat_consent": "empty"},
    }


def _line(order: Order, event: Event) -> Line:
    ticket = order.ticket
    done = event is order.history[-1]
    reason = REJECTIONS.get(order.rejection) if order.rejection else None
    return {
        "placed_by": ticket.client_id,
        "order_id": order.number,
        "exchange_order_id": f"1{order.number}",
        "parent_order_id": None,
        "status": kite.STATUSES[event.status],
        "status_message": reason,
        "status_message_raw": RAW.get(order.rejection, reason) if order.rejection else None,
        "order_timestamp": _time(event.at),
        "exchange_update_timestamp": _time(event.at),
        "exchange_timestamp": _time(order.arrived_at),
        "variety": "regular",
        "modified": any(past.what.value == "Replaced" for past in order.history),
        "exchange": kite.EXCHANGE,
        "tradingsymbol": ticket.symbol,
        "instrument_token": int(ticket.token) << 8 | kite.SEGMENT,
        "order_type": kite.WORDS[ticket.order_type],
        "transaction_type": ticket.side.value,
        "validity": ticket.validity.value,
        "validity_ttl": 0,
        "product": kite.WORDS[ticket.product],
        "quantity": event.quantity,
        "disclosed_quantity": 0,
        "price": float(event.price),
        "trigger_price": float(ticket.trigger),
        "average_price": float(order.average) if event.filled else 0,
        "filled_quantity": event.filled,
        "pending_quantity": order.left if done and not order.status.final else 0,
        "cancelled_quantity": order.cancelled if done else 0,
        "market_protection": 0,
        "meta": {},
        "tag": ticket.tag or None,
        "guid": None,
    }


def _margin(blocked: money.Blocked) -> Line:
    return {
        "type": "equity",
        "span": float(blocked.span),
        "exposure": 0,
        "option_premium": float(blocked.premium),
        "additional": 0,
        "total": float(blocked.total),
    }


def _mean(amount: Decimal, quantity: int) -> Decimal:
    return (amount / quantity).quantize(Decimal("0.01")) if quantity else Decimal()


def _time(at: datetime) -> str:
    """`yyyy-mm-dd HH:MM:SS` in India."""
    return f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}"

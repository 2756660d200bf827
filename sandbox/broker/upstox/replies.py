"""The book in Upstox's words: numbers are numbers, statuses in small letters, times of India."""

import struct
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.market import Quote
from sandbox.broker import money
from sandbox.broker.accounts import Session
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, Rejection
from sandbox.broker.book import Event, Order, Position, Status, Trade
from sandbox.broker.listing import Listing
from sandbox.broker.upstox.masters import SEGMENT, key, symbol
from sandbox.broker.upstox.orders import WORDS

EXCHANGE = "NFO"

STATUSES = {
    Status.OPEN: "open",
    Status.TRIGGER_PENDING: "trigger pending",
    Status.COMPLETE: "complete",
    Status.REJECTED: "rejected",
    Status.CANCELED: "cancelled",
}

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "You need to add Rs. 154321.00 in your account to place this trade.",
    Rejection.PRICE_BAND: BEYOND_LPP_RANGE,
    Rejection.MARKET_CLOSED: "Market is closed",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE,
    Rejection.ACCOUNT_BLOCKED: "RMS:Blocked for all exchanges, segments and products",
}
"""Why an order ended, in the order book."""

ONLY_RAW = {Rejection.INSUFFICIENT_FUNDS}
"""Of these `status_message_raw` alone tells."""

type Line = Mapping[str, object]


def user(client_id: str) -> Line:
    """Who a client is."""
    return {
        "email": f"{client_id.lower()}@broker.example",
        "exchanges": ["NSE", EXCHANGE],
        "products": ["D", "I"],
        "broker": "UPSTOX",
        "user_id": client_id,
        "user_name": f"SANDBOX {client_id}",
        "order_types": ["LIMIT", "SL"],
        "user_type": "individual",
        "poa": False,
        "is_active": True,
    }


def login(session: Session) -> Line:
    """The answer to a code: flat, without an envelope."""
    return dict(user(session.client_id)) | {
        "access_token": session.access_token,
        "extended_token": session.refresh_token,
    }


def order_line(order: Order) -> Line:
    """An order as the order book shows it."""
    return _line(order, order.history[-1])


def history_lines(order: Order) -> list[Line]:
    """An order's life, oldest first."""
    return [_line(order, event) for event in order.history]


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill."""
    return _what(order) | {
        "order_id": order.number,
        "exchange_order_id": f"1{order.number}",
        "trade_id": trade.trade_id,
        "quantity": trade.quantity,
        "average_price": float(trade.price),
        "exchange_timestamp": _time(trade.at),
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position, valued at the last price."""
    ticket, net = position.ticket, position.net
    bought, sold = _mean(position.paid, position.bought), _mean(position.received, position.sold)
    profit = position.received - position.paid + net * quote.last
    return {
        "exchange": EXCHANGE,
        "multiplier": 1.0,
        "value": float(position.received - position.paid),
        "pnl": float(profit),
        "product": WORDS[ticket.product],
        "instrument_token": key(ticket.token),
        "average_price": float(bought if net > 0 else sold if net < 0 else 0),
        "overnight_quantity": 0,
        "day_buy_quantity": position.bought,
        "day_buy_price": float(bought),
        "day_sell_quantity": position.sold,
        "day_sell_price": float(sold),
        "quantity": net,
        "last_price": float(quote.last),
        "unrealised": float(profit),
        "realised": 0.0,
        "trading_symbol": ticket.symbol,
        "tradingsymbol": ticket.symbol,
        "close_price": 0.0,
        "buy_price": float(bought),
        "sell_price": float(sold),
    }


def funds(positions: list[Position]) -> Line:
    """A client's money, all of it cash."""
    blocked, none = money.held(positions), {"total": 0.0}
    free = float(money.CASH - blocked.total)
    used = {"total": float(blocked.total), "span_exposure": float(blocked.span)}
    cash = {"total": free, "cash": {"opening_balance": float(money.CASH)}, "margin_used": used}
    return {
        "available_to_trade": {
            "total": free,
            "cash_available_to_trade": cash,
            "pledge_available_to_trade": {"total": 0.0, "margin_used": none},
        },
        "unavailable_to_trade": {"total": 0.0},
    }


def basket(together: money.Blocked, apart: list[money.Blocked]) -> Line:
    """What a basket blocks: order by order, and all at once."""
    return {
        "margins": [
            {
                "equity_margin": 0.0,
                "total_margin": float(one.total),
                "exposure_margin": 0.0,
                "tender_margin": 0.0,
                "span_margin": float(one.span),
                "net_buy_premium": float(one.premium),
                "additional_margin": 0.0,
            }
            for one in apart
        ],
        "required_margin": float(sum(one.total for one in apart)),
        "final_margin": float(together.total),
    }


def quote_name(listing: Listing) -> str:
    """What a quote is filed under: the symbol without blanks, not the key that was asked for."""
    return f"{SEGMENT}:{symbol(listing.contract).replace(' ', '')}"


def quote_line(listing: Listing, quote: Quote, at: datetime) -> Line:
    """Prices and the market's depth, of which only the touch has orders; the last one in single precision."""
    size = listing.lot_size * 20
    empty = [{"quantity": 0, "price": 0, "orders": 0}] * 4
    return {
        "depth": {
            "buy": [{"quantity": size, "price": float(quote.bid), "orders": 1}, *empty],
            "sell": [{"quantity": size, "price": float(quote.ask), "orders": 1}, *empty],
        },
        "timestamp": f"{at.astimezone(IST):%Y-%m-%dT%H:%M:%S.000+05:30}",
        "instrument_token": key(listing.token),
        "symbol": symbol(listing.contract).replace(" ", ""),
        "last_price": struct.unpack("f", struct.pack("f", quote.last))[0],
        "volume": 0,
        "average_price": float(quote.last),
        "oi": 0,
        "net_change": 0.0,
    }


def _what(order: Order) -> dict[str, object]:
    ticket = order.ticket
    return {
        "exchange": EXCHANGE,
        "product": WORDS[ticket.product],
        "instrument_token": key(ticket.token),
        "trading_symbol": ticket.symbol,
        "tradingsymbol": ticket.symbol,
        "order_type": WORDS[ticket.order_type],
        "transaction_type": ticket.side.value,
        "tag": ticket.tag or None,
    }


def _line(order: Order, event: Event) -> Line:
    ticket, raw = order.ticket, REJECTIONS.get(order.rejection) if order.rejection else None
    return _what(order) | {
        "price": float(event.price),
        "quantity": event.quantity,
        "status": STATUSES[event.status],
        "placed_by": ticket.client_id,
        "validity": ticket.validity.value,
        "trigger_price": float(ticket.trigger),
        "disclosed_quantity": 0,
        "average_price": float(order.average) if event.filled else 0.0,
        "filled_quantity": event.filled,
        "pending_quantity": 0 if order.status.final else order.left,
        "status_message": None if order.rejection in ONLY_RAW else raw,
        "status_message_raw": raw,
        "exchange_order_id": f"1{order.number}",
        "parent_order_id": None,
        "order_id": order.number,
        "variety": "SIMPLE",
        "order_timestamp": _time(event.at),
        "exchange_timestamp": _time(event.at),
        "is_amo": False,
        "order_request_id": "1",
        "order_ref_id": order.number,
    }


def _mean(amount: Decimal, quantity: int) -> Decimal:
    return (amount / quantity).quantize(Decimal("0.01")) if quantity else Decimal()


def _time(at: datetime) -> str:
    """`yyyy-mm-dd HH:MM:SS` in India."""
    return f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}"

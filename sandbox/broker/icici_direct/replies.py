"""The book in Breeze's words: most figures are texts, a contract is told by its four fields."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Side
from sandbox.broker import money
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, Rejection
from sandbox.broker.book import Order, Position, Status, Trade
from sandbox.broker.icici_direct.masters import EXCHANGE, named
from sandbox.broker.icici_direct.orders import WORDS
from sandbox.broker.listing import Listing

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "Insufficient limit. Please allocate funds and place the order again.",
    Rejection.PRICE_BAND: "Order price is outside the circuit limits of the day.",
    Rejection.MARKET_CLOSED: "Market is closed. Orders cannot be placed at this time.",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE,
    Rejection.ACCOUNT_BLOCKED: "Your account is blocked for trading.",
}
"""All of them are told at once, before there is an order: the order book has no field for a reason."""

STATUSES = {
    Status.OPEN: "Ordered",
    Status.TRIGGER_PENDING: "Ordered",
    Status.COMPLETE: "Executed",
    Status.REJECTED: "Rejected",
    Status.CANCELED: "Cancelled",
}

type Line = Mapping[str, object]


def order_line(order: Order) -> Line:
    """An order as the order list shows it; what is filled has to be reckoned from it."""
    ticket = order.ticket
    return _contract(ticket.contract) | {
        "order_id": order.number,
        "exchange_order_id": f"1{order.number}",
        "product_type": "Options",
        "action": WORDS[ticket.side].title(),
        "order_type": WORDS[ticket.order_type].title(),
        "stoploss": f"{ticket.trigger:.2f}",
        "quantity": str(ticket.quantity),
        "price": f"{ticket.price:.2f}",
        "validity": WORDS[ticket.validity].title(),
        "disclosed_quantity": "0",
        "average_price": f"{order.average:f}",
        "cancelled_quantity": str(order.cancelled),
        "pending_quantity": "0" if order.status.final else str(order.left),
        "status": _status(order),
        "user_remark": ticket.tag,
        "order_datetime": _time(order.arrived_at),
        "parent_order_id": None,
        "modification_number": None,
        "validity_date": "",
    }


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill."""
    return _contract(order.ticket.contract) | {
        "trade_id": trade.trade_id,
        "order_id": order.number,
        "product_type": "Options",
        "action": WORDS[order.ticket.side].title(),
        "quantity": str(trade.quantity),
        "average_cost": f"{trade.price:f}",
        "trade_date": f"{trade.at.astimezone(IST):%d-%b-%Y}",
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position; its quantity has no sign, the action says which side it is of."""
    net = position.net
    amount, units = (position.paid, position.bought) if net > 0 else (position.received, position.sold)
    average = (amount / units).quantize(Decimal("0.01")) if net and units else Decimal()
    return _contract(position.ticket.contract) | {
        "segment": "fno",
        "product_type": "Options",
        "action": WORDS[Side.BUY if net > 0 else Side.SELL].title() if net else "NA",
        "quantity": str(abs(net)),
        "average_price": f"{average:f}",
        "settlement_id": None,
        "margin_amount": None,
        "ltp": f"{quote.last:f}",
        "price": f"{average:f}",
        "stock_index_indicator": "Index",
        "cover_quantity": "0",
        "stoploss_trigger": "0",
        "underlying": named(position.ticket.contract).stock_code,
    }


def funds(positions: Sequence[Position]) -> Line:
    """A client's money, all of it allocated to derivatives."""
    blocked = float(money.held(positions).total)
    return {
        "bank_account": "000000000000",
        "total_bank_balance": float(money.CASH),
        "allocated_equity": 0.0,
        "allocated_fno": float(money.CASH),
        "allocated_commodity": 0.0,
        "allocated_currency": 0.0,
        "block_by_trade_equity": 0.0,
        "block_by_trade_fno": blocked,
        "block_by_trade_commodity": 0.0,
        "block_by_trade_currency": 0.0,
        "block_by_trade_balance": blocked,
        "unallocated_balance": "0",
    }


def margin(lines: Sequence[Mapping[str, str]], blocked: money.Blocked) -> Line:
    """What a basket blocks; the list's name is misspelt by the broker."""
    return {
        "margin_calulation": lines,
        "non_span_margin_required": f"{blocked.total - blocked.span:.2f}",
        "order_value": f"{blocked.total:.2f}",
        "order_margin": "0",
        "trade_margin": None,
        "block_trade_margin": "0",
        "span_margin_required": f"{blocked.span:.2f}",
    }


def quote_line(listing: Listing, quote: Quote, at: datetime) -> Line:
    """Prices with the touch."""
    return _contract(listing.contract) | {
        "product_type": "Options",
        "ltp": float(quote.last),
        "ltt": f"{at.astimezone(IST):%d-%b-%Y %H:%M:%S}",
        "best_bid_price": float(quote.bid),
        "best_bid_quantity": str(listing.lot_size * 20),
        "best_offer_price": float(quote.ask),
        "best_offer_quantity": str(listing.lot_size * 20),
        "total_quantity_traded": "0",
    }


def customer(client_id: str, token: str, at: datetime) -> Line:
    """Who a client is, with the token of the day."""
    return {
        "exg_trade_date": {"NSE": f"{at.astimezone(IST):%d-%b-%Y}", "FNO": f"{at.astimezone(IST):%d-%b-%Y}"},
        "exg_status": {"NSE": "O", "FNO": "Y"},
        "segments_allowed": {"Trading": "Y", "Equity": "Y", "Derivatives": "Y", "Currency": "N"},
        "idirect_userid": client_id,
        "session_token": token,
        "idirect_user_name": f"SANDBOX {client_id}",
        "idirect_ORD_TYP": "N",
        "idirect_lastlogin_time": f"{at.astimezone(IST):%d-%b-%Y %H:%M:%S}",
    }


def _contract(contract: Contract) -> dict[str, object]:
    name = named(contract)
    return {
        "exchange_code": EXCHANGE,
        "stock_code": name.stock_code,
        "expiry_date": f"{name.expiry:%d-%b-%Y}",
        "right": name.right,
        "strike_price": float(contract.strike),
    }


def _status(order: Order) -> str:
    word = STATUSES[order.status]
    if not order.filled or order.status is Status.COMPLETE:
        return word
    return f"Partially Executed And {word}" if order.status.final else "Partially Executed"


def _time(at: datetime) -> str:
    """`dd-Mmm-yyyy HH:MM` in India."""
    return f"{at.astimezone(IST):%d-%b-%Y %H:%M}"

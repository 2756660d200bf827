"""The book in Angel One's words: an order's prices are numbers, its quantities and all of positions and funds texts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.market import Quote
from sandbox.broker import money
from sandbox.broker.angel_one.masters import EXCHANGE, symbol
from sandbox.broker.angel_one.orders import VARIETIES, WORDS
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, BEYOND_RANGE, Rejection
from sandbox.broker.book import Order, Position, Status, Trade
from sandbox.broker.listing import Listing

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "Your order has been rejected due to Insufficient Funds. "
    "Available funds - Rs. 0.00 . You require Rs. 154321.00 funds to execute this order.",
    Rejection.PRICE_BAND: BEYOND_RANGE,
    Rejection.MARKET_CLOSED: "Markets are closed right now",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE,
    Rejection.ACCOUNT_BLOCKED: "Your account is blocked for trading in this segment",
}
"""`text` in the order book."""

STATUSES = {
    Status.OPEN: "open",
    Status.TRIGGER_PENDING: "trigger pending",
    Status.COMPLETE: "complete",
    Status.REJECTED: "rejected",
    Status.CANCELED: "cancelled",
}

type Line = Mapping[str, object]


def order_line(order: Order) -> Line:
    """An order as the order book shows it."""
    ticket, status = order.ticket, STATUSES[order.status]
    return {
        "variety": VARIETIES[ticket.order_type],
        "ordertype": WORDS[ticket.order_type],
        "producttype": WORDS[ticket.product],
        "duration": ticket.validity.value,
        "price": float(ticket.price),
        "triggerprice": float(ticket.trigger),
        "quantity": str(ticket.quantity),
        "disclosedquantity": "0",
        "squareoff": 0.0,
        "stoploss": 0.0,
        "trailingstoploss": 0.0,
        "tradingsymbol": ticket.symbol,
        "transactiontype": ticket.side.value,
        "exchange": EXCHANGE,
        "symboltoken": ticket.token,
        "ordertag": ticket.tag,
        "instrumenttype": "OPTIDX",
        "strikeprice": float(ticket.contract.strike),
        "optiontype": ticket.contract.right.value,
        "expirydate": f"{ticket.contract.expiry:%d%b%Y}".upper(),
        "lotsize": str(ticket.lot_size),
        "cancelsize": str(order.cancelled),
        "averageprice": float(order.average),
        "filledshares": str(order.filled),
        "unfilledshares": str(order.left),
        "orderid": order.number,
        "text": REJECTIONS.get(order.rejection, "") if order.rejection else "",
        "status": status,
        "orderstatus": status,
        "updatetime": _time(order.history[-1].at),
        "exchtime": _time(order.arrived_at),
        "exchorderupdatetime": _time(order.history[-1].at),
        "uniqueorderid": unique(order),
        "exchangeorderid": f"1{order.number}",
    }


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill."""
    ticket = order.ticket
    return {
        "exchange": EXCHANGE,
        "producttype": WORDS[ticket.product],
        "tradingsymbol": ticket.symbol,
        "transactiontype": ticket.side.value,
        "fillprice": str(trade.price),
        "fillsize": str(trade.quantity),
        "tradevalue": str(trade.price * trade.quantity),
        "orderid": order.number,
        "fillid": trade.trade_id,
        "filltime": f"{trade.at.astimezone(IST):%H:%M:%S}",
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position, valued at the last price."""
    ticket, net = position.ticket, position.net
    bought, sold = _mean(position.paid, position.bought), _mean(position.received, position.sold)
    return {
        "exchange": EXCHANGE,
        "symboltoken": ticket.token,
        "producttype": WORDS[ticket.product],
        "tradingsymbol": ticket.symbol,
        "symbolname": ticket.contract.index.value,
        "instrumenttype": "OPTIDX",
        "strikeprice": f"{ticket.contract.strike:.1f}",
        "optiontype": ticket.contract.right.value,
        "expirydate": f"{ticket.contract.expiry:%d%b%Y}".upper(),
        "lotsize": str(ticket.lot_size),
        "buyqty": str(position.bought),
        "sellqty": str(position.sold),
        "buyavgprice": str(bought),
        "sellavgprice": str(sold),
        "avgnetprice": str(bought if net > 0 else sold if net < 0 else Decimal("0.00")),
        "netqty": str(net),
        "ltp": str(quote.last),
        "pnl": str(position.received - position.paid + net * quote.last),
    }


def rms(positions: Sequence[Position]) -> Line:
    """A client's money."""
    blocked = money.held(positions)
    return {
        "net": f"{money.CASH - blocked.total:.4f}",
        "availablecash": f"{money.CASH:.4f}",
        "availableintradaypayin": "0.0000",
        "availablelimitmargin": "0.0000",
        "collateral": "0.0000",
        "m2munrealized": "0.0000",
        "m2mrealized": "0.0000",
        "utiliseddebits": f"{blocked.total:.4f}",
        "utilisedspan": f"{blocked.span:.4f}",
        "utilisedoptionpremium": f"{blocked.premium:.4f}",
        "utilisedholdingsales": "0.0000",
        "utilisedexposure": "0.0000",
        "utilisedturnover": "0.0000",
        "utilisedpayout": "0.0000",
    }


def margin(blocked: money.Blocked) -> Line:
    """What a basket blocks."""
    return {
        "totalMarginRequired": float(blocked.total),
        "marginComponents": {
            "netPremium": float(blocked.premium),
            "spanMargin": float(blocked.span),
            "marginBenefit": 0,
            "deliveryMargin": 0,
            "nonNFOMargin": 0,
            "totOptionsPremium": float(blocked.premium),
        },
    }


def quote_line(listing: Listing, quote: Quote) -> Line:
    """Prices and the market's depth, of which only the touch has orders."""
    empty = [{"price": 0, "quantity": 0, "orders": 0}] * 4
    size = listing.lot_size * 20
    return {
        "exchange": EXCHANGE,
        "tradingSymbol": symbol(listing.contract),
        "symbolToken": listing.token,
        "ltp": float(quote.last),
        "lastTradeQty": listing.lot_size,
        "totBuyQuan": size,
        "totSellQuan": size,
        "depth": {
            "buy": [{"price": float(quote.bid), "quantity": size, "orders": 1}, *empty],
            "sell": [{"price": float(quote.ask), "quantity": size, "orders": 1}, *empty],
        },
    }


def profile(client_id: str) -> Line:
    """Who a client is."""
    return {
        "clientcode": client_id,
        "name": f"SANDBOX {client_id}",
        "email": "",
        "mobileno": "",
        "exchanges": ["nse_cm", "nse_fo"],
        "products": ["INTRADAY", "CARRYFORWARD"],
        "lastlogintime": "",
        "broker": "",
    }


def unique(order: Order) -> str:
    """The order's second number."""
    return f"{order.number}-{order.ticket.client_id}"


def _mean(amount: Decimal, quantity: int) -> Decimal:
    return (amount / quantity if quantity else Decimal()).quantize(Decimal("0.01"))


def _time(at: datetime) -> str:
    """`dd-MMM-yyyy HH:MM:SS` in India."""
    return f"{at.astimezone(IST):%d-%b-%Y %H:%M:%S}"

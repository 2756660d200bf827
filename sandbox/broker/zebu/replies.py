"""The book in Zebu's words: every value a text, field names as the Noren OMS has them."""

from datetime import datetime
from decimal import Decimal

from quantleap.domain.clock import IST
from quantleap.domain.contracts import TICK, Contract
from quantleap.domain.market import Quote
from sandbox.broker import money
from sandbox.broker.behaviour import BEYOND_LPP_RANGE, Rejection
from sandbox.broker.book import Order, OrderType, Position, Ticket, Trade
from sandbox.broker.listing import Listing
from sandbox.broker.money import Blocked
from sandbox.broker.zebu.masters import EXCHANGE, symbol
from sandbox.broker.zebu.orders import ORDER_TYPES, PRODUCTS, SIDES
from sandbox.broker.zebu.wire import request_time

REJECTIONS = {
    Rejection.INSUFFICIENT_FUNDS: "RED:Margin Shortfall:INR 154321.00 Available:INR 0.00 for C-{client_id}",
    Rejection.PRICE_BAND: "16283 : The order price is out of the operating price range",
    Rejection.MARKET_CLOSED: "RED:Market is closed",
    Rejection.EXCHANGE_CANCELLED: BEYOND_LPP_RANGE,
    Rejection.ACCOUNT_BLOCKED: "RED:Account is blocked for {client_id}",
}
"""`rejreason` in the order book."""

_TEXTS = {value: text for table in (SIDES, PRODUCTS, ORDER_TYPES) for text, value in table.items()}

type Line = dict[str, object]


def order_line(order: Order) -> Line:
    """An order as OrderBook shows it."""
    ticket = order.ticket
    line = _ticket_line(ticket) | {
        "norenordno": order.number,
        "qty": str(ticket.quantity),
        "prc": str(ticket.price),
        "status": order.status.value,
        "fillshares": str(order.filled),
        "avgprc": str(order.average),
        "cancelqty": str(order.cancelled),
        "exchordid": f"1{order.number}",
        "norentm": request_time(order.history[-1].at),
        "ordenttm": str(int(order.arrived_at.timestamp())),
        "exch_tm": exchange_time(order.history[-1].at),
        "rejreason": _rejection(order),
    }
    return line | ({"trgprc": str(ticket.trigger)} if ticket.order_type is OrderType.STOP_LIMIT else {})


def history_lines(order: Order) -> list[Line]:
    """An order's life as SingleOrdHist shows it, newest first."""
    line = order_line(order)
    return [
        line
        | {
            "stat": "Ok",
            "rpt": event.what.value,
            "status": event.status.value,
            "qty": str(event.quantity),
            "prc": str(event.price),
            "fillshares": str(event.filled),
            "norentm": request_time(event.at),
            "exch_tm": exchange_time(event.at),
        }
        for event in reversed(order.history)
    ]


def trade_line(order: Order, trade: Trade) -> Line:
    """A fill as TradeBook shows it."""
    return _ticket_line(order.ticket) | {
        "norenordno": order.number,
        "exchordid": f"1{order.number}",
        "qty": str(order.ticket.quantity),
        "prc": str(order.ticket.price),
        "fillshares": str(order.filled),
        "flid": trade.trade_id,
        "flqty": str(trade.quantity),
        "flprc": str(trade.price),
        "fltm": exchange_time(trade.at),
        "norentm": request_time(trade.at),
    }


def position_line(position: Position, quote: Quote) -> Line:
    """A position as PositionBook shows it, valued at the last price."""
    bought, sold = _mean(position.paid, position.bought), _mean(position.received, position.sold)
    closed = min(position.bought, position.sold)
    average = bought if position.net > 0 else sold if position.net < 0 else Decimal()
    return _instrument(position.ticket) | {
        "stat": "Ok",
        "uid": position.ticket.client_id,
        "actid": position.ticket.client_id,
        "prd": _TEXTS[position.ticket.product],
        "netqty": str(position.net),
        "netavgprc": str(average),
        "daybuyqty": str(position.bought),
        "daybuyavgprc": str(bought),
        "daybuyamt": _money(position.paid),
        "daysellqty": str(position.sold),
        "daysellavgprc": str(sold),
        "daysellamt": _money(position.received),
        "lp": str(quote.last),
        "urmtom": _money(position.net * (quote.last - average)),
        "rpnl": _money(closed * (sold - bought)),
        "mult": "1",
        "prcftr": "1.000000",
    }


def details(client_id: str) -> Line:
    """Who a client is, as ClientDetails shows it."""
    return {
        "actid": client_id,
        "cliname": f"SANDBOX {client_id}",
        "email": f"{client_id.lower()}@broker.example",
        "exarr": ["NSE", EXCHANGE],
    }


def limits(positions: list[Position]) -> Line:
    """A client's money as Limits shows it, which does not say whose it is."""
    blocked = money.held(positions)
    return {
        "prfname": "SANDBOX",
        "cash": _money(money.CASH),
        "payin": "0.00",
        "payout": "0.00",
        "brkcollamt": "0.00",
        "collateral": "0.00",
        "marginused": _money(blocked.total),
        "premium": _money(blocked.premium),
        "span": _money(blocked.span),
        "expo": "0.00",
    }


def span(blocked: Blocked) -> Line:
    """What a basket blocks, as SpanCalc shows it; premium is no part of it."""
    return {"span": _money(blocked.span), "expo": "0.00", "span_trade": _money(blocked.span), "expo_trade": "0.00"}


def quote_fields(quote: Quote, lot_size: int) -> Line:
    """Prices and sizes at the touch."""
    size = str(lot_size * 20)
    return {
        "lp": str(quote.last),
        "bp1": str(quote.bid),
        "bq1": size,
        "sp1": str(quote.ask),
        "sq1": size,
    }


def listing_line(listing: Listing) -> Line:
    """A contract as lookups show it."""
    contract = listing.contract
    return {
        "exch": EXCHANGE,
        "token": listing.token,
        "tsym": symbol(contract),
        "symname": contract.index.value,
        "dname": described(contract),
        "instname": "OPTIDX",
        "optt": contract.right.value,
        "strprc": f"{contract.strike:.2f}",
        "exd": f"{contract.expiry:%d-%b-%Y}".upper(),
        "ls": str(listing.lot_size),
        "ti": str(TICK),
        "pp": "2",
        "frzqty": str(listing.freeze_quantity),
    }


def described(contract: Contract) -> str:
    """`NIFTY 01DEC26 26000 CE`."""
    return f"{contract.index} {contract.expiry:%d%b%y} {contract.strike:f} {contract.right}".upper()


def exchange_time(at: datetime) -> str:
    """`dd-mm-yyyy HH:MM:SS` in India."""
    return f"{at.astimezone(IST):%d-%m-%Y %H:%M:%S}"


def _ticket_line(ticket: Ticket) -> Line:
    return _instrument(ticket) | {
        "stat": "Ok",
        "uid": ticket.client_id,
        "actid": ticket.client_id,
        "trantype": _TEXTS[ticket.side],
        "prctyp": _TEXTS[ticket.order_type],
        "prd": _TEXTS[ticket.product],
        "ret": ticket.validity.value,
        "remarks": ticket.tag,
    }


def _instrument(ticket: Ticket) -> Line:
    return {
        "exch": EXCHANGE,
        "tsym": ticket.symbol,
        "token": ticket.token,
        "ls": str(ticket.lot_size),
        "ti": str(TICK),
        "pp": "2",
    }


def _rejection(order: Order) -> str:
    if order.rejection is None:
        return ""
    return REJECTIONS[order.rejection].format(client_id=order.ticket.client_id)


def _mean(money: Decimal, quantity: int) -> Decimal:
    return (money / quantity).quantize(Decimal("0.01")) if quantity else Decimal("0.00")


def _money(amount: Decimal) -> str:
    return f"{amount:z.2f}"

"""Zebu's order fields: from texts to a ticket, refusing what the broker would refuse."""

from decimal import Decimal
from urllib.parse import unquote

from quantleap.domain.trading import Product, Side
from sandbox.broker import checks
from sandbox.broker.book import OrderType, Ticket, Validity
from sandbox.broker.checks import Wrong
from sandbox.broker.listing import Listing
from sandbox.broker.zebu.masters import EXCHANGE, Master
from sandbox.broker.zebu.wire import Fields

SIDES = {"B": Side.BUY, "S": Side.SELL}
PRODUCTS = {"I": Product.INTRADAY, "M": Product.CARRY}
ORDER_TYPES = {"LMT": OrderType.LIMIT, "SL-LMT": OrderType.STOP_LIMIT}
VALIDITIES = {validity.value: validity for validity in Validity}
SOURCES = {"API", "API2"}
MARKET_TYPES = {"MKT", "SL-MKT"}

PLACE_FIELDS = (
    "uid",
    "actid",
    "exch",
    "tsym",
    "qty",
    "prc",
    "trgprc",
    "dscqty",
    "prd",
    "trantype",
    "prctyp",
    "ret",
    "ordersource",
)
MODIFY_FIELDS = ("uid", "actid", "norenordno", "exch", "tsym", "qty", "prctyp", "prc")


def new_ticket(fields: Fields, master: Master) -> Ticket:
    """The ticket of a PlaceOrder request; raises `Wrong`."""
    listing = _listing(fields, master)
    side = checks.one_of(SIDES, fields, "trantype")
    order_type = _order_type(fields)
    if fields["ordersource"] not in SOURCES:
        raise Wrong("ordersource")
    if fields.get("amo"):
        raise Wrong("amo", "is taken after market hours only")
    checks.nothing(fields, "dscqty", "must be 0 for options")
    price = checks.price(fields, "prc")
    return Ticket(
        client_id=fields["uid"],
        symbol=unquote(fields["tsym"]),
        token=listing.token,
        contract=listing.contract,
        lot_size=listing.lot_size,
        side=side,
        quantity=checks.quantity(fields, "qty", listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, side, price),
        product=checks.one_of(PRODUCTS, fields, "prd"),
        validity=checks.one_of(VALIDITIES, fields, "ret"),
        tag=fields.get("remarks", ""),
    )


def changed_ticket(fields: Fields, ticket: Ticket, master: Master) -> Ticket:
    """The ticket as a ModifyOrder request leaves it; the contract cannot change."""
    listing = _listing(fields, master)
    if listing.contract != ticket.contract:
        raise Wrong("tsym", "is not the order's")
    order_type = _order_type(fields)
    if order_type is OrderType.LIMIT and "trgprc" in fields:
        raise Wrong("trgprc", "is for SL orders only")
    price = checks.price(fields, "prc")
    return ticket._replace(
        quantity=checks.quantity(fields, "qty", listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, ticket.side, price),
    )


def _listing(fields: Fields, master: Master) -> Listing:
    if fields["actid"] != fields["uid"]:
        raise Wrong("actid", "is not the session's")
    if fields["exch"] != EXCHANGE:
        raise Wrong("exch")
    symbol = fields["tsym"]
    listing = master.by_symbol.get(unquote(symbol) if "%" in symbol else symbol)
    if listing is None:
        raise Wrong("tsym", f"{symbol} is not listed")
    return listing


def _order_type(fields: Fields) -> OrderType:
    if fields["prctyp"] in MARKET_TYPES:
        raise Wrong("prctyp", "market orders are not allowed over the API")
    return checks.one_of(ORDER_TYPES, fields, "prctyp")


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        checks.nothing(fields, "trgprc", "is for SL orders only")
        return Decimal()
    return checks.trigger(fields, "trgprc", side, price, "prc")

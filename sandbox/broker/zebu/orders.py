"""Zebu's order fields: from texts to a ticket, refusing what the broker would refuse."""

import re
from decimal import Decimal
from urllib.parse import unquote

from quantleap.domain.basket import Product, Side
from quantleap.domain.contracts import TICK
from sandbox.broker.book import OrderType, Ticket, Validity
from sandbox.broker.listing import Listing
from sandbox.broker.zebu.masters import EXCHANGE, Master
from sandbox.broker.zebu.wire import Fields, invalid

SIDES = {"B": Side.BUY, "S": Side.SELL}
PRODUCTS = {"I": Product.INTRADAY, "M": Product.CARRY}
ORDER_TYPES = {"LMT": OrderType.LIMIT, "SL-LMT": OrderType.STOP_LIMIT}
VALIDITIES = {validity.value: validity for validity in Validity}
SOURCES = {"API", "API2"}
MARKET_TYPES = {"MKT", "SL-MKT"}
NOTHING = {"0", "0.0", "0.00"}

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

WHOLE = re.compile(r"\d{1,9}", re.ASCII)
PRICE = re.compile(r"\d{1,7}(\.\d{1,2})?", re.ASCII)


def new_ticket(fields: Fields, master: Master) -> Ticket:
    """The ticket of a PlaceOrder request."""
    listing = _listing(fields, master)
    side = _one_of(SIDES, fields, "trantype")
    order_type = _order_type(fields)
    if fields["ordersource"] not in SOURCES:
        raise invalid("ordersource")
    if fields.get("amo"):
        raise invalid("amo is taken after market hours only")
    if fields["dscqty"] not in NOTHING:
        raise invalid("dscqty must be 0 for options")
    price = _price(fields, "prc")
    return Ticket(
        client_id=fields["uid"],
        symbol=unquote(fields["tsym"]),
        token=listing.token,
        contract=listing.contract,
        lot_size=listing.lot_size,
        side=side,
        quantity=_quantity(fields, listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, side, price),
        product=_one_of(PRODUCTS, fields, "prd"),
        validity=_one_of(VALIDITIES, fields, "ret"),
        tag=fields.get("remarks", ""),
    )


def changed_ticket(fields: Fields, ticket: Ticket, master: Master) -> Ticket:
    """The ticket as a ModifyOrder request leaves it; the contract cannot change."""
    listing = _listing(fields, master)
    if listing.contract != ticket.contract:
        raise invalid("tsym is not the order's")
    order_type = _order_type(fields)
    if order_type is OrderType.LIMIT and "trgprc" in fields:
        raise invalid("trgprc is for SL orders only")
    price = _price(fields, "prc")
    return ticket._replace(
        quantity=_quantity(fields, listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, ticket.side, price),
    )


def _listing(fields: Fields, master: Master) -> Listing:
    if fields["actid"] != fields["uid"]:
        raise invalid("actid is not the session's")
    if fields["exch"] != EXCHANGE:
        raise invalid("exch")
    symbol = fields["tsym"]
    listing = master.by_symbol.get(unquote(symbol) if "%" in symbol else symbol)
    if listing is None:
        raise invalid(f"tsym {symbol} is not listed")
    return listing


def _one_of[T](values: dict[str, T], fields: Fields, name: str) -> T:
    try:
        return values[fields[name]]
    except KeyError:
        raise invalid(name) from None


def _order_type(fields: Fields) -> OrderType:
    if fields["prctyp"] in MARKET_TYPES:
        raise invalid("prctyp market orders are not allowed over the API")
    return _one_of(ORDER_TYPES, fields, "prctyp")


def _quantity(fields: Fields, listing: Listing) -> int:
    text = fields["qty"]
    quantity = int(text) if WHOLE.fullmatch(text) else 0
    if quantity <= 0:
        raise invalid("qty")
    if quantity % listing.lot_size:
        raise invalid(f"qty is not a multiple of the lot size {listing.lot_size}")
    if quantity > listing.freeze_quantity:
        raise invalid(f"qty is above the freeze quantity {listing.freeze_quantity}")
    return quantity


def _price(fields: Fields, name: str) -> Decimal:
    text = fields.get(name, "")
    price = Decimal(text) if PRICE.fullmatch(text) else Decimal()
    if price <= 0:
        raise invalid(name)
    if price % TICK:
        raise invalid(f"{name} is not a multiple of the tick size {TICK}")
    return price


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        if fields.get("trgprc", "0") not in NOTHING:
            raise invalid("trgprc is for SL orders only")
        return Decimal()
    trigger = _price(fields, "trgprc")
    if trigger > price if side is Side.BUY else trigger < price:
        raise invalid("trgprc is on the wrong side of prc")
    return trigger

"""SmartAPI's orders: from texts to a ticket, refusing what the broker would refuse."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from quantleap.domain.trading import Product, Side
from sandbox.broker import checks, money
from sandbox.broker.angel_one.masters import EXCHANGE, Master
from sandbox.broker.angel_one.wire import texts
from sandbox.broker.book import Order, OrderType, Ticket, Validity
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.listing import Listing

NEEDED = (
    "variety",
    "tradingsymbol",
    "symboltoken",
    "exchange",
    "ordertype",
    "producttype",
    "duration",
    "price",
    "quantity",
)
TO_PLACE = (*NEEDED, "transactiontype")
MAY_PLACE = ("squareoff", "stoploss", "triggerprice", "disclosedquantity", "trailingStopLoss", "ordertag")
TO_CHANGE = (*NEEDED, "orderid")
MAY_CHANGE = ("triggerprice", "disclosedquantity", "squareoff", "stoploss")
TO_CANCEL = ("variety", "orderid")
NOTHING = ("squareoff", "stoploss", "disclosedquantity", "trailingStopLoss")

SIDES = {side.value: side for side in Side}
PRODUCTS = {"INTRADAY": Product.INTRADAY, "CARRYFORWARD": Product.CARRY}
ORDER_TYPES = {"LIMIT": OrderType.LIMIT, "STOPLOSS_LIMIT": OrderType.STOP_LIMIT}
VARIETIES = {OrderType.LIMIT: "NORMAL", OrderType.STOP_LIMIT: "STOPLOSS"}
DURATIONS = {"DAY": Validity.DAY}
BARRED = {"MARKET", "STOPLOSS_MARKET", "IOC"}
WORDS = {value: text for table in (PRODUCTS, ORDER_TYPES) for text, value in table.items()}

TAG = re.compile(r"[A-Za-z0-9]{0,20}", re.ASCII)
LEG = {
    "exchange": str,
    "qty": int,
    "price": int | float,
    "productType": str,
    "token": str,
    "tradeType": str,
    "orderType": str,
}
MOST_LEGS = 50


def new_ticket(client_id: str, body: Mapping[str, Any], master: Master) -> Ticket:
    """The ticket of a request to place an order; raises `Wrong`."""
    fields = texts(body, TO_PLACE, MAY_PLACE)
    if not TAG.fullmatch(fields.get("ordertag", "")):
        raise Wrong("ordertag", "has at most 20 letters and digits")
    listing = _listed(fields, master)
    side, order_type = checks.one_of(SIDES, fields, "transactiontype"), _order_type(fields)
    price = checks.price(fields, "price")
    return Ticket(
        client_id=client_id,
        symbol=fields["tradingsymbol"],
        token=listing.token,
        contract=listing.contract,
        lot_size=listing.lot_size,
        side=side,
        quantity=checks.quantity(fields, "quantity", listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, side, price),
        product=checks.one_of(PRODUCTS, fields, "producttype"),
        validity=_validity(fields),
        tag=fields.get("ordertag", ""),
    )


def changed_ticket(fields: Fields, order: Order, master: Master) -> Ticket:
    """The ticket as a request to change it leaves the order, all of which the request repeats; raises `Wrong`."""
    listing, order_type, ticket = _listed(fields, master), _order_type(fields), order.ticket
    if listing.token != ticket.token:
        raise Wrong("symboltoken", "is not the order's")
    if checks.one_of(PRODUCTS, fields, "producttype") is not ticket.product:
        raise Wrong("producttype", "cannot be changed")
    price, quantity = checks.price(fields, "price"), checks.quantity(fields, "quantity", listing)
    if quantity <= order.filled:
        raise Wrong("quantity", "is not above what is filled")
    return ticket._replace(
        quantity=quantity,
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, ticket.side, price),
        validity=_validity(fields),
    )


def leg(line: object, master: Master) -> money.Leg:
    """A line of a basket, here with numbers; raises `Wrong`."""
    if not isinstance(line, dict):
        raise Wrong("positions")
    for name, kind in LEG.items():
        if not isinstance(line.get(name), kind) or isinstance(line.get(name), bool):
            raise Wrong(name)
    fields = {name: str(value) for name, value in line.items()}
    listing = master.by_token.get(fields["token"])
    if listing is None or fields["exchange"] != EXCHANGE:
        raise Wrong("token")
    checks.one_of(PRODUCTS, fields, "productType")
    units = checks.quantity(fields, "qty", listing)
    side = checks.one_of(SIDES, fields, "tradeType")
    return money.Leg(listing.contract, units if side is Side.BUY else -units, Decimal(fields["price"]))


def check_variety(fields: Fields, order: Order) -> None:
    """A change or cancellation names the order's own variety; raises `Wrong`."""
    if fields["variety"] != VARIETIES[order.ticket.order_type]:
        raise Wrong("variety")


def _listed(fields: Fields, master: Master) -> Listing:
    """Symbol and token have to be of one contract."""
    if fields["exchange"] != EXCHANGE:
        raise Wrong("exchange")
    listing = master.by_symbol.get(fields["tradingsymbol"])
    if listing is None:
        raise Wrong("tradingsymbol", "is not listed")
    if listing.token != fields["symboltoken"]:
        raise Wrong("symboltoken", "is another contract's")
    return listing


def _order_type(fields: Fields) -> OrderType:
    for name in NOTHING:
        checks.nothing(fields, name, "has to be 0")
    if fields["ordertype"] in BARRED:
        raise Wrong("ordertype", "is not accepted for orders of algorithms")
    order_type = checks.one_of(ORDER_TYPES, fields, "ordertype")
    if fields["variety"] != VARIETIES[order_type]:
        raise Wrong("variety")
    return order_type


def _validity(fields: Fields) -> Validity:
    if fields["duration"] in BARRED:
        raise Wrong("duration", "is not accepted for orders of algorithms")
    return checks.one_of(DURATIONS, fields, "duration")


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        checks.nothing(fields, "triggerprice", "is for stop-loss orders only")
        return Decimal()
    return checks.trigger(fields, "triggerprice", side, price, "price")

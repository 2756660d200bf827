"""Breeze's orders: from texts to a ticket, refusing what the broker would refuse."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from quantleap.domain.trading import Product, Side
from sandbox.broker import checks, money
from sandbox.broker.book import Order, OrderType, Ticket, Validity
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.icici_direct.masters import EXCHANGE, Master, Named, symbol
from sandbox.broker.icici_direct.wire import day, texts
from sandbox.broker.listing import Listing

CONTRACT = ("stock_code", "exchange_code", "expiry_date", "right", "strike_price")
TERMS = ("order_type", "quantity", "price", "validity")
TO_PLACE = (*CONTRACT, *TERMS, "product", "action")
MAY_PLACE = (
    "settlement_id",
    "order_segment_code",
    "lots",
    "user_remark",
    "stoploss",
    "validity_date",
    "disclosed_quantity",
    "order_type_fresh",
    "order_rate_fresh",
)
TO_CHANGE = ("order_id", "exchange_code")
MAY_CHANGE = (*TERMS, "stoploss", "disclosed_quantity", "validity_date")
TO_CANCEL = ("exchange_code", "order_id")
TO_LIST = ("exchange_code", "from_date", "to_date")
TO_QUOTE = (*CONTRACT, "product_type")
LEG = (
    "stock_code",
    "expiry_date",
    "right",
    "strike_price",
    "product",
    "action",
    "quantity",
    "price",
    "cover_order_flow",
    "fresh_order_type",
    "cover_limit_rate",
    "cover_sltp_price",
    "fresh_limit_rate",
    "open_quantity",
)

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
PRODUCTS = {"options": Product.CARRY}
ORDER_TYPES = {"limit": OrderType.LIMIT, "stoploss": OrderType.STOP_LIMIT}
VALIDITIES = {"day": Validity.DAY, "ioc": Validity.IOC}
WORDS: Mapping[object, str] = {
    value: text for table in (SIDES, PRODUCTS, ORDER_TYPES, VALIDITIES) for text, value in table.items()
}

REMARK = re.compile(r"[A-Za-z0-9]{0,20}", re.ASCII)


def new_ticket(client_id: str, body: Mapping[str, Any], master: Master) -> Ticket:
    """The ticket of a request to place an order; raises `Wrong`."""
    fields = texts(body, TO_PLACE, MAY_PLACE)
    if not REMARK.fullmatch(fields.get("user_remark", "")):
        raise Wrong("user_remark")
    listing = listed(fields, master)
    side, order_type, price = checks.one_of(SIDES, fields, "action"), _order_type(fields), checks.price(fields, "price")
    return Ticket(
        client_id=client_id,
        symbol=symbol(listing.contract),
        token=listing.token,
        contract=listing.contract,
        lot_size=listing.lot_size,
        side=side,
        quantity=checks.quantity(fields, "quantity", listing),
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, side, price),
        product=checks.one_of(PRODUCTS, fields, "product"),
        validity=checks.one_of(VALIDITIES, fields, "validity"),
        tag=fields.get("user_remark", ""),
    )


def changed_ticket(given: Fields, order: Order, master: Master) -> Ticket:
    """The ticket as a request to change it leaves the order; what the request leaves out stays; raises `Wrong`."""
    ticket, listing = order.ticket, master.by_symbol[order.ticket.symbol]
    fields = _kept(ticket) | dict(given)
    if given.get("order_type") == "limit":
        fields["stoploss"] = given.get("stoploss", "0")
    order_type, price = _order_type(fields), checks.price(fields, "price")
    quantity = checks.quantity(fields, "quantity", listing)
    if quantity <= order.filled:
        raise Wrong("quantity", "is not above what is filled")
    return ticket._replace(
        quantity=quantity,
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, ticket.side, price),
        validity=checks.one_of(VALIDITIES, fields, "validity"),
    )


def listed(fields: Fields, master: Master) -> Listing:
    """The contract that a request names; raises `Wrong`."""
    check_exchange(fields)
    return _named(fields, day(fields, "expiry_date"), master)


def leg(line: object, master: Master) -> money.Leg:
    """A line of a basket, its expiry as `01-Dec-2026`; raises `Wrong`."""
    if not isinstance(line, dict):
        raise Wrong("list_of_positions")
    fields = texts(line, LEG)
    try:
        expiry = datetime.strptime(fields["expiry_date"], "%d-%b-%Y").date()  # noqa: DTZ007 - a day, not an instant
    except ValueError:
        raise Wrong("expiry_date") from None
    listing = _named(fields, expiry, master)
    checks.one_of(PRODUCTS, fields, "product")
    units, side = checks.quantity(fields, "quantity", listing), checks.one_of(SIDES, fields, "action")
    return money.Leg(listing.contract, units if side is Side.BUY else -units, checks.price(fields, "price"))


def check_exchange(fields: Fields) -> None:
    """Only NSE's derivatives are simulated; raises `Wrong`."""
    if fields["exchange_code"] != EXCHANGE:
        raise Wrong("exchange_code")


def _named(fields: Fields, expiry: date, master: Master) -> Listing:
    name = Named(fields["stock_code"], expiry, fields["right"].title(), fields["strike_price"])
    listing = master.by_name.get(name)
    if listing is None:
        raise Wrong("stock_code", "has no such contract")
    return listing


def _kept(ticket: Ticket) -> dict[str, str]:
    return {
        "order_type": WORDS[ticket.order_type],
        "quantity": str(ticket.quantity),
        "price": str(ticket.price),
        "stoploss": str(ticket.trigger),
        "validity": WORDS[ticket.validity],
    }


def _order_type(fields: Fields) -> OrderType:
    checks.nothing(fields, "disclosed_quantity", "has to be 0 for options")
    if fields["order_type"] == "market":
        raise Wrong("Market/Limit indicator:", "market orders are not allowed")
    return checks.one_of(ORDER_TYPES, fields, "order_type")


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        checks.nothing(fields, "stoploss", "is for stoploss orders only")
        return Decimal()
    return checks.trigger(fields, "stoploss", side, price, "price")

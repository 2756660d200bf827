"""Upstox's orders: from JSON to a ticket, refusing what the broker would refuse."""

import re
from decimal import Decimal
from typing import Any

from quantleap.domain.trading import Product, Side
from sandbox.broker import checks
from sandbox.broker.book import Order, OrderType, Ticket, Validity
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.listing import Listing
from sandbox.broker.upstox.masters import Master, symbol
from sandbox.broker.upstox.wire import FLAG, NUMBER, TEXT, WHOLE, Refusal, typed

SIDES = {side.value: side for side in Side}
PRODUCTS = {"I": Product.INTRADAY, "D": Product.CARRY}
ORDER_TYPES = {"LIMIT": OrderType.LIMIT, "SL": OrderType.STOP_LIMIT}
MARKET_TYPES = {"MARKET", "SL-M"}
VALIDITIES = {"DAY": Validity.DAY, "IOC": Validity.IOC}
WORDS = {value: text for table in (PRODUCTS, ORDER_TYPES) for text, value in table.items()}

NEEDED = {
    "quantity": WHOLE,
    "product": TEXT,
    "validity": TEXT,
    "price": NUMBER,
    "instrument_token": TEXT,
    "order_type": TEXT,
    "transaction_type": TEXT,
    "disclosed_quantity": WHOLE,
    "trigger_price": NUMBER,
    "is_amo": FLAG,
}
OPTIONAL = {"tag": TEXT, "slice": FLAG, "market_protection": NUMBER}
TO_CHANGE = {"order_id": TEXT, "validity": TEXT, "price": NUMBER, "order_type": TEXT, "trigger_price": NUMBER}
CHANGEABLE = {"quantity": WHOLE, "disclosed_quantity": WHOLE, "market_protection": NUMBER}
LEG = {"instrument_key": TEXT, "quantity": WHOLE, "product": TEXT, "transaction_type": TEXT}

TAG = re.compile(r"[A-Za-z0-9_-]{0,40}", re.ASCII)
NO = "False"


def new_ticket(client_id: str, body: object, master: Master) -> Ticket:
    """The ticket of a request to place an order."""
    fields = typed(body, NEEDED, OPTIONAL)
    for flag in ("is_amo", "slice"):
        if fields.get(flag, NO) != NO:
            raise Wrong(flag, "is not simulated")
    if not TAG.fullmatch(fields.get("tag", "")):
        raise Wrong("tag")
    listing, side = _listed(fields, "instrument_token", master), checks.one_of(SIDES, fields, "transaction_type")
    order_type, price = _order_type(fields), checks.price(fields, "price")
    checks.nothing(fields, "disclosed_quantity", "must be 0 for options")
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
        tag=fields.get("tag", ""),
    )


def change(body: object) -> Fields:
    """The fields of a request to change an order."""
    return typed(body, TO_CHANGE, CHANGEABLE)


def changed_ticket(fields: Fields, order: Order, listing: Listing) -> Ticket:
    """The ticket as a change leaves it; a quantity left out stays."""
    order_type, price = _order_type(fields), checks.price(fields, "price")
    quantity = checks.quantity({"quantity": str(order.ticket.quantity)} | dict(fields), "quantity", listing)
    if quantity <= order.filled:
        raise Wrong("quantity", "is not above what is filled")
    return order.ticket._replace(
        quantity=quantity,
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, order.ticket.side, price),
        validity=checks.one_of(VALIDITIES, fields, "validity"),
    )


class Leg:
    """An order of a basket whose margin is asked for."""

    def __init__(self, line: Any, master: Master) -> None:  # noqa: ANN401 - whatever was sent
        fields = typed(line, LEG, {"price": NUMBER})
        listing = _listed(fields, "instrument_key", master)
        checks.one_of(PRODUCTS, fields, "product")
        quantity = checks.quantity(fields, "quantity", listing)
        side = checks.one_of(SIDES, fields, "transaction_type")
        self.contract = listing.contract
        self.units = quantity if side is Side.BUY else -quantity
        self.price = checks.price(fields, "price") if "price" in fields else None


def _listed(fields: Fields, name: str, master: Master) -> Listing:
    listing = master.by_key.get(fields[name])
    if listing is None:
        raise Wrong(name, "is not listed")
    return listing


def _order_type(fields: Fields) -> OrderType:
    if fields.get("order_type") in MARKET_TYPES:
        raise Refusal("Market orders are not allowed. Try placing a limit order.", "UDAPI1158", field="order_type")
    return checks.one_of(ORDER_TYPES, fields, "order_type")


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        checks.nothing(fields, "trigger_price", "is for SL orders only")
        return Decimal()
    return checks.trigger(fields, "trigger_price", side, price, "price")

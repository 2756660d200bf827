"""Orders as they are sent: from fields to a ticket, refusing what cannot be taken."""

from decimal import Decimal
from typing import Any

from quantleap.domain.trading import Product, Side
from sandbox.broker import checks
from sandbox.broker.book import Order, OrderType, Ticket, Validity
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.listing import Listing
from sandbox.broker.money import Leg
from sandbox.broker.simulated.masters import Master
from sandbox.broker.simulated.wire import fields

LONGEST_TAG = 20
SIDES = {side.value.lower(): side for side in Side}
PRODUCTS = {product.value.lower(): product for product in Product}
TERMS = ("symbol", "side", "units", "limit", "product")


def new_ticket(client_id: str, body: Any, master: Master) -> Ticket:  # noqa: ANN401 - whatever was sent
    """The ticket of a request to place an order; raises `Wrong`."""
    given = fields(body, (*TERMS, "tag"), ("trigger", "algo_id"))
    tag = given["tag"]
    if len(tag) > LONGEST_TAG or not (tag.isascii() and tag.isalnum()):
        raise Wrong("tag", "has more than 20 characters, or others than letters and digits")
    return _ticket(client_id, given, master)


def leg(body: Any, master: Master) -> Leg:  # noqa: ANN401 - whatever was sent
    """An order that might be placed, of which the margin is asked; raises `Wrong`."""
    ticket = _ticket("", fields(body, TERMS, ("trigger",)), master)
    return Leg(ticket.contract, ticket.quantity if ticket.side is Side.BUY else -ticket.quantity, ticket.price)


def changed_ticket(body: Any, order: Order, master: Master) -> Ticket:  # noqa: ANN401 - whatever was sent
    """The ticket as a request to change the order leaves it."""
    given, ticket = fields(body, ("units", "limit"), ("trigger",)), order.ticket
    units = checks.quantity(given, "units", master.by_symbol[ticket.symbol])
    if units <= order.filled:
        raise Wrong("units", "is not above what is filled")
    price = checks.price(given, "limit")
    return ticket._replace(
        quantity=units, price=price, order_type=_order_type(given), trigger=_trigger(given, ticket.side, price)
    )


def _ticket(client_id: str, given: Fields, master: Master) -> Ticket:
    listing, side = _listed(given, master), checks.one_of(SIDES, given, "side")
    price = checks.price(given, "limit")
    return Ticket(
        client_id=client_id,
        symbol=given["symbol"],
        token=listing.token,
        contract=listing.contract,
        lot_size=listing.lot_size,
        side=side,
        quantity=checks.quantity(given, "units", listing),
        order_type=_order_type(given),
        price=price,
        trigger=_trigger(given, side, price),
        product=checks.one_of(PRODUCTS, given, "product"),
        validity=Validity.DAY,
        tag=given.get("tag", ""),
    )


def _listed(given: Fields, master: Master) -> Listing:
    listing = master.by_symbol.get(given["symbol"])
    if listing is None:
        raise Wrong("symbol", "is not listed")
    return listing


def _order_type(given: Fields) -> OrderType:
    return OrderType.STOP_LIMIT if "trigger" in given else OrderType.LIMIT


def _trigger(given: Fields, side: Side, price: Decimal) -> Decimal:
    return checks.trigger(given, "trigger", side, price, "limit") if "trigger" in given else Decimal()

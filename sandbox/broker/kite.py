"""What Zerodha's Kite Connect and mStock's Type A have in common: names of contracts, and the fields of an order."""

from collections.abc import Mapping
from decimal import Decimal

from quantleap.domain.contracts import Contract, ExpiryType
from quantleap.domain.series import expiry_date
from quantleap.domain.sessions import AlwaysOpen
from quantleap.domain.trading import Product, Side
from sandbox.broker import checks
from sandbox.broker.book import Order, OrderType, Status, Ticket, Validity
from sandbox.broker.checks import Fields, Wrong
from sandbox.broker.gateway import Asked
from sandbox.broker.listing import Listing
from sandbox.broker.money import Leg

EXCHANGE = "NFO"
SEGMENT = 2
"""NSE's derivatives, in the last byte of an instrument token."""

SIDES = {side.value: side for side in Side}
PRODUCTS = {"MIS": Product.INTRADAY, "NRML": Product.CARRY}
ORDER_TYPES = {"LIMIT": OrderType.LIMIT, "SL": OrderType.STOP_LIMIT}
MARKET_TYPES = {"MARKET", "SL-M"}
VALIDITIES = {"DAY": Validity.DAY, "IOC": Validity.IOC}
WORDS = {value: text for table in (PRODUCTS, ORDER_TYPES) for text, value in table.items()}

STATUSES = {
    Status.OPEN: "OPEN",
    Status.TRIGGER_PENDING: "TRIGGER PENDING",
    Status.COMPLETE: "COMPLETE",
    Status.REJECTED: "REJECTED",
    Status.CANCELED: "CANCELLED",
}

MONTHS = "123456789OND"
"""One character for each month, in the name of a weekly contract."""


COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)
"""Of the list of instruments."""


def symbol(contract: Contract) -> str:
    """`NIFTY26D0126000CE` for a weekly contract, `NIFTY26NOV26000CE` for the last of its month."""
    expiry = contract.expiry
    monthly = expiry_date(contract.index, ExpiryType.MONTHLY, expiry, AlwaysOpen()) == expiry
    day = f"{expiry:%y%b}" if monthly else f"{expiry:%y}{MONTHS[expiry.month - 1]}{expiry:%d}"
    return f"{contract.index}{day}{contract.strike:f}{contract.right}".upper()


def instrument_token(listing: Listing) -> int:
    """The exchange's number and the segment in one."""
    return int(listing.token) << 8 | SEGMENT


def credentials(asked: Asked) -> tuple[str, str]:
    """App's key and session's token, both empty without a header that holds them."""
    kind, _, pair = asked.header(b"authorization").partition(" ")
    key, _, token = pair.partition(":")
    return (key, token) if kind == "token" else ("", "")


def leg(line: Mapping[str, object], by_symbol: Mapping[str, Listing]) -> Leg:
    """An order that might be placed, of which the margin is asked; raises `Wrong`."""
    fields = {"validity": "DAY"} | {name: str(value) for name, value in line.items()}
    ticket = new_ticket("", fields, listed(fields, by_symbol))
    return Leg(ticket.contract, ticket.quantity if ticket.side is Side.BUY else -ticket.quantity, ticket.price)


def new_ticket(client_id: str, fields: Fields, listing: Listing) -> Ticket:
    """The ticket of a request to place an order; raises `Wrong`."""
    side = checks.one_of(SIDES, fields, "transaction_type")
    order_type = _order_type(fields)
    checks.nothing(fields, "disclosed_quantity", "must be 0 for options")
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
        product=checks.one_of(PRODUCTS, fields, "product"),
        validity=checks.one_of(VALIDITIES, fields, "validity"),
        tag=fields.get("tag", ""),
    )


def changed_ticket(fields: Fields, order: Order, listing: Listing) -> Ticket:
    """The ticket as a request to change the order leaves it."""
    order_type, side = _order_type(fields), order.ticket.side
    checks.nothing(fields, "disclosed_quantity", "must be 0 for options")
    price = checks.price(fields, "price")
    quantity = checks.quantity(fields, "quantity", listing)
    if quantity <= order.filled:
        raise Wrong("quantity", "is not above what is filled")
    return order.ticket._replace(
        quantity=quantity,
        order_type=order_type,
        price=price,
        trigger=_trigger(fields, order_type, side, price),
        validity=checks.one_of(VALIDITIES, fields, "validity"),
    )


def as_fields(ticket: Ticket) -> Fields:
    """What of a resting order a request may change."""
    return {
        "order_type": WORDS[ticket.order_type],
        "quantity": str(ticket.quantity),
        "price": str(ticket.price),
        "trigger_price": str(ticket.trigger),
        "validity": ticket.validity.value,
    }


def listed(fields: Fields, by_symbol: Mapping[str, Listing]) -> Listing:
    """The contract a request names; raises `Wrong`."""
    if fields.get("exchange") != EXCHANGE:
        raise Wrong("exchange")
    listing = by_symbol.get(fields.get("tradingsymbol", ""))
    if listing is None:
        raise Wrong("tradingsymbol", "is not listed")
    return listing


def _order_type(fields: Fields) -> OrderType:
    if fields.get("order_type") in MARKET_TYPES:
        raise Wrong("order_type", "is refused: orders without a limit need market protection, which is not simulated")
    return checks.one_of(ORDER_TYPES, fields, "order_type")


def _trigger(fields: Fields, order_type: OrderType, side: Side, price: Decimal) -> Decimal:
    if order_type is OrderType.LIMIT:
        checks.nothing(fields, "trigger_price", "is for SL orders only")
        return Decimal()
    return checks.trigger(fields, "trigger_price", side, price, "price")

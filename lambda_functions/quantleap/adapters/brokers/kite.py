"""What Zerodha's Kite Connect and mStock's Type A have in common: the second was made after the first."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from quantleap.adapters.brokers import reading
from quantleap.domain.account import Session
from quantleap.domain.broker import (
    Answer,
    BookedOrder,
    Catalogue,
    Instrument,
    OrderRequest,
    OrderStatus,
    Position,
    Vocabulary,
    agreed,
)
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.trading import Product

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}

PRODUCTS = {Product.INTRADAY: "MIS", Product.CARRY: "NRML"}
OUR_PRODUCTS = {word: product for product, word in PRODUCTS.items()}

STATUSES = {
    "COMPLETE": OrderStatus.FILLED,
    "TRADED": OrderStatus.FILLED,
    "TRADE CONFIRMED": OrderStatus.FILLED,
    "REJECTED": OrderStatus.REJECTED,
    "CANCELLED": OrderStatus.CANCELLED,
    "CANCELLED AMO": OrderStatus.CANCELLED,
    "O-CANCELLED": OrderStatus.CANCELLED,
}
"""Statuses that end an order; any other is one still working."""

REASONS = ("status_message", "status_message_raw")
"""Why an order ended: the broker's words, and those of the exchange and the risk system, which may say more."""


def token(session: Session) -> dict[str, str]:
    """The header that names app and session."""
    return {"Authorization": f"token {session.api_key}:{session.access_token}"}


def order_type(order: OrderRequest) -> str:
    """Limit, or stop with a limit."""
    return "SL" if order.trigger_price else "LIMIT"


def money(amount: Decimal) -> str:
    """Rupees to the paisa."""
    return f"{amount:.2f}"


def name(instrument: Instrument) -> str:
    """`NFO:NIFTY26D0126000CE`, as quotes are asked for."""
    return f"{instrument.exchange}:{instrument.symbol}"


def booked(line: Mapping[str, Any], vocabulary: Vocabulary) -> BookedOrder:
    """A line of the order book; mStock shows the tag as a list of one."""
    quantity, reason = reading.units(line.get("quantity")), reading.texts(line, *REASONS)
    said = STATUSES.get(reading.text(line.get("status")).upper())
    status, filled = agreed(said, quantity, reading.units(line.get("filled_quantity")))
    return BookedOrder(
        order_id=reading.text(line.get("order_id")),
        tag=reading.text(line.get("tag")) or reading.text(reading.within(line, "tag", 0)),
        status=status,
        filled=filled,
        average_price=reading.price(line.get("average_price")),
        reason=reason or None,
        symbol=reading.text(line.get("tradingsymbol")),
        quantity=quantity or 0,
        limit_price=reading.price(line.get("price")),
        refusal=vocabulary.ending(status, reason),
        side=reading.side(line.get("transaction_type")),
    )


def position(line: Mapping[str, Any], products: Mapping[str, Product] = OUR_PRODUCTS) -> Position:
    """A line of the net positions."""
    return Position(
        exchange=reading.text(line.get("exchange")),
        symbol=reading.text(line.get("tradingsymbol")),
        product=products.get(reading.text(line.get("product")).upper()),
        quantity=reading.whole(line.get("quantity")),
        average_price=reading.price(line.get("average_price")),
        last_price=reading.price(line.get("last_price")),
    )


def catalogue(answer: Answer) -> Catalogue:
    """The index options of an instrument list, packed or not."""
    return reading.listed(answer, lambda body: reading.table(reading.gunzipped(body)), _instrument)


def _instrument(row: Mapping[str, str]) -> Instrument | None:
    if row["exchange"] != "NFO" or row["instrument_type"] not in Right or row["name"] not in Index:
        return None
    expiry, right = date.fromisoformat(row["expiry"]), Right(row["instrument_type"])
    return Instrument(
        contract=Contract(Index(row["name"]), expiry, reading.listed_price(row["strike"]), right),
        exchange=row["exchange"],
        symbol=reading.listed_name(row["tradingsymbol"]),
        token=reading.listed_name(row["instrument_token"]),
        lot_size=reading.listed_units(row["lot_size"]),
        tick=reading.listed_price(row["tick_size"]),
    )

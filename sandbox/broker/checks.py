"""What every broker refuses in an order, whatever it calls the field: quantities, prices, triggers."""

import re
from collections.abc import Mapping
from decimal import Decimal

from quantleap.domain.contracts import TICK
from quantleap.domain.trading import Side
from sandbox.broker.listing import Listing

WHOLE = re.compile(r"\d{1,9}", re.ASCII)
PRICE = re.compile(r"\d{1,7}(\.\d{1,2})?", re.ASCII)
NOTHING = {"", "0", "0.0", "0.00"}

type Fields = Mapping[str, str]


class Wrong(Exception):
    """A field that cannot be taken: its name, and why when there is more to say."""

    def __init__(self, field: str, why: str = "") -> None:
        super().__init__(f"{field} {why}".strip())
        self.field = field
        self.why = why


def one_of[T](values: Mapping[str, T], fields: Fields, name: str) -> T:
    """What the word of a field means."""
    try:
        return values[fields.get(name, "")]
    except KeyError:
        raise Wrong(name) from None


def quantity(fields: Fields, name: str, listing: Listing) -> int:
    """Units: whole lots, at most the freeze quantity."""
    text = fields.get(name, "")
    units = int(text) if WHOLE.fullmatch(text) else 0
    if units <= 0:
        raise Wrong(name)
    if units % listing.lot_size:
        raise Wrong(name, f"is not a multiple of the lot size {listing.lot_size}")
    if units > listing.freeze_quantity:
        raise Wrong(name, f"is above the freeze quantity {listing.freeze_quantity}")
    return units


def price(fields: Fields, name: str) -> Decimal:
    """Rupees above 0, on the tick."""
    text = fields.get(name, "")
    rupees = Decimal(text) if PRICE.fullmatch(text) else Decimal()
    if rupees <= 0:
        raise Wrong(name)
    if rupees % TICK:
        raise Wrong(name, f"is not a multiple of the tick size {TICK}")
    return rupees


def trigger(fields: Fields, name: str, side: Side, limit: Decimal, limit_name: str) -> Decimal:
    """The price that wakes a stop order: for a buyer not above the limit, for a seller not below it."""
    rupees = price(fields, name)
    if rupees > limit if side is Side.BUY else rupees < limit:
        raise Wrong(name, f"is on the wrong side of {limit_name}")
    return rupees


def nothing(fields: Fields, name: str, why: str) -> None:
    """A field that has to be 0 or missing."""
    if fields.get(name, "0") not in NOTHING:
        raise Wrong(name, why)

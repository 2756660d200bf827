"""What has to be true of a run, compared with the broker's own book."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

PLACED = {"acknowledged", "filled", "open"}

type Order = Mapping[str, Any]


class Seen(NamedTuple):
    """One user's orders in a run, and the broker's book of the same client."""

    boundary: datetime
    orders: Sequence[Order]
    booked: Sequence[Order]
    lots: Mapping[int, int]

    def pairs(self) -> Iterator[tuple[Order, Order]]:
        """Each order of the run with the one of its tag in the book; what has none is told of by itself."""
        booked = {each["tag"]: each for each in self.booked}
        yield from ((order, booked[order["tag"]]) for order in self.orders if order["tag"] in booked)


def complaints(seen: Seen) -> list[str]:
    """Everything that is off; nothing in a good run."""
    return [*_outcomes(seen), *_quantities(seen), *_order_of_sides(seen), *_book(seen)]


def _outcomes(seen: Seen) -> Iterator[str]:
    if len(seen.orders) != len(seen.lots):
        yield f"{len(seen.orders)} orders for {len(seen.lots)} legs"
    for order in seen.orders:
        if order["state"] not in PLACED:
            yield f"{order['symbol']} is {order['state']}: {order['reason']}"
        if (order["sent_after_ms"] or 0) < 0:
            yield f"{order['symbol']} was sent {-order['sent_after_ms']} ms too early"


def _quantities(seen: Seen) -> Iterator[str]:
    for order, booked in seen.pairs():
        wanted = seen.lots[order["leg"]] * booked["lot_size"]
        if order["quantity"] != wanted:
            yield f"{order['symbol']} has quantity {order['quantity']}, not {wanted}"
        if Decimal(str(order["limit_price"])) % Decimal(booked["tick"]):
            yield f"{order['symbol']} has a limit of {order['limit_price']}, off the tick {booked['tick']}"


def _order_of_sides(seen: Seen) -> Iterator[str]:
    sides = [order["side"] for order in sorted(seen.booked, key=lambda each: str(each["arrived_at"]))]
    if sides != sorted(sides):
        yield f"a sell reached the broker before a hedge: {' '.join(sides)}"


def _book(seen: Seen) -> Iterator[str]:
    """Each intent is in the book once, by its tag and its number, and came at the boundary or after it."""
    tags = Counter(booked["tag"] for booked in seen.booked)
    if tags != Counter(order["tag"] for order in seen.orders):
        yield f"the broker's book holds other orders than the run: {dict(tags)}"
    numbers = {booked["tag"]: booked["order_id"] for booked in seen.booked}
    for order in seen.orders:
        if order["order_id"] != numbers.get(order["tag"]):
            yield f"{order['symbol']} is order {numbers.get(order['tag'])} at the broker, not {order['order_id']}"
    for booked in seen.booked:
        if datetime.fromisoformat(booked["arrived_at"]) < seen.boundary:
            yield f"{booked['symbol']} reached the broker before the boundary, at {booked['arrived_at']}"

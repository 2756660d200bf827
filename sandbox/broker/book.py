"""Orders and how they match: plain state, no I/O, every instant and price handed in.

    (new) -> OPEN -> COMPLETE
    (new) -> TRIGGER_PENDING -> OPEN
    OPEN, TRIGGER_PENDING -> CANCELED
    (new) -> REJECTED

Resting orders are matched again whenever somebody looks at them, at the market of that instant; those of an
earlier day are then cancelled.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side
from sandbox.broker.behaviour import FillMode, Rejection


class OrderType(StrEnum):
    """Market orders are missing on purpose: no broker takes them from algorithms."""

    LIMIT = "limit"
    STOP_LIMIT = "stop_limit"


class Validity(StrEnum):
    """How long an order stays; `EOS` ends with the session, which is the day here."""

    DAY = "DAY"
    IOC = "IOC"
    EOS = "EOS"


class Status(StrEnum):
    """Where an order stands."""

    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER_PENDING"
    COMPLETE = "COMPLETE"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self in {Status.COMPLETE, Status.REJECTED, Status.CANCELED}


class Happening(StrEnum):
    """A line of an order's history."""

    NEW = "New"
    TRIGGERED = "Triggered"
    REPLACED = "Replaced"
    FILL = "Fill"
    CANCELED = "Canceled"
    REJECTED = "Rejected"


class Ticket(NamedTuple):
    """What a client asks for, found good; quantities in units, prices in rupees."""

    client_id: str
    symbol: str
    token: str
    contract: Contract
    lot_size: int
    side: Side
    quantity: int
    order_type: OrderType
    price: Decimal
    trigger: Decimal
    product: Product
    validity: Validity
    tag: str


class Trade(NamedTuple):
    """One fill."""

    trade_id: str
    at: datetime
    quantity: int
    price: Decimal


class Event(NamedTuple):
    """What happened to an order, and how it stood afterwards."""

    at: datetime
    what: Happening
    status: Status
    quantity: int
    price: Decimal
    filled: int


@dataclass(slots=True)
class Order:
    """A ticket in the book."""

    number: str
    ticket: Ticket
    arrived_at: datetime
    status: Status
    rejection: Rejection | None = None
    filled: int = 0
    cancelled: int = 0
    trades: list[Trade] = field(default_factory=list)
    history: list[Event] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Units still wanted."""
        return self.ticket.quantity - self.filled - self.cancelled

    @property
    def average(self) -> Decimal:
        """The mean price of what was filled, 0 before."""
        paid = sum((trade.quantity * trade.price for trade in self.trades), Decimal())
        return (paid / self.filled).quantize(Decimal("0.01")) if self.filled else Decimal()

    def match(self, quote: Quote, mode: FillMode, at: datetime) -> None:
        """Let the market at `at` act on the order."""
        if self.status is Status.TRIGGER_PENDING and _triggered(self.ticket, quote):
            self.status = Status.OPEN
            self._note(Happening.TRIGGERED, at)
        if self.status is not Status.OPEN:
            return
        price = _taken_at(self.ticket, quote)
        units = self._units(mode) if price is not None else 0
        if price is not None and units:
            self._fill(units, price, at)
        if self.ticket.validity is Validity.IOC and self.left:
            self.cancel(at)

    def replace(self, ticket: Ticket, at: datetime) -> None:
        """Change what is asked for; what was filled stays."""
        self.ticket = ticket
        self.status = _first_status(ticket)
        self._note(Happening.REPLACED, at)

    def cancel(self, at: datetime) -> None:
        """Give up what is not filled."""
        self.cancelled = self.left
        self.status = Status.CANCELED
        self._note(Happening.CANCELED, at)

    def reject(self, rejection: Rejection, at: datetime) -> None:
        """Refuse the whole order, or let the exchange cancel it."""
        self.rejection = rejection
        if rejection is Rejection.EXCHANGE_CANCELLED:
            self.cancel(at)
            return
        self.status = Status.REJECTED
        self._note(Happening.REJECTED, at)

    def _units(self, mode: FillMode) -> int:
        if mode is FillMode.IMMEDIATE:
            return self.left
        if mode is FillMode.REST or self.filled:
            return 0
        lot = self.ticket.lot_size
        return self.left // lot // 2 * lot

    def _fill(self, units: int, price: Decimal, at: datetime) -> None:
        self.filled += units
        self.trades.append(Trade(f"{self.number}{len(self.trades) + 1:02}", at, units, price))
        if not self.left:
            self.status = Status.COMPLETE
        self._note(Happening.FILL, at)

    def _note(self, what: Happening, at: datetime) -> None:
        ticket = self.ticket
        self.history.append(Event(at, what, self.status, ticket.quantity, ticket.price, self.filled))


def _first_status(ticket: Ticket) -> Status:
    return Status.TRIGGER_PENDING if ticket.order_type is OrderType.STOP_LIMIT else Status.OPEN


def _triggered(ticket: Ticket, quote: Quote) -> bool:
    if ticket.side is Side.BUY:
        return quote.last >= ticket.trigger
    return quote.last <= ticket.trigger


def _taken_at(ticket: Ticket, quote: Quote) -> Decimal | None:
    """The price the market gives at once, never worse than the limit; None when it gives none."""
    if ticket.side is Side.BUY:
        return quote.ask if quote.ask <= ticket.price else None
    return quote.bid if quote.bid >= ticket.price else None


class Position(NamedTuple):
    """What a client's trades in one contract and product add up to; money in rupees."""

    ticket: Ticket
    bought: int
    sold: int
    paid: Decimal
    received: Decimal

    @property
    def net(self) -> int:
        """Units held: above 0 long, below 0 short."""
        return self.bought - self.sold


class OrderBook:
    """Every client's orders, as they arrived. Nothing makes two orders one: a repeat is another order."""

    def __init__(self, orders: Iterable[Order] = (), serial: int = 0) -> None:
        self.serial = serial
        self._orders: dict[str, Order] = {}
        self._by_client: defaultdict[str, list[Order]] = defaultdict(list)
        for order in orders:
            self._keep(order)

    def add(self, ticket: Ticket, at: datetime) -> Order:
        """Enter a new order under the next number: the day in India and a serial that never restarts."""
        self.serial += 1
        number = f"{at.astimezone(IST):%y%m%d}{self.serial:08}"
        order = Order(number, ticket, at, _first_status(ticket))
        order.history.append(Event(at, Happening.NEW, order.status, ticket.quantity, ticket.price, 0))
        self._keep(order)
        return order

    def clear(self) -> None:
        """Forget every order; numbers go on."""
        self._orders.clear()
        self._by_client.clear()

    def find(self, client_id: str, number: str) -> Order | None:
        """One of the client's own orders."""
        order = self._orders.get(number)
        return order if order and order.ticket.client_id == client_id else None

    def of(self, client_id: str) -> list[Order]:
        """A client's orders, oldest first."""
        return self._by_client.get(client_id, [])

    def all(self) -> Iterable[Order]:
        """Everybody's orders, oldest first."""
        return self._orders.values()

    def positions(self, client_id: str) -> list[Position]:
        """A client's positions, those closed today included."""
        found: dict[tuple[Contract, Product], Position] = {}
        for order in self.of(client_id):
            key = order.ticket.contract, order.ticket.product
            for trade in order.trades:
                found[key] = _with(found.get(key, Position(order.ticket, 0, 0, Decimal(), Decimal())), order, trade)
        return list(found.values())

    def _keep(self, order: Order) -> None:
        self._orders[order.number] = order
        self._by_client[order.ticket.client_id].append(order)


def _with(position: Position, order: Order, trade: Trade) -> Position:
    money = trade.quantity * trade.price
    if order.ticket.side is Side.BUY:
        return position._replace(bought=position.bought + trade.quantity, paid=position.paid + money)
    return position._replace(sold=position.sold + trade.quantity, received=position.received + money)


def repeated_tags(orders: Iterable[Order]) -> Mapping[tuple[str, str], list[str]]:
    """Order numbers by (client, tag), where a client used a tag more than once."""
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for order in orders:
        if order.ticket.tag:
            found[order.ticket.client_id, order.ticket.tag].append(order.number)
    return {key: numbers for key, numbers in found.items() if len(numbers) > 1}

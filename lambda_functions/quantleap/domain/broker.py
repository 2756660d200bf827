"""What every broker must answer, in our words, and the ways an answer can be bad.

    BrokerFailure
    ├── SessionExpired      the user must log in again; nothing was placed
    ├── InsufficientFunds   refused for margin; ends the order
    ├── RateLimited         refused for pace; nothing was placed, may be sent again
    ├── MarketClosed        refused for the hour; ends the order
    ├── Refused             refused for any other reason; ends the order
    ├── NotSent             certainly never reached the broker; may be sent again
    └── Unknown             sent, with no answer to trust; look it up by tag, never resend blindly

A broker turns an intent into a `Request` and an `Answer` into an outcome; it does no I/O itself, so the
order path can prepare the bytes early and tests need no network.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, NamedTuple, Protocol

from quantleap.domain.account import Credentials, Session
from quantleap.domain.basket import Product, Side
from quantleap.domain.contracts import Contract


class BrokerFailure(Exception):
    """Base of a broker's refusals; `reason` is our word, the text is the broker's own."""

    reason: ClassVar[str] = "broker_failure"
    retry: ClassVar[bool] = False

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text[:300]


class SessionExpired(BrokerFailure):
    """The token is dead."""

    reason = "session_expired"


class InsufficientFunds(BrokerFailure):
    """The account has not the margin."""

    reason = "insufficient_funds"


class RateLimited(BrokerFailure):
    """Too fast; the order was not placed."""

    reason = "rate_limited"
    retry = True


class MarketClosed(BrokerFailure):
    """Not at this hour."""

    reason = "market_closed"


class Refused(BrokerFailure):
    """Refused for a reason of its own."""

    reason = "refused"


class NotSent(BrokerFailure):
    """It certainly never reached the broker."""

    reason = "not_sent"
    retry = True


class Unknown(BrokerFailure):
    """Nobody can say whether it was placed until the order book was read."""

    reason = "unknown"


class Request(NamedTuple):
    """One HTTP request, complete: `target` is the path with its query, below `base_url`."""

    method: str
    base_url: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """One HTTP answer, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Instrument(NamedTuple):
    """A contract as one broker lists it; quantities in units, prices in rupees."""

    contract: Contract
    exchange: str
    symbol: str
    token: str
    lot_size: int
    tick: Decimal


class OrderRequest(NamedTuple):
    """A limit order in our words, ready to be put into a broker's."""

    instrument: Instrument
    side: Side
    quantity: int
    limit_price: Decimal
    product: Product
    tag: str


class OrderStatus(StrEnum):
    """What the order book says of an order."""

    OPEN = "open"
    FILLED = "filled"
    PARTIAL = "partial"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class BookedOrder(NamedTuple):
    """A line of the order book."""

    order_id: str
    tag: str
    status: OrderStatus
    filled: int
    average_price: Decimal | None
    reason: str | None


class Broker(Protocol):
    """One broker's API, without I/O; methods that read an answer raise a `BrokerFailure`."""

    name: str
    base_url: str

    def login_url(self, credentials: Credentials, state: str) -> str:
        """Where the user's browser goes to log in."""

    def exchange(self, credentials: Credentials, client_id: str, code: str) -> Request:
        """Swap the code of a finished login for a session."""

    def session(self, answer: Answer, at: datetime) -> Session:
        """Read the session; raises `Refused` when the code or the credentials are not good."""

    def place(self, session: Session, order: OrderRequest) -> Request:
        """Place an order."""

    def placed(self, answer: Answer) -> str:
        """Read the broker's order id."""

    def order_book(self, session: Session) -> Request:
        """Ask for the day's orders."""

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders, an empty book included."""

    def master(self) -> Request:
        """Ask for the list of today's option contracts."""

    def instruments(self, answer: Answer) -> Mapping[Contract, Instrument]:
        """Read the list, index options only."""

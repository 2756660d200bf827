"""What every broker must answer, in our words, and the ways an answer can be bad.

    BrokerFailure
    ├── SessionExpired          the user must log in again; nothing was placed
    ├── InsufficientFunds       refused for margin; ends the order
    ├── RateLimited             refused for pace; nothing was placed, may be sent again
    ├── MarketClosed            refused for the hour; ends the order
    ├── Refused                 refused for any other reason; ends the order
    │   ├── BadInput            a field the broker does not take
    │   ├── PriceOutOfBand      beyond the day's price band or circuit
    │   ├── OverFreeze          more units than the exchange takes in one order
    │   ├── OrderGone           no such order to change, or it is finished
    │   ├── AccountBlocked      the account may not trade this
    │   ├── AppRefused          the app's key or permission is not good
    │   └── AddressNotAllowed   the request came from an address the client did not register
    ├── NotSent                 certainly never reached the broker; may be sent again
    └── Unknown                 sent, with no answer to trust; look it up by tag, never resend blindly
        └── Unrecognised        it said no, in words that nobody knows

A broker turns an intent into a `Request` and an `Answer` into an outcome; it does no I/O itself, so the
order path can prepare the bytes early and tests need no network.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import ClassVar, NamedTuple, Protocol

from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.capabilities import Capability
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side

LONGEST = 300
"""Characters that are kept of a broker's text."""

OPAQUE = re.compile(r"[A-Za-z0-9_+/=-]{8,}")
ALL_LETTERS = 24
"""No word of a broker's is as long; a token may be."""


def kept(text: str) -> str:
    """A broker's text as we keep it: without what looks like a token or a key, and cut."""
    return OPAQUE.sub(_unless_secret, text)[:LONGEST]


def _unless_secret(run: re.Match[str]) -> str:
    """Words and numbers stay; what mixes letters and digits, or is longer than any word, may be a secret."""
    found = run[0]
    mixed = any(map(str.isdigit, found)) and any(map(str.isalpha, found))
    return "[hidden]" if mixed or len(found) >= ALL_LETTERS else found


class BrokerFailure(Exception):
    """Base of a broker's refusals: `reason` and `user_message` are our words, `text` is the broker's, as we keep it."""

    reason: ClassVar[str] = "broker_failure"
    retry: ClassVar[bool] = False
    user_message: ClassVar[str] = "The broker could not carry this out."

    def __init__(self, text: str) -> None:
        self.text = kept(text)
        super().__init__(self.text)


class SessionExpired(BrokerFailure):
    """The token is dead."""

    reason = "session_expired"
    user_message = "Your login at the broker is over. Please log in again."


class InsufficientFunds(BrokerFailure):
    """The account has not the margin."""

    reason = "insufficient_funds"
    user_message = "There was not enough margin in your account for this order."


class RateLimited(BrokerFailure):
    """Too fast; the order was not placed."""

    reason = "rate_limited"
    retry = True
    user_message = "The broker is receiving too many requests for your account at the moment."


class MarketClosed(BrokerFailure):
    """Not at this hour."""

    reason = "market_closed"
    user_message = "The market was closed when the order reached the broker."


class Refused(BrokerFailure):
    """Refused for a reason of its own."""

    reason = "refused"
    user_message = "The broker refused the order."


class BadInput(Refused):
    """A field the broker does not take: our mistake, or a list of contracts that is out of date."""

    reason = "bad_input"
    user_message = "The broker did not accept the order as it was sent."


class PriceOutOfBand(Refused):
    """Beyond the day's price band or circuit."""

    reason = "price_out_of_band"
    user_message = "The order's price was outside the range the exchange allows today."


class OverFreeze(Refused):
    """More units than the exchange takes in one order."""

    reason = "over_freeze_quantity"
    user_message = "The order was larger than the exchange takes in one order."


class OrderGone(Refused):
    """There is no such order to change or cancel, or it is finished."""

    reason = "order_gone"
    user_message = "The order was already complete, cancelled or rejected."


class AccountBlocked(Refused):
    """The account may not trade this."""

    reason = "account_blocked"
    user_message = "The broker does not let your account trade this. Please ask the broker."


class AppRefused(Refused):
    """The app's key, secret or permission is not good."""

    reason = "app_refused"
    user_message = "The broker did not accept your API key. Please check it at the broker and link it again."


class AddressNotAllowed(Refused):
    """The request came from an address the client did not register with the broker."""

    reason = "ip_not_allowed"
    user_message = "Orders for your account came from an address the broker does not know. We are looking into it."


class NotSent(BrokerFailure):
    """It certainly never reached the broker."""

    reason = "not_sent"
    retry = True
    user_message = "The broker could not be reached. Nothing was placed."


class Unknown(BrokerFailure):
    """Nobody can say whether it was placed until the order book was read."""

    reason = "unknown"
    user_message = "The broker did not confirm the order. We are checking its order book."


class Unrecognised(Unknown):
    """It said no, in words that nobody knows: certain refusal has to be earned by a known word or code."""


type Phrases = Sequence[tuple[str, type[BrokerFailure]]]
"""What texts say, in lower case: ` .. ` stands for anything between, and a phrase begins where a word does."""

EVERYWHERE: Phrases = (
    ("timed out", Unknown),
    ("timeout", Unknown),
    ("something went wrong", Unknown),
    ("service .. not available", Unknown),
    ("invalid response", Unknown),
    ("insufficient permission", AppRefused),
    ("insufficient holding", Refused),
    ("insufficient quantity", Refused),
    ("insufficient", InsufficientFunds),
    ("margin exceeds", InsufficientFunds),
    ("margin shortfall", InsufficientFunds),
    ("you need to add rs", InsufficientFunds),
    ("fund limit", InsufficientFunds),
    ("17070:", PriceOutOfBand),
    ("16283:", PriceOutOfBand),
    ("lpp range", PriceOutOfBand),
    ("execution range", PriceOutOfBand),
    ("price range", PriceOutOfBand),
    ("price band", PriceOutOfBand),
    ("circuit", PriceOutOfBand),
    ("market is closed", MarketClosed),
    ("markets are closed", MarketClosed),
    ("market closed", MarketClosed),
    ("after market", MarketClosed),
    ("freeze", OverFreeze),
    ("too many request", RateLimited),
    ("ip .. not allowed", AddressNotAllowed),
    ("ip .. not registered", AddressNotAllowed),
    ("ip .. not whitelisted", AddressNotAllowed),
    ("ip address", AddressNotAllowed),
    ("static ip", AddressNotAllowed),
    ("square off block", AccountBlocked),
    ("blocked", AccountBlocked),
)
"""What the exchange, the risk systems and the gateways before them say: every broker passes their texts on."""

FIELDS = (
    *("symbol", "tradingsymbol", "trading symbol", "trading_symbol", "symboltoken", "instrument", "contract", "stock"),
    *(
        "strike",
        "expiry",
        "exchange",
        "quantity",
        "qty",
        "lot",
        "price",
        "trigger",
        "disclosed",
        "product",
        "producttype",
    ),
    *("order type", "order_type", "ordertype", "transaction type", "transaction_type", "transactiontype", "variety"),
    *("validity", "duration", "indicator", "tag", "remark", "totp", "input", "parameter", "argument"),
)
"""What brokers call the parts of what they are asked."""

ODD_FIELDS: Phrases = tuple(
    (phrase, BadInput)
    for word in ("invalid", "missing", "required", "please provide", "not found", "not available")
    for field in FIELDS
    for phrase in (f"{word} .. {field}", f"{field} .. {word}")
)
"""A part of a request that is not good: the word alone says nothing, for a gateway's answer may be invalid too."""

WEIGHTS = {
    Refused: 0,
    BadInput: 1,
    AppRefused: 2,
    AccountBlocked: 3,
    Unknown: 5,
    SessionExpired: 6,
    AddressNotAllowed: 7,
}
EXACT = 4
"""How much a failure says. A broker's code is often the name of a class of errors, whose text then says more.

That nobody knows what became of an order outweighs any reason why it may have been refused.
"""


class Vocabulary(NamedTuple):
    """A broker's words for failures: its codes, and phrases of its texts, both in lower case.

    `phrases` are looked for first, then those of `EVERYWHERE`, then `vague` ones, which other texts contain too, and
    last `ODD_FIELDS`. A text counts where it says more than the code.
    """

    codes: Mapping[str, type[BrokerFailure]]
    phrases: Phrases
    vague: Phrases = ()

    def failure(self, text: str, code: str = "") -> BrokerFailure:
        """The failure that a code and a text mean; `Unrecognised` where nobody knows either."""
        kind = self._meant(text, code) or Unrecognised
        return kind(text or code or "refused without a reason")

    def ending(self, status: "OrderStatus", text: str, code: str = "") -> str | None:
        """Our word for why the order book says that an order is over.

        None of one that is not, or was filled, and of one cancelled without a reason that anybody knows.
        """
        rejected = status is OrderStatus.REJECTED
        kind = self._meant(text, code) if rejected or status is OrderStatus.CANCELLED else None
        if kind is None or kind is Unknown:
            return Refused.reason if rejected else None
        return kind.reason

    def _meant(self, text: str, code: str) -> type[BrokerFailure] | None:
        coded, worded = self.codes.get(code.lower()), self._worded(text)
        if coded is None or worded is None:
            return coded or worded
        return worded if WEIGHTS.get(worded, EXACT) > WEIGHTS.get(coded, EXACT) else coded

    def _worded(self, text: str) -> type[BrokerFailure] | None:
        folded = " ".join(text.split()).lower().replace(" :", ":")
        every = (*self.phrases, *EVERYWHERE, *self.vague, *ODD_FIELDS)
        return next((kind for phrase, kind in every if _pattern(phrase).search(folded)), None)


@cache
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<![a-z0-9])" + r"\b.*\b".join(map(re.escape, phrase.split(" .. "))))


class Request(NamedTuple):
    """One HTTP request, complete: `target` is the path with its query, below `base_url`."""

    method: str
    base_url: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """One HTTP answer, whole; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Instrument(NamedTuple):
    """A contract as one broker lists it; quantities in units, prices in rupees.

    `freeze_quantity` is None where the broker's list does not say it.
    """

    contract: Contract
    exchange: str
    symbol: str
    token: str
    lot_size: int
    tick: Decimal
    freeze_quantity: int | None = None


class Catalogue(NamedTuple):
    """A broker's list of contracts as it was read; `odd` lines of it could not be, and are left out."""

    contracts: Mapping[Contract, Instrument]
    odd: int = 0


class OrderRequest(NamedTuple):
    """A day order in our words: a limit order, or with a trigger price a stop-limit order.

    `algo_id` is the exchange's id of a registered algorithm; brokers add their generic one where it is missing.
    """

    instrument: Instrument
    side: Side
    quantity: int
    limit_price: Decimal
    product: Product
    tag: str
    trigger_price: Decimal | None = None
    algo_id: str | None = None


class OrderStatus(StrEnum):
    """What the order book says of an order; `uncertain` when its word and its units contradict each other."""

    OPEN = "open"
    FILLED = "filled"
    PARTIAL = "partial"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


def agreed(said: OrderStatus | None, quantity: int | None, filled: int | None) -> tuple[OrderStatus, int]:
    """The status that a line's word and units bear out together, and the units filled.

    `said` is None for a word that ends no order, units are None where the line does not say them. Units outrank the
    word: an order is filled when all its units are.
    """
    if filled is None or filled > (quantity or filled):
        untouched = filled is None and said in {None, OrderStatus.REJECTED}
        return (said or OrderStatus.OPEN if untouched else OrderStatus.UNCERTAIN), 0
    if filled and filled == quantity:
        return OrderStatus.FILLED, filled
    if said is None:
        return (OrderStatus.PARTIAL if filled else OrderStatus.OPEN), filled
    borne_out = said is OrderStatus.CANCELLED or (said is OrderStatus.REJECTED and not filled)
    return (said if borne_out else OrderStatus.UNCERTAIN), filled


class BookedOrder(NamedTuple):
    """A line of the order book; `reason` is the broker's text of why it ended, `refusal` our word for it.

    `status` and `filled` are as `agreed`; `quantity` is 0 where the line does not say it.
    """

    order_id: str
    tag: str
    status: OrderStatus
    filled: int
    average_price: Decimal | None
    reason: str | None
    symbol: str = ""
    quantity: int = 0
    limit_price: Decimal | None = None
    refusal: str | None = None
    side: Side | None = None


class Position(NamedTuple):
    """What an account holds of one instrument; `quantity` is below 0 when short.

    `product` is None for one of the broker's products that we do not trade. `token` is as in the broker's list, where
    its positions name contracts otherwise than its list does.
    """

    exchange: str
    symbol: str
    product: Product | None
    quantity: int
    average_price: Decimal | None
    last_price: Decimal | None
    token: str = ""


class Funds(NamedTuple):
    """An account's money in rupees: what new orders may use, and what is blocked."""

    available: Decimal
    used: Decimal


class Broker(Protocol):
    """One broker's API, without I/O; methods that read an answer raise a `BrokerFailure`."""

    name: str
    base_url: str
    capability: Capability
    vocabulary: Vocabulary

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """Where the user's browser goes to log in; `redirect_url` matters where the broker takes one."""

    def exchange(self, login: FinishedLogin) -> Request:
        """Swap the code of a finished login for a session, or prove the token that came instead of a code."""

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """Read the session; raises `Refused` when the code or the credentials are not good."""

    def profile(self, session: Session) -> Request:
        """Ask whose session it is."""

    def owner(self, answer: Answer, session: Session) -> str:
        """Read the client id that the session asked with belongs to."""

    def place(self, session: Session, order: OrderRequest) -> Request:
        """Place an order."""

    def placed(self, answer: Answer) -> str:
        """Read the broker's order id."""

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Change a resting order's quantity and prices to those of `order`, which is otherwise the one placed."""

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Take a resting order back; `order` is the one placed."""

    def done(self, answer: Answer) -> None:
        """Read the answer to a change, a cancellation or the kill switch: it returns, or raises why not."""

    def order_book(self, session: Session) -> Request:
        """Ask for the day's orders."""

    def find(self, session: Session, tag: str) -> Request:
        """Ask for the orders of a tag, or for all where the broker cannot look for one; `orders` reads it."""

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read orders, an empty book included."""

    def positions(self, session: Session) -> Request:
        """Ask for the day's positions."""

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions, those closed today included."""

    def funds(self, session: Session) -> Request:
        """Ask for the account's money."""

    def money(self, answer: Answer) -> Funds:
        """Read it."""

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """Ask what a basket of at most `capability.margin_at_once` orders would block."""

    def required(self, answer: Answer) -> Decimal:
        """Read the rupees it would block, hedges counted."""

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Ask for prices of at most `capability.quotes_at_once` instruments."""

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read the prices of what was asked for; contracts without a price are absent."""

    def master(self, session: Session | None = None) -> Request:
        """Ask for the list of today's option contracts; anybody's session does where one is needed."""

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list, index options only."""

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """Stop all trading of the account at the broker, or allow it again; None where there is no such call."""

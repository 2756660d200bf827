"""mStock (Mirae Asset), Type A, the dialect made after Kite Connect.

Wire facts as sent by the broker's own `mstock-tradingapi-a` 0.1.9: forms go out with `X-Mirae-Version: 1`, JSON in
an envelope of `status` and `data` or `error_type` comes back, refusals often with HTTP 200. Not as that client does:
certificates are checked, and a change repeats the whole order, because the documentation says that it replaces it.

The login is the partners': the page returns the day's token itself, with the client's own API key. It also returns
the client's details, encrypted; the token's claims name the client too, so these are not needed.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from quantleap.adapters.brokers import kite, reading
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    Answer,
    AppRefused,
    BadInput,
    BookedOrder,
    Catalogue,
    Funds,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderGone,
    OrderRequest,
    Position,
    RateLimited,
    Refused,
    Request,
    SessionExpired,
    Unknown,
    Vocabulary,
)
from quantleap.domain.capabilities import (
    AlgoId,
    Binding,
    BookRule,
    Budget,
    Capability,
    LoginRule,
    OrderType,
    Pace,
    Protection,
    StaticIp,
    TagRule,
    TokenRule,
)
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product

CAPABILITY = Capability(
    broker_id="mstock",
    title="mStock (Mirae Asset)",
    order_types=tuple(OrderType),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.NOWHERE,
    protection=Protection.NONE,
    slices=0,
    orders=Budget((Pace(30, 1), Pace(250, 60), Pace(1000, 3600))),
    reads=(Pace(20, 1),),
    book=BookRule(4),  # made after Kite
    quotes_at_once=50,
    quote_depth=False,
    margin_at_once=1,
    token=TokenRule(time(0), timedelta(hours=12)),
    login=LoginRule(Binding.REDIRECT, ("Auth",), secret=False, beside=("ApiKey", "UserDetails"), names_redirect=True),
    static_ip=StaticIp.PER_CLIENT,
    kill_switch=False,
    master_needs_session=True,
    unconfirmed=("tag", "quotes_at_once", "token", "login"),
)

VOCABULARY = Vocabulary(
    codes={
        "tokenexception": SessionExpired,
        "apikeyexception": AppRefused,
        "inputexception": BadInput,
        "versionexception": BadInput,
        "generalexception": Unknown,
        "dataexception": Unknown,
        "networkexception": Unknown,
        "401": SessionExpired,
        "403": AppRefused,
    },
    phrases=(
        ("suspended/expired", AppRefused),
        ("insuficient", InsufficientFunds),
        ("not connected", MarketClosed),
        ("order not found", OrderGone),
        ("no order found", OrderGone),
        ("rate limit", RateLimited),
    ),
)
"""By `error_type`, or the HTTP status where there is none. `MiraeException` says no more than that the core was not
content, with HTTP 200 and whatever the reason: there the text alone can tell a refusal."""

API = "/openapi/typea"

OUR_PRODUCTS = {
    **kite.OUR_PRODUCTS,
    "INTRADAY": Product.INTRADAY,
    "CARRYFORWARD": Product.CARRY,
    "NORMAL": Product.CARRY,
    "": Product.INTRADAY,
}
"""Answers say other words than requests, or nothing at all.

A position without a product is taken for intraday: it is the net of its contract, and no way out is larger than that.
"""


class MStock:
    """Type A at `base_url`: the broker itself, or a simulator that speaks as it does."""

    name = "mstock"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url or "https://api.mstock.trade"

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The partners' login page; no state comes back, so the address it returns to has to be the login's own."""
        query = {"platform_key": credentials.api_key} | ({"redirect_url": redirect_url} if redirect_url else {})
        return f"{self.base_url}/login/?{urlencode(query)}"

    def exchange(self, login: FinishedLogin) -> Request:
        """The page gave the token itself; the funds are asked for to see that it is alive."""
        return self._get("/user/fundsummary", _session(login, datetime.max.replace(tzinfo=UTC)))

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session of the client the token names, over by the rule or when the token says so."""
        _data(answer)
        ends, said = CAPABILITY.token.ends(at), reading.whole(_claims(login.code).get("exp"))
        session = _session(login, min(ends, datetime.fromtimestamp(said, UTC)) if 0 < said < LATEST else ends)
        return session.model_copy(update={"client_id": _client(session)})

    def profile(self, session: Session) -> Request:
        """There is no call for the profile; the funds show that the token is alive."""
        return self.funds(session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The client the token names."""
        _data(answer)
        return _client(session)

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A regular day order, its fields in the client's order."""
        fields = _what(order) | {
            "order_type": kite.order_type(order),
            "quantity": str(order.quantity),
            "product": kite.PRODUCTS[order.product],
            "validity": "DAY",
            "price": kite.money(order.limit_price),
            "trigger_price": _trigger(order),
            "disclosed_quantity": "0",
            "tag": order.tag,
        }
        return self._form("POST", "/orders/regular", fields, session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id, by either of its names."""
        data = reading.fields(_data(answer))
        return reading.order_id(data.get("order_id") or data.get("orderid"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """The whole order as it shall be."""
        fields = {
            "order_type": kite.order_type(order),
            "quantity": str(order.quantity),
            "price": kite.money(order.limit_price),
            "validity": "DAY",
            "trigger_price": _trigger(order),
            "disclosed_quantity": "0",
        }
        fields |= _what(order) | {"product": kite.PRODUCTS[order.product]}
        return self._form("PUT", f"/orders/regular/{order_id}", fields, session)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number alone."""
        return Request("DELETE", self.base_url, f"{API}/orders/regular/{order_id}", _headers(session), b"")

    def done(self, answer: Answer) -> None:
        """Success, or why not."""
        _data(answer)

    def order_book(self, session: Session) -> Request:
        """The day's orders."""
        return self._get("/orders", session)

    def find(self, session: Session, tag: str) -> Request:
        """The broker cannot look for a tag: the whole book."""
        return self.order_book(session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders; nothing is an empty book."""
        return [kite.booked(line, VOCABULARY) for line in reading.rows(_data(answer) or [])]

    def positions(self, session: Session) -> Request:
        """The day's positions."""
        return self._get("/portfolio/positions", session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read the net positions; nothing is none."""
        return [kite.position(line, OUR_PRODUCTS) for line in reading.rows(reading.within(_data(answer), "net") or [])]

    def funds(self, session: Session) -> Request:
        """The account's money."""
        return self._get("/user/fundsummary", session)

    def money(self, answer: Answer) -> Funds:
        """Read the first row, the only one of an account for shares and their derivatives."""
        row = next(iter(reading.rows(_data(answer))), {})
        available, used = (reading.money(row.get(name)) for name in ("AVAILABLE_BALANCE", "AMOUNT_UTILIZED"))
        return Funds(available, used)

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What one order blocks; the broker knows no basket without storing it."""
        [order] = orders
        fields = _what(order) | {
            "variety": "regular",
            "product": kite.PRODUCTS[order.product],
            "order_type": kite.order_type(order),
            "quantity": str(order.quantity),
            "price": kite.money(order.limit_price),
            "trigger_price": _trigger(order),
        }
        body = json.dumps(fields, separators=(",", ":")).encode()
        return Request("POST", self.base_url, f"{API}/margins/orders", _headers(session) | kite.JSON, body)

    def required(self, answer: Answer) -> Decimal:
        """The total it blocks; charges come on top."""
        return reading.money(reading.fields(_data(answer)).get("total"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices without the market's depth."""
        return self._get(
            "/instruments/quote/ohlc?" + urlencode([("i", kite.name(one)) for one in instruments]), session
        )

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them: the last price on all sides."""
        data = _data(answer)
        last = {one.contract: reading.price(reading.within(data, kite.name(one), "last_price")) for one in instruments}
        return {contract: Quote(price, price, price) for contract, price in last.items() if price}

    def master(self, session: Session | None = None) -> Request:
        """The list of everything, made anew each morning; it is given to a client who is logged in."""
        return Request("GET", self.base_url, f"{API}/instruments/scriptmaster", _headers(session), b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list; one that cannot be read is `Unknown`."""
        return kite.catalogue(answer)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none."""
        return None

    def _get(self, target: str, session: Session) -> Request:
        return Request("GET", self.base_url, API + target, _headers(session), b"")

    def _form(self, method: str, target: str, fields: Mapping[str, str], session: Session) -> Request:
        body = urlencode(fields).encode()
        return Request(method, self.base_url, API + target, _headers(session) | kite.FORM, body)


LATEST = 32_503_680_000
"""Seconds until the year 3000; a token that lives longer does not say when it ends."""


def _headers(session: Session | None) -> dict[str, str]:
    return {"X-Mirae-Version": "1"} | (kite.token(session) if session else {})


def _what(order: OrderRequest) -> dict[str, str]:
    return {
        "tradingsymbol": order.instrument.symbol,
        "exchange": order.instrument.exchange,
        "transaction_type": order.side.value,
    }


def _trigger(order: OrderRequest) -> str:
    return kite.money(order.trigger_price) if order.trigger_price else "0"


def _session(login: FinishedLogin, expires_at: datetime) -> Session:
    return Session(
        access_token=login.code,
        client_id=login.client_id,
        expires_at=expires_at,
        api_key=login.value("ApiKey") or login.credentials.api_key,
    )


def _client(session: Session) -> str:
    """The client, if a claim of the token is that client's id; the claim's name is not published."""
    named = {reading.text(claim).upper() for claim in _claims(session.access_token).values()}
    if session.client_id.upper() not in named:
        raise Refused("the token is another client's")
    return session.client_id


def _claims(token: str) -> dict[str, Any]:
    """What a token says, read without its signature: the broker checked that when it answered."""
    body = token.split(".")[1] if token.count(".") == 2 else ""  # noqa: PLR2004 - head, claims, signature
    try:
        return reading.fields(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    except (ValueError, binascii.Error, RecursionError):
        raise Unknown("a token without claims") from None


def _data(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """What a reply of success holds, or the failure its `error_type` and message name."""
    reply = reading.fields(reading.document(answer))
    if answer.status == reading.OK and reply.get("status") == "success":
        return reply.get("data")
    code = reading.text(reply.get("error_type")) or str(answer.status)
    if reply.get("status") != "error" or (answer.status >= reading.SERVER_ERROR and code != "MiraeException"):
        raise Unknown(reading.said(answer))
    message = reply.get("message") or reading.within(reply, "data", 0, "message")
    raise VOCABULARY.failure(reading.text(message), code)

"""The simulated broker: paper trading in a wire format of our own, for whoever has no account at a real one yet.

JSON goes out and comes back, money as texts of two places, units as numbers. Success is HTTP 200 with `result`, a
refusal `error` with one of our own words as its `code` and a text beside it. There is no such broker for live keys.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from quantleap.adapters.brokers import reading
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AccountBlocked,
    AddressNotAllowed,
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
    OrderStatus,
    OverFreeze,
    Position,
    PriceOutOfBand,
    RateLimited,
    Refused,
    Request,
    SessionExpired,
    Unknown,
    Vocabulary,
    agreed,
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
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product

CAPABILITY = Capability(
    broker_id="simulated",
    title="Simulated broker (paper trading)",
    order_types=(OrderType.LIMIT, OrderType.STOP_LIMIT),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.BODY,
    protection=Protection.NO_MARKET_ORDERS,
    slices=0,
    orders=Budget((Pace(10, 1),)),
    reads=(Pace(10, 1),),
    book=BookRule(1),  # an order is in the book before it is answered for
    quotes_at_once=500,
    token=TokenRule(time(0)),
    login=LoginRule(Binding.STATE, ("code",)),
    static_ip=StaticIp.NOT_NEEDED,
    kill_switch=False,
    master_needs_session=False,
)

WORDS = (
    SessionExpired,
    InsufficientFunds,
    RateLimited,
    MarketClosed,
    Refused,
    BadInput,
    PriceOutOfBand,
    OverFreeze,
    OrderGone,
    AccountBlocked,
    AppRefused,
    AddressNotAllowed,
)

VOCABULARY = Vocabulary(codes={kind.reason: kind for kind in WORDS}, phrases=())
"""Its codes are our words."""

API = "/v1"
NOWHERE = "https://broker.invalid"
"""An address that is nobody's (RFC 2606)."""

PRODUCTS = {product.value.lower(): product for product in Product}
STATUSES = {each.value: each for each in (OrderStatus.FILLED, OrderStatus.REJECTED, OrderStatus.CANCELLED)}
"""Statuses that end an order; any other is one still working."""


class Simulated:
    """The simulator's own API at `base_url`."""

    name = "simulated"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url or NOWHERE

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The login page; the state comes back with the code."""
        query = {"app": credentials.api_key, "state": state} | ({"return_to": redirect_url} if redirect_url else {})
        return f"{self.base_url}/login?{urlencode(query)}"

    def exchange(self, login: FinishedLogin) -> Request:
        """Proof: hex sha256 of key, code and secret with colons between."""
        key, secret = login.credentials.api_key, login.credentials.api_secret
        proof = hashlib.sha256(f"{key}:{login.code}:{secret}".encode()).hexdigest()
        fields = {"app": key, "code": login.code, "client_id": login.client_id, "proof": proof}
        return self._request("POST", "/sessions", None, fields)

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session, good until midnight."""
        result = reading.fields(_result(answer))
        return Session(
            access_token=reading.token(result.get("token")),
            client_id=reading.client_id(result.get("client_id")),
            expires_at=CAPABILITY.token.ends(at),
        )

    def profile(self, session: Session) -> Request:
        """Whose session it is."""
        return self._request("GET", "/me", session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The client id."""
        return reading.client_id(reading.fields(_result(answer)).get("client_id"))

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day order."""
        fields = _terms(order) | {"tag": order.tag} | ({"algo_id": order.algo_id} if order.algo_id else {})
        return self._request("POST", "/orders", session, fields)

    def placed(self, answer: Answer) -> str:
        """The order id."""
        return reading.order_id(reading.fields(_result(answer)).get("order_id"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Units and prices as they shall be."""
        fields = {name: value for name, value in _terms(order).items() if name in {"units", "limit", "trigger"}}
        return self._request("PUT", f"/orders/{quote(order_id, safe='')}", session, fields)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number alone."""
        return self._request("DELETE", f"/orders/{quote(order_id, safe='')}", session)

    def done(self, answer: Answer) -> None:
        """Success, or why not."""
        _result(answer)

    def order_book(self, session: Session) -> Request:
        """The day's orders."""
        return self._request("GET", "/orders", session)

    def find(self, session: Session, tag: str) -> Request:
        """The day's orders of a tag."""
        return self._request("GET", f"/orders?{urlencode({'tag': tag})}", session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read orders."""
        return [_booked(line) for line in reading.rows(_result(answer))]

    def positions(self, session: Session) -> Request:
        """The day's positions."""
        return self._request("GET", "/positions", session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions."""
        return [_position(line) for line in reading.rows(_result(answer))]

    def funds(self, session: Session) -> Request:
        """The account's money."""
        return self._request("GET", "/funds", session)

    def money(self, answer: Answer) -> Funds:
        """Read it."""
        result = reading.fields(_result(answer))
        return Funds(available=reading.money(result.get("available")), used=reading.money(result.get("used")))

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What a basket would block."""
        return self._request("POST", "/margin", session, {"orders": [_terms(order) for order in orders]})

    def required(self, answer: Answer) -> Decimal:
        """The rupees it would block."""
        return reading.money(reading.fields(_result(answer)).get("required"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices with bid and ask."""
        wanted = urlencode([("symbol", one.symbol) for one in instruments])
        return self._request("GET", f"/quotes?{wanted}", session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them; an instrument that is not listed is absent."""
        result = reading.fields(_result(answer))
        found = ((one.contract, _quote(result.get(one.symbol))) for one in instruments)
        return {contract: quote for contract, quote in found if quote is not None}

    def master(self, session: Session | None = None) -> Request:
        """Today's contracts; anybody may read them."""
        return self._request("GET", "/instruments", None)

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list; one that cannot be read is `Unknown`."""
        return reading.listed(answer, _lines, _instrument)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none."""
        return None

    def _request(self, method: str, path: str, session: Session | None, fields: object = None) -> Request:
        headers = {"Authorization": f"Bearer {session.access_token}"} if session else {}
        if fields is None:
            return Request(method, self.base_url, API + path, headers, b"")
        body = json.dumps(fields, separators=(",", ":")).encode()
        return Request(method, self.base_url, API + path, headers | {"Content-Type": "application/json"}, body)


def _terms(order: OrderRequest) -> dict[str, Any]:
    terms = {
        "symbol": order.instrument.symbol,
        "side": order.side.value.lower(),
        "units": order.quantity,
        "limit": f"{order.limit_price:.2f}",
        "product": order.product.value.lower(),
    }
    return terms | ({"trigger": f"{order.trigger_price:.2f}"} if order.trigger_price else {})


def _result(answer: Answer) -> object:
    """What a reply of success holds, or the failure its error names."""
    reply = reading.document(answer)
    if not isinstance(reply, dict):
        raise Unknown("a reply without result")
    error = reply.get("error")
    if answer.status == reading.OK and error is None and "result" in reply:
        return reply["result"]
    if not isinstance(error, dict) or answer.status >= reading.SERVER_ERROR:
        raise Unknown(reading.said(answer))
    raise VOCABULARY.failure(reading.text(error.get("text")), reading.text(error.get("code")))


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    quantity, said = reading.units(line.get("units")), STATUSES.get(reading.text(line.get("status")))
    status, filled = agreed(said, quantity, reading.units(line.get("filled")))
    reason, code = reading.text(line.get("reason")), reading.text(line.get("code"))
    return BookedOrder(
        order_id=reading.text(line.get("order_id")),
        tag=reading.text(line.get("tag")),
        status=status,
        filled=filled,
        average_price=reading.price(line.get("average")),
        reason=reason or None,
        symbol=reading.text(line.get("symbol")),
        quantity=quantity or 0,
        limit_price=reading.price(line.get("limit")),
        refusal=VOCABULARY.ending(status, reason, code),
        side=reading.side(line.get("side")),
    )


def _position(line: Mapping[str, Any]) -> Position:
    return Position(
        exchange=reading.text(line.get("exchange")),
        symbol=reading.text(line.get("symbol")),
        product=PRODUCTS.get(reading.text(line.get("product"))),
        quantity=reading.whole(line.get("units")),
        average_price=reading.price(line.get("average")),
        last_price=reading.price(line.get("last")),
    )


def _quote(value: object) -> Quote | None:
    bid, ask, last = (reading.price(reading.within(value, name)) for name in ("bid", "ask", "last"))
    return Quote(bid, ask, last) if bid and ask and last else None


def _lines(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent; a line that is no object is odd
    return json.loads(body)["result"]


def _instrument(row: Mapping[str, Any]) -> Instrument:
    strike = reading.listed_price(row["strike"])
    return Instrument(
        contract=Contract(Index(row["index"]), date.fromisoformat(row["expiry"]), strike, Right(row["right"])),
        exchange=reading.listed_name(row["exchange"]),
        symbol=reading.listed_name(row["symbol"]),
        token=reading.listed_name(row["token"]),
        lot_size=reading.listed_units(row["lot"]),
        tick=reading.listed_price(row["tick"]),
        freeze_quantity=max(0, reading.whole(row["freeze"])) or None,
    )

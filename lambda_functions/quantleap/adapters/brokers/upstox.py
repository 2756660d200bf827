"""Upstox, API versions 2 and 3.

Wire facts as sent by the broker's own `upstox-python-sdk` 2.30.0 and its published documentation: JSON goes out with
numbers as numbers, JSON comes back in an envelope of `status` and `data` or `errors`, but flat from the login. Orders
go to a host of their own, reads to another, the list of contracts lies on a third. An order is known by the key of
its instrument, `NSE_FO|51234`; version 3 answers with a list of order ids even for one order.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from quantleap.adapters.brokers import reading, upstox_list
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
    MarketClosed,
    OrderGone,
    OrderRequest,
    OrderStatus,
    Position,
    RateLimited,
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
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product

CAPABILITY = Capability(
    broker_id="upstox",
    title="Upstox",
    order_types=tuple(OrderType),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.HEADER,
    protection=Protection.REQUIRED,
    slices=25,
    orders=Budget((Pace(10, 1), Pace(500, 60), Pace(2000, 1800))),
    reads=(Pace(50, 1), Pace(500, 60), Pace(2000, 1800)),
    book=BookRule(4),  # orders are answered before the order system has taken them up
    quotes_at_once=500,
    margin_at_once=20,
    token=TokenRule(time(3, 30)),
    login=LoginRule(Binding.STATE, ("code",), names_redirect=True),
    static_ip=StaticIp.ONE_CLIENT_ONLY,
    kill_switch=True,
    master_needs_session=False,
    unconfirmed=("tag", "protection"),
)

VOCABULARY = Vocabulary(
    codes={
        "udapi100050": SessionExpired,
        "udapi100016": AppRefused,
        "udapi100068": AppRefused,
        "udapi100073": AppRefused,
        "udapi100067": AppRefused,
        "udapi100049": AppRefused,
        "udapi1154": AddressNotAllowed,
        "udapi10005": RateLimited,
        "udapi100057": MarketClosed,
        "udapi100010": OrderGone,
        "udapi100040": OrderGone,
        "udapi100041": OrderGone,
        "udapi100036": BadInput,
        "udapi100038": BadInput,
        "udapi1004": BadInput,
        "udapi1007": BadInput,
        "udapi1010": BadInput,
        "udapi1055": BadInput,
        "udapi1056": BadInput,
        "udapi1158": BadInput,
        "udapi100500": Unknown,
    },
    phrases=(("order not found", OrderGone), ("kill switch", AccountBlocked)),
)
"""`UDAPI100050`, a dead token, has been seen on order calls alone; where its text names an address, that is why."""

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LOCKED = 423
"""Declared for every call and explained for none, so it says nothing certain of an order."""

PRODUCTS = {Product.INTRADAY: "I", Product.CARRY: "D"}
OUR_PRODUCTS = {word: product for product, word in PRODUCTS.items()}

STATUSES = {
    "complete": OrderStatus.FILLED,
    "rejected": OrderStatus.REJECTED,
    "cancelled": OrderStatus.CANCELLED,
    "cancelled after market order": OrderStatus.CANCELLED,
}
"""Statuses that end an order; any other is one still working."""

REASONS = ("status_message", "status_message_raw")
"""Why an order ended: the broker's words, and those of the exchange and the risk system, which may say more."""

LARGEST = 10**12
"""Rupees; a larger number is no price and no balance."""


class Upstox:
    """Upstox at its own hosts, or at `base_url`, a simulator that speaks as all of them do."""

    name = "upstox"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url or "https://api-hft.upstox.com"
        self._api_url = base_url or "https://api.upstox.com"
        self._lists_url = base_url or "https://assets.upstox.com"

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The login page; the state comes back with the code."""
        query = {"response_type": "code", "client_id": credentials.api_key}
        query |= {"redirect_uri": redirect_url} if redirect_url else {}
        return f"{self._api_url}/v2/login/authorization/dialog?{urlencode(query | {'state': state})}"

    def exchange(self, login: FinishedLogin) -> Request:
        """Burns the code, whether it succeeds or not; the address returned to is repeated."""
        form = {
            "code": login.code,
            "client_id": login.credentials.api_key,
            "client_secret": login.credentials.api_secret,
            "redirect_uri": login.redirect_url or "",
            "grant_type": "authorization_code",
        }
        body, headers = urlencode(form).encode(), _headers(None) | FORM
        return Request("POST", self._api_url, "/v2/login/authorization/token", headers, body)

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session, good until half past three in the morning."""
        try:
            reply = _reply(answer)
        except MarketClosed as failure:  # the login has the same code for a login code that is not good
            raise SessionExpired(failure.text) from None
        return Session(
            access_token=reading.token(reply.get("access_token")),
            client_id=reading.client_id(reply.get("user_id")),
            expires_at=CAPABILITY.token.ends(at),
        )

    def profile(self, session: Session) -> Request:
        """Whose session it is."""
        return self._get("/v2/user/profile", session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The user id."""
        return reading.client_id(reading.fields(_data(answer)).get("user_id"))

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day order, not cut by the broker; the fields in the order its own client sends them."""
        fields = {
            "quantity": order.quantity,
            "product": PRODUCTS[order.product],
            "validity": "DAY",
            "price": float(order.limit_price),
            "tag": order.tag,
            "slice": False,
            "instrument_token": order.instrument.token,
            "order_type": _order_type(order),
            "transaction_type": order.side.value,
            "disclosed_quantity": 0,
            "trigger_price": float(order.trigger_price or 0),
            "is_amo": False,
        }
        return Request("POST", self.base_url, "/v3/order/place", _headers(session, order) | JSON, _json(fields))

    def placed(self, answer: Answer) -> str:
        """The broker's order id, the only one of its list as nothing was cut."""
        return reading.order_id(reading.within(_data(answer), "order_ids", 0))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Price, quantity and trigger as they shall be."""
        fields = {
            "quantity": order.quantity,
            "validity": "DAY",
            "price": float(order.limit_price),
            "order_id": order_id,
            "order_type": _order_type(order),
            "trigger_price": float(order.trigger_price or 0),
        }
        return Request("PUT", self.base_url, "/v3/order/modify", _headers(session, order) | JSON, _json(fields))

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number alone, which goes into the query."""
        target = f"/v3/order/cancel?{urlencode({'order_id': order_id})}"
        return Request("DELETE", self.base_url, target, _headers(session, order), b"")

    def done(self, answer: Answer) -> None:
        """Success, or why not."""
        _data(answer)

    def order_book(self, session: Session) -> Request:
        """The day's orders, at the host for reads."""
        return self._get("/v2/order/retrieve-all", session)

    def find(self, session: Session, tag: str) -> Request:
        """The whole book: the history of a tag repeats an order for each step, and is an error where there is none."""
        return self.order_book(session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders."""
        return [_booked(line) for line in reading.rows(_data(answer))]

    def positions(self, session: Session) -> Request:
        """The day's positions and what was carried."""
        return self._get("/v2/portfolio/short-term-positions", session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions."""
        return [_position(line) for line in reading.rows(_data(answer))]

    def funds(self, session: Session) -> Request:
        """The account's money, of all segments."""
        return self._get("/v3/user/get-funds-and-margin", session)

    def money(self, answer: Answer) -> Funds:
        """Read it; cash and pledged shares are told apart only in what is used."""
        free = reading.within(_data(answer), "available_to_trade")
        cash, pledge = (reading.within(free, part, "margin_used", "total") for part in PARTS)
        used = _rupees(cash) + (reading.amount(_exact(pledge)) or 0)
        return Funds(available=_rupees(reading.within(free, "total")), used=abs(used))

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What a basket of at most 20 orders blocks."""
        return self._post("/v2/charges/margin", {"instruments": [_leg(order) for order in orders]}, session)

    def required(self, answer: Answer) -> Decimal:
        """The total with the benefit of hedges."""
        return _rupees(reading.within(_data(answer), "final_margin"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices with the market's depth."""
        keys = urlencode({"instrument_key": ",".join(one.token for one in instruments)})
        return self._get(f"/v2/market-quote/quotes?{keys}", session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them by the key inside; those outside are symbols."""
        data = reading.fields(_data(answer))
        found = {reading.text(reading.within(value, "instrument_token")): _quote(value) for value in data.values()}
        return {one.contract: quote for one in instruments if (quote := found.get(one.token))}

    def master(self, session: Session | None = None) -> Request:
        """NSE's list, made anew each morning; anybody may read it, and the one of all exchanges is several times it."""
        return Request("GET", self._lists_url, "/market-quote/instruments/exchange/NSE.json.gz", {}, b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list, packed or not; one that cannot be read is `Unknown`."""
        return upstox_list.catalogue(answer)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """Close the segment, which cancels its orders and holds for twelve hours; refused while positions are open."""
        changes = [{"segment": upstox_list.SEGMENT, "action": "DISABLE" if on else "ENABLE"}]
        return self._post("/v2/user/kill-switch", changes, session)

    def _get(self, target: str, session: Session) -> Request:
        return Request("GET", self._api_url, target, _headers(session), b"")

    def _post(self, target: str, body: object, session: Session) -> Request:
        return Request("POST", self._api_url, target, _headers(session) | JSON, _json(body))


PARTS = ("cash_available_to_trade", "pledge_available_to_trade")


def _headers(session: Session | None, order: OrderRequest | None = None) -> dict[str, str]:
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {session.access_token}"} if session else {})
    return headers | ({"X-Algo-Name": order.algo_id} if order and order.algo_id else {})


def _json(body: object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _order_type(order: OrderRequest) -> str:
    return "SL" if order.trigger_price else "LIMIT"


def _leg(order: OrderRequest) -> dict[str, object]:
    return {
        "instrument_key": order.instrument.token,
        "quantity": order.quantity,
        "product": PRODUCTS[order.product],
        "transaction_type": order.side.value,
        "price": float(order.limit_price),
    }


def _reply(answer: Answer) -> dict[str, Any]:
    """A reply that is no refusal, or the failure that its first error names."""
    reply = reading.fields(reading.document(answer))
    status = reply.get("status", "success")  # the login's answer has none
    if answer.status == reading.OK and status == "success":
        return reply
    if status != "error" or answer.status >= reading.SERVER_ERROR or answer.status == LOCKED:
        raise Unknown(reading.said(answer))
    code = reading.within(reply, "errors", 0, "error_code") or reading.within(reply, "errors", 0, "errorCode")
    raise VOCABULARY.failure(reading.text(reading.within(reply, "errors", 0, "message")), reading.text(code))


def _data(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """What a reply of success holds."""
    reply = _reply(answer)
    if reply.get("status") != "success":
        raise Unknown("a reply without status")
    return reply.get("data")


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    quantity, reason = reading.units(line.get("quantity")), reading.texts(line, *REASONS)
    said = STATUSES.get(reading.text(line.get("status")).lower())
    status, filled = agreed(said, quantity, reading.units(line.get("filled_quantity")))
    return BookedOrder(
        order_id=reading.text(line.get("order_id")),
        tag=reading.text(line.get("tag")),
        status=status,
        filled=filled,
        average_price=reading.price(_exact(line.get("average_price"))),
        reason=reason or None,
        symbol=reading.text(line.get("trading_symbol") or line.get("tradingsymbol")),
        quantity=quantity or 0,
        limit_price=reading.price(_exact(line.get("price"))),
        refusal=VOCABULARY.ending(status, reason),
        side=reading.side(line.get("transaction_type")),
    )


def _position(line: Mapping[str, Any]) -> Position:
    quantity = reading.whole(line.get("quantity"))
    average = line.get("average_price") or line.get("sell_price" if quantity < 0 else "buy_price")
    return Position(
        exchange=reading.text(line.get("exchange")),
        symbol=reading.text(line.get("trading_symbol") or line.get("tradingsymbol")),
        product=OUR_PRODUCTS.get(reading.text(line.get("product"))),
        quantity=quantity,
        average_price=reading.price(_exact(average)),
        last_price=reading.price(_exact(line.get("last_price"))),
        token=reading.text(line.get("instrument_token")),
    )


def _quote(value: object) -> Quote | None:
    """The touch and the last price; None where one side has no orders."""
    bid, ask = (_exact(reading.within(value, "depth", side, 0, "price")) for side in ("buy", "sell"))
    prices = [reading.price(each) for each in (bid, ask, _exact(reading.within(value, "last_price")))]
    return Quote(*(price for price in prices if price)) if all(prices) else None


def _exact(value: object) -> object:
    """A number to the paisa: the broker sends some as the nearest binary fraction, `52.04999923706055`."""
    return round(value, 2) if isinstance(value, Decimal) and abs(value) < LARGEST else value


def _rupees(value: object) -> Decimal:
    return reading.money(_exact(value))

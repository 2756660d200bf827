"""Zerodha, Kite Connect version 3.

Wire facts as sent by the broker's own `kiteconnect` 5.2.2: forms go out, JSON in an envelope of `status` and `data`
or `error_type` comes back. Two hosts: the login page has its own. An order's price is sent as text of two places.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from quantleap.adapters.brokers import kite, reading
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AccountBlocked,
    Answer,
    AppRefused,
    BadInput,
    BookedOrder,
    Catalogue,
    Funds,
    Instrument,
    InsufficientFunds,
    OrderGone,
    OrderRequest,
    Position,
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
    broker_id="zerodha",
    title="Zerodha (Kite Connect)",
    order_types=tuple(OrderType),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.BODY,
    protection=Protection.REQUIRED,
    slices=10,
    orders=Budget((Pace(10, 1), Pace(400, 60), Pace(5000, 86_400))),
    reads=(Pace(10, 1),),
    book=BookRule(4),  # orders are answered before the order system has taken them up
    quotes_at_once=500,
    token=TokenRule(time(6)),
    login=LoginRule(Binding.STATE, ("request_token",), beside=("action", "status")),
    static_ip=StaticIp.PER_CLIENT,
    kill_switch=False,
    master_needs_session=False,
)

VOCABULARY = Vocabulary(
    codes={
        "tokenexception": SessionExpired,
        "marginexception": InsufficientFunds,
        "permissionexception": AppRefused,
        "userexception": AccountBlocked,
        "inputexception": BadInput,
        "orderexception": Refused,
        "holdingexception": Refused,
        "networkexception": Unknown,
        "dataexception": Unknown,
        "generalexception": Unknown,
    },
    phrases=(
        ("couldn't find that `order_id`", OrderGone),
        ("order cannot be modified", OrderGone),
        ("order cannot be cancelled", OrderGone),
        ("maximum allowed order modifications", OrderGone),
        ("market protection", BadInput),
        ("invalid `checksum`", AppRefused),
        ("invalid `api_key`", AppRefused),
    ),
    vague=(("tag", BadInput),),
)
"""`error_type` names classes of errors only."""


class Zerodha:
    """Kite Connect at `base_url`: the broker itself, or a simulator that speaks as it does."""

    name = "zerodha"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = base_url or "https://api.kite.trade"
        self._login_url = base_url or "https://kite.zerodha.com"

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The login page; what `redirect_params` holds comes back with the request token."""
        query = {"v": "3", "api_key": credentials.api_key, "redirect_params": urlencode({"state": state})}
        if redirect_url:
            query["redirect_uri"] = redirect_url
        return f"{self._login_url}/connect/login?{urlencode(query)}"

    def exchange(self, login: FinishedLogin) -> Request:
        """Checksum: hex sha256 of key, request token and secret with nothing between."""
        key, secret = login.credentials.api_key, login.credentials.api_secret
        proof = hashlib.sha256(f"{key}{login.code}{secret}".encode()).hexdigest()
        return self._form("POST", "/session/token", {"api_key": key, "request_token": login.code, "checksum": proof})

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session, good until six in the morning."""
        data = reading.fields(_data(answer))
        return Session(
            access_token=reading.token(data.get("access_token")),
            client_id=reading.client_id(data.get("user_id")),
            expires_at=CAPABILITY.token.ends(at),
            api_key=login.credentials.api_key,
        )

    def profile(self, session: Session) -> Request:
        """Whose session it is."""
        return self._get("/user/profile", session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The user id."""
        return reading.client_id(reading.fields(_data(answer)).get("user_id"))

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A regular day order; the broker's own client repeats the variety in the form."""
        fields = {
            "variety": "regular",
            "exchange": order.instrument.exchange,
            "tradingsymbol": order.instrument.symbol,
            "transaction_type": order.side.value,
            "quantity": str(order.quantity),
            "product": kite.PRODUCTS[order.product],
            "order_type": kite.order_type(order),
            "price": kite.money(order.limit_price),
            "validity": "DAY",
        }
        fields |= _optional(trigger_price=order.trigger_price, algo_id=order.algo_id, tag=order.tag)
        return self._form("POST", "/orders/regular", fields, session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id."""
        return reading.order_id(reading.fields(_data(answer)).get("order_id"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """The broker allows 25 changes of an order."""
        fields = {
            "variety": "regular",
            "order_id": order_id,
            "quantity": str(order.quantity),
            "price": kite.money(order.limit_price),
            "order_type": kite.order_type(order),
        }
        fields |= _optional(trigger_price=order.trigger_price) | {"validity": "DAY"}
        return self._form("PUT", f"/orders/regular/{order_id}", fields, session)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number alone."""
        return Request("DELETE", self.base_url, f"/orders/regular/{order_id}", _headers(session), b"")

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
        """Read the day's orders."""
        return [kite.booked(line, VOCABULARY) for line in reading.rows(_data(answer))]

    def positions(self, session: Session) -> Request:
        """The day's positions."""
        return self._get("/portfolio/positions", session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read the net positions: today's trades and what was carried."""
        return [kite.position(line) for line in reading.rows(reading.within(_data(answer), "net"))]

    def funds(self, session: Session) -> Request:
        """The money of the equity segment, to which NSE's derivatives belong."""
        return self._get("/user/margins/equity", session)

    def money(self, answer: Answer) -> Funds:
        """Read it."""
        data = reading.fields(_data(answer))
        return Funds(
            available=reading.money(data.get("net")), used=reading.money(reading.within(data, "utilised", "debits"))
        )

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What a basket blocks, beside what the account holds."""
        body = json.dumps([_leg(order) for order in orders], separators=(",", ":")).encode()
        headers = _headers(session) | kite.JSON
        return Request("POST", self.base_url, "/margins/basket?consider_positions=true", headers, body)

    def required(self, answer: Answer) -> Decimal:
        """The total with the benefit of hedges."""
        return reading.money(reading.within(_data(answer), "final", "total"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices with the market's depth."""
        return self._get("/quote?" + urlencode([("i", kite.name(one)) for one in instruments]), session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them; an instrument the broker does not know is absent."""
        data = reading.fields(_data(answer))
        found = ((one.contract, _quote(data.get(kite.name(one)))) for one in instruments)
        return {contract: quote for contract, quote in found if quote is not None}

    def master(self, session: Session | None = None) -> Request:
        """The list of NSE's derivatives, made anew each morning; anybody may read it."""
        return Request("GET", self.base_url, "/instruments/NFO", _headers(None), b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list, packed or not; one that cannot be read is `Unknown`."""
        return kite.catalogue(answer)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none in the API."""
        return None

    def _get(self, target: str, session: Session) -> Request:
        return Request("GET", self.base_url, target, _headers(session), b"")

    def _form(self, method: str, target: str, fields: Mapping[str, str], session: Session | None = None) -> Request:
        return Request(method, self.base_url, target, _headers(session) | kite.FORM, urlencode(fields).encode())


def _headers(session: Session | None) -> dict[str, str]:
    return {"X-Kite-Version": "3"} | (kite.token(session) if session else {})


def _optional(**fields: Decimal | str | None) -> dict[str, str]:
    """What is set, as the form has it."""
    return {name: kite.money(v) if isinstance(v, Decimal) else v for name, v in fields.items() if v}


def _leg(order: OrderRequest) -> dict[str, object]:
    return {
        "exchange": order.instrument.exchange,
        "tradingsymbol": order.instrument.symbol,
        "transaction_type": order.side.value,
        "variety": "regular",
        "product": kite.PRODUCTS[order.product],
        "order_type": kite.order_type(order),
        "quantity": order.quantity,
        "price": float(order.limit_price),
        "trigger_price": float(order.trigger_price or 0),
    }


def _data(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """What a reply of success holds, or the failure its `error_type` and message name.

    An `OrderException` may come with HTTP 500; then its text alone can earn a refusal.
    """
    reply = reading.document(answer)
    if not isinstance(reply, dict):
        raise Unknown("a reply without status")
    if answer.status == reading.OK and reply.get("status") == "success":
        return reply.get("data")
    code = reading.text(reply.get("error_type"))
    failed = answer.status >= reading.SERVER_ERROR
    if reply.get("status") != "error" or (failed and code.lower() != "orderexception"):
        raise Unknown(reading.said(answer))
    raise VOCABULARY.failure(reading.text(reply.get("message")), "" if failed else code)


def _quote(value: object) -> Quote | None:
    """The touch and the last price; None where one side has no orders."""
    bid, ask = (reading.price(reading.within(value, "depth", side, 0, "price")) for side in ("buy", "sell"))
    last = reading.price(reading.within(value, "last_price"))
    return Quote(bid, ask, last) if bid and ask and last else None

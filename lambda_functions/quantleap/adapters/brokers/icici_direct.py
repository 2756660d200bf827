"""ICICI Direct, Breeze.

Wire facts as sent by the broker's own `breeze-connect` 1.0.69: compact JSON, all texts, also in the body of a GET.
Every request is signed over its exact bytes, the app's secret and the time, so requests are made with a clock. How
old a signature may be is not published: what was prepared seconds ago is made anew before it leaves (`signs_time`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from quantleap.adapters.brokers import breeze, reading
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    Answer,
    AppRefused,
    BookedOrder,
    Catalogue,
    Funds,
    Instrument,
    InsufficientFunds,
    OrderGone,
    OrderRequest,
    OrderStatus,
    Position,
    RateLimited,
    Refused,
    Request,
    SessionExpired,
    Unknown,
    Unrecognised,
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
from quantleap.domain.clock import IST, Clock
from quantleap.domain.contracts import Contract
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product

CAPABILITY = Capability(
    broker_id="icici_direct",
    title="ICICI Direct (Breeze)",
    order_types=(OrderType.LIMIT, OrderType.STOP_LIMIT),
    products=(Product.CARRY,),
    tag=TagRule(length=20),
    algo_id=AlgoId.NOWHERE,
    protection=Protection.NO_MARKET_ORDERS,
    slices=0,
    orders=Budget((Pace(10, 1), Pace(100, 60), Pace(5000, 86_400))),
    reads=(Pace(100, 60),),
    book=BookRule(5),  # orders rest at `Requested` before the OMS has them, and looks are few
    quotes_at_once=1,
    token=TokenRule(time(0), timedelta(hours=24)),
    login=LoginRule(Binding.REDIRECT, ("apisession", "API_Session"), secret=False),
    static_ip=StaticIp.PER_CLIENT,
    kill_switch=False,
    master_needs_session=False,
    signs_time=True,
    unconfirmed=("tag", "orders", "reads"),
)

VOCABULARY = Vocabulary(
    codes={},
    phrases=(
        ("error while calling service", Unknown),
        ("internal", Unknown),
        ("invalid session", SessionExpired),
        ("resource not available", SessionExpired),
        ("valid session token", SessionExpired),
        ("public key does not exist", AppRefused),
        ("checksum", AppRefused),
        ("limit exceed: api call", RateLimited),
        ("allocate", InsufficientFunds),
        ("already been executed", OrderGone),
        ("order not found", OrderGone),
    ),
)
"""There are no codes, and `Status` 500 with HTTP 200 is said of refusals as well as of failures: the text decides."""

API = "/breezeapi/api/v1"
NOTHING_FOUND = ("no data found", "no record")

STATUSES = {
    "executed": OrderStatus.FILLED,
    "rejected": OrderStatus.REJECTED,
    "cancelled": OrderStatus.CANCELLED,
    "expired": OrderStatus.CANCELLED,
    "partially executed and expired": OrderStatus.CANCELLED,
    "partially executed and cancelled": OrderStatus.CANCELLED,
}
"""Statuses that end an order; any other is one still working."""


class IciciDirect:
    """Breeze at `base_url`: the broker itself, or a simulator that speaks as it does."""

    name = "icici_direct"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self.base_url = base_url or "https://api.icicidirect.com"
        self._list_url = base_url or "https://directlink.icicidirect.com"
        self._clock = clock

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The login page; no state comes back, so the address it returns to has to be the login's own."""
        query = {"api_key": credentials.api_key} | ({"redirect_uri": redirect_url} if redirect_url else {})
        return f"{self.base_url}/apiuser/login?{urlencode(query)}"

    def exchange(self, login: FinishedLogin) -> Request:
        """The one call that is not signed."""
        body = _json({"SessionToken": login.code, "AppKey": login.credentials.api_key})
        return Request("GET", self.base_url, f"{API}/customerdetails", {"Content-Type": "application/json"}, body)

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session, with key and secret for the signatures to come."""
        data = reading.fields(_data(answer))
        return Session(
            access_token=reading.token(data.get("session_token")),
            client_id=reading.client_id(data.get("idirect_userid")),
            expires_at=CAPABILITY.token.ends(at),
            api_key=login.credentials.api_key,
            api_secret=login.credentials.api_secret,
        )

    def profile(self, session: Session) -> Request:
        """The profile is only for the code of a login; the funds show that the token is alive."""
        return self.funds(session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The client that the login named; no later call names one, but a dead token answers none of them."""
        _data(answer)
        return session.client_id

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day order, its fields in the client's order; some go out empty, others only when set."""
        fields = {
            "stock_code": breeze.stock(order.instrument),
            "exchange_code": breeze.EXCHANGE,
            "product": "options",
            "action": order.side.value.lower(),
            **_terms(order),
            "settlement_id": "",
            "order_segment_code": "",
            "lots": "",
            "user_remark": order.tag,
        }
        fields |= _trigger(order) | breeze.fields(order.instrument)
        return self._signed("POST", "order", fields, session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id."""
        return reading.order_id(reading.fields(_data(answer)).get("order_id"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """What may be changed, all of it."""
        fields = {"order_id": order_id, "exchange_code": breeze.EXCHANGE} | _terms(order) | _trigger(order)
        return self._signed("PUT", "order", fields, session)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number and its exchange."""
        return self._signed("DELETE", "order", {"exchange_code": breeze.EXCHANGE, "order_id": order_id}, session)

    def done(self, answer: Answer) -> None:
        """Success, or why not."""
        _data(answer)

    def order_book(self, session: Session) -> Request:
        """The orders of the session's day, which its end names."""
        day = (session.expires_at - timedelta(seconds=1)).astimezone(IST).date()
        span = {"from_date": f"{day}T00:00:00.000Z", "to_date": f"{day}T23:59:59.000Z"}
        return self._signed("GET", "order", {"exchange_code": breeze.EXCHANGE} | span, session)

    def find(self, session: Session, tag: str) -> Request:
        """The broker cannot look for a tag: the whole book."""
        return self.order_book(session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders."""
        return [_booked(line) for line in _rows(answer)]

    def positions(self, session: Session) -> Request:
        """The positions of every segment."""
        return self._signed("GET", "portfoliopositions", {}, session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions."""
        return [_position(line) for line in _rows(answer)]

    def funds(self, session: Session) -> Request:
        """The account's money."""
        return self._signed("GET", "funds", {}, session)

    def money(self, answer: Answer) -> Funds:
        """Read what the client allocated to derivatives; what trades block is a part of it."""
        data = reading.fields(_data(answer))
        used = reading.money(data.get("block_by_trade_fno"))
        return Funds(available=reading.money(data.get("allocated_fno")) - used, used=used)

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What a basket blocks."""
        fields = {"list_of_positions": [_leg(order) for order in orders], "exchange_code": breeze.EXCHANGE}
        return self._signed("POST", "margincalculator", fields, session)

    def required(self, answer: Answer) -> Decimal:
        """Margin by the exchange's method and beside it."""
        data = reading.fields(_data(answer))
        return sum((reading.money(data.get(f"{kind}_margin_required")) for kind in ("span", "non_span")), Decimal())

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """One contract's price."""
        [one] = instruments
        fields = {"stock_code": breeze.stock(one), "exchange_code": breeze.EXCHANGE, "product_type": "options"}
        return self._signed("GET", "quotes", fields | breeze.fields(one), session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read it; a contract without orders on both sides is absent."""
        lines = {breeze.symbol(line): line for line in _rows(answer)}
        found = ((one.contract, _quote(lines.get(one.symbol, {}))) for one in instruments)
        return {contract: quote for contract, quote in found if quote is not None}

    def master(self, session: Session | None = None) -> Request:
        """The lists of every exchange in one archive, made anew each morning; anybody may read it."""
        return Request("GET", self._list_url, "/MotherAppMaster/SecurityMaster.zip", {}, b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list of NSE's derivatives; one that cannot be read is `Unknown`."""
        return breeze.catalogue(answer)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none in the API."""
        return None

    def _signed(self, method: str, call: str, fields: Mapping[str, object], session: Session) -> Request:
        """Signature: hex sha256 of time, body and secret with nothing between."""
        body, stamp = _json(fields), f"{self._clock().astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        proof = hashlib.sha256(stamp.encode() + body + session.api_secret.encode()).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Checksum": f"token {proof}",
            "X-Timestamp": stamp,
            "X-AppKey": session.api_key,
            "X-SessionToken": session.access_token,
        }
        return Request(method, self.base_url, f"{API}/{call}", headers, body)


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _terms(order: OrderRequest) -> dict[str, str]:
    return {
        "order_type": "stoploss" if order.trigger_price else "limit",
        "quantity": str(order.quantity),
        "price": f"{order.limit_price:.2f}",
        "validity": "day",
    }


def _trigger(order: OrderRequest) -> dict[str, str]:
    return {"stoploss": f"{order.trigger_price:.2f}"} if order.trigger_price else {}


def _leg(order: OrderRequest) -> dict[str, str]:
    """One leg; what belongs to the broker's cover orders is said to be nothing."""
    nothing = {"cover_order_flow": "N", "fresh_order_type": "N"}
    nothing |= dict.fromkeys(("cover_limit_rate", "cover_sltp_price", "fresh_limit_rate", "open_quantity"), "0")
    return (
        breeze.fields(order.instrument)
        | nothing
        | {
            "expiry_date": f"{order.instrument.contract.expiry:%d-%b-%Y}",
            "stock_code": breeze.stock(order.instrument),
            "product": "options",
            "action": order.side.value.lower(),
            "quantity": str(order.quantity),
            "price": f"{order.limit_price:.2f}",
        }
    )


def _data(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """What `Success` holds, or the failure that `Error` means."""
    reply = reading.fields(reading.document(answer))
    said = reading.text(reply.get("Error"))
    if said:
        raise VOCABULARY.failure(said)
    if answer.status != reading.OK or reply.get("Status") != reading.OK or reply.get("Error") is not None:
        raise Unknown(reading.said(answer))
    return reply.get("Success")


def _rows(answer: Answer) -> list[dict[str, Any]]:
    """The lines of a list; that there are none may come as an error."""
    try:
        return reading.rows(_data(answer) or [])
    except Unrecognised as refused:
        if any(phrase in refused.text.lower() for phrase in NOTHING_FOUND):
            return []
        raise


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    said = reading.text(line.get("status"))
    quantity = reading.units(line.get("quantity"))
    status, filled = agreed(STATUSES.get(said.lower()), quantity, _filled(line, said.lower()))
    return BookedOrder(
        order_id=reading.text(line.get("order_id")),
        tag=reading.text(line.get("user_remark")),
        status=status,
        filled=filled,
        average_price=reading.price(line.get("average_price")),
        reason=said if status is OrderStatus.REJECTED else None,
        symbol=breeze.symbol(line),
        quantity=quantity or 0,
        limit_price=reading.price(line.get("price")),
        refusal=Refused.reason if status is OrderStatus.REJECTED else None,
        side=reading.side(line.get("action")),
    )


def _filled(line: Mapping[str, Any], said: str) -> int | None:
    """A line says what is pending and cancelled; what is filled is the rest, and only of an order that fills.

    None where the numbers do not add up, or contradict the word.
    """
    whole, *gone = (reading.units(line.get(f"{kind}quantity")) for kind in ("", "pending_", "cancelled_"))
    left = None if whole is None or None in gone else whole - sum(each or 0 for each in gone)
    if "executed" in said:
        return None if left is None or left < 0 else left
    return None if left and STATUSES.get(said) is OrderStatus.CANCELLED else 0


def _position(line: Mapping[str, Any]) -> Position:
    units = abs(reading.whole(line.get("quantity")))
    return Position(
        exchange=reading.text(line.get("exchange_code")),
        symbol=breeze.symbol(line),
        product=Product.CARRY if reading.text(line.get("product_type")).lower() == "options" else None,
        quantity=-units if reading.text(line.get("action")).lower() == "sell" else units,
        average_price=reading.price(line.get("average_price")),
        last_price=reading.price(line.get("ltp")),
    )


def _quote(line: Mapping[str, Any]) -> Quote | None:
    bid, ask, last = (reading.price(line.get(name)) for name in ("best_bid_price", "best_offer_price", "ltp"))
    return Quote(bid, ask, last) if bid and ask and last else None

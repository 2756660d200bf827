"""Angel One, SmartAPI.

Wire facts as sent by the broker's own `smartapi-python` 1.5.5: JSON goes out, numbers as texts, with a row of headers
that name app and machine. Not as that client does: it sends one built-in public address for everybody.

Refusals come in three shapes: the order system's `status` and `errorcode`, the gateway's `success` and `errorCode`,
and a plain text when calls come too fast. The login page returns the day's token itself.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

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
    OrderGone,
    OrderRequest,
    OrderStatus,
    Position,
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
    broker_id="angel_one",
    title="Angel One (SmartAPI)",
    order_types=(OrderType.LIMIT, OrderType.STOP_LIMIT),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.NOWHERE,
    protection=Protection.NO_MARKET_ORDERS,
    slices=0,
    orders=Budget((Pace(9, 1), Pace(500, 60), Pace(1000, 3600))),
    reads=(Pace(1, 1),),
    book=BookRule(5),  # one look a second, and looks may be answered from a second ago
    quotes_at_once=50,
    token=TokenRule(time(0)),
    login=LoginRule(Binding.REDIRECT, ("auth_token",), secret=False, beside=("feed_token", "refresh_token")),
    static_ip=StaticIp.PER_CLIENT,
    kill_switch=False,
    master_needs_session=False,
    unconfirmed=("token", "login"),
)

VOCABULARY = Vocabulary(
    codes={
        **dict.fromkeys(("ag8001", "ag8002", "ag8003", "ab1010", "ab1011", "ab8050", "ab8051"), SessionExpired),
        **dict.fromkeys(("ab1007", "ab1008", "ab1009", "ab1012", "ab1018", "ab2002", "ab4008"), BadInput),
        **dict.fromkeys(("ab1004", "ab2000", "ab2001"), Unknown),
        "ag8004": AppRefused,
        "ag7002": AddressNotAllowed,
        "ab1006": AccountBlocked,
        "ab1013": OrderGone,
        "ab1050": Refused,
    },
    phrases=(
        ("exceeding access rate", RateLimited),
        ("cannot be modified", OrderGone),
        ("cannot be cancelled", OrderGone),
        ("invalid token", SessionExpired),
        ("api key", AppRefused),
    ),
)
"""The code first; `AB1007` may mean wrong parameters as well as wrong credentials, so there the text decides."""

API = "/rest/secure/angelbroking"
EXCHANGE = "NFO"
TOO_FAST = b"exceeding access rate"

PRODUCTS = {Product.INTRADAY: "INTRADAY", Product.CARRY: "CARRYFORWARD"}
OUR_PRODUCTS = {word: product for product, word in PRODUCTS.items()}

STATUSES = {"complete": OrderStatus.FILLED, "rejected": OrderStatus.REJECTED, "cancelled": OrderStatus.CANCELLED}
"""Statuses that end an order; any other is one still working."""


class AngelOne:
    """SmartAPI at `base_url`: the broker itself, or a simulator that speaks as it does.

    `public_ip` is the address that order calls leave from, which every request repeats.
    """

    name = "angel_one"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None, public_ip: str = "127.0.0.1") -> None:
        self.base_url = base_url or "https://apiconnect.angelone.in"
        self._login_url = base_url or "https://smartapi.angelone.in"
        self._list_url = base_url or "https://margincalculator.angelbroking.com"
        self._public_ip = public_ip

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The publisher's login page; whether the state comes back is not certain, so nothing rests on it."""
        query = {"api_key": credentials.api_key, "state": state} | (
            {"redirect_uri": redirect_url} if redirect_url else {}
        )
        return f"{self._login_url}/publisher-login?{urlencode(query)}"

    def exchange(self, login: FinishedLogin) -> Request:
        """The page gave the token itself; the profile proves that it is alive, and whose."""
        if not (login.code.isascii() and login.code.isprintable()):
            raise Refused("a token that fits into no header")
        return self.profile(_session(login, login.client_id, datetime.max.replace(tzinfo=UTC)))

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session of the client that the profile names."""
        return _session(login, _client(answer), CAPABILITY.token.ends(at))

    def profile(self, session: Session) -> Request:
        """Whose session it is."""
        return self._get("/user/v1/getProfile", session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The client code."""
        return _client(answer)

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day order; the broker wants the exchange's number of the contract beside its symbol."""
        fields = _terms(order) | {
            "transactiontype": order.side.value,
            "squareoff": "0",
            "stoploss": "0",
            "ordertag": order.tag,
        }
        return self._post("/order/v1/placeOrder", fields, session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id."""
        return reading.order_id(reading.fields(_data(answer)).get("orderid"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """The whole order as it shall be."""
        return self._post("/order/v1/modifyOrder", _terms(order) | {"orderid": order_id}, session)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number and its variety."""
        return self._post("/order/v1/cancelOrder", {"variety": _variety(order), "orderid": order_id}, session)

    def done(self, answer: Answer) -> None:
        """Success, or why not."""
        _data(answer)

    def order_book(self, session: Session) -> Request:
        """The day's orders."""
        return self._get("/order/v1/getOrderBook", session)

    def find(self, session: Session, tag: str) -> Request:
        """The broker cannot look for a tag: the whole book."""
        return self.order_book(session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders; nothing is an empty book."""
        return [_booked(line) for line in reading.rows(_data(answer) or [])]

    def positions(self, session: Session) -> Request:
        """The day's positions."""
        return self._get("/order/v1/getPosition", session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions; nothing is none."""
        return [_position(line) for line in reading.rows(_data(answer) or [])]

    def funds(self, session: Session) -> Request:
        """The account's money."""
        return self._get("/user/v1/getRMS", session)

    def money(self, answer: Answer) -> Funds:
        """Read it."""
        data = reading.fields(_data(answer))
        return Funds(available=reading.money(data.get("net")), used=reading.money(data.get("utiliseddebits")))

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """What a basket blocks; here quantities and prices are numbers."""
        return self._post("/margin/v1/batch", {"positions": [_leg(order) for order in orders]}, session)

    def required(self, answer: Answer) -> Decimal:
        """The total with the benefit of hedges."""
        return reading.money(reading.fields(_data(answer)).get("totalMarginRequired"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices with the market's depth, asked for by the exchange's numbers."""
        tokens = {EXCHANGE: [one.token for one in instruments]}
        return self._post("/market/v1/quote", {"mode": "FULL", "exchangeTokens": tokens}, session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them; an instrument without orders on both sides is absent."""
        fetched = reading.rows(reading.within(_data(answer), "fetched"))
        lines = {reading.text(line.get("symbolToken")): line for line in fetched}
        found = ((one.contract, _quote(lines.get(one.token))) for one in instruments)
        return {contract: quote for contract, quote in found if quote is not None}

    def master(self, session: Session | None = None) -> Request:
        """The list of everything, made anew each morning; anybody may read it."""
        return Request("GET", self._list_url, "/OpenAPI_File/files/OpenAPIScripMaster.json", {}, b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list; one that cannot be read is `Unknown`."""
        return reading.listed(answer, _lines, _instrument)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none in the API."""
        return None

    def _get(self, target: str, session: Session) -> Request:
        return Request("GET", self.base_url, API + target, self._headers(session), b"")

    def _post(self, target: str, fields: Mapping[str, object], session: Session) -> Request:
        body = json.dumps(fields, separators=(",", ":")).encode()
        return Request("POST", self.base_url, API + target, self._headers(session), body)

    def _headers(self, session: Session) -> dict[str, str]:
        """A function has no card of its own: the machine's address is one from the range for such."""
        return {
            "Content-type": "application/json",
            "Accept": "application/json",
            "Authorization": f"Bearer {session.access_token}",
            "X-PrivateKey": session.api_key,
            "X-UserType": "USER",
            "X-SourceID": "WEB",
            "X-ClientLocalIP": "127.0.0.1",
            "X-ClientPublicIP": self._public_ip,
            "X-MACAddress": "02:00:00:00:00:00",
        }


def _session(login: FinishedLogin, client_id: str, expires_at: datetime) -> Session:
    return Session(
        access_token=login.code,
        client_id=client_id,
        expires_at=expires_at,
        api_key=login.credentials.api_key,
        feed_token=login.value("feed_token") or "",
    )


def _client(answer: Answer) -> str:
    return reading.client_id(reading.fields(_data(answer)).get("clientcode"))


def _variety(order: OrderRequest) -> str:
    return "STOPLOSS" if order.trigger_price else "NORMAL"


def _terms(order: OrderRequest) -> dict[str, str]:
    """What an order and a change of it say alike."""
    fields = {
        "variety": _variety(order),
        "tradingsymbol": order.instrument.symbol,
        "symboltoken": order.instrument.token,
        "exchange": order.instrument.exchange,
        "ordertype": "STOPLOSS_LIMIT" if order.trigger_price else "LIMIT",
        "producttype": PRODUCTS[order.product],
        "duration": "DAY",
        "price": f"{order.limit_price:.2f}",
        "quantity": str(order.quantity),
    }
    return fields | ({"triggerprice": f"{order.trigger_price:.2f}"} if order.trigger_price else {})


def _leg(order: OrderRequest) -> dict[str, object]:
    return {
        "exchange": order.instrument.exchange,
        "qty": order.quantity,
        "price": float(order.limit_price),
        "productType": PRODUCTS[order.product],
        "token": order.instrument.token,
        "tradeType": order.side.value,
        "orderType": "STOPLOSS_LIMIT" if order.trigger_price else "LIMIT",
    }


def _data(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    """What a reply of success holds, or the failure that its shape, code and text name."""
    if TOO_FAST in answer.body[:200].lower() and not answer.body.startswith(b"{"):
        raise RateLimited("access denied because of exceeding access rate")
    reply = reading.fields(reading.document(answer))
    if answer.status == reading.OK and reply.get("status") is True:
        return reply.get("data")
    refused = reply.get("status") is False or reply.get("success") is False
    if not refused or answer.status >= reading.SERVER_ERROR:
        raise Unknown(reading.said(answer))
    code = reading.text(reply.get("errorcode") or reply.get("errorCode"))
    raise VOCABULARY.failure(reading.text(reply.get("message")), code)


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    quantity, reason = reading.units(line.get("quantity")), reading.text(line.get("text"))
    said = STATUSES.get(reading.text(line.get("status")).lower())
    status, filled = agreed(said, quantity, reading.units(line.get("filledshares")))
    return BookedOrder(
        order_id=reading.text(line.get("orderid")),
        tag=reading.text(line.get("ordertag")),
        status=status,
        filled=filled,
        average_price=reading.price(line.get("averageprice")),
        reason=reason or None,
        symbol=reading.text(line.get("tradingsymbol")),
        quantity=quantity or 0,
        limit_price=reading.price(line.get("price")),
        refusal=VOCABULARY.ending(status, reason),
        side=reading.side(line.get("transactiontype")),
    )


def _position(line: Mapping[str, Any]) -> Position:
    return Position(
        exchange=reading.text(line.get("exchange")),
        symbol=reading.text(line.get("tradingsymbol")),
        product=OUR_PRODUCTS.get(reading.text(line.get("producttype"))),
        quantity=reading.whole(line.get("netqty")),
        average_price=reading.price(line.get("avgnetprice")),
        last_price=reading.price(line.get("ltp")),
    )


def _quote(line: object) -> Quote | None:
    """The touch and the last price; None where one side has no orders."""
    bid, ask = (reading.price(reading.within(line, "depth", side, 0, "price")) for side in ("buy", "sell"))
    last = reading.price(reading.within(line, "ltp"))
    return Quote(bid, ask, last) if bid and ask and last else None


def _lines(body: bytes) -> Any:  # noqa: ANN401 - whatever the broker sent; a line that is no object is odd
    return json.loads(reading.gunzipped(body))


def _instrument(row: Mapping[str, str]) -> Instrument | None:
    if row["exch_seg"] != EXCHANGE or row["instrumenttype"] != "OPTIDX" or row["name"] not in Index:
        return None
    symbol = reading.listed_name(row["symbol"])
    return Instrument(
        contract=Contract(Index(row["name"]), _day(row["expiry"]), _rupees(row["strike"]), Right(symbol[-2:])),
        exchange=EXCHANGE,
        symbol=symbol,
        token=reading.listed_name(row["token"]),
        lot_size=reading.listed_units(row["lotsize"]),
        tick=_rupees(row["tick_size"]),
    )


@lru_cache(maxsize=256)
def _day(text: str) -> date:
    """`01DEC2026`."""
    return datetime.strptime(text, "%d%b%Y").date()  # noqa: DTZ007 - a day, not an instant


@lru_cache(maxsize=2048)
def _rupees(paise: str) -> Decimal:
    """The list has strikes and ticks in paise."""
    return Decimal(reading.listed_units(paise)).scaleb(-2)

"""Zebu (MYNT), the Noren OMS over OAuth.

Wire facts as sent by the broker's own `myntapi` 0.0.7 and the OMS vendor's `norenrestapioauth` 0.0.41: every call is
a POST of `jData=` and JSON whose values are all text, the trading symbol url-quoted inside it. There are no error
codes, so failures are told by their text. Books are arrays when there is something and objects when there is nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from quantleap.adapters.brokers import reading
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AddressNotAllowed,
    Answer,
    AppRefused,
    BadInput,
    BookedOrder,
    BrokerFailure,
    Catalogue,
    Funds,
    Instrument,
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
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side

CAPABILITY = Capability(
    broker_id="zebu",
    title="Zebu (MYNT)",
    order_types=(OrderType.LIMIT, OrderType.STOP_LIMIT),
    products=(Product.INTRADAY, Product.CARRY),
    tag=TagRule(length=20),
    algo_id=AlgoId.BODY,
    protection=Protection.NO_MARKET_ORDERS,
    slices=0,
    orders=Budget((Pace(10, 1),)),
    reads=(Pace(10, 1),),
    book=BookRule(4),  # the OMS answers orders and books from different processes
    quotes_at_once=1,
    token=TokenRule(time(0)),
    login=LoginRule(Binding.REDIRECT, ("code",)),
    static_ip=StaticIp.PER_CLIENT,
    kill_switch=False,
    master_needs_session=False,
    unconfirmed=("tag", "orders", "reads", "token", "protection"),
)

VOCABULARY = Vocabulary(
    codes={"401": SessionExpired},
    phrases=(
        ("session expired", SessionExpired),
        ("invalid session", SessionExpired),
        ("invalid access token", SessionExpired),
        ("order not found", OrderGone),
        ("rate limit", RateLimited),
        ("invalid ip", AddressNotAllowed),
        ("api key", AppRefused),
        ("invalid api_key", AppRefused),
        ("invalid app", AppRefused),
        ("invalid vendor code", AppRefused),
        ("checksum", AppRefused),
    ),
    vague=(("invalid input", BadInput),),
)
"""Zebu has no codes but HTTP's, and says `Not_Ok` of refusals as well as of failures of its own: the text decides."""

LONGEST_LIFE_S = 10**8
"""Three years; a larger number is a Unix timestamp."""

LATEST = 32_503_680_000
"""Seconds until the year 3000."""

OTHER_TOKEN = {"access_token": "susertoken", "susertoken": "access_token"}
PRODUCTS = {Product.INTRADAY: "I", Product.CARRY: "M"}
SIDES = {Side.BUY: "B", Side.SELL: "S"}
OUR_PRODUCTS = {word: product for product, word in PRODUCTS.items()}

STATUSES = {
    "COMPLETE": OrderStatus.FILLED,
    "REJECT": OrderStatus.REJECTED,
    "REJECTED": OrderStatus.REJECTED,
    "CANCELED": OrderStatus.CANCELLED,
    "CANCELLED": OrderStatus.CANCELLED,
}
"""Statuses that end an order; any other is one still working."""


class Zebu:
    """Zebu's API at `base_url`: the broker itself, or a simulator that speaks as it does.

    A login gives two tokens. The vendor's client and OpenAlgo send `access_token` with each call, the broker's own
    client `susertoken`: `bearer` says which; both are kept.
    """

    name = "zebu"
    capability = CAPABILITY
    vocabulary = VOCABULARY

    def __init__(self, base_url: str | None = None, bearer: str = "access_token") -> None:
        self.base_url = base_url or "https://go.mynt.in"
        self._bearer = bearer

    def login_url(self, credentials: Credentials, state: str, redirect_url: str | None = None) -> str:
        """The login page; the broker documents no state, so it may not come back with the code."""
        query = {"client_id": credentials.api_key, "state": state}
        return f"{self.base_url}/OAuthlogin/authorize/oauth?{urlencode(_with_redirect(query, redirect_url))}"

    def exchange(self, login: FinishedLogin) -> Request:
        """Checksum: hex sha256 of key, secret and code with nothing between."""
        key, secret = login.credentials.api_key, login.credentials.api_secret
        proof = hashlib.sha256(f"{key}{secret}{login.code}".encode()).hexdigest()
        return self._post("GenAcsTok", {"code": login.code, "checksum": proof, "uid": login.client_id})

    def session(self, answer: Answer, login: FinishedLogin, at: datetime) -> Session:
        """The session, over at the broker's own time or by the rule, whichever comes first.

        The documented answer names no client: `owner` proves whose session it is.
        """
        reply = _object(answer)
        named = reply.get("uid") or reply.get("USERID") or reply.get("actid")
        return Session(
            access_token=reading.token(reply.get(self._bearer)),
            feed_token=reading.text(reply.get(OTHER_TOKEN[self._bearer])),
            client_id=reading.text(named) or login.client_id,
            expires_at=_ends(reading.whole(reply.get("expires_in")), at),
        )

    def profile(self, session: Session) -> Request:
        """The client's details; the funds may not say whose they are."""
        return self._post("ClientDetails", _who(session), session)

    def owner(self, answer: Answer, session: Session) -> str:
        """The account they belong to."""
        return reading.client_id(_object(answer).get("actid"))

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day order."""
        fields = _who(session) | _what(order)
        fields["trgprc"] = _money(order.trigger_price) if order.trigger_price else "0"
        fields |= {
            "dscqty": "0",
            "prd": PRODUCTS[order.product],
            "trantype": SIDES[order.side],
            "ret": "DAY",
            "ordersource": "API",
            "remarks": order.tag,
        }
        return self._post("PlaceOrder", fields | ({"algo_id": order.algo_id} if order.algo_id else {}), session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id."""
        return reading.order_id(_object(answer).get("norenordno"))

    def modify(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """A trigger price goes with stop orders only: on a limit order even 0 is refused."""
        fields = _who(session) | {"norenordno": order_id} | _what(order)
        if order.trigger_price:
            fields["trgprc"] = _money(order.trigger_price)
        return self._post("ModifyOrder", fields, session)

    def cancel(self, session: Session, order_id: str, order: OrderRequest) -> Request:
        """Known by its number alone."""
        return self._post("CancelOrder", {"uid": session.client_id, "norenordno": order_id}, session)

    def done(self, answer: Answer) -> None:
        """Ok, or why not."""
        _object(answer)

    def order_book(self, session: Session) -> Request:
        """The day's orders."""
        return self._post("OrderBook", {"uid": session.client_id}, session)

    def find(self, session: Session, tag: str) -> Request:
        """The broker cannot look for a tag: the whole book."""
        return self.order_book(session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders; "no data" is an empty book, any other refusal is raised."""
        return [_booked(line) for line in _book(answer)]

    def positions(self, session: Session) -> Request:
        """The day's positions."""
        return self._post("PositionBook", _who(session), session)

    def held(self, answer: Answer) -> Sequence[Position]:
        """Read positions; "no data" is none."""
        return [_position(line) for line in _book(answer)]

    def funds(self, session: Session) -> Request:
        """The account's money."""
        return self._post("Limits", _who(session), session)

    def money(self, answer: Answer) -> Funds:
        """Cash, what was paid in today and collateral, less what is blocked."""
        reply = _object(answer)
        used = reading.amount(reply.get("marginused")) or Decimal()
        more = sum((reading.amount(reply.get(name)) or Decimal() for name in ("payin", "brkcollamt")), Decimal())
        return Funds(available=reading.money(reply.get("cash")) + more - used, used=used)

    def margin(self, session: Session, orders: Sequence[OrderRequest]) -> Request:
        """The OMS's SPAN calculator."""
        return self._post("SpanCalc", {"actid": session.client_id, "pos": [_leg(order) for order in orders]}, session)

    def required(self, answer: Answer) -> Decimal:
        """SPAN and exposure margin together."""
        reply = _object(answer)
        return reading.money(reply.get("span")) + reading.money(reply.get("expo"))

    def quotes(self, session: Session, instruments: Sequence[Instrument]) -> Request:
        """Prices of one instrument."""
        [wanted] = instruments
        fields = {"uid": session.client_id, "exch": wanted.exchange, "token": wanted.token}
        return self._post("GetQuotes", fields, session)

    def quoted(self, answer: Answer, instruments: Sequence[Instrument]) -> Mapping[Contract, Quote]:
        """Read them."""
        reply = _object(answer)
        bid, ask, last = (reading.price(reply.get(name)) for name in ("bp1", "sp1", "lp"))
        mine = [one for one in instruments if one.token == reading.text(reply.get("token"))]
        return {one.contract: Quote(bid, ask, last) for one in mine if bid and ask and last}

    def master(self, session: Session | None = None) -> Request:
        """The zipped list of option contracts, made anew each morning."""
        return Request("GET", self.base_url, "/NFO_symbols.txt.zip", {}, b"")

    def instruments(self, answer: Answer) -> Catalogue:
        """Read the list; one that cannot be read is `Unknown`."""
        return reading.listed(answer, _lines, _instrument)

    def kill_switch(self, session: Session, *, on: bool) -> Request | None:
        """There is none."""
        return None

    def _post(self, call: str, fields: Mapping[str, object], session: Session | None = None) -> Request:
        headers = {"Content-Type": "text/plain"}
        if session is not None:
            headers["Authorization"] = f"Bearer {session.access_token}"
        body = b"jData=" + json.dumps(fields, separators=(",", ":")).encode()
        return Request("POST", self.base_url, f"/NorenWClientAPI/{call}", headers, body)


def _ends(told: int, at: datetime) -> datetime:
    """When a session is over that begins at `at`; the broker tells seconds or an instant, or nothing to believe."""
    rule = CAPABILITY.token.ends(at)
    if not 0 < told < LATEST:
        return rule
    end = datetime.fromtimestamp(told, UTC) if told > LONGEST_LIFE_S else at + timedelta(seconds=told)
    return min(rule, end) if end > at else rule


def _with_redirect(query: dict[str, str], redirect_url: str | None) -> dict[str, str]:
    return query | ({"redirect_uri": redirect_url} if redirect_url else {})


def _who(session: Session) -> dict[str, str]:
    return {"uid": session.client_id, "actid": session.client_id}


def _what(order: OrderRequest) -> dict[str, str]:
    return {
        "exch": order.instrument.exchange,
        "tsym": quote(order.instrument.symbol, safe=""),
        "qty": str(order.quantity),
        "prctyp": "SL-LMT" if order.trigger_price else "LMT",
        "prc": _money(order.limit_price),
    }


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _leg(order: OrderRequest) -> dict[str, str]:
    contract = order.instrument.contract
    bought = order.side is Side.BUY
    return {
        "prd": PRODUCTS[order.product],
        "exch": order.instrument.exchange,
        "instname": "OPTIDX",
        "symname": contract.index.value,
        "exd": f"{contract.expiry:%d-%b-%Y}".upper(),
        "optt": contract.right.value,
        "strprc": f"{contract.strike:.2f}",
        "buyqty": str(order.quantity if bought else 0),
        "sellqty": str(0 if bought else order.quantity),
        "netqty": str(order.quantity if bought else -order.quantity),
    }


def _reply(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    if answer.status >= reading.SERVER_ERROR:
        raise Unknown(reading.said(answer))
    try:
        return reading.document(answer)
    except Unknown:
        raise _unreadable(answer) from None


def _unreadable(answer: Answer) -> BrokerFailure:
    """What an answer without words of the broker's means."""
    return VOCABULARY.codes.get(str(answer.status), Unknown)(reading.said(answer))


def _object(answer: Answer) -> dict[str, Any]:
    """A reply that says Ok, or the failure its text names."""
    reply = _reply(answer)
    if not isinstance(reply, dict) or "stat" not in reply:
        raise _unreadable(answer)
    if reply["stat"] == "Ok" and answer.status == reading.OK:
        return reply
    raise VOCABULARY.failure(reading.text(reply.get("emsg")), str(answer.status))


def _book(answer: Answer) -> list[dict[str, Any]]:
    """The lines of a book; nothing and a failure come in the same form, and only the text tells them apart."""
    reply = _reply(answer)
    if isinstance(reply, dict):
        if "no data" in reading.text(reply.get("emsg")).lower():
            return []
        _object(answer)
    return reading.rows(reply)


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    quantity, reason = reading.units(line.get("qty")), reading.text(line.get("rejreason"))
    said = STATUSES.get(reading.text(line.get("status")).upper().replace("_", " "))
    status, filled = agreed(said, quantity, _filled(line, quantity))
    return BookedOrder(
        order_id=reading.text(line.get("norenordno")),
        tag=reading.text(line.get("remarks")),
        status=status,
        filled=filled,
        average_price=reading.price(line.get("avgprc")),
        reason=reason or None,
        symbol=reading.text(line.get("tsym")),
        quantity=quantity or 0,
        limit_price=reading.price(line.get("prc")),
        refusal=VOCABULARY.ending(status, reason),
        side=reading.side(line.get("trantype")),
    )


def _filled(line: Mapping[str, Any], quantity: int | None) -> int | None:
    """What the line says is filled, or what is left of it once the units it says were cancelled are taken off."""
    filled, cancelled = reading.units(line.get("fillshares")), reading.units(line.get("cancelqty"))
    if filled is not None or not quantity or not cancelled:
        return filled
    return quantity - cancelled if cancelled <= quantity else None


def _position(line: Mapping[str, Any]) -> Position:
    return Position(
        exchange=reading.text(line.get("exch")),
        symbol=reading.text(line.get("tsym")),
        product=OUR_PRODUCTS.get(reading.text(line.get("prd"))),
        quantity=reading.whole(line.get("netqty")),
        average_price=reading.price(line.get("netavgprc")),
        last_price=reading.price(line.get("lp")),
    )


def _lines(body: bytes) -> Iterator[dict[str, str]]:
    return reading.table(reading.unzipped(body))


def _instrument(row: Mapping[str, str]) -> Instrument | None:
    if row["Instrument"] != "OPTIDX" or row["Symbol"] not in Index:
        return None
    expiry = datetime.strptime(row["Expiry"], "%d-%b-%Y").date()  # noqa: DTZ007 - a day, not an instant
    strike, right = reading.listed_price(row["StrikePrice"]), Right(row["OptionType"])
    return Instrument(
        contract=Contract(Index(row["Symbol"]), expiry, strike, right),
        exchange=reading.listed_name(row["Exchange"]),
        symbol=reading.listed_name(row["TradingSymbol"]),
        token=reading.listed_name(row["Token"]),
        lot_size=reading.listed_units(row["LotSize"]),
        tick=reading.listed_price(row["TickSize"]),
    )

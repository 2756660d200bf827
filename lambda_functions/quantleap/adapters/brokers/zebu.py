"""Zebu (MYNT), the Noren OMS over OAuth.

Wire facts as sent by the broker's own `myntapi` 0.0.7 and the OMS vendor's `norenrestapioauth` 0.0.41: every call is
a POST of `jData=` and JSON whose values are all text, the trading symbol url-quoted inside it. There are no error
codes, so failures are told by their text. Books are arrays when there is something and objects when there is nothing.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote, urlencode

from quantleap.domain.account import Credentials, Session
from quantleap.domain.basket import Product, Side
from quantleap.domain.broker import (
    Answer,
    BookedOrder,
    BrokerFailure,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderRequest,
    OrderStatus,
    RateLimited,
    Refused,
    Request,
    SessionExpired,
    Unknown,
)
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index, Right

BASE_URL = "https://go.mynt.in"

PRODUCTS = {Product.INTRADAY: "I", Product.CARRY: "M"}
SIDES = {Side.BUY: "B", Side.SELL: "S"}

FAILURES: tuple[tuple[str, type[BrokerFailure]], ...] = (
    ("session expired", SessionExpired),
    ("invalid session", SessionExpired),
    ("insufficient", InsufficientFunds),
    ("margin", InsufficientFunds),
    ("market closed", MarketClosed),
    ("market is closed", MarketClosed),
    ("rate limit", RateLimited),
    ("too many", RateLimited),
)
"""The first phrase found in the text, case and spaces folded, names the failure; all others are `Refused`."""

STATUSES = {
    "COMPLETE": OrderStatus.FILLED,
    "REJECT": OrderStatus.REJECTED,
    "REJECTED": OrderStatus.REJECTED,
    "CANCELED": OrderStatus.CANCELLED,
    "CANCELLED": OrderStatus.CANCELLED,
}
"""Statuses that end an order; any other is one still working."""


class Zebu:
    """Zebu's API at `base_url`: the broker itself, or a simulator that speaks as it does."""

    name = "zebu"

    def __init__(self, base_url: str = BASE_URL) -> None:
        self.base_url = base_url

    def login_url(self, credentials: Credentials, state: str) -> str:
        """The login page; the broker documents no state, so it may not come back with the code."""
        query = urlencode({"client_id": credentials.api_key, "state": state})
        return f"{self.base_url}/OAuthlogin/authorize/oauth?{query}"

    def exchange(self, credentials: Credentials, client_id: str, code: str) -> Request:
        """Checksum: hex sha256 of key, secret and code with nothing between."""
        proof = hashlib.sha256(f"{credentials.api_key}{credentials.api_secret}{code}".encode()).hexdigest()
        return self._post("GenAcsTok", {"code": code, "checksum": proof, "uid": client_id})

    def session(self, answer: Answer, at: datetime) -> Session:
        """The session, over at the broker's own time or at midnight IST, whichever comes first.

        The broker publishes no hour; exchanges ask for a fresh login before each trading day.
        """
        reply = _object(answer)
        token, client_id = reply.get("access_token"), reply.get("uid") or reply.get("USERID")
        if not (isinstance(token, str) and token and isinstance(client_id, str) and client_id):
            message = "the login answer holds no token"
            raise Unknown(message)
        return Session(access_token=token, client_id=client_id, expires_at=_expiry(reply.get("expires_in"), at))

    def place(self, session: Session, order: OrderRequest) -> Request:
        """A day limit order."""
        fields = {
            "uid": session.client_id,
            "actid": session.client_id,
            "exch": order.instrument.exchange,
            "tsym": quote(order.instrument.symbol, safe=""),
            "qty": str(order.quantity),
            "prc": f"{order.limit_price:.2f}",
            "trgprc": "0",
            "dscqty": "0",
            "prd": PRODUCTS[order.product],
            "trantype": SIDES[order.side],
            "prctyp": "LMT",
            "ret": "DAY",
            "ordersource": "API",
            "remarks": order.tag,
        }
        return self._post("PlaceOrder", fields, session)

    def placed(self, answer: Answer) -> str:
        """The broker's order id; an answer without one is `Unknown`, never "not placed"."""
        order_id = _object(answer).get("norenordno")
        if not isinstance(order_id, str) or not order_id:
            message = "accepted without an order id"
            raise Unknown(message)
        return order_id

    def order_book(self, session: Session) -> Request:
        """Ask for the day's orders."""
        return self._post("OrderBook", {"uid": session.client_id}, session)

    def orders(self, answer: Answer) -> Sequence[BookedOrder]:
        """Read the day's orders; "no data" is an empty book, any other refusal is raised."""
        reply = _json(answer)
        if isinstance(reply, list):
            return [_booked(line) for line in reply if isinstance(line, dict)]
        if isinstance(reply, dict) and "no data" in _folded(reply.get("emsg")):
            return []
        _object(answer)
        message = "an order book that is neither list nor refusal"
        raise Unknown(message)

    def master(self) -> Request:
        """The zipped list of option contracts, made anew each morning."""
        return Request("GET", self.base_url, "/NFO_symbols.txt.zip", {}, b"")

    def instruments(self, answer: Answer) -> Mapping[Contract, Instrument]:
        """Read the list, index options we trade only; a list that cannot be read is `Unknown`."""
        if answer.status != 200:  # noqa: PLR2004 - HTTP
            message = f"HTTP {answer.status}"
            raise Unknown(message)
        try:
            return {row.contract: row for row in _rows(answer.body)}
        except (zipfile.BadZipFile, KeyError, ValueError, InvalidOperation, IndexError) as error:
            message = f"unreadable list: {type(error).__name__}"
            raise Unknown(message) from None

    def _post(self, call: str, fields: Mapping[str, str], session: Session | None = None) -> Request:
        headers = {"Content-Type": "text/plain"}
        if session is not None:
            headers["Authorization"] = f"Bearer {session.access_token}"
        body = b"jData=" + json.dumps(fields, separators=(",", ":")).encode()
        return Request("POST", self.base_url, f"/NorenWClientAPI/{call}", headers, body)


def _json(answer: Answer) -> Any:  # noqa: ANN401 - whatever the broker sent
    if answer.status == 401:  # noqa: PLR2004 - HTTP
        message = "HTTP 401"
        raise SessionExpired(message)
    if answer.status == 429:  # noqa: PLR2004 - HTTP
        message = "HTTP 429"
        raise RateLimited(message)
    if answer.status >= 500:  # noqa: PLR2004 - HTTP
        message = f"HTTP {answer.status}"
        raise Unknown(message)
    try:
        return json.loads(answer.body)
    except ValueError:
        message = f"HTTP {answer.status} with a body that is not JSON"
        raise Unknown(message) from None


def _object(answer: Answer) -> dict[str, Any]:
    """A reply that says Ok, or the failure its text names."""
    reply = _json(answer)
    if not isinstance(reply, dict) or "stat" not in reply:
        message = "a reply without stat"
        raise Unknown(message)
    if reply["stat"] == "Ok":
        return reply
    text = _folded(reply.get("emsg"))
    for phrase, failure in FAILURES:
        if phrase in text:
            raise failure(text)
    raise Refused(text or "refused without a reason")


def _folded(text: object) -> str:
    return " ".join(str(text or "").split()).lower()


def _expiry(expires_in: object, at: datetime) -> datetime:
    tomorrow = at.astimezone(IST).date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time(), IST)
    text = str(expires_in or "")
    return min(midnight, at + timedelta(seconds=int(text))) if text.isdigit() and int(text) else midnight


def _booked(line: Mapping[str, Any]) -> BookedOrder:
    filled = _whole(line.get("fillshares"))
    status = STATUSES.get(str(line.get("status", "")).upper().replace("_", " "))
    if status is None:
        status = OrderStatus.PARTIAL if filled else OrderStatus.OPEN
    return BookedOrder(
        order_id=str(line.get("norenordno", "")),
        tag=str(line.get("remarks", "")),
        status=status,
        filled=filled,
        average_price=_price(line.get("avgprc")),
        reason=str(line["rejreason"]) if line.get("rejreason") else None,
    )


def _whole(value: object) -> int:
    text = str(value or "0")
    return int(text) if text.isdecimal() else 0


def _price(value: object) -> Decimal | None:
    try:
        price = Decimal(str(value or ""))
    except InvalidOperation:
        return None
    return price if price.is_finite() and price > 0 else None


def _rows(body: bytes) -> Iterator[Instrument]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as file:
        for row in csv.DictReader(io.TextIOWrapper(file, "utf-8")):
            if row["Instrument"] == "OPTIDX" and row["Symbol"] in Index:
                yield _instrument(row)


def _instrument(row: Mapping[str, str]) -> Instrument:
    expiry = datetime.strptime(row["Expiry"], "%d-%b-%Y").date()  # noqa: DTZ007 - a day, not an instant
    contract = Contract(Index(row["Symbol"]), expiry, Decimal(row["StrikePrice"]), Right(row["OptionType"]))
    return Instrument(
        contract=contract,
        exchange=row["Exchange"],
        symbol=row["TradingSymbol"],
        token=row["Token"],
        lot_size=int(row["LotSize"]),
        tick=Decimal(row["TickSize"]),
    )

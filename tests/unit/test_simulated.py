"""The paper broker's wire, as recorded: requests field by field, answers to the letter."""

import hashlib
import json
from datetime import date
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from quantleap.adapters.brokers.simulated import Simulated
from quantleap.domain.broker import (
    AccountBlocked,
    AddressNotAllowed,
    Answer,
    AppRefused,
    BadInput,
    BookedOrder,
    BrokerFailure,
    Funds,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderGone,
    OrderStatus,
    OverFreeze,
    Position,
    PriceOutOfBand,
    RateLimited,
    Refused,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side
from tests.unit.wire import (
    AT,
    CALL,
    CREDENTIALS,
    SESSION,
    a_login,
    an_answer,
    an_instrument,
    an_order,
    failure_of,
    line,
)

PAPER = Simulated("https://paper.example")
SYMBOL = "NIFTY-20261201-26000-CE"
ORDER = an_order(SYMBOL)
STOP = an_order(SYMBOL, trigger_price=Decimal("149.95"), algo_id="ALGO7", side=Side.SELL, product=Product.CARRY)


def result(value: object) -> Answer:
    return an_answer({"result": value})


def error(code: str, text: str = "no", status: int = 422) -> Answer:
    return an_answer({"error": {"code": code, "text": text}}, status)


def test_the_login_page_is_told_app_state_and_where_to_return_to_and_never_the_secret() -> None:
    url = urlsplit(PAPER.login_url(CREDENTIALS, "s&1", "https://portal.example/back"))

    assert (url.netloc, url.path) == ("paper.example", "/login")
    assert parse_qs(url.query) == {"app": ["key-1"], "state": ["s&1"], "return_to": ["https://portal.example/back"]}


def test_the_code_is_swapped_with_a_proof_of_key_code_and_secret() -> None:
    request = PAPER.exchange(a_login())

    assert line(request) == "POST https://paper.example/v1/sessions"
    assert request.headers == {"Content-Type": "application/json"}
    assert json.loads(request.body) == {
        "app": "key-1",
        "code": "code-7",
        "client_id": "AB1234",
        "proof": hashlib.sha256(b"key-1:code-7:hush").hexdigest(),
    }


def test_a_session_lives_until_midnight_in_india() -> None:
    session = PAPER.session(result({"client_id": "AB1234", "token": "token-1"}), a_login(), AT)

    assert (session.client_id, session.access_token) == ("AB1234", "token-1")
    assert session.expires_at.isoformat() == "2026-11-24T00:00:00+05:30"


def test_an_order_goes_out_in_our_words() -> None:
    request = PAPER.place(SESSION, ORDER)

    assert line(request) == "POST https://paper.example/v1/orders"
    assert request.headers == {"Authorization": "Bearer token-1", "Content-Type": "application/json"}
    assert request.body == (
        b'{"symbol":"NIFTY-20261201-26000-CE","side":"buy","units":130,"limit":"150.50","product":"intraday",'
        b'"tag":"qlabc"}'
    )


def test_a_stop_order_of_a_registered_algorithm_says_both() -> None:
    assert json.loads(PAPER.place(SESSION, STOP).body) == {
        "symbol": SYMBOL,
        "side": "sell",
        "units": 130,
        "limit": "150.50",
        "product": "carry",
        "trigger": "149.95",
        "tag": "qlabc",
        "algo_id": "ALGO7",
    }


def test_a_change_and_a_cancellation_name_the_order_in_the_path() -> None:
    change, cancellation = PAPER.modify(SESSION, "7/1", STOP), PAPER.cancel(SESSION, "7/1", STOP)

    assert line(change) == "PUT https://paper.example/v1/orders/7%2F1"
    assert json.loads(change.body) == {"units": 130, "limit": "150.50", "trigger": "149.95"}
    assert (line(cancellation), cancellation.body) == ("DELETE https://paper.example/v1/orders/7%2F1", b"")


def test_what_is_read_is_asked_for_by_path() -> None:
    asked = [
        PAPER.profile(SESSION),
        PAPER.order_book(SESSION),
        PAPER.find(SESSION, "ql&1"),
        PAPER.positions(SESSION),
        PAPER.funds(SESSION),
        PAPER.quotes(SESSION, [an_instrument("A&B"), an_instrument("C")]),
    ]

    assert [request.target for request in asked] == [
        "/v1/me",
        "/v1/orders",
        "/v1/orders?tag=ql%261",
        "/v1/positions",
        "/v1/funds",
        "/v1/quotes?symbol=A%26B&symbol=C",
    ]
    assert {(request.method, request.body, tuple(request.headers.items())) for request in asked} == {
        ("GET", b"", (("Authorization", "Bearer token-1"),))
    }


def test_the_list_of_contracts_is_for_everybody() -> None:
    request = PAPER.master(SESSION)

    assert (line(request), request.headers) == ("GET https://paper.example/v1/instruments", {})


def test_the_margin_of_a_basket_is_asked_with_all_its_orders() -> None:
    request = PAPER.margin(SESSION, [ORDER, STOP])

    terms = {"symbol": SYMBOL, "units": 130, "limit": "150.50"}
    assert line(request) == "POST https://paper.example/v1/margin"
    assert json.loads(request.body) == {
        "orders": [
            {**terms, "side": "buy", "product": "intraday"},
            {**terms, "side": "sell", "product": "carry", "trigger": "149.95"},
        ]
    }
    assert PAPER.required(result({"required": "187500.25"})) == Decimal("187500.25")


def test_a_placed_order_answers_with_its_number() -> None:
    assert PAPER.placed(result({"order_id": "26112300000001"})) == "26112300000001"
    assert PAPER.owner(result({"client_id": "AB1234"}), SESSION) == "AB1234"
    assert PAPER.money(result({"available": "900000.00", "used": "100000.00"})) == Funds(
        Decimal(900000), Decimal(10**5)
    )


def test_the_book_is_read() -> None:
    line = {
        "order_id": "26112300000001",
        "tag": "qlabc",
        "symbol": SYMBOL,
        "side": "buy",
        "units": 130,
        "limit": "150.50",
        "trigger": "0.00",
        "product": "intraday",
        "status": "partial",
        "filled": 65,
        "average": "150.45",
        "code": None,
        "reason": None,
    }
    rejected = line | {
        "status": "rejected",
        "filled": 0,
        "average": "0.00",
        "code": "insufficient_funds",
        "reason": "the account has not the margin",
    }

    working, refused = PAPER.orders(result([line, rejected]))

    assert working == BookedOrder(
        order_id="26112300000001",
        tag="qlabc",
        status=OrderStatus.PARTIAL,
        filled=65,
        average_price=Decimal("150.45"),
        reason=None,
        symbol=SYMBOL,
        quantity=130,
        limit_price=Decimal("150.50"),
        side=Side.BUY,
    )
    assert (refused.status, refused.refusal, refused.average_price) == (
        OrderStatus.REJECTED,
        "insufficient_funds",
        None,
    )


def test_positions_and_quotes_are_read() -> None:
    held = {
        "exchange": "NFO",
        "symbol": SYMBOL,
        "product": "carry",
        "units": -65,
        "average": "150.50",
        "last": "149.00",
    }
    told = {SYMBOL: {"bid": "149.95", "ask": "150.05", "last": "150.00"}}

    assert PAPER.held(result([held])) == [
        Position("NFO", SYMBOL, Product.CARRY, -65, Decimal("150.50"), Decimal("149.00"))
    ]
    assert PAPER.quoted(result(told), [an_instrument(SYMBOL), an_instrument("OTHER")]) == {
        CALL: Quote(Decimal("149.95"), Decimal("150.05"), Decimal("150.00"))
    }


def test_the_list_is_read() -> None:
    row = {
        "symbol": "BANKNIFTY-20261229-58500-PE",
        "exchange": "NFO",
        "token": "51234",
        "index": "BANKNIFTY",
        "expiry": "2026-12-29",
        "strike": "58500",
        "right": "PE",
        "lot": 30,
        "tick": "0.05",
        "freeze": 600,
    }
    put = Contract(Index.BANKNIFTY, date(2026, 12, 29), Decimal(58500), Right.PE)

    assert PAPER.instruments(result([row])).contracts == {
        put: Instrument(put, "NFO", "BANKNIFTY-20261229-58500-PE", "51234", 30, Decimal("0.05"), 600)
    }


@pytest.mark.parametrize(
    ("answer", "means"),
    [
        (error("session_expired", status=401), SessionExpired),
        (error("insufficient_funds"), InsufficientFunds),
        (error("rate_limited", status=429), RateLimited),
        (error("market_closed"), MarketClosed),
        (error("price_out_of_band"), PriceOutOfBand),
        (error("over_freeze_quantity", status=400), OverFreeze),
        (error("order_gone", status=404), OrderGone),
        (error("account_blocked"), AccountBlocked),
        (error("app_refused"), AppRefused),
        (error("bad_input", status=400), BadInput),
        (error("refused"), Refused),
        (error("a word of tomorrow"), Unrecognised),
        (error("ip_not_allowed"), AddressNotAllowed),
        (error("refused", status=500), Unknown),
        (an_answer({"result": {"order_id": "1"}}, 500), Unknown),
        (an_answer({"result": {"order_id": "1"}, "error": {"code": "refused"}}), Refused),
        (an_answer({"result": {}}), Unknown),
        (an_answer(b"<html>502</html>", 502), Unknown),
    ],
)
def test_every_error_has_one_meaning(answer: Answer, means: type[BrokerFailure]) -> None:
    assert type(failure_of(PAPER.placed, answer)) is means

"""Zerodha's wire: requests as the broker's own client sends them, answers as the broker publishes them."""

import gzip
import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.domain.broker import (
    AccountBlocked,
    AddressNotAllowed,
    AppRefused,
    BadInput,
    BrokerFailure,
    Funds,
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
    form_of,
    line,
)

ZERODHA = Zerodha()
SYMBOL = "NIFTY26D0126000CE"
ORDER = an_order(SYMBOL)


def data(value: object) -> dict[str, object]:
    return {"status": "success", "data": value}


def error(error_type: str, message: str = "no") -> dict[str, object]:
    return {"status": "error", "message": message, "data": None, "error_type": error_type}


def test_the_login_page_gets_the_state_to_give_back() -> None:
    url = urlsplit(ZERODHA.login_url(CREDENTIALS, "s&1"))

    assert (url.scheme, url.netloc, url.path) == ("https", "kite.zerodha.com", "/connect/login")
    assert parse_qs(url.query) == {"v": ["3"], "api_key": ["key-1"], "redirect_params": ["state=s%261"]}


def test_the_exchange_is_a_form_with_the_checksum_of_key_token_and_secret() -> None:
    request = ZERODHA.exchange(a_login())

    assert line(request) == "POST https://api.kite.trade/session/token"
    assert request.headers["X-Kite-Version"] == "3"
    assert "Authorization" not in request.headers
    assert form_of(request) == [
        ("api_key", "key-1"),
        ("request_token", "code-7"),
        ("checksum", hashlib.sha256(b"key-1code-7hush").hexdigest()),
    ]


def test_a_session_lives_until_six_in_the_morning() -> None:
    answer = an_answer(data({"user_id": "AB1234", "access_token": "t", "login_time": "2026-11-23 08:30:00"}))

    session = ZERODHA.session(answer, a_login(), AT)

    assert (session.client_id, session.access_token, session.api_key) == ("AB1234", "t", "key-1")
    assert session.expires_at == datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


def test_an_order_goes_out_as_the_brokers_client_sends_it() -> None:
    request = ZERODHA.place(SESSION, ORDER)

    assert line(request) == "POST https://api.kite.trade/orders/regular"
    assert request.headers["Authorization"] == "token key-1:token-1"
    assert form_of(request) == [
        ("variety", "regular"),
        ("exchange", "NFO"),
        ("tradingsymbol", SYMBOL),
        ("transaction_type", "BUY"),
        ("quantity", "130"),
        ("product", "MIS"),
        ("order_type", "LIMIT"),
        ("price", "150.50"),
        ("validity", "DAY"),
        ("tag", "qlabc"),
    ]


def test_a_stop_order_of_a_registered_algorithm_says_both() -> None:
    stop = ORDER._replace(side=Side.SELL, product=Product.CARRY, trigger_price=Decimal(151), algo_id="1234567890123")

    fields = dict(form_of(ZERODHA.place(SESSION, stop)))

    assert (fields["order_type"], fields["trigger_price"], fields["algo_id"]) == ("SL", "151.00", "1234567890123")
    assert (fields["transaction_type"], fields["product"]) == ("SELL", "NRML")


def test_a_change_and_a_cancellation_name_the_order_in_the_path() -> None:
    change, cancel = ZERODHA.modify(SESSION, "26112300000001", ORDER), ZERODHA.cancel(SESSION, "26112300000001", ORDER)

    assert line(change) == "PUT https://api.kite.trade/orders/regular/26112300000001"
    assert form_of(change) == [
        ("variety", "regular"),
        ("order_id", "26112300000001"),
        ("quantity", "130"),
        ("price", "150.50"),
        ("order_type", "LIMIT"),
        ("validity", "DAY"),
    ]
    assert line(cancel) == "DELETE https://api.kite.trade/orders/regular/26112300000001"
    assert cancel.body == b""


@pytest.mark.parametrize(
    ("request_of", "target"),
    [
        (ZERODHA.profile, "/user/profile"),
        (ZERODHA.order_book, "/orders"),
        (ZERODHA.positions, "/portfolio/positions"),
        (ZERODHA.funds, "/user/margins/equity"),
    ],
)
def test_what_is_read_is_asked_for_by_path(request_of: object, target: str) -> None:
    assert callable(request_of)
    request = request_of(SESSION)

    assert line(request) == f"GET https://api.kite.trade{target}"
    assert request.headers == {"X-Kite-Version": "3", "Authorization": "token key-1:token-1"}


def test_quotes_name_each_instrument() -> None:
    instruments = [an_instrument("A&B"), an_instrument(SYMBOL)]

    assert ZERODHA.quotes(SESSION, instruments).target == f"/quote?i=NFO%3AA%26B&i=NFO%3A{SYMBOL}"


def test_the_margin_of_a_basket_is_asked_in_json_with_numbers() -> None:
    request = ZERODHA.margin(SESSION, [ORDER])

    assert line(request) == "POST https://api.kite.trade/margins/basket?consider_positions=true"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == (
        b'[{"exchange":"NFO","tradingsymbol":"NIFTY26D0126000CE","transaction_type":"BUY","variety":"regular",'
        b'"product":"MIS","order_type":"LIMIT","quantity":130,"price":150.5,"trigger_price":0.0}]'
    )


def test_the_list_of_contracts_needs_no_login_and_may_come_packed() -> None:
    rows = (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
        "instrument_type,segment,exchange\n"
        f'13116162,51234,{SYMBOL},"NIFTY",0,2026-12-01,26000,0.05,65,CE,NFO-OPT,NFO\n'
        '1,1,NIFTY26DECFUT,"NIFTY",0,2026-12-29,0,0.05,65,FUT,NFO-FUT,NFO\n'
        '2,2,RELIANCE26DEC1400CE,"RELIANCE",0,2026-12-29,1400,0.05,500,CE,NFO-OPT,NFO\n'
    ).encode()

    assert "Authorization" not in ZERODHA.master().headers
    for body in (rows, gzip.compress(rows)):
        assert ZERODHA.instruments(an_answer(body)).contracts == {CALL: an_instrument(SYMBOL, "13116162")}


def test_the_published_order_book_is_read() -> None:
    """Two lines of the broker's own sample replies, shortened."""
    refused = {
        "order_id": "220524001859672",
        "status": "REJECTED",
        "status_message": "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80.",
        "tradingsymbol": "SBIN",
        "quantity": 200,
        "price": 463,
        "average_price": 0,
        "filled_quantity": 0,
        "tag": "icebergord",
    }
    filled = {
        "order_id": "300000000000000",
        "status": "COMPLETE",
        "status_message": None,
        "tradingsymbol": "IOC",
        "quantity": 1,
        "price": 109.4,
        "average_price": 109.4,
        "filled_quantity": 1,
        "tag": None,
    }

    first, second = ZERODHA.orders(an_answer(data([refused, filled])))

    assert (first.status, first.tag, first.refusal) == (OrderStatus.REJECTED, "icebergord", "insufficient_funds")
    assert first.reason == refused["status_message"]
    assert (second.status, second.filled, second.average_price) == (OrderStatus.FILLED, 1, Decimal("109.4"))
    assert (second.reason, second.tag) == (None, "")


@pytest.mark.parametrize(
    ("status", "filled", "means"),
    [
        ("TRIGGER PENDING", 0, OrderStatus.OPEN),
        ("PUT ORDER REQ RECEIVED", 0, OrderStatus.OPEN),
        ("VALIDATION PENDING", 0, OrderStatus.OPEN),
        ("OPEN", 65, OrderStatus.PARTIAL),
        ("CANCELLED", 65, OrderStatus.CANCELLED),
        ("CANCELLED AMO", 0, OrderStatus.CANCELLED),
        ("SOMETHING NEW", 0, OrderStatus.OPEN),
    ],
)
def test_a_status_that_does_not_end_an_order_leaves_it_working(status: str, filled: int, means: OrderStatus) -> None:
    [order] = ZERODHA.orders(an_answer(data([{"order_id": "1", "status": status, "filled_quantity": filled}])))

    assert order.status is means


def test_positions_funds_margin_and_quotes_are_read_exactly() -> None:
    held = {"tradingsymbol": SYMBOL, "exchange": "NFO", "product": "NRML", "quantity": -65, "average_price": 101.35}
    quote = {"last_price": 150.1, "depth": {"buy": [{"price": 150.05}], "sell": [{"price": 150.15}]}}

    assert ZERODHA.held(an_answer(data({"net": [held], "day": []}))) == [
        Position("NFO", SYMBOL, Product.CARRY, -65, Decimal("101.35"), None)
    ]
    assert ZERODHA.money(an_answer(data({"net": 99725.05, "utilised": {"debits": 1697.7}}))) == Funds(
        Decimal("99725.05"), Decimal("1697.7")
    )
    published = {"initial": {"total": 188854.77}, "final": {"total": 35453.209999999985}}
    assert ZERODHA.required(an_answer(data(published))) == Decimal("35453.21")
    assert ZERODHA.quoted(an_answer(data({f"NFO:{SYMBOL}": quote})), [an_instrument(SYMBOL)]) == {
        CALL: Quote(Decimal("150.05"), Decimal("150.15"), Decimal("150.1"))
    }


def test_a_quote_without_orders_on_one_side_is_left_out() -> None:
    quote = {"last_price": 150.1, "depth": {"buy": [{"price": 0}], "sell": []}}

    assert ZERODHA.quoted(an_answer(data({f"NFO:{SYMBOL}": quote})), [an_instrument(SYMBOL)]) == {}


ADDRESS = "IP (203.0.113.9) is not allowed to place orders for this app"


@pytest.mark.parametrize(
    ("status", "error_type", "message", "means"),
    [
        (403, "TokenException", "Incorrect `api_key` or `access_token`.", SessionExpired),
        (403, "PermissionException", "Insufficient permission for that call.", AppRefused),
        (403, "UserException", "Account is blocked", AccountBlocked),
        (400, "MarginException", "Insufficient funds.", InsufficientFunds),
        (400, "HoldingException", "no shares", Refused),
        (400, "InputException", "Market orders without market protection are not allowed", BadInput),
        (400, "InputException", "anything", BadInput),
        (400, "InputException", "Order price is beyond the circuit limits", PriceOutOfBand),
        (400, "OrderException", "Quantity is above the freeze quantity", OverFreeze),
        (500, "OrderException", "Markets are closed right now", MarketClosed),
        (400, "OrderException", "Order cannot be cancelled as it is being processed", OrderGone),
        (400, "InputException", "IP address is not in the list of static IP", AddressNotAllowed),
        (400, "OrderException", "for a reason of its own", Refused),
        (500, "OrderException", "for a reason of its own", Unrecognised),
        (400, "OrderException", "Order request timed out. Please check the order book and confirm", Unknown),
        (403, "PermissionException", ADDRESS, AddressNotAllowed),
        (400, "InputException", ADDRESS, AddressNotAllowed),
        (429, "NetworkException", "Too many requests", RateLimited),
        (503, "NetworkException", "OMS is down", Unknown),
        (502, "DataException", "no reply", Unknown),
        (500, "GeneralException", "Something unexpected", Unknown),
        (400, "NetworkException", "OMS is down", Unknown),
        (504, "InputException", "late", Unknown),
    ],
)
def test_every_documented_error_has_one_meaning(
    status: int, error_type: str, message: str, means: type[BrokerFailure]
) -> None:
    failure = failure_of(ZERODHA.placed, an_answer(error(error_type, message), status))

    assert type(failure) is means
    assert failure.user_message


def test_a_slice_that_failed_does_not_hide_the_order_that_was_placed() -> None:
    reply = data({"order_id": "1", "children": [{"order_id": "2"}, {"error": {"code": 400, "message": "no"}}]})

    assert ZERODHA.placed(an_answer(reply)) == "1"


@pytest.mark.parametrize("status", [200, 400, 403])
def test_success_with_an_odd_status_and_errors_without_a_type_are_not_trusted(status: int) -> None:
    assert type(failure_of(ZERODHA.placed, an_answer({"status": "error"}, status))) is Unrecognised
    assert type(failure_of(ZERODHA.placed, an_answer({"status": "ok", "data": {"order_id": "1"}}, status))) is Unknown
    assert type(failure_of(ZERODHA.placed, an_answer(data({"order_id": ""}), status))) is Unknown

"""Upstox's wire: requests field by field, the documented answers and errors."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from quantleap.adapters.brokers.upstox import Upstox
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AddressNotAllowed,
    Answer,
    AppRefused,
    BadInput,
    BrokerFailure,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderGone,
    OrderRequest,
    OrderStatus,
    RateLimited,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.trading import Product, Side

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
UPSTOX = Upstox()
SESSION = Session(access_token="token-1", client_id="UP1234", expires_at=AT)
LOGIN = FinishedLogin(
    credentials=Credentials(api_key="key-1", api_secret="hush"),
    client_id="UP1234",
    code="code-7",
    redirect_url="https://portal.example/back",
)
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
INSTRUMENT = Instrument(CALL, "NSE_FO", "NIFTY 26000 CE 01 DEC 26", "NSE_FO|51234", 65, Decimal("0.05"), 1800)
ORDER = OrderRequest(
    instrument=INSTRUMENT,
    side=Side.BUY,
    quantity=130,
    limit_price=Decimal("150.50"),
    product=Product.CARRY,
    tag="qlabc",
    algo_id="QL-ALGO-1",
)


def ok(data: object) -> Answer:
    return Answer(200, {}, json.dumps({"status": "success", "data": data, "metadata": {"latency": 40}}).encode())


def error(code: str, message: str = "", status: int = 400, key: str = "error_code") -> Answer:
    return Answer(status, {}, json.dumps({"status": "error", "errors": [{key: code, "message": message}]}).encode())


def strictly(body: bytes) -> list[tuple[str, object, type]]:
    """The fields of a JSON object with the type of each, so that 1, 1.0 and True are told apart."""
    return [(name, value, type(value)) for name, value in json.loads(body).items()]


def test_an_order_goes_to_the_fast_host_with_numbers_as_numbers() -> None:
    request = UPSTOX.place(SESSION, ORDER)

    assert (request.method, request.base_url, request.target) == (
        "POST",
        "https://api-hft.upstox.com",
        "/v3/order/place",
    )
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": "Bearer token-1",
        "X-Algo-Name": "QL-ALGO-1",
    }
    assert strictly(request.body) == [
        ("quantity", 130, int),
        ("product", "D", str),
        ("validity", "DAY", str),
        ("price", 150.5, float),
        ("tag", "qlabc", str),
        ("slice", False, bool),
        ("instrument_token", "NSE_FO|51234", str),
        ("order_type", "LIMIT", str),
        ("transaction_type", "BUY", str),
        ("disclosed_quantity", 0, int),
        ("trigger_price", 0.0, float),
        ("is_amo", False, bool),
    ]


def test_a_stop_order_names_its_trigger_and_no_algorithm_none_in_the_head() -> None:
    request = UPSTOX.place(SESSION, ORDER._replace(trigger_price=Decimal("149.95"), algo_id=None))

    assert {"order_type": "SL", "trigger_price": 149.95}.items() <= json.loads(request.body).items()
    assert "X-Algo-Name" not in request.headers


def test_a_change_and_a_cancellation_name_the_order_each_in_its_place() -> None:
    change, cancel = UPSTOX.modify(SESSION, "261123-7", ORDER), UPSTOX.cancel(SESSION, "261123-7", ORDER)

    assert (change.method, change.target) == ("PUT", "/v3/order/modify")
    assert strictly(change.body) == [
        ("quantity", 130, int),
        ("validity", "DAY", str),
        ("price", 150.5, float),
        ("order_id", "261123-7", str),
        ("order_type", "LIMIT", str),
        ("trigger_price", 0.0, float),
    ]
    assert (cancel.method, cancel.target, cancel.body) == ("DELETE", "/v3/order/cancel?order_id=261123-7", b"")
    assert change.base_url == cancel.base_url == "https://api-hft.upstox.com"
    assert change.headers["X-Algo-Name"] == cancel.headers["X-Algo-Name"] == "QL-ALGO-1"


def test_reads_go_to_the_other_host_and_the_list_to_a_third() -> None:
    reads = [
        UPSTOX.order_book(SESSION),
        UPSTOX.find(SESSION, "qlabc"),
        UPSTOX.positions(SESSION),
        UPSTOX.funds(SESSION),
        UPSTOX.profile(SESSION),
        UPSTOX.margin(SESSION, [ORDER]),
        UPSTOX.quotes(SESSION, [INSTRUMENT]),
    ]

    assert {request.base_url for request in reads} == {"https://api.upstox.com"}
    assert UPSTOX.master().base_url == "https://assets.upstox.com"
    assert {request.base_url for request in (Upstox("http://s").master(), Upstox("http://s").funds(SESSION))} == {
        "http://s"
    }


def test_the_login_page_gets_key_address_and_state() -> None:
    url = urlsplit(UPSTOX.login_url(LOGIN.credentials, "st&te", "https://portal.example/back"))

    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://api.upstox.com/v2/login/authorization/dialog"
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": ["key-1"],
        "redirect_uri": ["https://portal.example/back"],
        "state": ["st&te"],
    }


def test_the_code_is_swapped_by_a_form_and_answered_without_an_envelope() -> None:
    request = UPSTOX.exchange(LOGIN)

    assert (request.method, request.target) == ("POST", "/v2/login/authorization/token")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {
        "code": ["code-7"],
        "client_id": ["key-1"],
        "client_secret": ["hush"],
        "redirect_uri": ["https://portal.example/back"],
        "grant_type": ["authorization_code"],
    }
    answer = Answer(200, {}, b'{"user_id":"UP1234","access_token":"t-1","extended_token":"x","is_active":true}')
    session = UPSTOX.session(answer, LOGIN, AT)
    assert (session.access_token, session.client_id) == ("t-1", "UP1234")
    assert session.expires_at == datetime(2026, 11, 23, 22, 0, tzinfo=UTC)


def test_a_code_that_was_used_is_no_closed_market() -> None:
    with pytest.raises(SessionExpired):
        UPSTOX.session(error("UDAPI100057", "Invalid Auth code", 401), LOGIN, AT)


def test_the_answer_to_an_order_is_a_list_even_of_one() -> None:
    assert UPSTOX.placed(ok({"order_ids": ["240108010918222"]})) == "240108010918222"


@pytest.mark.parametrize(
    "data",
    [{"order_ids": []}, {"order_ids": [None]}, {"order_ids": "1"}, {"order_ids": [[1]]}, {}, None, [], [{}]],
)
def test_an_order_without_an_id_is_unknown(data: object) -> None:
    with pytest.raises(Unknown):
        UPSTOX.placed(ok(data))


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (error("UDAPI100050", "Invalid token used to access API", 401), SessionExpired),
        (error("UDAPI100050", "Invalid token used to access API", 401, key="errorCode"), SessionExpired),
        (error("UDAPI100016", "Invalid Credentials", 401), AppRefused),
        (error("UDAPI100068", "Check your 'client_id' and 'redirect_uri'"), AppRefused),
        (error("UDAPI100073", "Your 'client_id' is inactive.", 403), AppRefused),
        (error("UDAPI1154", "Access to this API is blocked due to static IP restrictions.", 403), AddressNotAllowed),
        (error("UDAPI10005", "Too Many Request Sent", 429), RateLimited),
        (error("UDAPI10005", "Too Many Request Sent"), RateLimited),
        (error("UDAPI100057", "Market is closed"), MarketClosed),
        (error("UDAPI100036", "Invalid Input"), BadInput),
        (error("UDAPI100038", "Invalid input passed to the API"), BadInput),
        (error("UDAPI1004", "Valid order type is required"), BadInput),
        (error("UDAPI1007", "Validity is required"), BadInput),
        (error("UDAPI1055", "The 'validity' is invalid"), BadInput),
        (error("UDAPI1056", "The 'order_type' is invalid"), BadInput),
        (error("UDAPI1158", "Market orders are not allowed. Try placing a limit order."), BadInput),
        (error("UDAPI100010", "Order not found", 404), OrderGone),
        (error("UDAPI100040", "Cancel of already cancelled/rejected/completed order is not allowed"), OrderGone),
        (error("UDAPI100041", "Modification of already completed order is not allowed"), OrderGone),
        (error("UDAPI9999", "RMS:Margin Exceeds, Required:1"), InsufficientFunds),
        (error("UDAPI9999", "something new"), Unrecognised),
        (error("UDAPI100050", "Static IP is not registered for this app", 401), AddressNotAllowed),
        (error("UDAPI100500", "Something went wrong", 500), Unknown),
        (error("UDAPI100500", "Something went wrong", 400), Unknown),
        (error("UDAPI100036", "Invalid Input", 423), Unknown),
        (Answer(503, {}, b"<html>"), Unknown),
        (Answer(200, {}, b'{"status":"partial_success","data":{"order_ids":["1"]}}'), Unknown),
        (Answer(201, {}, b'{"status":"success","data":{"order_ids":["1"]}}'), Unknown),
        (Answer(200, {}, b'{"data":{"order_ids":["1"]}}'), Unknown),
    ],
)
def test_documented_errors_are_told_by_kind(answer: Answer, failure: type[BrokerFailure]) -> None:
    with pytest.raises(BrokerFailure) as caught:
        UPSTOX.placed(answer)

    assert type(caught.value) is failure


@pytest.mark.parametrize(
    ("words", "filled", "status"),
    [
        ("put order req received", 0, OrderStatus.OPEN),
        ("trigger pending", 0, OrderStatus.OPEN),
        ("open", 65, OrderStatus.PARTIAL),
        ("complete", 130, OrderStatus.FILLED),
        ("Cancelled", 65, OrderStatus.CANCELLED),
        ("cancelled after market order", 0, OrderStatus.CANCELLED),
        ("rejected", 0, OrderStatus.REJECTED),
    ],
)
def test_the_book_is_read_by_its_small_letters(words: str, filled: int, status: OrderStatus) -> None:
    line = {"order_id": "7", "tag": "qlabc", "status": words, "filled_quantity": filled, "average_price": 150.25}

    [order] = UPSTOX.orders(ok([line | {"tradingsymbol": "NIFTY 26000 CE 01 DEC 26", "quantity": 130, "price": 150.5}]))

    assert (order.status, order.filled, order.average_price) == (status, filled, Decimal("150.25"))
    assert (order.symbol, order.quantity, order.limit_price) == (INSTRUMENT.symbol, 130, Decimal("150.50"))


def test_a_price_in_single_precision_is_the_price_on_the_tick() -> None:
    depth = {"buy": [{"price": 52.04999923706055}], "sell": [{"price": 52.1}]}
    line = {"instrument_token": "NSE_FO|51234", "depth": depth, "last_price": 52.04999923706055}

    quotes = UPSTOX.quoted(ok({"NSE_FO:NIFTY26D0126000CE": line}), [INSTRUMENT])

    assert list(quotes[CALL]) == [Decimal("52.05"), Decimal("52.10"), Decimal("52.05")]


def test_funds_count_cash_and_pledged_shares() -> None:
    parts = {
        "cash_available_to_trade": {"margin_used": {"total": 120.01}},
        "pledge_available_to_trade": {"margin_used": {"total": 1.8}},
    }

    funds = UPSTOX.money(ok({"available_to_trade": {"total": 5379.03} | parts}))

    assert (funds.available, funds.used) == (Decimal("5379.03"), Decimal("121.81"))


def test_the_kill_switch_closes_the_segment_of_options() -> None:
    on, off = UPSTOX.kill_switch(SESSION, on=True), UPSTOX.kill_switch(SESSION, on=False)

    assert on
    assert off
    assert (on.method, on.base_url, on.target) == ("POST", "https://api.upstox.com", "/v2/user/kill-switch")
    assert json.loads(on.body) == [{"segment": "NSE_FO", "action": "DISABLE"}]
    assert json.loads(off.body) == [{"segment": "NSE_FO", "action": "ENABLE"}]


LISTED = {
    "segment": "NSE_FO",
    "instrument_type": "CE",
    "underlying_symbol": "NIFTY",
    "expiry": 1796149799000,
    "instrument_key": "NSE_FO|51234",
    "trading_symbol": "NIFTY 26000 CE 01 DEC 26",
    "strike_price": 26000.0,
    "lot_size": 65,
    "tick_size": 5.0,
    "freeze_quantity": 1800.0,
}
OTHERS = [
    {"segment": "NSE_EQ", "instrument_type": "EQ"},
    LISTED | {"instrument_type": "FUT"},
    LISTED | {"underlying_symbol": "RELIANCE"},
]


@pytest.mark.parametrize("packed", [gzip.compress, bytes])
def test_the_list_gives_index_options_with_ticks_in_rupees(packed: Callable[[bytes], bytes]) -> None:
    answer = Answer(200, {}, packed(json.dumps([*OTHERS, LISTED], indent=1).encode()))

    assert UPSTOX.instruments(answer).contracts == {CALL: INSTRUMENT}


def test_a_tick_in_rupees_stays_and_a_freeze_quantity_may_be_missing() -> None:
    row = LISTED | {"tick_size": 0.05, "freeze_quantity": None}

    [listed] = UPSTOX.instruments(Answer(200, {}, json.dumps([row]).encode())).contracts.values()

    assert (listed.tick, listed.freeze_quantity) == (Decimal("0.05"), None)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"[",
        b'{"segment":"NSE_FO"}',
        json.dumps([LISTED]).encode()[:-1],
        json.dumps([LISTED, LISTED]).encode().replace(b"}, {", b"}  {"),
        json.dumps([LISTED | {"expiry": 10**30}]).encode(),
        json.dumps([LISTED | {"expiry": "2026-12-01"}]).encode(),
        json.dumps([LISTED | {"lot_size": 0}]).encode(),
        json.dumps([LISTED | {"strike_price": None}]).encode(),
        json.dumps([LISTED, 7]).encode(),
        gzip.compress(json.dumps([LISTED]).encode())[:-20],
    ],
)
def test_a_broken_list_is_unknown(body: bytes) -> None:
    with pytest.raises(Unknown):
        UPSTOX.instruments(Answer(200, {}, body))


def test_a_position_tells_the_key_of_its_contract_because_symbols_differ_from_those_of_the_list() -> None:
    line = {"instrument_token": "NSE_FO|51834", "trading_symbol": "NIFTY26D0126000CE", "product": "I", "quantity": 65}

    (held,) = UPSTOX.held(ok([line]))

    assert (held.token, held.product, held.quantity) == ("NSE_FO|51834", Product.INTRADAY, 65)

"""Angel One's wire: requests field by field, refusals in each of their three shapes."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quantleap.adapters.brokers.angel_one import AngelOne
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AccountBlocked,
    AddressNotAllowed,
    Answer,
    AppRefused,
    BadInput,
    BrokerFailure,
    Funds,
    Instrument,
    OrderGone,
    OrderRequest,
    OrderStatus,
    OverFreeze,
    RateLimited,
    Refused,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.capabilities import OrderCall, Pace
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side
from sandbox.broker.angel_one.orders import TO_CHANGE, TO_PLACE

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ANGEL = AngelOne(public_ip="203.0.113.7")
API = "https://apiconnect.angelone.in/rest/secure/angelbroking"
SESSION = Session(access_token="jwt-1", client_id="A123456", expires_at=AT, api_key="key")
CREDENTIALS = Credentials(api_key="key", api_secret="hush")
LOGIN = FinishedLogin(
    credentials=CREDENTIALS, client_id="A123456", code="jwt-1", came={"auth_token": "jwt-1", "feed_token": "feed-1"}
)
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
ORDER = OrderRequest(
    instrument=Instrument(CALL, "NFO", "NIFTY01DEC2626000CE", "51234", 65, Decimal("0.05")),
    side=Side.BUY,
    quantity=130,
    limit_price=Decimal("150.5"),
    product=Product.CARRY,
    tag="qlabc",
)


def ok(data: object) -> Answer:
    reply = {"status": True, "message": "SUCCESS", "errorcode": "", "data": data}
    return Answer(200, {}, json.dumps(reply).encode())


def refused(code: str, message: str = "", status: int = 200) -> Answer:
    reply = {"status": False, "message": message, "errorcode": code, "data": None}
    return Answer(status, {}, json.dumps(reply).encode())


def stopped(code: str, message: str = "", status: int = 200) -> Answer:
    reply = {"success": False, "message": message, "errorCode": code, "data": ""}
    return Answer(status, {}, json.dumps(reply).encode())


def test_an_order_goes_out_as_the_broker_documents_it() -> None:
    request = ANGEL.place(SESSION, ORDER)

    assert (request.method, request.base_url + request.target) == ("POST", f"{API}/order/v1/placeOrder")
    assert json.loads(request.body) == {
        "variety": "NORMAL",
        "tradingsymbol": "NIFTY01DEC2626000CE",
        "symboltoken": "51234",
        "transactiontype": "BUY",
        "exchange": "NFO",
        "ordertype": "LIMIT",
        "producttype": "CARRYFORWARD",
        "duration": "DAY",
        "price": "150.50",
        "squareoff": "0",
        "stoploss": "0",
        "quantity": "130",
        "ordertag": "qlabc",
    }


def test_every_call_names_app_session_and_the_address_it_leaves_from() -> None:
    assert ANGEL.order_book(SESSION).headers == {
        "Content-type": "application/json",
        "Accept": "application/json",
        "Authorization": "Bearer jwt-1",
        "X-PrivateKey": "key",
        "X-UserType": "USER",
        "X-SourceID": "WEB",
        "X-ClientLocalIP": "127.0.0.1",
        "X-ClientPublicIP": "203.0.113.7",
        "X-MACAddress": "02:00:00:00:00:00",
    }


def test_a_stop_order_is_of_another_variety_which_its_change_and_its_cancellation_repeat() -> None:
    stop = ORDER._replace(trigger_price=Decimal("149.95"))
    placed = json.loads(ANGEL.place(SESSION, stop).body)
    changed = json.loads(ANGEL.modify(SESSION, "26", stop._replace(quantity=65)).body)

    assert (placed["variety"], placed["ordertype"], placed["triggerprice"]) == ("STOPLOSS", "STOPLOSS_LIMIT", "149.95")
    assert (changed["variety"], changed["orderid"], changed["quantity"]) == ("STOPLOSS", "26", "65")
    assert json.loads(ANGEL.cancel(SESSION, "26", stop).body) == {"variety": "STOPLOSS", "orderid": "26"}


def test_orders_and_changes_hold_what_the_broker_needs() -> None:
    assert set(TO_PLACE) <= json.loads(ANGEL.place(SESSION, ORDER).body).keys()
    assert set(TO_CHANGE) == json.loads(ANGEL.modify(SESSION, "26", ORDER).body).keys()


def test_the_margin_of_a_basket_is_asked_with_numbers() -> None:
    request = ANGEL.margin(SESSION, [ORDER])

    assert request.base_url + request.target == f"{API}/margin/v1/batch"
    assert json.loads(request.body) == {
        "positions": [
            {
                "exchange": "NFO",
                "qty": 130,
                "price": 150.5,
                "productType": "CARRYFORWARD",
                "token": "51234",
                "tradeType": "BUY",
                "orderType": "LIMIT",
            }
        ]
    }
    assert ANGEL.required(ok({"totalMarginRequired": 29612.35, "marginComponents": {}})) == Decimal("29612.35")


def test_the_login_page_is_told_key_and_state_and_never_the_secret() -> None:
    url = urlsplit(ANGEL.login_url(CREDENTIALS, "state&1"))

    assert url.scheme + "://" + url.netloc + url.path == "https://smartapi.angelone.in/publisher-login"
    assert parse_qs(url.query) == {"api_key": ["key"], "state": ["state&1"]}


def test_the_page_returns_the_token_and_the_profile_proves_whose_it_is() -> None:
    request = ANGEL.exchange(LOGIN)
    session = ANGEL.session(ok({"clientcode": "A999999", "name": "SOMEBODY"}), LOGIN, AT)

    assert (request.method, request.base_url + request.target) == ("GET", f"{API}/user/v1/getProfile")
    assert request.headers["Authorization"] == "Bearer jwt-1"
    assert (session.client_id, session.access_token, session.feed_token) == ("A999999", "jwt-1", "feed-1")
    assert session.expires_at == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)


def test_a_token_that_would_break_a_header_is_refused_before_it_is_sent() -> None:
    for odd in ("jwt\r\nX-PrivateKey: other", "jwt-\u0967"):
        with pytest.raises(Refused):
            ANGEL.exchange(LOGIN.model_copy(update={"code": odd}))


def test_a_placed_order_answers_with_the_brokers_id() -> None:
    data = {"script": "NIFTY01DEC2626000CE", "orderid": "201020000000080", "uniqueorderid": "34reqfachdfih"}

    assert ANGEL.placed(ok(data)) == "201020000000080"


def test_nine_calls_on_orders_a_second_whatever_they_do() -> None:
    budget = ANGEL.capability.orders

    assert (budget.paces, budget.counts) == ((Pace(9, 1), Pace(500, 60), Pace(1000, 3600)), tuple(OrderCall))
    assert budget.wait_s([0.0] * 8, 0.5) == 0
    assert budget.wait_s([0.0] * 9, 0.5) == 0.5
    assert "tag" not in ANGEL.capability.unconfirmed
    assert ANGEL.capability.tag.fits("q" * 20)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (stopped("AG8001", "Invalid Token"), SessionExpired),
        (stopped("AG8001", "Invalid Token", 401), SessionExpired),
        (stopped("AG8002", "Token Expired"), SessionExpired),
        (stopped("AG8004", "Invalid API Key"), AppRefused),
        (stopped("AG7002", "IP not registered"), AddressNotAllowed),
        (refused("AB1004", "Something Went Wrong, Please Try After Sometime"), Unknown),
        (refused("AB1006", "Client Is Block For Trading"), AccountBlocked),
        (refused("AB1007", "AMX Error"), BadInput),
        (refused("AB1007", "Quantity above the freeze quantity"), OverFreeze),
        (refused("AB1010", "AMX Session Expired"), SessionExpired),
        (refused("AB1013", "Order not found"), OrderGone),
        (refused("AB1050", "Invalid totp"), BadInput),
        (refused("AB4008", "ordertag length should be less than 20 characters"), BadInput),
        (refused("AB9999", "something new"), Unrecognised),
        (refused("", "Access denied because of exceeding access rate"), RateLimited),
        (Answer(403, {}, b"Access denied because of exceeding access rate"), RateLimited),
        (Answer(429, {}, b""), RateLimited),
        (Answer(403, {}, b"Forbidden"), Unknown),
        (ok({}), Unknown),
        (ok({"orderid": None}), Unknown),
        (ok(None), Unknown),
        (Answer(200, {}, b""), Unknown),
        (Answer(200, {}, b'{"status":"true","data":{"orderid":"1"}}'), Unknown),
        (Answer(502, {}, b'{"status":true,"data":{"orderid":"1"}}'), Unknown),
        (refused("AB1007", "x", 500), Unknown),
    ],
)
def test_every_bad_answer_to_an_order_is_told_by_kind(answer: Answer, failure: type[BrokerFailure]) -> None:
    with pytest.raises(BrokerFailure) as caught:
        ANGEL.placed(answer)

    assert type(caught.value) is failure


def test_a_text_inside_the_book_is_not_taken_for_a_refusal_of_the_request() -> None:
    line = {"orderid": "1", "status": "rejected", "text": "exceeding access rate"}

    [order] = ANGEL.orders(ok([line]))

    assert (order.status, order.refusal) == (OrderStatus.REJECTED, "rate_limited")


def booked(**fields: Any) -> dict[str, Any]:
    usual = {
        "variety": "NORMAL",
        "price": 150.5,
        "quantity": "130",
        "filledshares": "0",
        "averageprice": 0.0,
        "tradingsymbol": "NIFTY01DEC2626000CE",
        "ordertag": "qlabc",
        "orderid": "201020000000080",
        "status": "open",
        "text": "",
    }
    return usual | fields


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (booked(), OrderStatus.OPEN),
        (booked(status="trigger pending"), OrderStatus.OPEN),
        (booked(status="validation pending"), OrderStatus.OPEN),
        (booked(filledshares="65"), OrderStatus.PARTIAL),
        (booked(status="complete", filledshares="130"), OrderStatus.FILLED),
        (booked(status="cancelled"), OrderStatus.CANCELLED),
        (booked(status="rejected", text="Insufficient Funds"), OrderStatus.REJECTED),
    ],
)
def test_the_book_is_read_by_its_status(line: dict[str, Any], status: OrderStatus) -> None:
    [order] = ANGEL.orders(ok([line]))

    assert (order.status, order.tag, order.quantity) == (status, "qlabc", 130)
    assert order.limit_price == Decimal("150.5")
    assert order.refusal == ("insufficient_funds" if status is OrderStatus.REJECTED else None)


def test_null_is_an_empty_book_and_no_positions() -> None:
    assert ANGEL.orders(ok(None)) == []
    assert ANGEL.held(ok(None)) == []


def test_positions_and_funds_are_texts() -> None:
    line = {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY01DEC2626000CE",
        "producttype": "CARRYFORWARD",
        "netqty": "-65",
        "avgnetprice": "150.25",
        "ltp": "149.00",
    }

    [position] = ANGEL.held(ok([line]))

    assert (position.quantity, position.product) == (-65, Product.CARRY)
    assert (position.average_price, position.last_price) == (Decimal("150.25"), Decimal("149.00"))
    assert ANGEL.money(ok({"net": "9999.5000", "utiliseddebits": "500.0000"})) == Funds(Decimal("9999.5"), Decimal(500))


def test_quotes_are_asked_for_and_found_by_token() -> None:
    request = ANGEL.quotes(SESSION, [ORDER.instrument])
    depth = {"buy": [{"price": 150.1}], "sell": [{"price": 150.3}]}
    line = {"exchange": "NFO", "symbolToken": "51234", "ltp": 150.2, "depth": depth}
    other = ORDER.instrument._replace(contract=CALL._replace(right=Right.PE), token="51235")

    quotes = ANGEL.quoted(ok({"fetched": [line], "unfetched": []}), [ORDER.instrument, other])

    assert json.loads(request.body) == {"mode": "FULL", "exchangeTokens": {"NFO": ["51234"]}}
    assert quotes == {CALL: Quote(Decimal("150.1"), Decimal("150.3"), Decimal("150.2"))}


ROW = {
    "token": "51234",
    "symbol": "NIFTY01DEC2626000CE",
    "name": "NIFTY",
    "expiry": "01DEC2026",
    "strike": "2600000.000000",
    "lotsize": "65",
    "instrumenttype": "OPTIDX",
    "exch_seg": "NFO",
    "tick_size": "5.000000",
}


def test_strikes_and_ticks_of_the_list_are_in_paise() -> None:
    share = ROW | {"name": "RELIANCE", "exch_seg": "NSE", "instrumenttype": "", "expiry": "", "strike": "-1.000000"}
    sensex = ROW | {"name": "SENSEX", "exch_seg": "BFO"}

    listed = ANGEL.instruments(Answer(200, {}, json.dumps([share, sensex, ROW]).encode())).contracts

    assert ANGEL.master().base_url == "https://margincalculator.angelbroking.com"
    assert listed == {CALL: ORDER.instrument}
    assert str(listed[CALL].tick) == "0.05"


@pytest.mark.parametrize("spoilt", [{"strike": "abc"}, {"expiry": "31FOO2026"}, {"lotsize": None}, {"symbol": "X"}])
def test_a_broken_list_is_a_failure_and_not_a_crash(spoilt: dict[str, object]) -> None:
    with pytest.raises(Unknown):
        ANGEL.instruments(Answer(200, {}, json.dumps([ROW | spoilt]).encode()))

"""ICICI Direct's wire: signatures over exact bytes, contracts in four fields, answers of every quality."""

import base64
import hashlib
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest

from quantleap.adapters.brokers.icici_direct import IciciDirect
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    Answer,
    AppRefused,
    BadInput,
    BrokerFailure,
    Funds,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderGone,
    OrderRequest,
    OrderStatus,
    RateLimited,
    Request,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product, Side

AT = datetime(2026, 11, 23, 3, 0, 0, 987_654, tzinfo=UTC)
STAMP = "2026-11-23T03:00:00.000Z"
ICICI = IciciDirect(clock=lambda: AT)
API = "https://api.icicidirect.com/breezeapi/api/v1"
TOKEN = base64.b64encode(b"XY604721:26112300001").decode()
CREDENTIALS = Credentials(api_key="key+=!", api_secret="hush")
LOGIN = FinishedLogin(credentials=CREDENTIALS, client_id="XY604721", code="50123456")
SESSION = Session(
    access_token=TOKEN,
    client_id="XY604721",
    expires_at=datetime(2026, 11, 23, 18, 30, tzinfo=UTC),
    api_key="key+=!",
    api_secret="hush",
)
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
PUT = Contract(Index.BANKNIFTY, date(2026, 12, 29), Decimal(58500), Right.PE)
ORDER = OrderRequest(
    instrument=Instrument(CALL, "NFO", "NIFTY-01-Dec-2026-26000-CE", "51234", 65, Decimal("0.05")),
    side=Side.BUY,
    quantity=130,
    limit_price=Decimal("150.5"),
    product=Product.CARRY,
    tag="qlabc",
)
STOP = ORDER._replace(trigger_price=Decimal("149.95"))


def ok(found: object) -> Answer:
    return Answer(200, {}, json.dumps({"Success": found, "Status": 200, "Error": None}).encode())


def refused(text: object, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps({"Success": None, "Status": 500, "Error": text}).encode())


def place_of(request: Request) -> tuple[str, str]:
    return request.method, request.base_url + request.target


def test_an_order_goes_out_as_the_brokers_client_sends_it() -> None:
    request = ICICI.place(SESSION, ORDER)

    assert place_of(request) == ("POST", f"{API}/order")
    assert json.loads(request.body) == {
        "stock_code": "NIFTY",
        "exchange_code": "NFO",
        "product": "options",
        "action": "buy",
        "order_type": "limit",
        "quantity": "130",
        "price": "150.50",
        "validity": "day",
        "settlement_id": "",
        "order_segment_code": "",
        "lots": "",
        "user_remark": "qlabc",
        "expiry_date": "2026-12-01T06:00:00.000Z",
        "right": "call",
        "strike_price": "26000",
    }
    assert b" " not in request.body


def test_a_request_is_signed_over_its_time_its_very_bytes_and_the_secret() -> None:
    request = ICICI.place(SESSION, ORDER)

    assert request.headers == {
        "Content-Type": "application/json",
        "X-Checksum": "token " + hashlib.sha256(STAMP.encode() + request.body + b"hush").hexdigest(),
        "X-Timestamp": STAMP,
        "X-AppKey": "key+=!",
        "X-SessionToken": TOKEN,
    }


def test_every_read_has_a_body_which_is_signed_too() -> None:
    for request in (ICICI.funds(SESSION), ICICI.positions(SESSION), ICICI.profile(SESSION)):
        assert (request.method, request.body) == ("GET", b"{}")
        proof = hashlib.sha256(STAMP.encode() + b"{}" + b"hush").hexdigest()
        assert request.headers["X-Checksum"] == f"token {proof}"


def test_the_clock_decides_the_time_of_a_signature_wherever_it_is_read() -> None:
    later = (AT + timedelta(seconds=45)).astimezone(IST)
    ahead = IciciDirect(clock=lambda: later)

    assert ahead.funds(SESSION).headers["X-Timestamp"] == "2026-11-23T03:00:45.000Z"


def test_a_stop_order_tells_its_trigger_in_the_order_and_in_its_change() -> None:
    placed = json.loads(ICICI.place(SESSION, STOP).body)
    request = ICICI.modify(SESSION, "26", STOP._replace(quantity=65))

    assert (placed["order_type"], placed["stoploss"]) == ("stoploss", "149.95")
    assert place_of(request) == ("PUT", f"{API}/order")
    assert json.loads(request.body) == {
        "order_id": "26",
        "exchange_code": "NFO",
        "order_type": "stoploss",
        "quantity": "65",
        "price": "150.50",
        "validity": "day",
        "stoploss": "149.95",
    }


def test_a_cancellation_names_exchange_and_order() -> None:
    assert json.loads(ICICI.cancel(SESSION, "26", ORDER).body) == {"exchange_code": "NFO", "order_id": "26"}


def test_the_order_list_is_that_of_the_sessions_day_in_india() -> None:
    request = ICICI.order_book(SESSION)

    assert place_of(request) == ("GET", f"{API}/order")
    assert json.loads(request.body) == {
        "exchange_code": "NFO",
        "from_date": "2026-11-23T00:00:00.000Z",
        "to_date": "2026-11-23T23:59:59.000Z",
    }


def test_the_login_page_is_told_the_key_and_never_the_secret() -> None:
    url = urlsplit(ICICI.login_url(CREDENTIALS, "state"))

    assert url.netloc + url.path == "api.icicidirect.com/apiuser/login"
    assert url.query == "api_key=key%2B%3D%21"


@pytest.mark.parametrize("name", ["apisession", "API_Session", "ApiSession"])
def test_the_code_of_a_login_is_found_under_each_of_its_names(name: str) -> None:
    assert ICICI.capability.login.code({name: "50123456"}) == "50123456"


def test_a_code_is_swapped_by_a_get_with_a_body_and_without_a_signature() -> None:
    request = ICICI.exchange(LOGIN)
    session = ICICI.session(ok({"idirect_userid": "XY604721", "session_token": TOKEN}), LOGIN, AT)

    assert place_of(request) == ("GET", f"{API}/customerdetails")
    assert request.body == b'{"SessionToken":"50123456","AppKey":"key+=!"}'
    assert request.headers == {"Content-Type": "application/json"}
    assert session == SESSION
    assert "hush" not in repr(session)
    assert TOKEN not in repr(session)


def test_a_placed_order_answers_with_the_brokers_id() -> None:
    found = {"order_id": "202611231400001234", "message": "Successfully Placed the order", "user_remark": "qlabc"}

    assert ICICI.placed(ok(found)) == "202611231400001234"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refused("Invalid session."), SessionExpired),
        (refused("Resource not available."), SessionExpired),
        (refused("Resource not available.", 500), SessionExpired),
        (refused("Public Key does not exist."), AppRefused),
        (refused("Limit exceed: API call per day"), RateLimited),
        (refused("Limit exceed: API call per minute", 503), RateLimited),
        (refused("Invalid Market/Limit indicator:"), BadInput),
        (refused("Insufficient limit"), InsufficientFunds),
        (refused("Market is closed."), MarketClosed),
        (refused("Order has already been executed and cannot be modified."), OrderGone),
        (refused("something new"), Unrecognised),
        (refused("something new", 500), Unrecognised),
        (refused("Error while calling service, Please contact admin (1)"), Unknown),
        (refused("Error while calling service, Please contact admin (Invalid Input)"), Unknown),
        (refused("You need to add Rs. 1,204.50 in your account to place this order"), InsufficientFunds),
        (refused("Service is currently not available"), Unknown),
        (refused("Internal Server Error"), Unknown),
        (refused("Request timed out"), Unknown),
        (refused(None), Unknown),
        (refused(""), Unknown),
        (Answer(429, {}, b""), RateLimited),
        (ok(None), Unknown),
        (ok({"order_id": ""}), Unknown),
        (Answer(200, {}, b'{"Success":{"order_id":"1"},"Status":500,"Error":null}'), Unknown),
        (Answer(502, {}, b'{"Success":{"order_id":"1"},"Status":200,"Error":null}'), Unknown),
        (Answer(200, {}, b""), Unknown),
    ],
)
def test_every_bad_answer_to_an_order_is_told_by_kind(answer: Answer, failure: type[BrokerFailure]) -> None:
    with pytest.raises(BrokerFailure) as caught:
        ICICI.placed(answer)

    assert type(caught.value) is failure


def booked(**fields: Any) -> dict[str, Any]:
    usual = {
        "order_id": "202611231400001234",
        "stock_code": "NIFTY ",
        "product_type": "Options",
        "action": "Buy",
        "quantity": "130",
        "price": "150.50",
        "expiry_date": "01-Dec-2026",
        "right": "Call",
        "strike_price": 26000.0,
        "average_price": "0",
        "cancelled_quantity": "0",
        "pending_quantity": "130",
        "status": "Ordered",
        "user_remark": "qlabc",
    }
    return usual | fields


@pytest.mark.parametrize(
    ("word", "pending", "cancelled", "status", "filled"),
    [
        ("Requested", "0", "0", OrderStatus.OPEN, 0),
        ("Queued", "130", "0", OrderStatus.OPEN, 0),
        ("Ordered", "130", "0", OrderStatus.OPEN, 0),
        ("Freezed", "130", "0", OrderStatus.OPEN, 0),
        ("Partially Executed", "65", "0", OrderStatus.PARTIAL, 65),
        ("Executed", "0", "0", OrderStatus.FILLED, 130),
        ("Rejected", "0", "0", OrderStatus.REJECTED, 0),
        ("Expired", "0", "130", OrderStatus.CANCELLED, 0),
        ("Cancelled", "0", "65", OrderStatus.UNCERTAIN, 0),
        ("Executed", "0", "", OrderStatus.UNCERTAIN, 0),
        ("Executed", "65", "0", OrderStatus.UNCERTAIN, 65),
        ("Cancelled", "0", "130", OrderStatus.CANCELLED, 0),
        ("Partially Executed And Expired", "0", "65", OrderStatus.CANCELLED, 65),
        ("Partially Executed And Cancelled", "0", "65", OrderStatus.CANCELLED, 65),
    ],
)
def test_what_is_filled_is_reckoned_from_what_is_not(
    word: str, pending: str, cancelled: str, status: OrderStatus, filled: int
) -> None:
    line = booked(status=word, pending_quantity=pending, cancelled_quantity=cancelled)

    [order] = ICICI.orders(ok([line]))

    assert (order.status, order.filled, order.quantity) == (status, filled, 130)
    assert (order.symbol, order.tag) == (ORDER.instrument.symbol, "qlabc")


@pytest.mark.parametrize("answer", [ok([]), ok(None), refused("No Data Found"), refused("No record(s) found")])
def test_an_empty_list_has_many_shapes(answer: Answer) -> None:
    assert ICICI.orders(answer) == []
    assert ICICI.held(answer) == []


def test_a_list_that_was_refused_is_not_an_empty_one() -> None:
    with pytest.raises(SessionExpired):
        ICICI.orders(refused("Resource not available."))
    with pytest.raises(Unknown):
        ICICI.held(refused("something new"))


@pytest.mark.parametrize(("action", "units"), [("Buy", 65), ("Sell", -65)])
def test_a_positions_side_is_its_action(action: str, units: int) -> None:
    [position] = ICICI.held(ok([booked(action=action, quantity="65", average_price="150.25", ltp="149.95")]))

    assert (position.quantity, position.product, position.symbol) == (units, Product.CARRY, ORDER.instrument.symbol)
    assert (position.average_price, position.last_price) == (Decimal("150.25"), Decimal("149.95"))


def test_funds_are_those_allocated_to_derivatives_less_what_trades_block() -> None:
    found = {"allocated_fno": 200000.0, "block_by_trade_fno": 12500.53, "unallocated_balance": "87500"}

    assert ICICI.money(ok(found)) == Funds(Decimal("187499.47"), Decimal("12500.53"))


def test_the_margin_of_a_basket_is_asked_leg_by_leg_and_told_in_two_parts() -> None:
    [leg] = json.loads(ICICI.margin(SESSION, [ORDER]).body)["list_of_positions"]

    assert leg == {
        "stock_code": "NIFTY",
        "expiry_date": "01-Dec-2026",
        "right": "call",
        "strike_price": "26000",
        "product": "options",
        "action": "buy",
        "quantity": "130",
        "price": "150.50",
        "cover_order_flow": "N",
        "fresh_order_type": "N",
        "cover_limit_rate": "0",
        "cover_sltp_price": "0",
        "fresh_limit_rate": "0",
        "open_quantity": "0",
    }
    found = {"span_margin_required": "493011.26", "non_span_margin_required": "10.5", "order_margin": "0"}
    assert ICICI.required(ok(found)) == Decimal("493021.76")


def test_a_quote_is_asked_for_one_contract() -> None:
    request = ICICI.quotes(SESSION, [ORDER.instrument])
    line = booked(ltp=150.2, best_bid_price=150.1, best_offer_price=150.3)

    assert json.loads(request.body) == {
        "stock_code": "NIFTY",
        "exchange_code": "NFO",
        "product_type": "options",
        "expiry_date": "2026-12-01T06:00:00.000Z",
        "right": "call",
        "strike_price": "26000",
    }
    assert ICICI.quoted(ok([line]), [ORDER.instrument]) == {
        CALL: Quote(Decimal("150.1"), Decimal("150.3"), Decimal("150.2"))
    }
    assert ICICI.quoted(ok([line | {"best_bid_price": 0.0}]), [ORDER.instrument]) == {}


HEAD = ",".join(f'"Column{place}"' for place in range(31)) + "\n"


def row(*first: str, lot: int, tick: int, name: str) -> str:
    cells = [
        *(f'"{cell}"' for cell in first),
        *["0"] * (27 - len(first)),
        str(lot),
        str(tick),
        f'"{name}"',
        f'"{name}"',
    ]
    return ",".join(cells) + "\n"


NIFTY = row("51234", "OPTIDX", "NIFTY", "OPTION", "01-Dec-2026", "26000", "CE", lot=65, tick=5, name="NIFTY 50")
BANK = row("35000", "OPTIDX", "CNXBAN", "OPTION", "29-Dec-2026", "58500", "PE", lot=30, tick=5, name="NIFTY BANK")
FUTURE = row("68407", "FUTIDX", "NIFTY", "FUTURE", "29-Dec-2026", "0", "XX", lot=65, tick=10, name="NIFTY 50")
SHARE = row("36342", "OPTSTK", "RELIND", "OPTION", "29-Dec-2026", "1400", "CE", lot=500, tick=5, name="RELIANCE")
NEXT = row("36343", "OPTIDX", "ANYCOD", "OPTION", "29-Dec-2026", "67000", "CE", lot=25, tick=5, name="NIFTY NEXT 50")


def a_master(text: str, name: str = "FONSEScripMaster.txt") -> Answer:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("NSEScripMaster.txt", '"Token", "ShortName"\n"2885","RELIND"\n')
        archive.writestr(name, text)
    return Answer(200, {}, buffer.getvalue())


def test_the_list_gives_index_options_by_the_places_of_their_columns() -> None:
    listed = ICICI.instruments(a_master(HEAD + FUTURE + NIFTY + SHARE + BANK + NEXT)).contracts

    assert ICICI.master().base_url == "https://directlink.icicidirect.com"
    assert listed[CALL] == ORDER.instrument
    assert listed[PUT].symbol == "CNXBAN-29-Dec-2026-58500-PE"
    assert {contract.index for contract in listed} == {Index.NIFTY, Index.BANKNIFTY, Index.NIFTYNXT50}


def test_an_order_names_the_underlying_as_the_list_does() -> None:
    bank = ICICI.instruments(a_master(HEAD + BANK)).contracts[PUT]
    fields = json.loads(ICICI.place(SESSION, ORDER._replace(instrument=bank)).body)

    named = [fields[name] for name in ("stock_code", "expiry_date", "right", "strike_price")]
    assert named == ["CNXBAN", "2026-12-29T06:00:00.000Z", "put", "58500"]


@pytest.mark.parametrize(
    "answer",
    [
        a_master(HEAD),
        a_master(HEAD + NIFTY, name="OTHER.txt"),
        a_master(HEAD + NIFTY.replace("01-Dec-2026", "31-Foo-2026")),
        a_master(HEAD + NIFTY.replace('"26000"', '"abc"')),
        a_master(HEAD + ",".join(BANK.split(",")[:28])),
    ],
)
def test_a_broken_list_is_a_failure_and_not_a_crash(answer: Answer) -> None:
    with pytest.raises(Unknown):
        ICICI.instruments(answer)

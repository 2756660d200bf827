"""mStock's wire: Type A requests as the broker's own client sends them, answers in each of their shapes."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from quantleap.adapters.brokers.mstock import MStock
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
    RateLimited,
    Refused,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.market import Quote
from quantleap.domain.trading import Product
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

MSTOCK = MStock()
SYMBOL = "NIFTY26D0126000CE"
ORDER = an_order(SYMBOL)
FUNDS = {"status": "success", "data": [{"AVAILABLE_BALANCE": "299972678840.29", "AMOUNT_UTILIZED": "27395824.71"}]}


def a_token(**claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signed"


def refusal(error_type: str, message: str = "no") -> dict[str, object]:
    return {"status": "error", "message": message, "error_type": error_type, "data": None}


def test_the_login_page_is_told_where_to_return() -> None:
    url = urlsplit(MSTOCK.login_url(CREDENTIALS, "unused", "https://portal.example/back/7"))

    assert (url.scheme, url.netloc, url.path) == ("https", "api.mstock.trade", "/login/")
    assert parse_qs(url.query) == {"platform_key": ["key-1"], "redirect_url": ["https://portal.example/back/7"]}


def test_the_token_that_came_is_tried_with_the_clients_own_key() -> None:
    request = MSTOCK.exchange(a_login("a.b.c", came={"Auth": "a.b.c", "ApiKey": "own/key="}))

    assert line(request) == "GET https://api.mstock.trade/openapi/typea/user/fundsummary"
    assert request.headers == {"X-Mirae-Version": "1", "Authorization": "token own/key=:a.b.c"}


def test_a_session_is_of_the_client_the_token_names_and_ends_with_the_earliest_of_all_ends() -> None:
    midnight, in_an_hour = datetime(2026, 11, 23, 18, 30, tzinfo=UTC), AT + timedelta(hours=1)

    long = MSTOCK.session(an_answer(FUNDS), a_login(a_token(cid="ab1234")), AT + timedelta(hours=6))
    short = MSTOCK.session(an_answer(FUNDS), a_login(a_token(cid="AB1234", exp=int(in_an_hour.timestamp()))), AT)
    plain = MSTOCK.session(an_answer(FUNDS), a_login(a_token(cid="AB1234")), AT)

    assert (long.expires_at, short.expires_at, plain.expires_at) == (midnight, in_an_hour, AT + timedelta(hours=12))
    assert (long.client_id, long.api_key) == ("AB1234", "key-1")


def test_a_token_of_another_client_is_refused() -> None:
    login = a_login(a_token(cid="ZZ9999"))

    assert type(failure_of(lambda answer: MSTOCK.session(answer, login, AT), an_answer(FUNDS))) is Refused


@pytest.mark.parametrize("code", ["nonsense", "a.b", "a.!!.c", "a.W10.c", "a.e30.c.d"])
def test_a_token_without_claims_is_not_believed(code: str) -> None:
    login = a_login(code)

    assert type(failure_of(lambda answer: MSTOCK.session(answer, login, AT), an_answer(FUNDS))) is Unknown


def test_an_order_goes_out_in_the_clients_order_of_fields() -> None:
    request = MSTOCK.place(SESSION, ORDER)

    assert line(request) == "POST https://api.mstock.trade/openapi/typea/orders/regular"
    assert request.headers["X-Mirae-Version"] == "1"
    assert request.headers["Authorization"] == "token key-1:token-1"
    assert form_of(request) == [
        ("tradingsymbol", SYMBOL),
        ("exchange", "NFO"),
        ("transaction_type", "BUY"),
        ("order_type", "LIMIT"),
        ("quantity", "130"),
        ("product", "MIS"),
        ("validity", "DAY"),
        ("price", "150.50"),
        ("trigger_price", "0"),
        ("disclosed_quantity", "0"),
        ("tag", "qlabc"),
    ]


def test_a_change_repeats_the_whole_order() -> None:
    request = MSTOCK.modify(SESSION, "1151", ORDER._replace(trigger_price=Decimal(151)))

    assert line(request) == "PUT https://api.mstock.trade/openapi/typea/orders/regular/1151"
    assert form_of(request) == [
        ("order_type", "SL"),
        ("quantity", "130"),
        ("price", "150.50"),
        ("validity", "DAY"),
        ("trigger_price", "151.00"),
        ("disclosed_quantity", "0"),
        ("tradingsymbol", SYMBOL),
        ("exchange", "NFO"),
        ("transaction_type", "BUY"),
        ("product", "MIS"),
    ]


def test_a_cancellation_has_no_body() -> None:
    request = MSTOCK.cancel(SESSION, "1151", ORDER)

    assert line(request) == "DELETE https://api.mstock.trade/openapi/typea/orders/regular/1151"
    assert (request.body, "Content-Type" in request.headers) == (b"", False)


def test_the_margin_of_an_order_is_asked_in_json_of_texts() -> None:
    request = MSTOCK.margin(SESSION, [ORDER])

    assert line(request) == "POST https://api.mstock.trade/openapi/typea/margins/orders"
    assert json.loads(request.body) == {
        "tradingsymbol": SYMBOL,
        "exchange": "NFO",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "MIS",
        "order_type": "LIMIT",
        "quantity": "130",
        "price": "150.50",
        "trigger_price": "0",
    }


@pytest.mark.parametrize("name", ["order_id", "orderid"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_order_id_is_found_under_either_name_and_inside_a_list(name: str, *, wrapped: bool) -> None:
    reply = {"status": "success", "data": {name: "1151250110101"}}

    assert MSTOCK.placed(an_answer([reply] if wrapped else reply)) == "1151250110101"


@pytest.mark.parametrize(("tag", "read"), [("qlabc", "qlabc"), (["qlabc"], "qlabc"), ([], ""), (None, "")])
def test_a_tag_comes_back_as_text_or_in_a_list(tag: object, read: str) -> None:
    [order] = MSTOCK.orders(
        an_answer({"status": "success", "data": [{"order_id": 7, "price": "150.50", "quantity": "65", "tag": tag}]})
    )

    assert (order.tag, order.order_id, order.quantity, order.limit_price) == (read, "7", 65, Decimal("150.50"))


@pytest.mark.parametrize("nothing", [None, []])
def test_no_orders_and_no_positions_may_be_null(nothing: object) -> None:
    assert MSTOCK.orders(an_answer({"status": "success", "data": nothing})) == []
    assert MSTOCK.held(an_answer({"status": "success", "data": {"net": nothing}})) == []


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("MIS", Product.INTRADAY),
        ("INTRADAY", Product.INTRADAY),
        ("Intraday", Product.INTRADAY),
        ("NRML", Product.CARRY),
        ("CARRYFORWARD", Product.CARRY),
        ("", Product.INTRADAY),
        ("CNC", None),
    ],
)
def test_a_position_names_its_product_in_either_words_or_not_at_all(word: str, means: Product | None) -> None:
    [position] = MSTOCK.held(an_answer({"status": "success", "data": {"net": [{"product": word, "quantity": 65}]}}))

    assert (position.product, position.quantity) == (means, 65)


def test_funds_are_texts_in_capitals() -> None:
    assert MSTOCK.money(an_answer(FUNDS)) == Funds(Decimal("299972678840.29"), Decimal("27395824.71"))


def test_a_quote_without_depth_is_the_last_price_on_all_sides() -> None:
    reply = {"status": "success", "data": {f"NFO:{SYMBOL}": {"last_price": 150.1, "ohlc": {}}}}
    unknown = an_instrument("OTHER")._replace(contract=CALL._replace(strike=Decimal(1)))

    quotes = MSTOCK.quoted(an_answer(reply), [an_instrument(SYMBOL), unknown])

    assert MSTOCK.quotes(SESSION, [an_instrument(SYMBOL)]).target.endswith(f"/quote/ohlc?i=NFO%3A{SYMBOL}")
    assert quotes == {CALL: Quote(Decimal("150.1"), Decimal("150.1"), Decimal("150.1"))}


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (401, refusal("TokenException"), SessionExpired),
        (401, {"status": "error", "message": "jwt expired", "data": None}, SessionExpired),
        (403, refusal("APIKeyException", "API is suspended/expired for use."), AppRefused),
        (403, {"status": "error", "message": "no", "data": None}, AppRefused),
        (200, {"status": "error", "message": "API is suspended/expired for use.", "data": None}, AppRefused),
        (400, refusal("InputException", "Invalid quantity"), BadInput),
        (400, refusal("VersionException", "Please provide valid api version."), BadInput),
        (200, refusal("MiraeException", "RMS:INSUFFICIENT FUNDS"), InsufficientFunds),
        (500, refusal("MiraeException", "MARGIN SHORTFALL"), InsufficientFunds),
        (200, refusal("MiraeException", "MARKET IS CLOSED"), MarketClosed),
        (200, refusal("MiraeException", "ORDER NOT FOUND"), OrderGone),
        (200, refusal("MiraeException", "CLIENT IS BLOCKED"), AccountBlocked),
        (200, refusal("MiraeException", "for a reason of its own"), Unrecognised),
        (403, {"status": "error", "message": "IP 203.0.113.9 is not whitelisted", "data": None}, AddressNotAllowed),
        (200, {"status": "error", "data": [{"message": "ORDER NOT FOUND"}]}, OrderGone),
        (429, refusal("GeneralException"), RateLimited),
        (500, refusal("GeneralException"), Unknown),
        (200, refusal("GeneralException"), Unknown),
        (200, {"status": "success", "data": None}, Unknown),
        (200, [], Unknown),
    ],
)
def test_every_documented_error_has_one_meaning(status: int, body: object, means: type[BrokerFailure]) -> None:
    assert type(failure_of(MSTOCK.placed, an_answer(body, status))) is means


@pytest.mark.parametrize(
    ("said", "product"),
    [
        ("", Product.INTRADAY),
        ("INTRADAY", Product.INTRADAY),
        ("MIS", Product.INTRADAY),
        ("NRML", Product.CARRY),
        ("CO", None),
    ],
)
def test_a_position_names_its_product_in_other_words_than_orders_or_not_at_all(
    said: str, product: Product | None
) -> None:
    line = {"tradingsymbol": "NIFTY26D0126000CE", "exchange": "NFO", "product": said, "quantity": -65}

    (held,) = MSTOCK.held(an_answer({"status": "success", "data": {"net": [line]}}))

    assert (held.product, held.quantity) == (product, -65)

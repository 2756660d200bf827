"""mStock's Type A wire format as the simulator keeps it: what it answers, and everything it refuses."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.unit.simulator import MORNING, Remote, running

CALL = "NIFTY26D0126000CE"
API = "/mstock/openapi/typea"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def broker(server: Remote) -> Remote:
    server.send("POST", "/control/reset")
    server.clock.at = MORNING
    return server


def log_in(broker: Remote, user: str = "TEST123") -> dict[str, str]:
    page = "/mstock/login/?" + urlencode({"platform_key": "test_api_key", "redirect_url": "https://portal.example/7"})
    came = parse_qs(urlsplit(broker.submit(page, user_id=user).headers["location"]).query)
    return {"X-Mirae-Version": "1", "Authorization": f"token {came['ApiKey'][0]}:{came['Auth'][0]}"}


@pytest.fixture
def headers(broker: Remote) -> dict[str, str]:
    return log_in(broker)


def an_order(**changes: str) -> dict[str, str]:
    usual = {
        "tradingsymbol": CALL,
        "exchange": "NFO",
        "transaction_type": "BUY",
        "order_type": "LIMIT",
        "quantity": "65",
        "product": "MIS",
        "validity": "DAY",
        "price": "2000.00",
        "trigger_price": "0",
        "disclosed_quantity": "0",
        "tag": "ql0001",
    }
    return usual | changes


def place(broker: Remote, headers: dict[str, str], order: dict[str, str]) -> Any:
    return broker.ask("POST", f"{API}/orders/regular", headers | FORM, order).json()


def test_the_page_returns_a_token_with_the_clients_own_key(broker: Remote) -> None:
    mine, others = log_in(broker), log_in(broker, "OTHER")

    key = mine["Authorization"].removeprefix("token ").partition(":")[0]
    assert key != others["Authorization"].removeprefix("token ").partition(":")[0]
    assert broker.ask("GET", f"{API}/orders", mine).json() == {"status": "success", "data": None}


@pytest.mark.parametrize(
    ("changes", "status", "error_type"),
    [
        ({"Authorization": ""}, 401, "TokenException"),
        ({"Authorization": "token a:b"}, 401, "TokenException"),
        ({"X-Mirae-Version": "2"}, 400, "VersionException"),
    ],
)
def test_a_call_without_version_or_token_is_refused(
    broker: Remote, headers: dict[str, str], changes: dict[str, str], status: int, error_type: str
) -> None:
    answer = broker.ask("GET", f"{API}/orders", headers | changes)

    assert (answer.status, answer.json()["error_type"]) == (status, error_type)


def test_a_good_token_with_another_key_is_a_dead_key(broker: Remote, headers: dict[str, str]) -> None:
    token = headers["Authorization"].partition(":")[2]

    answer = broker.ask("GET", f"{API}/orders", headers | {"Authorization": f"token other:{token}"})

    assert (answer.status, answer.json()["error_type"]) == (403, "APIKeyException")


def test_a_token_dies_at_midnight(broker: Remote, headers: dict[str, str]) -> None:
    broker.clock.at = MORNING + timedelta(hours=14, seconds=-1)
    assert broker.ask("GET", f"{API}/orders", headers).status == 200

    broker.clock.forward(seconds=1)
    assert broker.ask("GET", f"{API}/orders", headers).status == 401


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"exchange": "NSE"}, "Invalid exchange"),
        ({"tradingsymbol": "NO"}, "Invalid tradingsymbol is not listed"),
        ({"quantity": "66"}, "Invalid quantity is not a multiple of the lot size 65"),
        ({"price": "0"}, "Invalid price"),
        ({"trigger_price": ""}, "Invalid trigger_price is missing"),
        ({"order_type": "STOP_LOSS"}, "Invalid order_type"),
        ({"product": "INTRADAY"}, "Invalid product"),
        ({"tag": "a b"}, "Invalid tag"),
        ({"variety": "regular"}, "Invalid variety is not a field of this call"),
    ],
)
def test_what_the_broker_would_refuse_is_refused_by_field(
    broker: Remote, headers: dict[str, str], changes: dict[str, str], complaint: str
) -> None:
    reply = place(broker, headers, an_order(**changes))

    assert (reply["message"], reply["error_type"]) == (complaint, "InputException")
    assert broker.orders() == []


def test_a_change_says_all_terms_and_nothing_else_of_the_order_may_differ(
    broker: Remote, headers: dict[str, str]
) -> None:
    number = place(broker, headers, an_order(price="0.05"))["data"]["order_id"]
    path, change = f"{API}/orders/regular/{number}", an_order(price="0.10", quantity="130")
    del change["tag"]

    def changed(**fields: str) -> Any:
        return broker.ask("PUT", path, headers | FORM, {**change, **fields}).json()

    assert changed(product="NRML")["message"] == "Invalid product is not the order's"
    assert changed(validity="")["message"] == "Invalid validity is missing"
    assert changed()["status"] == "success"
    [line] = broker.ask("GET", f"{API}/orders", headers).json()["data"]
    assert (line["price"], line["quantity"], line["tag"]) == ("0.10", 130, ["ql0001"])


def test_what_the_core_refuses_comes_with_http_200(broker: Remote, headers: dict[str, str]) -> None:
    broker.behave(reject={"insufficient_funds": {"count": 1}})

    answer = broker.ask("POST", f"{API}/orders/regular", headers | FORM, an_order())

    assert (answer.status, answer.json()["error_type"]) == (200, "MiraeException")
    assert broker.orders() == []


def test_one_order_is_asked_for_with_its_segment(broker: Remote, headers: dict[str, str]) -> None:
    number = place(broker, headers, an_order())["data"]["order_id"]

    def details(**form: str) -> Any:
        return broker.ask("POST", f"{API}/order/details", headers | FORM, form).json()

    assert details(order_no=number, segment="D")["data"][0]["status"] == "COMPLETE"
    assert details(order_no=number, segment="E")["message"] == "Invalid segment"
    assert details(order_no="7", segment="D")["message"] == "ORDER NOT FOUND"


def test_all_resting_orders_are_taken_back_at_once(broker: Remote, headers: dict[str, str]) -> None:
    for price in ("0.05", "0.10", "2000.00"):
        place(broker, headers, an_order(price=price))

    broker.ask("POST", f"{API}/orders/cancelall", headers)

    lines = broker.ask("GET", f"{API}/orders", headers).json()["data"]
    assert [line["status"] for line in lines] == ["CANCELLED", "CANCELLED", "COMPLETE"]


def test_fills_funds_and_prices_follow_the_market(broker: Remote, headers: dict[str, str]) -> None:
    place(broker, headers, an_order())
    seen = broker.quote()

    [fill] = broker.ask("GET", f"{API}/tradebook", headers).json()["data"]
    [funds] = broker.ask("GET", f"{API}/user/fundsummary", headers).json()["data"]
    prices = broker.ask("GET", f"{API}/instruments/quote/ltp?i=NFO:{CALL}&i=NFO:NO", headers).json()["data"]

    assert (f"{fill['PRICE']:.2f}", fill["QUANTITY"], fill["BUY_SELL"]) == (seen["ask"], 65, "Buy")
    assert funds["AMOUNT_UTILIZED"] == f"{65 * float(seen['ask']):.2f}"
    assert {name: f"{line['last_price']:.2f}" for name, line in prices.items()} == {f"NFO:{CALL}": seen["last"]}


def test_the_margin_of_an_order_is_asked_in_json_of_texts(broker: Remote, headers: dict[str, str]) -> None:
    order = an_order(transaction_type="SELL", price="100.00")

    margin = broker.ask("POST", f"{API}/margins/orders", headers | JSON, order).json()["data"]

    assert margin["total"] == pytest.approx(65 * 26000 * 0.12)
    assert broker.ask("POST", f"{API}/margins/orders", headers | JSON, {**order, "quantity": 65}).status == 400
    assert broker.ask("POST", f"{API}/margins/orders", headers | FORM, order).status == 400


def test_the_script_master_is_for_those_who_are_logged_in(broker: Remote, headers: dict[str, str]) -> None:
    assert broker.ask("GET", f"{API}/instruments/scriptmaster", {"X-Mirae-Version": "1"}).status == 401

    answer = broker.ask("GET", f"{API}/instruments/scriptmaster", headers)

    rows = {row["tradingsymbol"]: row for row in csv.DictReader(io.StringIO(answer.data.decode()))}
    assert answer.headers["content-type"] == "text/csv"
    assert (rows[CALL]["instrument_type"], rows[CALL]["lot_size"], rows[CALL]["exchange"]) == ("CE", "65", "NFO")


def test_a_session_ends_when_the_client_logs_out(broker: Remote, headers: dict[str, str]) -> None:
    assert broker.ask("GET", f"{API}/logout", headers).json()["status"] == "success"

    assert broker.ask("GET", f"{API}/orders", headers).status == 401

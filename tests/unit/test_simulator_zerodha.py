"""Kite Connect's wire format as the simulator keeps it: what it answers, and everything it refuses."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.unit.simulator import MORNING, TEST_APP, Remote, running

CALL = "NIFTY26D0126000CE"
VERSION = {"X-Kite-Version": "3"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DEAD = {
    "status": "error",
    "message": "Incorrect `api_key` or `access_token`.",
    "data": None,
    "error_type": "TokenException",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def broker(server: Remote) -> Remote:
    server.send("POST", "/control/reset")
    server.clock.at = MORNING
    return server


@pytest.fixture
def headers(broker: Remote) -> dict[str, str]:
    return VERSION | {"Authorization": f"token {TEST_APP[0]}:{redeem(broker)['data']['access_token']}"}


def code_of(broker: Remote) -> str:
    page = f"/zerodha/connect/login?v=3&api_key={TEST_APP[0]}&redirect_uri=https://localhost/"
    answer = broker.submit(page, user_id="TEST123")
    return parse_qs(urlsplit(answer.headers["location"]).query)["request_token"][0]


def redeem(broker: Remote, code: str | None = None, app: tuple[str, str] = TEST_APP) -> Any:
    code = code or code_of(broker)
    checksum = hashlib.sha256(f"{app[0]}{code}{app[1]}".encode()).hexdigest()
    form = {"api_key": app[0], "request_token": code, "checksum": checksum}
    return broker.ask("POST", "/zerodha/session/token", VERSION | FORM, form).json()


def an_order(**changes: str) -> dict[str, str]:
    usual = {
        "variety": "regular",
        "exchange": "NFO",
        "tradingsymbol": CALL,
        "transaction_type": "BUY",
        "quantity": "65",
        "product": "MIS",
        "order_type": "LIMIT",
        "price": "2000.00",
        "validity": "DAY",
        "tag": "ql0001",
    }
    return usual | changes


def place(broker: Remote, headers: Mapping[str, str], order: Mapping[str, str]) -> Any:
    return broker.ask("POST", "/zerodha/orders/regular", {**headers, **FORM}, order).json()


def orders(broker: Remote, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    return list(broker.ask("GET", "/zerodha/orders", headers).json()["data"])


def test_a_login_swaps_its_code_for_a_token_that_lives_until_six(broker: Remote) -> None:
    reply = redeem(broker)["data"]
    headers = VERSION | {"Authorization": f"token {TEST_APP[0]}:{reply['access_token']}"}

    assert (reply["user_id"], reply["api_key"], reply["login_time"]) == ("TEST123", TEST_APP[0], "2026-11-23 10:00:00")
    broker.clock.at = MORNING + timedelta(hours=20, seconds=-1)
    assert broker.ask("GET", "/zerodha/user/profile", headers).json()["data"]["user_id"] == "TEST123"
    broker.clock.forward(seconds=1)
    assert broker.ask("GET", "/zerodha/user/profile", headers).json() == DEAD


@pytest.mark.parametrize(
    ("code", "app", "error_type"),
    [
        ("nobodys", TEST_APP, "TokenException"),
        (None, (TEST_APP[0], "wrong"), "InputException"),
        (None, ("nobodys", TEST_APP[1]), "InputException"),
    ],
)
def test_a_login_that_is_not_good_is_refused(
    broker: Remote, code: str | None, app: tuple[str, str], error_type: str
) -> None:
    assert redeem(broker, code, app)["error_type"] == error_type


@pytest.mark.parametrize(
    "authorization", ["", "token", "token test_api_key", "token test_api_key:0", "Bearer test_api_key:0"]
)
def test_without_a_live_token_every_call_says_so(broker: Remote, authorization: str) -> None:
    answer = broker.ask("GET", "/zerodha/orders", VERSION | {"Authorization": authorization})

    assert (answer.status, answer.json()) == (403, DEAD)


def test_a_token_serves_only_the_app_that_got_it(broker: Remote, headers: dict[str, str]) -> None:
    foreign = headers | {"Authorization": headers["Authorization"].replace(TEST_APP[0], "other_key")}

    assert broker.ask("GET", "/zerodha/orders", foreign).json() == DEAD


def test_a_session_ends_when_its_app_logs_out(broker: Remote, headers: dict[str, str]) -> None:
    assert broker.ask("DELETE", "/zerodha/session/token", headers).json()["data"] is True

    assert broker.ask("GET", "/zerodha/orders", headers).json() == DEAD


def test_a_clients_account_is_apart_from_its_namesakes_at_another_broker(
    broker: Remote, headers: dict[str, str]
) -> None:
    place(broker, headers, an_order())

    assert [order["broker"] for order in broker.orders()] == ["zerodha"]
    assert broker.zebu("OrderBook", {"uid": "TEST123"}, broker.login())["emsg"] == "no data"
    assert broker.orders(broker="zebu") == []


def test_the_order_book_has_numbers_and_indian_time(broker: Remote, headers: dict[str, str]) -> None:
    number = place(broker, headers, an_order(price="0.05"))["data"]["order_id"]

    [line] = orders(broker, headers)

    shown = {name: line[name] for name in ("order_id", "status", "price", "quantity", "pending_quantity", "tag")}
    assert shown == {
        "order_id": number,
        "status": "OPEN",
        "price": 0.05,
        "quantity": 65,
        "pending_quantity": 65,
        "tag": "ql0001",
    }
    assert (line["order_timestamp"], line["status_message"]) == ("2026-11-23 10:00:00", None)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"exchange": "NSE"}, "Invalid `exchange`."),
        ({"tradingsymbol": "NIFTY26D0226000CE"}, "Invalid `tradingsymbol`. is not listed"),
        ({"quantity": "65.0"}, "Invalid `quantity`."),
        ({"quantity": "66"}, "Invalid `quantity`. is not a multiple of the lot size 65"),
        ({"quantity": "1820"}, "Invalid `quantity`. is above the freeze quantity 1800"),
        ({"quantity": ""}, "Invalid `quantity`. is missing"),
        ({"price": "100.03"}, "Invalid `price`. is not a multiple of the tick size 0.05"),
        ({"product": "CNC"}, "Invalid `product`."),
        ({"transaction_type": "B"}, "Invalid `transaction_type`."),
        ({"validity": "GTC"}, "Invalid `validity`."),
        ({"variety": "amo"}, "Invalid `variety`."),
        ({"trigger_price": "100"}, "Invalid `trigger_price`. is for SL orders only"),
        ({"order_type": "SL", "trigger_price": "2000.05"}, "Invalid `trigger_price`. is on the wrong side of price"),
        ({"disclosed_quantity": "65"}, "Invalid `disclosed_quantity`. must be 0 for options"),
        ({"tag": "x" * 21}, "Invalid `tag`. has more than 20 characters, or others than letters and digits"),
        ({"tag": "a-b"}, "Invalid `tag`. has more than 20 characters, or others than letters and digits"),
        ({"remarks": "x"}, "Invalid `remarks`. is not a field of this call"),
        ({"market_protection": "x"}, "Invalid `market_protection`."),
    ],
)
def test_what_the_broker_would_refuse_is_refused_by_field(
    broker: Remote, headers: dict[str, str], changes: dict[str, str], complaint: str
) -> None:
    reply = place(broker, headers, an_order(**changes))

    assert (reply["message"], reply["error_type"]) == (complaint, "InputException")
    assert broker.orders() == []


@pytest.mark.parametrize("protection", [None, "0", "-2", "101"])
def test_a_market_order_needs_protection(broker: Remote, headers: dict[str, str], protection: str | None) -> None:
    order = an_order(order_type="MARKET") | ({} if protection is None else {"market_protection": protection})

    assert "without market protection" in place(broker, headers, order)["message"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", urlencode(an_order())),
        ("application/x-www-form-urlencoded", "quantity=65&quantity=130"),
        ("application/x-www-form-urlencoded", "nonsense"),
    ],
)
def test_only_a_form_is_read(broker: Remote, headers: dict[str, str], kind: str, body: str) -> None:
    reply = broker.ask("POST", "/zerodha/orders/regular", headers | {"Content-Type": kind}, body).json()

    assert reply["error_type"] == "InputException"


def test_the_version_has_to_be_named(broker: Remote, headers: dict[str, str]) -> None:
    del headers["X-Kite-Version"]

    assert broker.ask("GET", "/zerodha/orders", headers).status == 400


def test_a_change_keeps_what_it_does_not_name(broker: Remote, headers: dict[str, str]) -> None:
    number = place(broker, headers, an_order(price="0.05", quantity="130"))["data"]["order_id"]

    broker.ask("PUT", f"/zerodha/orders/regular/{number}", headers | FORM, {"price": "0.10"})

    [line] = orders(broker, headers)
    assert (line["price"], line["quantity"], line["modified"]) == (0.1, 130, True)


def test_an_order_refused_for_money_is_in_the_book_all_the_same(broker: Remote, headers: dict[str, str]) -> None:
    broker.behave(reject={"insufficient_funds": {"count": 1}})

    assert place(broker, headers, an_order())["error_type"] == "MarginException"

    [line] = orders(broker, headers)
    assert (line["status"], line["status_message"][:18]) == ("REJECTED", "Insufficient funds")


def test_an_orders_history_and_fills_are_shown(broker: Remote, headers: dict[str, str]) -> None:
    number = place(broker, headers, an_order())["data"]["order_id"]

    history = broker.ask("GET", f"/zerodha/orders/{number}", headers).json()["data"]
    [mine] = broker.ask("GET", f"/zerodha/orders/{number}/trades", headers).json()["data"]
    [fill] = broker.ask("GET", "/zerodha/trades", headers).json()["data"]

    assert [line["status"] for line in history] == ["OPEN", "COMPLETE"]
    assert (fill["order_id"], fill["quantity"], f"{fill['average_price']:.2f}") == (number, 65, broker.quote()["ask"])
    assert mine == fill
    assert broker.ask("GET", "/zerodha/orders/7", headers).status == 404


def test_the_list_of_instruments_has_the_brokers_columns_and_names(broker: Remote) -> None:
    rows = {
        row["tradingsymbol"]: row
        for row in csv.DictReader(io.StringIO(broker.get("/zerodha/instruments/NFO").data.decode()))
    }

    weekly, monthly = rows[CALL], rows["NIFTY26NOV26000CE"]
    assert (weekly["expiry"], weekly["lot_size"], weekly["segment"]) == ("2026-12-01", "65", "NFO-OPT")
    assert monthly["expiry"] == "2026-11-23"
    assert int(weekly["instrument_token"]) == int(weekly["exchange_token"]) * 256 + 2


def test_a_hedged_basket_is_told_alone_and_together(broker: Remote, headers: dict[str, str]) -> None:
    legs = [
        {"variety": "regular", **an_order(), "quantity": 65, "price": 100},
        {"variety": "regular", **an_order(transaction_type="SELL"), "quantity": 65, "price": 100},
    ]
    json_headers = headers | {"Content-Type": "application/json"}

    margin = broker.ask("POST", "/zerodha/margins/basket", json_headers, legs).json()["data"]

    assert len(margin["orders"]) == 2
    assert margin["final"]["total"] == pytest.approx(65 * 26000 * 0.12)
    nonsense: list[object] = [[], {}, [1], "no"]
    for broken in nonsense:
        assert broker.ask("POST", "/zerodha/margins/basket", json_headers, broken).status == 400


def test_unknown_calls_are_not_found(broker: Remote, headers: dict[str, str]) -> None:
    assert broker.ask("GET", "/zerodha/gtt/triggers", headers).status == 404
    assert broker.ask("POST", "/zerodha/orders", headers).status == 404

"""The simulated Upstox refuses what the real one would refuse, in its words."""

from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.unit.desk import RETURN_TO, Desk
from tests.unit.simulator import TEST_APP, Remote, running

KEY = {"client_id": TEST_APP[0], "client_secret": TEST_APP[1]}


@pytest.fixture(scope="module")
def remote() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture(scope="module")
def opened(remote: Remote) -> Desk:
    return Desk("upstox", remote)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    opened.remote.send("POST", "/control/reset")
    return opened


def ask(desk: Desk, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
    sent = {"Authorization": f"Bearer {desk.session.access_token}", **headers}
    return urllib3.request(method, f"{desk.broker.base_url}{path}", json=body, headers=sent, retries=False)


def an_order(desk: Desk, **changes: object) -> dict[str, object]:
    key = next(row.token for row in desk.listed.values() if row.symbol == "NIFTY 26000 CE 01 DEC 26")
    return {
        "quantity": 65,
        "product": "I",
        "validity": "DAY",
        "price": 0.35,
        "tag": "ql0001",
        "slice": False,
        "instrument_token": key,
        "order_type": "LIMIT",
        "transaction_type": "BUY",
        "disclosed_quantity": 0,
        "trigger_price": 0,
        "is_amo": False,
    } | changes


def placed(desk: Desk, **changes: object) -> str:
    return str(ask(desk, "POST", "/v3/order/place", an_order(desk, **changes)).json()["data"]["order_ids"][0])


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"quantity": "65"}, "quantity", "UDAPI100036"),
        ({"quantity": 65.0}, "quantity", "UDAPI100036"),
        ({"quantity": True}, "quantity", "UDAPI100036"),
        ({"price": "0.35"}, "price", "UDAPI100036"),
        ({"is_amo": 0}, "is_amo", "UDAPI100036"),
        ({"is_amo": True}, "is_amo", "UDAPI100036"),
        ({"product": None}, "product", "UDAPI100036"),
        ({"instrument_token": "NSE_FO|1"}, "instrument_token", "UDAPI100036"),
        ({"trigger_price": 0.3}, "trigger_price", "UDAPI100036"),
        ({"tag": "no blanks"}, "tag", "UDAPI100036"),
        ({"algo_id": "1"}, "algo_id", "UDAPI100036"),
        ({"validity": "GTC"}, "validity", "UDAPI1055"),
        ({"order_type": "LMT"}, "order_type", "UDAPI1056"),
        ({"order_type": "MARKET", "price": 0}, "order_type", "UDAPI1158"),
    ],
)
def test_a_field_of_the_wrong_type_or_value_is_refused_by_its_name(
    desk: Desk, changes: dict[str, object], field: str, code: str
) -> None:
    answer = ask(desk, "POST", "/v3/order/place", an_order(desk, **changes))

    [error] = answer.json()["errors"]
    assert (answer.status, error["error_code"], error["property_path"]) == (400, code, field)
    assert (error["errorCode"], error["propertyPath"]) == (code, field)
    assert desk.remote.orders(broker="upstox") == []


def test_only_json_is_read(desk: Desk) -> None:
    answer = ask(desk, "POST", "/v3/order/place", an_order(desk), **{"Content-Type": "text/plain"})

    assert answer.json()["errors"][0]["property_path"] == "Content-Type"


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer nobody"}, {"Authorization": "token x"}])
def test_a_token_nobody_has_is_told_before_anything_else(desk: Desk, headers: dict[str, str]) -> None:
    answer = ask(desk, "POST", "/v3/order/place", {}, **headers)

    assert (answer.status, answer.json()["errors"][0]["error_code"]) == (401, "UDAPI100050")


def test_one_attempt_burns_a_code(desk: Desk) -> None:
    code = desk.finished().code
    form = {"code": code, **KEY, "redirect_uri": RETURN_TO, "grant_type": "authorization_code"}

    def swap(**changes: str) -> Any:
        url = f"{desk.broker.base_url}/v2/login/authorization/token"
        return urllib3.PoolManager().request("POST", url, fields=form | changes, encode_multipart=False).json()

    assert swap(client_secret="wrong")["errors"][0]["error_code"] == "UDAPI100016"
    assert swap()["errors"][0]["error_code"] == "UDAPI100057"


def test_a_tag_has_a_history_and_an_unknown_one_is_an_error(desk: Desk) -> None:
    number = placed(desk)
    ask(desk, "DELETE", f"/v3/order/cancel?order_id={number}")

    steps = ask(desk, "GET", "/v2/order/history?tag=ql0001").json()["data"]
    unknown = ask(desk, "GET", "/v2/order/history?tag=ql0002").json()

    assert [(step["order_id"], step["status"]) for step in steps] == [(number, "open"), (number, "cancelled")]
    assert unknown["errors"][0]["error_code"] == "UDAPI100010"


def test_an_order_can_be_read_alone_with_its_trades(desk: Desk) -> None:
    number = placed(desk, price=2000.0)

    order = ask(desk, "GET", f"/v2/order/details?order_id={number}").json()["data"]
    [trade] = ask(desk, "GET", f"/v2/order/trades?order_id={number}").json()["data"]

    assert (order["status"], order["filled_quantity"]) == ("complete", 65)
    assert (trade["order_id"], trade["quantity"], trade["average_price"]) == (number, 65, order["average_price"])


def test_the_kill_switch_cancels_and_blocks_until_it_is_released(desk: Desk) -> None:
    placed(desk)
    on, off = (desk.broker.kill_switch(desk.session, on=on) for on in (True, False))
    assert on
    assert off

    desk.broker.done(desk.http.send(on))
    placed(desk, tag="ql0002")
    desk.broker.done(desk.http.send(off))
    placed(desk, tag="ql0003")

    assert [(order.tag, order.refusal) for order in desk.book()] == [
        ("ql0001", None),
        ("ql0002", "account_blocked"),
        ("ql0003", None),
    ]
    assert [order.status.value for order in desk.book()] == ["cancelled", "rejected", "open"]


def test_the_kill_switch_is_refused_while_a_position_is_open(desk: Desk) -> None:
    placed(desk, price=2000.0)

    answer = ask(desk, "POST", "/v2/user/kill-switch", [{"segment": "NSE_FO", "action": "DISABLE"}])

    assert answer.json()["errors"][0]["error_code"] == "UDAPI1184"
    assert ask(desk, "GET", "/v2/user/kill-switch").json()["data"][0]["kill_switch_enabled"] is False


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"segment": "MCX_FO", "action": "DISABLE"}, "UDAPI1186"),
        ({"segment": "NSE_FO", "action": "STOP"}, "UDAPI1188"),
        ({"segment": "NSE_FO"}, "UDAPI100036"),
    ],
)
def test_the_kill_switch_knows_its_words(desk: Desk, line: dict[str, str], code: str) -> None:
    assert ask(desk, "POST", "/v2/user/kill-switch", [line]).json()["errors"][0]["error_code"] == code


def test_a_basket_has_at_most_twenty_legs(desk: Desk) -> None:
    key = an_order(desk)["instrument_token"]
    leg = {"instrument_key": key, "quantity": 65, "product": "I", "transaction_type": "SELL"}

    one = ask(desk, "POST", "/v2/charges/margin", {"instruments": [leg]}).json()
    many = ask(desk, "POST", "/v2/charges/margin", {"instruments": [leg] * 21}).json()

    assert one["data"]["final_margin"] > 65 * 26000 * 0.1
    assert many["errors"][0]["property_path"] == "instruments"


def test_logging_out_ends_the_session(remote: Remote) -> None:
    desk = Desk("upstox", remote, "OTHER1")

    assert ask(desk, "DELETE", "/v2/logout").json()["status"] == "success"
    assert ask(desk, "GET", "/v2/user/profile").status == 401

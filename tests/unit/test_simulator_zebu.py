"""Zebu's wire format as the simulator keeps it: what it answers, and everything it refuses."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.simulator import CALL, Remote, an_order, running

SESSION_DEAD = "Session Expired :  Invalid Session Key"


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def broker(server: Remote) -> Remote:
    server.send("POST", "/control/reset")
    return server


@pytest.fixture
def token(broker: Remote) -> str:
    return broker.login()


def mine(**fields: object) -> dict[str, object]:
    return {"uid": "TEST123", "actid": "TEST123"} | fields


def refusal(broker: Remote, token: str, **changes: Any) -> str:
    reply = broker.zebu("PlaceOrder", an_order(**changes), token)
    assert reply["stat"] == "Not_Ok"
    assert broker.orders() == []
    return str(reply["emsg"])


def resting(broker: Remote, token: str) -> str:
    return str(broker.zebu("PlaceOrder", an_order(prc="0.05"), token)["norenordno"])


def test_a_placed_order_is_answered_with_its_number_and_the_time_in_india(broker: Remote, token: str) -> None:
    answer = broker.raw("PlaceOrder", b"jData=" + json.dumps(an_order()).encode(), token)

    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    number = broker.orders()[0]["order_id"]
    assert answer.data.decode() == (f'{{"stat":"Ok","request_time":"10:00:00 23-11-2026","norenordno":"{number}"}}')


def test_the_order_book_shows_a_filled_order_in_texts(broker: Remote, token: str) -> None:
    broker.zebu("PlaceOrder", an_order(), token)

    [line] = broker.zebu("OrderBook", mine(), token)

    shown = {name: line[name] for name in ("status", "fillshares", "avgprc", "remarks", "trantype", "prc")}
    assert shown == {
        "status": "COMPLETE",
        "fillshares": "65",
        "avgprc": broker.quote()["ask"],
        "remarks": "ql0001",
        "trantype": "B",
        "prc": "2000.00",
    }
    assert all(isinstance(value, str) for value in line.values())


def test_either_token_of_a_login_is_good(broker: Remote) -> None:
    login = broker.redeem(broker.code(), "TEST123")

    for name in ("access_token", "susertoken"):
        assert broker.zebu("Limits", mine(), login[name])["stat"] == "Ok"


@pytest.mark.parametrize("call", ["OrderBook", "TradeBook", "PositionBook"])
def test_an_empty_book_is_an_object_that_says_no_data(broker: Remote, token: str, call: str) -> None:
    reply = broker.zebu(call, mine(), token)

    assert (reply["stat"], reply["emsg"]) == ("Not_Ok", "no data")


@pytest.mark.parametrize("token", ["", "0" * 64], ids=["none", "unknown"])
@pytest.mark.parametrize("call", ["PlaceOrder", "OrderBook", "Limits"])
def test_without_a_live_session_every_call_says_so(broker: Remote, call: str, token: str) -> None:
    reply = broker.zebu(call, an_order(), token)

    assert (reply["stat"], reply["emsg"]) == ("Not_Ok", SESSION_DEAD)


def test_a_session_serves_its_own_client_only(broker: Remote, token: str) -> None:
    assert broker.zebu("PlaceOrder", an_order("OTHER"), token)["emsg"] == SESSION_DEAD


def test_a_session_ends_when_it_is_told_to(broker: Remote, token: str) -> None:
    broker.send("POST", "/control/sessions/expire", {"client_id": "TEST123"})

    assert broker.zebu("OrderBook", mine(), token)["emsg"] == SESSION_DEAD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"uid":"TEST123"}',
        b"jData=%7B%22uid%22%3A%22TEST123%22%7D",
        b'jData={"uid":"TEST123"}&jKey=abc',
        b'jData=["TEST123"]',
        b"jData={",
        b"jData=\xff",
    ],
)
def test_a_body_that_is_not_jdata_and_a_json_object_is_refused(broker: Remote, token: str, body: bytes) -> None:
    answer = broker.raw("OrderBook", body, token)

    assert answer.status == 400
    assert answer.json()["emsg"].startswith("Invalid Input : jData")


@pytest.mark.parametrize("value", [65, 65.0, None, "None", True, ["65"]])
def test_a_value_that_is_not_a_text_is_refused(broker: Remote, token: str, value: object) -> None:
    assert refusal(broker, token, qty=value) == "Invalid Input : qty is not a text"


def test_a_null_is_refused_in_an_optional_field_too(broker: Remote, token: str) -> None:
    assert refusal(broker, token, remarks=None) == "Invalid Input : remarks is not a text"


@pytest.mark.parametrize("field", sorted(an_order().keys() - {"remarks"}))
def test_a_missing_field_is_named(broker: Remote, token: str, field: str) -> None:
    order = an_order()
    del order[field]

    reply = broker.zebu("PlaceOrder", order, token)

    assert reply["emsg"] == f"Invalid Input : {field} is missing"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"actid": "OTHER"}, "actid is not the session's"),
        ({"exch": "NSE"}, "exch"),
        ({"tsym": "NIFTY02DEC26C26000"}, "tsym NIFTY02DEC26C26000 is not listed"),
        ({"tsym": CALL.lower()}, f"tsym {CALL.lower()} is not listed"),
        ({"qty": "65.0"}, "qty"),
        ({"qty": "0"}, "qty"),
        ({"qty": "-65"}, "qty"),
        ({"qty": "66"}, "qty is not a multiple of the lot size 65"),
        ({"qty": "1820"}, "qty is above the freeze quantity 1800"),
        ({"prc": "0"}, "prc"),
        ({"prc": "-1"}, "prc"),
        ({"prc": "1e3"}, "prc"),
        ({"prc": "NaN"}, "prc"),
        ({"prc": "100.03"}, "prc is not a multiple of the tick size 0.05"),
        ({"prctyp": "MKT", "prc": "0"}, "prctyp market orders are not allowed over the API"),
        ({"prctyp": "SL-MKT"}, "prctyp market orders are not allowed over the API"),
        ({"prctyp": "LIMIT"}, "prctyp"),
        ({"trgprc": "100"}, "trgprc is for SL orders only"),
        ({"prctyp": "SL-LMT"}, "trgprc"),
        ({"prctyp": "SL-LMT", "trgprc": "2000.05"}, "trgprc is on the wrong side of prc"),
        ({"dscqty": "65"}, "dscqty must be 0 for options"),
        ({"prd": "C"}, "prd"),
        ({"trantype": "BUY"}, "trantype"),
        ({"ret": "GTC"}, "ret"),
        ({"ordersource": "WEB"}, "ordersource"),
        ({"amo": "Yes"}, "amo is taken after market hours only"),
    ],
)
def test_what_the_broker_would_refuse_is_refused_by_field(
    broker: Remote, token: str, changes: dict[str, Any], complaint: str
) -> None:
    assert refusal(broker, token, **changes) == f"Invalid Input : {complaint}"


def test_an_order_at_the_freeze_quantity_is_taken(broker: Remote, token: str) -> None:
    order = an_order(tsym="BANKNIFTY29DEC26C58500", qty="600", prc="5000.00")

    assert broker.zebu("PlaceOrder", order, token)["stat"] == "Ok"


def test_a_symbol_may_be_quoted_inside_the_json(broker: Remote, token: str) -> None:
    assert broker.zebu("PlaceOrder", an_order(tsym=CALL.replace("C", "%43")), token)["stat"] == "Ok"


def test_an_order_placed_twice_with_one_tag_is_two_orders(broker: Remote, token: str) -> None:
    for _ in range(2):
        broker.zebu("PlaceOrder", an_order(), token)

    assert len(broker.zebu("OrderBook", mine(), token)) == 2
    [repeated] = broker.get("/control/orders").json()["duplicate_tags"]
    assert (repeated["client_id"], repeated["tag"], len(repeated["order_ids"])) == ("TEST123", "ql0001", 2)


def test_a_resting_order_can_be_changed_and_then_fills(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    change = mine(norenordno=number, exch="NFO", tsym=CALL, qty="130", prctyp="LMT", prc="1000.00")

    reply = broker.zebu("ModifyOrder", change, token)

    assert (reply["stat"], reply["result"]) == ("Ok", number)
    [line] = broker.zebu("OrderBook", mine(), token)
    assert (line["qty"], line["prc"], line["status"]) == ("130", "1000.00", "COMPLETE")


def test_a_trigger_price_on_a_limit_order_is_refused_in_a_change(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    change = mine(norenordno=number, exch="NFO", tsym=CALL, qty="65", prctyp="LMT", prc="1000.00", trgprc="0")

    assert broker.zebu("ModifyOrder", change, token)["emsg"] == "Invalid Input : trgprc is for SL orders only"


def test_a_change_cannot_move_to_another_contract(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    change = mine(norenordno=number, exch="NFO", tsym="NIFTY01DEC26P26000", qty="65", prctyp="LMT", prc="9.00")

    assert broker.zebu("ModifyOrder", change, token)["emsg"] == "Invalid Input : tsym is not the order's"


def test_a_change_below_what_is_filled_is_refused(broker: Remote, token: str) -> None:
    broker.behave(fill="partial")
    number = broker.zebu("PlaceOrder", an_order(qty="260"), token)["norenordno"]
    change = mine(norenordno=number, exch="NFO", tsym=CALL, qty="130", prctyp="LMT", prc="2000.00")

    assert broker.zebu("ModifyOrder", change, token)["emsg"] == "Invalid Input : qty is not above what is filled"


def test_a_cancelled_order_cannot_be_cancelled_or_changed_again(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    change = mine(norenordno=number, exch="NFO", tsym=CALL, qty="65", prctyp="LMT", prc="1000.00")

    assert broker.zebu("CancelOrder", mine(norenordno=number), token)["result"] == number

    again = broker.zebu("CancelOrder", mine(norenordno=number), token)["emsg"]
    assert again == "Rejected : ORA:Order not found to Cancel"
    assert broker.zebu("ModifyOrder", change, token)["emsg"] == "Rejected : ORA:Order not found"
    [line] = broker.zebu("OrderBook", mine(), token)
    assert (line["status"], line["cancelqty"]) == ("CANCELED", "65")


def test_an_orders_history_is_newest_first(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    broker.zebu("CancelOrder", mine(norenordno=number), token)

    lines = broker.zebu("SingleOrdHist", mine(norenordno=number), token)

    assert [(line["rpt"], line["status"]) for line in lines] == [("Canceled", "CANCELED"), ("New", "OPEN")]


def test_nobody_sees_or_touches_anothers_order(broker: Remote, token: str) -> None:
    number = resting(broker, token)
    other, theirs = broker.login("OTHER"), {"uid": "OTHER", "norenordno": number}

    assert broker.zebu("SingleOrdHist", theirs, other)["emsg"] == "no data"
    assert "not found" in broker.zebu("CancelOrder", theirs, other)["emsg"]
    assert broker.zebu("OrderBook", {"uid": "OTHER"}, other)["emsg"] == "no data"


def test_trades_positions_and_funds_follow_the_orders(broker: Remote, token: str) -> None:
    broker.zebu("PlaceOrder", an_order(qty="130"), token)
    broker.zebu("PlaceOrder", an_order(trantype="S", prc="0.05"), token)
    quote = {side: Decimal(price) for side, price in broker.quote().items() if side in {"bid", "ask"}}

    trades = broker.zebu("TradeBook", mine(), token)
    [position] = broker.zebu("PositionBook", mine(), token)
    limits = broker.zebu("Limits", mine(), token)

    assert [(line["flqty"], line["flprc"]) for line in trades] == [
        ("65", str(quote["bid"])),
        ("130", str(quote["ask"])),
    ]
    assert (position["netqty"], position["daybuyqty"], position["daysellqty"]) == ("65", "130", "65")
    assert position["rpnl"] == f"{65 * (quote['bid'] - quote['ask']):.2f}"
    assert limits["premium"] == f"{130 * quote['ask'] - 65 * quote['bid']:.2f}"
    assert limits["cash"] == "1000000.00"


def test_a_short_option_blocks_margin(broker: Remote, token: str) -> None:
    broker.zebu("PlaceOrder", an_order(trantype="S", prc="0.05"), token)

    assert broker.zebu("Limits", mine(), token)["marginused"] == f"{65 * 26000 * Decimal('0.12'):.2f}"


def test_the_instrument_list_has_the_brokers_columns_and_todays_contracts(broker: Remote) -> None:
    archive = zipfile.ZipFile(io.BytesIO(broker.get("/zebu/NFO_symbols.txt.zip").data))
    rows = list(csv.DictReader(io.StringIO(archive.read("NFO_symbols.txt").decode())))

    [row] = [row for row in rows if row["TradingSymbol"] == "NIFTY23NOV26P26050"]
    assert row | {"Token": "?"} == {
        "Exchange": "NFO",
        "Token": "?",
        "LotSize": "65",
        "Symbol": "NIFTY",
        "TradingSymbol": "NIFTY23NOV26P26050",
        "Expiry": "23-NOV-2026",
        "Instrument": "OPTIDX",
        "OptionType": "PE",
        "StrikePrice": "26050",
        "TickSize": "0.05",
    }
    assert len({row["Token"] for row in rows}) == len(rows)


def test_an_option_is_found_by_words_and_quoted_by_its_token(broker: Remote, token: str) -> None:
    [found] = broker.zebu("SearchScrip", mine(exch="NFO", stext="nifty 01dec26 26000 ce"), token)["values"]
    quote = broker.zebu("GetQuotes", mine(exch="NFO", token=found["token"]), token)
    info = broker.zebu("GetSecurityInfo", mine(exch="NFO", token=found["token"]), token)

    seen = broker.quote()
    assert found["tsym"] == quote["tsym"] == CALL
    assert (quote["bp1"], quote["sp1"], quote["lp"]) == (seen["bid"], seen["ask"], seen["last"])
    assert (info["frzqty"], info["ls"], info["ti"]) == ("1800", "65", "0.05")


def test_an_index_is_quoted_by_its_own_token(broker: Remote, token: str) -> None:
    spot = broker.get("/feed/NIFTY").json()["spot"]

    assert broker.zebu("GetQuotes", mine(exch="NSE", token="26000"), token)["lp"] == spot


def test_an_option_chain_has_the_strikes_on_both_sides(broker: Remote, token: str) -> None:
    chain = broker.zebu("GetOptionChain", mine(exch="NFO", tsym=CALL, strprc="26000", cnt="2"), token)["values"]

    strikes = {"25900.00", "25950.00", "26000.00", "26050.00", "26100.00"}
    assert {line["strprc"] for line in chain} == strikes
    assert len(chain) == 10


@pytest.mark.parametrize(
    ("call", "fields", "complaint"),
    [
        ("GetQuotes", {"exch": "NFO", "token": "1"}, "Invalid Input : token"),
        ("GetQuotes", {"exch": "NSE", "token": "1"}, "Invalid Input : token"),
        ("SearchScrip", {"exch": "NFO", "stext": "SENSEX"}, "no data"),
        ("SearchScrip", {"exch": "BFO", "stext": "NIFTY"}, "no data"),
        ("GetOptionChain", {"exch": "NFO", "tsym": "X", "strprc": "1", "cnt": "1"}, "Invalid Input : tsym"),
        (
            "GetOptionChain",
            {"exch": "NFO", "tsym": CALL, "strprc": "x", "cnt": "1"},
            "Invalid Input : strprc or cnt",
        ),
    ],
)
def test_a_lookup_of_nothing_says_so(
    broker: Remote, token: str, call: str, fields: dict[str, str], complaint: str
) -> None:
    assert broker.zebu(call, mine(**fields), token)["emsg"] == complaint


def test_unknown_calls_and_methods_are_not_found(broker: Remote, token: str) -> None:
    assert broker.raw("PlaceBasket", b"jData={}", token).status == 404
    assert broker.get("/zebu/NorenWClientAPI/OrderBook").status == 404

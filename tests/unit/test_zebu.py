"""Zebu's wire: requests byte for byte, answers of every quality."""

import hashlib
import io
import json
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.brokers.directory import Directory
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    AddressNotAllowed,
    Answer,
    BadInput,
    BrokerFailure,
    Instrument,
    InsufficientFunds,
    MarketClosed,
    OrderRequest,
    OrderStatus,
    RateLimited,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.partner import Environment
from quantleap.domain.trading import Product, Side

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ZEBU = Zebu()
SESSION = Session(access_token="token-1", client_id="ZEBU123", expires_at=AT)
CREDENTIALS = Credentials(api_key="ZEBU123_U", api_secret="hush")
LOGIN = FinishedLogin(credentials=CREDENTIALS, client_id="ZEBU123", code="code-7")
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
ORDER = OrderRequest(
    instrument=Instrument(CALL, "NFO", "NIFTY01DEC26C26000", "51234", 65, Decimal("0.05")),
    side=Side.BUY,
    quantity=130,
    limit_price=Decimal("150.5"),
    product=Product.INTRADAY,
    tag="qlabc",
)


def ok(**fields: object) -> Answer:
    return Answer(200, {}, json.dumps({"stat": "Ok", **fields}).encode())


def not_ok(text: str, status: int = 200) -> Answer:
    return Answer(status, {}, json.dumps({"stat": "Not_Ok", "emsg": text}).encode())


def body_of(payload: bytes) -> dict[str, str]:
    assert payload.startswith(b"jData=")
    fields = json.loads(payload.removeprefix(b"jData="))
    assert all(isinstance(value, str) for value in fields.values())
    return dict(fields)


def test_an_order_goes_out_as_the_broker_documents_it() -> None:
    request = ZEBU.place(SESSION, ORDER)

    assert (request.method, request.base_url + request.target) == (
        "POST",
        "https://go.mynt.in/NorenWClientAPI/PlaceOrder",
    )
    assert request.headers["Authorization"] == "Bearer token-1"
    assert body_of(request.body) == {
        "uid": "ZEBU123",
        "actid": "ZEBU123",
        "exch": "NFO",
        "tsym": "NIFTY01DEC26C26000",
        "qty": "130",
        "prc": "150.50",
        "trgprc": "0",
        "dscqty": "0",
        "prd": "I",
        "trantype": "B",
        "prctyp": "LMT",
        "ret": "DAY",
        "ordersource": "API",
        "remarks": "qlabc",
    }


def test_a_symbol_is_quoted_inside_the_json() -> None:
    odd = ORDER._replace(instrument=ORDER.instrument._replace(symbol="M&M-EQ"))

    assert body_of(ZEBU.place(SESSION, odd).body)["tsym"] == "M%26M-EQ"


def test_the_login_checksum_is_sha256_of_key_secret_and_code() -> None:
    request = ZEBU.exchange(LOGIN)

    assert request.target == "/NorenWClientAPI/GenAcsTok"
    assert "Authorization" not in request.headers
    assert body_of(request.body)["checksum"] == hashlib.sha256(b"ZEBU123_Uhushcode-7").hexdigest()


def test_the_login_page_is_told_key_and_state_and_never_the_secret() -> None:
    url = ZEBU.login_url(CREDENTIALS, "state&1")

    assert parse_qs(urlsplit(url).query) == {"client_id": ["ZEBU123_U"], "state": ["state&1"]}


def test_a_session_ends_at_midnight_in_india_or_earlier_if_the_broker_says_so() -> None:
    whole = ZEBU.session(ok(access_token="t", uid="Z1", expires_in="999999"), LOGIN, AT)
    short = ZEBU.session(ok(access_token="t", uid="Z1", expires_in="3600"), LOGIN, AT)
    silent = ZEBU.session(ok(access_token="t", USERID="Z1"), LOGIN, AT)

    assert whole.expires_at == silent.expires_at == datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    assert short.expires_at == datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def test_the_end_of_a_session_may_be_told_as_an_instant() -> None:
    def told(value: object) -> datetime:
        return ZEBU.session(ok(access_token="t", expires_in=value), LOGIN, AT).expires_at

    midnight = datetime(2026, 11, 23, 18, 30, tzinfo=UTC)
    hour = int(AT.timestamp()) + 3600

    assert told(hour) == told(str(hour)) == AT + timedelta(hours=1)
    assert told(int(AT.timestamp()) + 10**6) == midnight
    assert told(int(AT.timestamp())) == midnight, "over before it began is no end to believe"
    assert told(hour * 1000) == told("9" * 12) == told("soon") == told(None) == told(-1) == midnight


def test_a_token_that_does_not_say_whose_it_is_is_proved_by_the_clients_details() -> None:
    session = ZEBU.session(ok(access_token="t", expires_in="3600"), LOGIN, AT)
    request = ZEBU.profile(session)

    assert session.client_id == "ZEBU123"
    assert request.target == "/NorenWClientAPI/ClientDetails"
    assert request.headers["Authorization"] == "Bearer t"
    assert body_of(request.body) == {"uid": "ZEBU123", "actid": "ZEBU123"}
    assert ZEBU.owner(ok(actid="SOMEBODY", cliname="SOME BODY"), session) == "SOMEBODY"
    with pytest.raises(Unknown):
        ZEBU.owner(ok(cliname="SOME BODY"), session)


def test_secrets_do_not_show_when_printed() -> None:
    session = ZEBU.session(ok(access_token="sesame", uid="Z1"), LOGIN, AT)

    assert "sesame" not in repr(session)
    assert "hush" not in repr(CREDENTIALS)
    assert "ZEBU123_U" not in repr(CREDENTIALS)


def test_a_placed_order_answers_with_the_brokers_id() -> None:
    assert ZEBU.placed(ok(norenordno="26112300001")) == "26112300001"


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (not_ok("Session Expired :  Invalid Session Key"), SessionExpired),
        (not_ok("session expired : invalid session key", 400), SessionExpired),
        (Answer(401, {}, b"no"), SessionExpired),
        (not_ok("RED:Margin Shortfall:INR 15000"), InsufficientFunds),
        (not_ok("Market is closed"), MarketClosed),
        (Answer(429, {}, b""), RateLimited),
        (not_ok("Invalid Input : qty"), BadInput),
        (not_ok(""), Unrecognised),
        (not_ok("Server Timeout :  "), Unknown),
        (not_ok("Invalid IP : not registered", 401), AddressNotAllowed),
        (not_ok("not today", 401), SessionExpired),
        (ok(), Unknown),
        (ok(norenordno=[7]), Unknown),
        (Answer(500, {}, b"{}"), Unknown),
        (Answer(502, {}, b"<html>"), Unknown),
        (Answer(200, {}, b""), Unknown),
        (Answer(200, {}, b"[]"), Unknown),
        (Answer(200, {}, b'{"status":"ok"}'), Unknown),
    ],
)
def test_every_bad_answer_to_an_order_is_told_by_kind(answer: Answer, failure: type[BrokerFailure]) -> None:
    with pytest.raises(BrokerFailure) as caught:
        ZEBU.placed(answer)

    assert type(caught.value) is failure


def test_an_order_book_is_read_with_its_odd_status_words() -> None:
    lines = [
        {"norenordno": "1", "remarks": "a", "status": "COMPLETE", "qty": "65", "fillshares": "65", "avgprc": "150.25"},
        {"norenordno": "2", "remarks": "b", "status": "Rejected", "rejreason": "no funds"},
        {"norenordno": "3", "remarks": "c", "status": "trigger_pending"},
        {"norenordno": "4", "remarks": "d", "status": "OPEN", "fillshares": "30", "avgprc": "0.00"},
        {"norenordno": "5", "status": "CANCELED", "qty": "65", "cancelqty": "65"},
        {"norenordno": "6", "status": "CANCELED", "qty": "65", "cancelqty": "30"},
        {"norenordno": "7", "status": "CANCELED", "qty": "65"},
    ]

    orders = ZEBU.orders(Answer(200, {}, json.dumps(lines).encode()))

    assert [order.status for order in orders] == [
        OrderStatus.FILLED,
        OrderStatus.REJECTED,
        OrderStatus.OPEN,
        OrderStatus.PARTIAL,
        OrderStatus.CANCELLED,
        OrderStatus.CANCELLED,
        OrderStatus.UNCERTAIN,
    ]
    assert [order.filled for order in orders[4:]] == [0, 35, 0]
    assert (orders[0].filled, orders[0].average_price) == (65, Decimal("150.25"))
    assert orders[1].reason == "no funds"
    assert orders[3].average_price is None


def test_an_empty_book_and_a_failed_one_are_told_apart() -> None:
    assert ZEBU.orders(not_ok('Error Occurred : 5 "no data"')) == []
    with pytest.raises(SessionExpired):
        ZEBU.orders(not_ok("Session Expired :  Invalid Session Key"))
    with pytest.raises(Unknown):
        ZEBU.orders(ok())


def a_master(text: str) -> Answer:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("NFO_symbols.txt", text)
    return Answer(200, {}, buffer.getvalue())


HEAD = "Exchange,Token,LotSize,Symbol,TradingSymbol,Expiry,Instrument,OptionType,StrikePrice,TickSize,\n"


def test_the_master_gives_index_options_by_contract() -> None:
    rows = (
        "NFO,51234,65,NIFTY,NIFTY01DEC26C26000,01-DEC-2026,OPTIDX,CE,26000.00,0.05,\n"
        "NFO,1,500,RELIANCE,RELIANCE24NOV26C1400,24-NOV-2026,OPTSTK,CE,1400,0.05,\n"
        "NFO,2,65,NIFTY,NIFTY24NOV26F,24-NOV-2026,FUTIDX,XX,0,0.05,\n"
    )

    assert ZEBU.instruments(a_master(HEAD + rows)).contracts == {CALL: ORDER.instrument}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {}, b""),
        Answer(200, {}, b"<html>"),
        a_master("a,b\n1,2\n"),
        a_master(HEAD + "NFO,1,65,NIFTY,X,31-FOO-2026,OPTIDX,CE,1,0.05,\n"),
        a_master(HEAD + "NFO,1,65,NIFTY,X,01-DEC-2026,OPTIDX,CE,abc,0.05,\n"),
    ],
)
def test_a_broken_master_is_a_failure_and_not_a_crash(answer: Answer) -> None:
    with pytest.raises(Unknown):
        ZEBU.instruments(answer)


@given(status=st.sampled_from([200, 400, 401, 404, 429, 500]), body=st.binary(max_size=200))
def test_whatever_bytes_come_back_the_outcome_is_typed(status: int, body: bytes) -> None:
    for read in (ZEBU.placed, ZEBU.orders, ZEBU.instruments, lambda answer: ZEBU.session(answer, LOGIN, AT)):
        with pytest.raises(BrokerFailure):
            read(Answer(status, {}, body))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
fields = st.sampled_from(["stat", "norenordno", "emsg", "status", "fillshares", "avgprc", "remarks", "access_token"])


@given(value=st.dictionaries(fields, json_values | st.just("Ok")) | st.lists(st.dictionaries(fields, json_values)))
def test_well_formed_json_of_the_wrong_shape_never_crashes_a_reader(value: object) -> None:
    answer = Answer(200, {}, json.dumps(value).encode())
    for read in (ZEBU.placed, ZEBU.orders, lambda given: ZEBU.session(given, LOGIN, AT)):
        with suppress(BrokerFailure):
            assert read(answer) is not None


def test_test_keys_reach_the_simulator_and_live_keys_only_a_live_stage() -> None:
    sandbox, live = Directory("http://127.0.0.1:4567", real=False), Directory(None, real=True)

    assert sandbox.broker("zebu", Environment.TEST).base_url == "http://127.0.0.1:4567/zebu"
    assert live.broker("zebu", Environment.LIVE).base_url == "https://go.mynt.in"
    for directory, environment in ((sandbox, Environment.LIVE), (live, Environment.TEST)):
        with pytest.raises(InvalidRequest):
            directory.broker("zebu", environment)
    with pytest.raises(InvalidRequest, match="Unknown broker"):
        live.broker("nobody", Environment.LIVE)

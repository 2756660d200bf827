"""Whatever comes back from a broker, each of its readers ends with a result or a typed failure."""

import base64
import gzip
import io
import json
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantleap.adapters.brokers import reading
from quantleap.adapters.brokers.directory import BROKERS
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    Answer,
    BookedOrder,
    Broker,
    BrokerFailure,
    Instrument,
    NotSent,
    OrderStatus,
    Unknown,
)
from quantleap.domain.contracts import Contract, Index, Right
from tests.unit.desk import Desk
from tests.unit.simulator import running

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TOKEN = f"e30.{base64.urlsafe_b64encode(b'{"client":"TEST123"}').decode()}.signed"
"""Where a login gives the token itself, the token names its client."""

LOGIN = FinishedLogin(credentials=Credentials(api_key="key", api_secret="hush"), client_id="TEST123", code=TOKEN)
SESSION = Session(access_token=TOKEN, client_id="TEST123", expires_at=AT, api_key="key", api_secret="hush")
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
INSTRUMENTS = [Instrument(CALL, "NFO", "NIFTY01DEC26C26000", "51234", 65, Decimal("0.05"))]
STATUSES = [200, 201, 302, 400, 401, 403, 404, 423, 429, 500, 502, 503, 504]

type Reader = Callable[[Answer], object]


def readers(broker: Broker) -> dict[str, Reader]:
    return {
        "session": lambda answer: broker.session(answer, LOGIN, AT),
        "owner": lambda answer: broker.owner(answer, SESSION),
        "placed": broker.placed,
        "done": broker.done,
        "orders": broker.orders,
        "held": broker.held,
        "money": broker.money,
        "required": broker.required,
        "quoted": lambda answer: broker.quoted(answer, INSTRUMENTS),
        "instruments": broker.instruments,
    }


def outcome(read: Reader, answer: Answer) -> object:
    try:
        return read(answer)
    except BrokerFailure as failure:
        found = failure
    assert len(found.text) <= 300
    assert not isinstance(found, NotSent), "an answer that came proves that the request went out"
    return found


@pytest.fixture(params=sorted(BROKERS))
def broker(request: pytest.FixtureRequest) -> Broker:
    return BROKERS[request.param](None)


WHOLE = re.compile(rb"^\s*(\{.*\}|\[.*\])\s*$", re.DOTALL)
"""JSON that chance happens to make whole may be what a broker answers when there is nothing to tell."""

NOISE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@NOISE
@given(status=st.sampled_from(STATUSES), body=st.binary(max_size=200))
def test_arbitrary_bytes_are_a_failure_of_a_kind(broker: Broker, status: int, body: bytes) -> None:
    for name, read in readers(broker).items():
        found = outcome(read, Answer(status, {}, body))
        assert isinstance(found, BrokerFailure) or (name != "placed" and WHOLE.search(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"ok"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"<html><body>502 Bad Gateway</body></html>",
        b'{"status":"success"}',
        b'{"status":"success","data":null}',
        b'{"status":"success","data":[[]]}',
        b'{"status":true,"data":{}}',
        b'{"stat":"Ok"}',
        b'{"Success":{},"Status":200,"Error":null}',
        b'{"Success":null,"Status":200,"Error":null}',
        b'{"status":"success","data":{"order_id":' + b"9" * 5000 + b"}}",
        b'{"status":"success","data":{"order_id":NaN}}',
        b'{"stat":"Ok","norenordno":null}',
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_an_order_without_a_number_is_unknown_and_never_not_placed(broker: Broker, body: bytes) -> None:
    for status in (200, 500, 502, 504):
        assert isinstance(outcome(broker.placed, Answer(status, {}, body)), Unknown)


def test_a_huge_answer_is_read_without_harm(broker: Broker) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.txt", b"a," * 40_000_000)
    for body in (bomb.getvalue(), gzip.compress(b"a," * 40_000_000, 1)):
        assert isinstance(outcome(broker.instruments, Answer(200, {}, body)), Unknown)


@pytest.mark.parametrize(
    ("said", "rupees"),
    [
        ("725.0500000000002", "725.05"),
        (Decimal("725.0500000000002"), "725.05"),
        (Decimal("0.299999999999999988897769753748434595763683319091796875"), "0.3"),
        ("99.9999999999", "100"),
        ("-1,234.5600000000001", "-1234.56"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-9"), "0"),
        ("725.053846", "725.053846"),
        ("725.0538461538", "725.053846"),
        ("725.50", "725.50"),
        (1300, "1300"),
    ],
)
def test_money_with_the_dust_of_binary_fractions_is_rounded(said: object, rupees: str) -> None:
    assert str(reading.amount(said)) == rupees


@pytest.mark.parametrize("said", ["", "12.", ".5", "1e5", "NaN", "Infinity", Decimal("NaN"), Decimal("1E+400"), None])
def test_what_is_no_money_is_none(said: object) -> None:
    assert reading.amount(said) is None


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_every_number_of_a_broker_is_read_to_the_millionth(number: float) -> None:
    for said in (repr(number), f"{number:.40f}"):
        if "e" not in said:
            found = reading.amount(Decimal(said))
            assert found is not None
            assert abs(found - Decimal(said)) <= Decimal("0.0000005")


def test_a_list_that_was_cut_is_no_list() -> None:
    whole = gzip.compress(b"a,b\n" * 1000)

    assert reading.gunzipped(whole) == b"a,b\n" * 1000
    with pytest.raises(ValueError, match="damaged"):
        reading.gunzipped(whole[:-9])


@pytest.fixture(scope="module")
def recorded() -> Iterator[dict[str, dict[str, Answer]]]:
    """A good answer of every kind, as each simulated broker gives it."""
    with running() as remote:
        yield {name: _good_answers(Desk(name, remote)) for name in BROKERS}


def _good_answers(desk: Desk) -> dict[str, Answer]:
    broker, session, login = desk.broker, desk.session, desk.finished()
    instrument = desk.listed[CALL]
    order = desk.order(CALL, limit_price=Decimal("2000.00"))
    resting = desk.place(desk.order(CALL))
    requests = {
        "session": broker.exchange(login),
        "owner": broker.profile(session),
        "placed": broker.place(session, order),
        "done": broker.modify(session, resting, desk.order(CALL, quantity=130)),
        "orders": broker.order_book(session),
        "held": broker.positions(session),
        "money": broker.funds(session),
        "required": broker.margin(session, [order]),
        "quoted": broker.quotes(session, [instrument]),
    }
    return {name: desk.http.send(request) for name, request in requests.items()}


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["", "0", "-1", "1e9", "NaN", "1,234.50", "\ud800", "٣", "9" * 5000]),
    st.lists(st.none() | st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def mutated(value: Any, data: st.DataObject) -> Any:
    """The value with something in it changed, taken away or put where it does not belong."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 3)) == 0:
        return data.draw(odd)
    key = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else list(range(len(value)))))
    copy = value.copy()
    if data.draw(st.booleans()):
        copy[key] = mutated(copy[key], data)
    else:
        del copy[key]
    return copy


@NOISE
@given(data=st.data())
def test_a_good_answer_gone_wrong_in_one_place_never_crashes_its_reader(
    broker: Broker, recorded: dict[str, dict[str, Answer]], data: st.DataObject
) -> None:
    for name, answer in recorded[broker.name].items():
        body = json.dumps(mutated(json.loads(answer.body), data)).encode()
        outcome(readers(broker)[name], answer._replace(body=body))


def test_a_good_answer_cut_short_is_unknown(broker: Broker, recorded: dict[str, dict[str, Answer]]) -> None:
    for name, answer in recorded[broker.name].items():
        for length in (1, len(answer.body) // 2, len(answer.body) - 1):
            with pytest.raises(Unknown):
                readers(broker)[name](answer._replace(body=answer.body[:length]))


def test_good_answers_are_read(broker: Broker, recorded: dict[str, dict[str, Answer]]) -> None:
    for name, answer in recorded[broker.name].items():
        assert not isinstance(outcome(readers(broker)[name], answer), BrokerFailure), name


UNITS = {
    "angel_one": ("quantity", "filledshares", "cancelsize", "unfilledshares"),
    "icici_direct": ("quantity", "pending_quantity", "cancelled_quantity"),
    "mstock": ("quantity", "filled_quantity", "cancelled_quantity", "pending_quantity"),
    "simulated": ("units", "filled"),
    "upstox": ("quantity", "filled_quantity", "pending_quantity"),
    "zebu": ("qty", "fillshares", "cancelqty"),
    "zerodha": ("quantity", "filled_quantity", "cancelled_quantity", "pending_quantity"),
}
"""The fields in which a line of each broker's book says units."""

STATUS_WORDS = [
    *("COMPLETE", "complete", "Executed", "Partially Executed", "filled", "Traded", "Trade Confirmed"),
    *("REJECTED", "Rejected", "REJECT", "rejected", "CANCELLED", "CANCELED", "cancelled", "Cancelled", "Expired"),
    *("Partially Executed And Expired", "Partially Executed And Cancelled", "OPEN", "open", "trigger_pending"),
    *("PUT ORDER REQ RECEIVED", "Freezed", "", "partial", "uncertain"),
]
unit = st.sampled_from(
    ["0", "65", "130", "1300", "1,300", "1,30,000", "", " ", "-65", "65.5", "many", "NaN", 0, 65, None]
)


def booked_line(body: Any) -> dict[str, Any]:
    """The first line of an order book, whatever it is wrapped in."""
    if isinstance(body, dict):
        body = next(value for value in body.values() if isinstance(value, list))
    line: dict[str, Any] = body[0]
    return line


@settings(NOISE, max_examples=200)
@given(data=st.data())
def test_a_status_and_units_of_any_kind_agree_or_the_order_is_uncertain(
    broker: Broker, recorded: dict[str, dict[str, Answer]], data: st.DataObject
) -> None:
    answer = recorded[broker.name]["orders"]
    body = json.loads(answer.body)
    line = booked_line(body)
    number = len(broker.orders(answer))
    line["status"] = data.draw(st.sampled_from(STATUS_WORDS))
    line |= {name: data.draw(unit) for name in UNITS[broker.name]}

    orders = broker.orders(answer._replace(body=json.dumps(body).encode()))

    assert len(orders) == number
    for order in orders:
        assert {
            OrderStatus.FILLED: order.filled == order.quantity > 0,
            OrderStatus.REJECTED: order.filled == 0,
            OrderStatus.CANCELLED: 0 <= order.filled < (order.quantity or sys.maxsize),
            OrderStatus.OPEN: order.filled == 0,
            OrderStatus.PARTIAL: 0 < order.filled < (order.quantity or sys.maxsize),
            OrderStatus.UNCERTAIN: order.filled >= 0,
        }[order.status]


ALL_FILLED: dict[str, tuple[str, dict[str, object]]] = {
    "angel_one": ("complete", {"filledshares": "1300"}),
    "icici_direct": ("Executed", {"pending_quantity": "0", "cancelled_quantity": "0"}),
    "mstock": ("Trade Confirmed", {"filled_quantity": "1300"}),
    "simulated": ("filled", {"filled": 1300}),
    "upstox": ("complete", {"filled_quantity": 1300}),
    "zebu": ("COMPLETE", {"fillshares": "1300"}),
    "zerodha": ("COMPLETE", {"filled_quantity": 1300}),
}
"""Each broker's word for a filled order, and the units beside it."""


def filled_line(broker: Broker, answer: Answer, **changes: Any) -> BookedOrder:
    body = json.loads(answer.body)
    word, units = ALL_FILLED[broker.name]
    line = booked_line(body)
    line |= {UNITS[broker.name][0]: 1300, "status": word, **units} | changes
    wanted = json.dumps(body).encode()
    return next(order for order in broker.orders(answer._replace(body=wanted)) if order.quantity == 1300)


def test_what_is_filled_with_commas_in_its_units_is_filled(
    broker: Broker, recorded: dict[str, dict[str, Answer]]
) -> None:
    _, units = ALL_FILLED[broker.name]
    written = {name: "1,300" for name, value in units.items() if str(value) == "1300"}

    found = filled_line(broker, recorded[broker.name]["orders"], **{UNITS[broker.name][0]: "1,300"} | written)

    assert (found.status, found.filled) == (OrderStatus.FILLED, 1300)


@pytest.mark.parametrize("nothing", ["", None, "n/a"])
def test_what_is_filled_without_units_is_uncertain(
    broker: Broker, recorded: dict[str, dict[str, Answer]], nothing: str | None
) -> None:
    answer, (_, units) = recorded[broker.name]["orders"], ALL_FILLED[broker.name]

    found = filled_line(broker, answer, **dict.fromkeys(units, nothing))

    assert (found.status, found.filled) == (OrderStatus.UNCERTAIN, 0)


def test_what_has_all_its_units_is_filled_by_any_word_for_it(
    broker: Broker, recorded: dict[str, dict[str, Answer]]
) -> None:
    if broker.name == "icici_direct":
        pytest.skip("its book says what is left, and only the word tells that the rest was executed")
    for word in ("Trade Confirmed", "TRADED", "done", "OPEN", "CANCELLED"):
        found = filled_line(broker, recorded[broker.name]["orders"], status=word)

        assert (found.status, found.filled) == (OrderStatus.FILLED, 1300)


def test_no_secret_of_a_login_shows_in_a_failure(broker: Broker, recorded: dict[str, dict[str, Answer]]) -> None:
    answer = recorded[broker.name]["session"]
    token = broker.session(answer, LOGIN, AT).access_token

    with suppress(BrokerFailure):
        assert token not in repr(broker.session(answer, LOGIN, AT))
    for name in ("placed", "money", "required"):
        assert token not in str(outcome(readers(broker)[name], answer))


def listing_line(name: str, number: int) -> Any:
    """A sound line of a broker's list: one NIFTY call of many."""
    strike, symbol, token = 25000 + 50 * number, f"NIFTY{number}CE", str(40_000 + number)
    match name:
        case "zerodha" | "mstock":
            return [token, token, symbol, "NIFTY", "0", "2026-12-01", str(strike), "0.05", "65", "CE", "NFO-OPT", "NFO"]
        case "zebu":
            return ["NFO", token, "65", "NIFTY", symbol, "01-DEC-2026", "OPTIDX", "CE", f"{strike}.00", "0.05", ""]
        case "icici_direct":
            cells = [token, "OPTIDX", "NIFTY", "OPTION", "01-Dec-2026", str(strike), "CE"]
            return [*cells, *["0"] * 20, "65", "5", "NIFTY 50", "NIFTY 50"]
        case "angel_one":
            paise = {"strike": f"{strike * 100}.000000", "tick_size": "5.000000", "expiry": "01DEC2026"}
            names = {"symbol": symbol, "token": token, "name": "NIFTY", "lotsize": "65"}
            return {**paise, **names, "instrumenttype": "OPTIDX", "exch_seg": "NFO"}
        case "upstox":
            sizes: dict[str, Any] = {
                "strike_price": strike,
                "tick_size": 5.0,
                "lot_size": 65,
                "freeze_quantity": 1800.0,
            }
            names = {"trading_symbol": symbol, "instrument_key": token, "underlying_symbol": "NIFTY"}
            return {**sizes, **names, "segment": "NSE_FO", "instrument_type": "CE", "expiry": 1796083199000}
        case _:
            sizes = {"strike": str(strike), "tick": "0.05", "lot": 65, "freeze": 1800}
            names = {"symbol": symbol, "token": token, "index": "NIFTY", "right": "CE"}
            return {**sizes, **names, "expiry": "2026-12-01", "exchange": "NFO"}


KITE_HEAD = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)
ZEBU_HEAD = "Exchange,Token,LotSize,Symbol,TradingSymbol,Expiry,Instrument,OptionType,StrikePrice,TickSize,"

CELLS: dict[str, tuple[Any, ...]] = {
    "zerodha": (5, 6, 7, 8),
    "mstock": (5, 6, 7, 8),
    "zebu": (5, 8, 9, 2),
    "icici_direct": (4, 5, 28, 27),
    "angel_one": ("expiry", "strike", "tick_size", "lotsize"),
    "upstox": ("expiry", "strike_price", "tick_size", "lot_size"),
    "simulated": ("expiry", "strike", "tick", "lot"),
}
"""Where a list has a contract's day, strike, tick and lot."""


def a_list(name: str, lines: list[Any]) -> Answer:
    """Those lines as the broker's file."""
    if isinstance(lines[0], dict):
        whole = {"result": lines} if name == "simulated" else lines
        return Answer(200, {}, json.dumps(whole).encode())
    text = "\n".join(",".join(line) for line in lines)
    if name in {"zerodha", "mstock"}:
        return Answer(200, {}, f"{KITE_HEAD}\n{text}\n".encode())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("FONSEScripMaster.txt", f"{ZEBU_HEAD}\n{text}\n" if name == "zebu" else f"{text}\n")
    return Answer(200, {}, packed.getvalue())


def spoilt(name: str, number: int, cell: int, odd: str) -> Any:
    line = listing_line(name, number)
    line[CELLS[name][cell]] = odd
    return line


@pytest.mark.parametrize("odd", ["", "nan", "NaN", "Infinity", "1e999", "9" * 5000, "-5", "abc"])
@pytest.mark.parametrize("cell", range(4))
def test_an_odd_line_among_hundreds_costs_that_line_and_is_counted(broker: Broker, cell: int, odd: str) -> None:
    sound = [listing_line(broker.name, number) for number in range(100)]
    lines = [*sound[:50], spoilt(broker.name, 500, cell, odd), *sound[50:]]

    read = broker.instruments(a_list(broker.name, lines))

    assert (len(read.contracts), read.odd) == (100, 1)
    assert read.contracts == broker.instruments(a_list(broker.name, sound)).contracts
    assert {(each.lot_size, each.tick) for each in read.contracts.values()} == {(65, Decimal("0.05"))}


def test_two_lines_of_one_contract_that_differ_are_both_left_out(broker: Broker) -> None:
    lines = [listing_line(broker.name, number) for number in range(100)]
    twice, again = (spoilt(broker.name, 7, 3, lot) for lot in ("65", "650"))

    assert broker.instruments(a_list(broker.name, [*lines, twice])).odd == 0
    read = broker.instruments(a_list(broker.name, [*lines, again]))
    assert (len(read.contracts), read.odd) == (99, 1)


@pytest.mark.parametrize("cell", range(4))
def test_a_list_of_which_more_than_a_twentieth_is_odd_is_not_used(broker: Broker, cell: int) -> None:
    sound = [listing_line(broker.name, number) for number in range(95)]
    odd = [spoilt(broker.name, 500 + number, cell, "nan") for number in range(6)]

    assert broker.instruments(a_list(broker.name, sound + odd[:5])).odd == 5
    with pytest.raises(Unknown, match="6 odd lines"):
        broker.instruments(a_list(broker.name, sound + odd))

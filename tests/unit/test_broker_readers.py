"""Whatever comes back from a broker, each of its readers ends with a result or a typed failure."""

import base64
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import (
    Answer,
    Broker,
    BrokerFailure,
    Instrument,
    NotSent,
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


def test_no_secret_of_a_login_shows_in_a_failure(broker: Broker, recorded: dict[str, dict[str, Answer]]) -> None:
    answer = recorded[broker.name]["session"]
    token = broker.session(answer, LOGIN, AT).access_token

    with suppress(BrokerFailure):
        assert token not in repr(broker.session(answer, LOGIN, AT))
    for name in ("placed", "money", "required"):
        assert token not in str(outcome(readers(broker)[name], answer))

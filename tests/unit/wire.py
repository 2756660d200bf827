"""The same order, session and answers for every broker's wire tests."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from quantleap.domain.account import Credentials, FinishedLogin, Session
from quantleap.domain.broker import Answer, BrokerFailure, Instrument, OrderRequest, Request
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.trading import Product, Side

AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""08:30 on a Monday, IST."""

CREDENTIALS = Credentials(api_key="key-1", api_secret="hush")
CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
SESSION = Session(access_token="token-1", client_id="AB1234", expires_at=AT, api_key="key-1")


def a_login(code: str = "code-7", **changes: Any) -> FinishedLogin:
    usual = {"credentials": CREDENTIALS, "client_id": "AB1234", "code": code}
    return FinishedLogin.model_validate(usual | changes)


def an_instrument(symbol: str, number: str = "51234") -> Instrument:
    return Instrument(CALL, "NFO", symbol, number, 65, Decimal("0.05"))


def an_order(symbol: str, **changes: Any) -> OrderRequest:
    usual = OrderRequest(an_instrument(symbol), Side.BUY, 130, Decimal("150.5"), Product.INTRADAY, "qlabc")
    return usual._replace(**changes)


def an_answer(body: object, status: int = 200) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {}, raw)


def line(request: Request) -> str:
    """`POST https://host/path`."""
    return f"{request.method} {request.base_url}{request.target}"


def form_of(request: Request) -> list[tuple[str, str]]:
    """A form's fields as they go over the wire, in order."""
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    return parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)


def failure_of(read: Any, answer: Answer) -> BrokerFailure:
    with pytest.raises(BrokerFailure) as caught:
        read(answer)
    return caught.value

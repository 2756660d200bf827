"""What the feed answers, as a snapshot; whatever cannot be read, or is another chain, is no market."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from quantleap.adapters.market_feed import HttpMarketFeed
from quantleap.domain.broker import Answer, NotSent, Request
from quantleap.domain.contracts import Index, Right
from quantleap.domain.errors import Unavailable
from quantleap.domain.market import Quote

EXPIRY = date(2026, 11, 23)
LINE = {"strike": "26000", "right": "CE", "bid": "99.95", "ask": "100.05", "last": "100"}
ANSWER = {
    "underlying": "NIFTY",
    "as_of": "2026-11-19T09:20:00+05:30",
    "spot": "26012.35",
    "expiry": "2026-11-23",
    "chain": [LINE],
}


class Answering:
    """Answers every request with the same."""

    def __init__(self, answer: Answer | Exception) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def send(self, request: Request, *, timeout_s: float = 10) -> Answer:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def answering(body: object, status: int = 200) -> Answering:
    return Answering(Answer(status, {}, json.dumps(body).encode()))


def refusal(http: Answering, url: str | None = "http://feed") -> str:
    with pytest.raises(Unavailable) as refused:
        HttpMarketFeed(http, url).snapshot(Index.NIFTY, EXPIRY)
    return refused.value.reason


def test_a_chain_is_asked_for_by_index_and_expiry_and_read_to_the_paisa() -> None:
    http = answering(ANSWER)

    seen = HttpMarketFeed(http, "http://feed").snapshot(Index.NIFTY, EXPIRY)

    assert [(each.base_url, each.target) for each in http.asked] == [("http://feed", "/feed/NIFTY?expiry=2026-11-23")]
    assert (seen.spot, seen.as_of) == (Decimal("26012.35"), datetime(2026, 11, 19, 3, 50, tzinfo=UTC))
    assert seen.chain == {(Decimal(26000), Right.CE): Quote(Decimal("99.95"), Decimal("100.05"), Decimal(100))}


@pytest.mark.parametrize(
    "change",
    [
        {"underlying": "BANKNIFTY"},
        {"expiry": "2026-12-01"},
        {"as_of": "2026-11-19T09:20:00"},
        {"as_of": "soon"},
        {"spot": "NaN"},
        {"spot": "Infinity"},
        {"spot": None},
        {"chain": None},
        {"chain": [{**LINE, "bid": "sNaN"}]},
        {"chain": [{**LINE, "ask": "-0.05"}]},
        {"chain": [{**LINE, "right": "XX"}]},
        {"chain": [{"strike": "26000"}]},
    ],
)
def test_an_answer_that_is_not_the_chain_asked_for_is_no_market(change: dict[str, Any]) -> None:
    assert refusal(answering({**ANSWER, **change})) == "market_feed_failed"


@pytest.mark.parametrize("body", [[], "text", None, {}])
def test_an_answer_of_another_shape_is_no_market(body: object) -> None:
    assert refusal(answering(body)) == "market_feed_failed"


def test_a_feed_that_fails_or_is_not_there_is_no_market() -> None:
    assert refusal(answering(ANSWER, status=502)) == "market_feed_failed"
    assert refusal(Answering(NotSent("refused"))) == "market_feed_failed"
    assert refusal(answering(ANSWER), url=None) == "no_market_feed"


def chain_of(*odd: dict[str, Any]) -> dict[str, Any]:
    """A hundred sound rows, and others."""
    return {**ANSWER, "chain": [*({**LINE, "strike": str(20_000 + 50 * n)} for n in range(100)), *odd]}


@pytest.mark.parametrize(
    "odd",
    [{"bid": "NaN"}, {"ask": "1e999"}, {"last": "9" * 5000}, {"strike": "Infinity"}, {"bid": None}, {"right": "X"}],
)
def test_an_odd_row_among_a_hundred_costs_that_row(odd: dict[str, Any]) -> None:
    row = {**LINE, "strike": "31000", **odd}

    sound = HttpMarketFeed(answering(chain_of()), "http://feed").snapshot(Index.NIFTY, EXPIRY)

    assert HttpMarketFeed(answering(chain_of(row)), "http://feed").snapshot(Index.NIFTY, EXPIRY) == sound
    assert refusal(answering(chain_of(*[row] * 6))) == "market_feed_failed"


def test_two_rows_of_one_option_that_differ_are_both_left_out() -> None:
    again = {**LINE, "strike": "20050", "ask": "4000"}

    seen = HttpMarketFeed(answering(chain_of(again)), "http://feed").snapshot(Index.NIFTY, EXPIRY)

    assert len(seen.chain) == 99
    assert (Decimal(20_050), Right.CE) not in seen.chain

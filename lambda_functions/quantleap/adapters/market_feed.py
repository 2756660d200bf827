"""Prices from the feed a stage names: JSON over HTTP, one index and one expiry a request."""

import json
import logging
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from quantleap.adapters.brokers import reading
from quantleap.domain.broker import Answer, BrokerFailure, Request
from quantleap.domain.contracts import Index, Right
from quantleap.domain.errors import Unavailable
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.ports import Http

log = logging.getLogger(__name__)

UNREADABLE = (ValueError, KeyError, TypeError, InvalidOperation)

MOST_ODD = Fraction(1, 20)
"""Of a chain's rows, those that may be odd: strikes far out go dead one by one, a broken feed breaks everywhere."""


class HttpMarketFeed:
    """`GET {url}/feed/NIFTY?expiry=2026-11-23`."""

    def __init__(self, http: Http, url: str | None) -> None:
        self._http = http
        self._url = url

    def snapshot(self, index: Index, expiry: date) -> Snapshot:
        """The index and the options of one expiry now; an answer that cannot be read is no market."""
        if self._url is None:
            message = "this stage names no market feed"
            raise Unavailable(message, code="no_market_feed")
        request = Request("GET", self._url, f"/feed/{index}?expiry={expiry.isoformat()}", {}, b"")
        try:
            return _snapshot(index, expiry, self._http.send(request, timeout_s=3))
        except (BrokerFailure, *UNREADABLE) as error:
            message = f"the market feed gave no usable answer: {type(error).__name__}"
            raise Unavailable(message, code="market_feed_failed") from None


def _snapshot(index: Index, expiry: date, answer: Answer) -> Snapshot:
    if answer.status != 200:  # noqa: PLR2004 - HTTP
        message = f"HTTP {answer.status}"
        raise ValueError(message)
    body: dict[str, Any] = json.loads(answer.body, parse_float=Decimal, parse_constant=lambda _: None)
    if (body["underlying"], body["expiry"]) != (index, expiry.isoformat()):
        message = "another chain than the one asked for"
        raise ValueError(message)
    return Snapshot(
        index=index,
        as_of=_instant(body["as_of"]),
        spot=_rupees(body["spot"]),
        chain=_chain(body["chain"]),
    )


def _chain(rows: list[Any]) -> dict[tuple[Decimal, Right], Quote]:
    """The rows by option; one that cannot be read is left out, and so are two that contradict each other."""
    found: dict[tuple[Decimal, Right], Quote] = {}
    contradicted: set[tuple[Decimal, Right]] = set()
    odd = 0
    for row in rows:
        try:
            option, quote = _row(row)
        except UNREADABLE:
            odd += 1
            continue
        if found.setdefault(option, quote) != quote:
            contradicted.add(option)
    odd += len(contradicted)
    if odd:
        log.warning("%d odd rows of %d in a chain", odd, len(rows))
    if odd > len(rows) * MOST_ODD:
        message = "too many odd rows"
        raise ValueError(message)
    return {option: quote for option, quote in found.items() if option not in contradicted}


def _row(row: dict[str, Any]) -> tuple[tuple[Decimal, Right], Quote]:
    quote = Quote(bid=_rupees(row["bid"]), ask=_rupees(row["ask"]), last=_rupees(row["last"]))
    return (_rupees(row["strike"]), Right(row["right"])), quote


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        message = "a time without its zone"
        raise ValueError(message)
    return at


def _rupees(text: str) -> Decimal:
    """A price: text such as `NaN` or `1e999` is a number to Python, and would only fail later."""
    amount = reading.amount(text)
    if amount is None or amount < 0:
        message = "no price"
        raise ValueError(message)
    return amount
